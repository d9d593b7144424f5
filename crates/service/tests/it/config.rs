use std::path::{Path, PathBuf};

use chat_service::config::{Loaded, load_from};
use chat_service::{Common, ConfigError, Secret, Validate};
use serde::Deserialize;

const DEFAULTS: &str = r#"
[admin]
listen = "127.0.0.1:9101"

[kafka]
brokers = ["localhost:9092"]
batch_max = 500
ratio = 0.5
check_crcs = true
password = ""

[kafka.extra]
"#;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    kafka: Kafka,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kafka {
    brokers: Vec<String>,
    batch_max: u32,
    ratio: f64,
    check_crcs: bool,
    password: Secret,
    extra: std::collections::BTreeMap<String, String>,
}

impl Validate for Config {
    fn validate(&self) -> Result<(), ConfigError> {
        if self.kafka.batch_max == 0 {
            return Err(ConfigError::invalid("kafka.batch_max", "must be at least 1"));
        }
        Ok(())
    }
}

fn file(name: &str, toml: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{name}.toml", std::process::id()));
    std::fs::write(&path, toml).unwrap();
    path
}

fn load(file: Option<&Path>, env: &[(&str, &str)]) -> Result<Loaded<Config>, ConfigError> {
    let env = env.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    load_from(DEFAULTS, file, env)
}

fn refusal(file: Option<&Path>, env: &[(&str, &str)]) -> String {
    load(file, env).unwrap_err().to_string()
}

#[test]
fn the_embedded_common_defaults_are_valid() {
    Common::default().validate().unwrap();
}

#[test]
fn the_service_defaults_override_the_common_ones() {
    let loaded = load(None, &[]).unwrap();
    assert_eq!(loaded.common.admin.listen.port(), 9101);
    assert_eq!(loaded.common.shutdown.drain_secs, 10);
}

#[test]
fn the_environment_overrides_the_file_and_the_file_overrides_the_defaults() {
    let file = file("layers", "kafka.batch_max = 7\nkafka.ratio = 0.1\nlog.format = \"text\"");
    let loaded = load(Some(&file), &[("CHAT__KAFKA__BATCH_MAX", "9")]).unwrap();
    assert_eq!(loaded.service.kafka.batch_max, 9);
    assert!((loaded.service.kafka.ratio - 0.1).abs() < f64::EPSILON);
    assert!(loaded.service.kafka.check_crcs);
    assert_eq!(loaded.common.log.format, chat_service::config::LogFormat::Text);
}

#[test]
fn variables_are_read_as_the_type_of_the_default() {
    let loaded = load(
        None,
        &[
            ("CHAT__KAFKA__BROKERS", "one:1, two:2"),
            ("CHAT__KAFKA__RATIO", "1"),
            ("CHAT__KAFKA__CHECK_CRCS", "false"),
            ("CHAT__KAFKA__PASSWORD", "0123"),
            ("CHAT__KAFKA__EXTRA__ANYTHING", "goes"),
            ("CHAT_CONFIG", "not ours to read"),
            ("HOME", "/root"),
        ],
    );
    let kafka = loaded.unwrap().service.kafka;
    assert_eq!(kafka.brokers, ["one:1", "two:2"]);
    assert!((kafka.ratio - 1.0).abs() < f64::EPSILON);
    assert!(!kafka.check_crcs);
    assert_eq!(kafka.password.expose(), "0123");
    assert_eq!(kafka.extra["anything"], "goes");
}

#[test]
fn an_unknown_key_is_named_with_its_file() {
    let path = file("unknown", "[kafka]\nbrokrs = []");
    let shown = path.display().to_string();
    let message = refusal(Some(&path), &[]);
    assert!(
        message.contains("`kafka.brokrs`") && message.contains(&shown) && message.contains("brokers,"),
        "{message}"
    );
}

#[test]
fn an_unknown_section_or_variable_is_named() {
    let message = refusal(Some(&file("section", "[kafak]\nbrokers = []")), &[]);
    assert!(message.contains("`kafak`"), "{message}");
    for (variable, key) in [
        ("CHAT__KAFKA__BROKRS", "`kafka.brokrs`"),
        ("CHAT__KAFAK", "`kafak`"),
        ("CHAT__KAFKA__RATIO__X", "`kafka.ratio.x`"),
    ] {
        let message = refusal(None, &[(variable, "1")]);
        assert!(message.contains(key) && message.contains(variable), "{message}");
    }
}

#[test]
fn one_file_and_environment_may_serve_all_programs() {
    let shared = file("shared", "[ws]\nping_interval_secs = 9\n[kafka]\nratio = 0.5");
    let loaded = load(Some(&shared), &[("CHAT__AUTH__SECRET", "x"), ("CHAT__DELIVERY__NONSENSE", "1")]).unwrap();
    assert!((loaded.service.kafka.ratio - 0.5).abs() < f64::EPSILON);
}

#[test]
fn a_default_that_no_field_takes_is_an_error() {
    let message = load_from::<Config>("[kafka]\nbatch_mux = 1", None, []).unwrap_err().to_string();
    assert!(message.contains("batch_mux"), "{message}");
}

#[test]
fn a_wrong_type_or_value_names_the_key() {
    for (variable, value, part) in [
        ("CHAT__KAFKA__BATCH_MAX", "many", "`kafka.batch_max` must be a whole number, set CHAT__KAFKA__BATCH_MAX"),
        ("CHAT__KAFKA__BATCH_MAX", "0", "`kafka.batch_max` must be at least 1"),
        ("CHAT__KAFKA__BATCH_MAX", "-1", "kafka.batch_max"),
        ("CHAT__KAFKA__CHECK_CRCS", "maybe", "`kafka.check_crcs` must be a boolean"),
        ("CHAT__KAFKA", "x", "`kafka` is a section"),
        ("CHAT__ADMIN__LISTEN", "nowhere", "admin.listen"),
        ("CHAT__LOG__FORMAT", "xml", "log.format"),
        ("CHAT__LOG__FILTER", "a=b=c", "`log.filter`"),
        ("CHAT__SHUTDOWN__DEADLINE_SECS", "10", "`shutdown.deadline_secs`"),
        ("CHAT__TRACING__SAMPLE_RATIO", "2", "`tracing.sample_ratio`"),
        ("CHAT__TRACING__OTLP_ENDPOINT", "collector:4318", "`tracing.otlp_endpoint`"),
        ("CHAT__RUNTIME__WORKER_THREADS", "0", "`runtime.worker_threads`"),
    ] {
        let message = refusal(None, &[(variable, value)]);
        assert!(message.contains(part), "{variable}: {message}");
    }
    let message = refusal(Some(&file("type", "[kafka]\nbatch_max = \"many\"")), &[]);
    assert!(message.contains("kafka.batch_max"), "{message}");
}

#[test]
fn a_missing_file_is_an_error_that_names_it() {
    let message = refusal(Some(Path::new("/nowhere/chat.toml")), &[]);
    assert!(message.contains("/nowhere/chat.toml"), "{message}");
}

#[test]
fn a_secret_is_not_printed() {
    assert_eq!(format!("{:?}", Secret::new("hunter2")), "\"***\"");
    assert_eq!(serde_json::to_string(&Secret::new("hunter2")).unwrap(), "\"***\"");
    assert_eq!(serde_json::to_string(&Secret::default()).unwrap(), "\"\"");
}
