//! Layered configuration: embedded defaults, then an optional TOML file, then `CHAT__SECTION__KEY` variables.
//!
//! The embedded defaults are the reference: they hold every key, so a key that is not in them does not exist,
//! wherever it is set, and the type of the default decides how the text of a variable is read. A section that is an
//! empty table in the defaults is free-form. Sections of the other programs of the system are passed over, so that all
//! can share one file or environment.

mod error;
mod secret;
mod sections;

use std::path::Path;

use ::config::{Config, File, FileFormat, Map, Source, Value, ValueKind};
use serde::de::DeserializeOwned;

pub use self::error::ConfigError;
pub use self::secret::Secret;
pub use self::sections::{AdminConfig, Common, LogConfig, LogFormat, RuntimeConfig, ShutdownConfig, TracingConfig};

const COMMON_DEFAULTS: &str = include_str!("../../common.default.toml");
const COMMON_SECTIONS: [&str; 5] = ["log", "admin", "shutdown", "tracing", "runtime"];
/// Sections of which each program has some. One file or environment may serve all of them: what is another's is passed over, while a
/// section that nobody has is an error like every other unknown key.
const SECTIONS: [&str; 19] = [
    "admin",
    "auth",
    "consumer",
    "deliveries",
    "delivery",
    "http",
    "kafka",
    "log",
    "outbound",
    "postgres",
    "producer",
    "redis",
    "runtime",
    "setup",
    "shutdown",
    "stomp",
    "tracing",
    "webhooks",
    "ws",
];
const ENV_PREFIX: &str = "CHAT__";

/// Checks that types cannot express: ranges, and relations between keys.
pub trait Validate {
    /// Names the first wrong key; see [`ConfigError::invalid`].
    fn validate(&self) -> Result<(), ConfigError> {
        Ok(())
    }
}

/// The sections every service has, and the service's own.
#[derive(Debug, Clone)]
pub struct Loaded<T> {
    /// `[log]`, `[admin]`, `[shutdown]`, `[tracing]`, `[runtime]`.
    pub common: Common,
    /// Everything else.
    pub service: T,
}

/// Loads and validates the configuration from the defaults, `file` and the environment of the process.
pub fn load<T: DeserializeOwned + Validate>(default_toml: &str, file: Option<&Path>) -> Result<Loaded<T>, ConfigError> {
    let mut variables = Vec::new();
    for (variable, value) in std::env::vars_os() {
        // A name that is not text is not one of ours.
        let Ok(variable) = variable.into_string() else { continue };
        if variable.starts_with(ENV_PREFIX) {
            let value = value.into_string().map_err(|_| ConfigError::invalid(&variable, "must be UTF-8"))?;
            variables.push((variable, value));
        }
    }
    load_from(default_toml, file, variables)
}

/// [`load`] with the environment as an argument.
pub fn load_from<T: DeserializeOwned + Validate>(
    default_toml: &str,
    file: Option<&Path>,
    env: impl IntoIterator<Item = (String, String)>,
) -> Result<Loaded<T>, ConfigError> {
    let mut layers = Config::builder()
        .add_source(File::from_str(COMMON_DEFAULTS, FileFormat::Toml))
        .add_source(File::from_str(default_toml, FileFormat::Toml));
    let reference = layers.build_cloned()?.collect()?;

    if let Some(path) = file {
        let source = File::from(path).format(FileFormat::Toml).required(true);
        check_known(&reference, &source.collect()?, "", &path.display().to_string())?;
        layers = layers.add_source(source);
    }
    for (variable, text) in env {
        let Some(key) = variable.strip_prefix(ENV_PREFIX) else { continue };
        let key = key.to_lowercase().replace("__", ".");
        if key.split('.').next().is_some_and(|section| is_anothers(&reference, section)) {
            continue;
        }
        let value = parse_variable(&reference, &variable, &key, text)?;
        layers = layers.set_override(&key, value)?;
    }

    let ours = layers.build()?.collect()?.into_iter().filter(|(section, _)| reference.contains_key(section));
    let (common, service): (Map<_, _>, Map<_, _>) =
        ours.partition(|(section, _)| COMMON_SECTIONS.contains(&section.as_str()));
    let common: Common = Value::new(None, ValueKind::Table(common)).try_deserialize()?;
    let service: T = Value::new(None, ValueKind::Table(service)).try_deserialize()?;
    common.validate()?;
    service.validate()?;
    Ok(Loaded { common, service })
}

/// Whether a section belongs to other programs than this one.
fn is_anothers(reference: &Map<String, Value>, section: &str) -> bool {
    !reference.contains_key(section) && SECTIONS.contains(&section)
}

/// Refuses the first key of `given` that `reference` does not have.
fn check_known(
    reference: &Map<String, Value>,
    given: &Map<String, Value>,
    section: &str,
    origin: &str,
) -> Result<(), ConfigError> {
    if reference.is_empty() {
        return Ok(());
    }
    for (key, value) in given {
        if section.is_empty() && is_anothers(reference, key) {
            continue;
        }
        let path = if section.is_empty() { key.clone() } else { format!("{section}.{key}") };
        match (reference.get(key).map(|known| &known.kind), &value.kind) {
            (None, _) => return Err(ConfigError::unknown(&path, origin, reference.keys())),
            (Some(ValueKind::Table(known)), ValueKind::Table(inner)) => check_known(known, inner, &path, origin)?,
            (Some(ValueKind::Table(_)), _) => return Err(ConfigError::invalid(&path, "is a section, not a value")),
            (Some(_), ValueKind::Table(_)) => return Err(ConfigError::invalid(&path, "is a value, not a section")),
            (Some(_), _) => {}
        }
    }
    Ok(())
}

/// Reads the text of a variable as the type that the key has in the defaults.
fn parse_variable(
    reference: &Map<String, Value>,
    variable: &str,
    key: &str,
    text: String,
) -> Result<ValueKind, ConfigError> {
    let mut section = reference;
    let mut parts = key.split('.').peekable();
    while let Some(part) = parts.next() {
        let known = match section.get(part) {
            Some(known) => known,
            None if section.is_empty() => return Ok(ValueKind::String(text)),
            None => return Err(ConfigError::unknown(key, variable, section.keys())),
        };
        let wrong = |kind| ConfigError::invalid(key, format!("must be {kind}, set {variable} to one"));
        match (&known.kind, parts.peek().is_none()) {
            (ValueKind::Table(inner), false) => section = inner,
            (ValueKind::Table(_), true) => {
                return Err(ConfigError::invalid(key, format!("is a section, {variable} cannot set it")));
            }
            (_, false) => return Err(ConfigError::unknown(key, variable, section.keys())),
            (ValueKind::Boolean(_), true) => {
                return text.parse().map(ValueKind::Boolean).map_err(|_| wrong("a boolean"));
            }
            (ValueKind::I64(_), true) => return text.parse().map(ValueKind::I64).map_err(|_| wrong("a whole number")),
            (ValueKind::Float(_), true) => return text.parse().map(ValueKind::Float).map_err(|_| wrong("a number")),
            (ValueKind::Array(_), true) => {
                let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
                return Ok(ValueKind::Array(items.map(|item| Value::new(None, item)).collect()));
            }
            (_, true) => return Ok(ValueKind::String(text)),
        }
    }
    Err(ConfigError::unknown(key, variable, reference.keys()))
}
