//! Every line of `docs/API.md` works as it stands there, in its order, and answers as shown.

use std::{path::Path, process::Stdio, time::Duration};

use chat_e2e::{ADMIN_TOKEN, PATIENCE, System};
use chat_protocol::UserId;
use jiff::Timestamp;
use serde_json::Value;
use tokio::{process::Command, time::Instant};

const DOCUMENT: &str = include_str!("../../../../docs/API.md");
/// How the document names the server.
const SERVER: &str = "http://127.0.0.1:8080";

#[tokio::test]
async fn the_lines_of_the_guide_work_and_answer_as_shown() {
    let system = System::shared().await;
    let url = system.gateway(0).url();
    let folder = std::env::temp_dir().join(format!("chat-api-guide-{}", system.isolation.id()));
    std::fs::create_dir_all(&folder).unwrap();
    let steps = steps();
    assert!(steps.len() > 15, "the guide has shell blocks: {}", steps.len());
    for (lines, shown) in steps {
        let lines = lines.replace(SERVER, &url);
        let until = Instant::now() + PATIENCE;
        // What is only read is asked for again until it shows what was written a moment before.
        let writes = lines.contains(" -d ") || lines.contains(" -X ");
        loop {
            let said = run(&lines, &folder).await;
            let differs = shown.as_ref().and_then(|shown| difference(shown, &said));
            let Some(differs) = differs else { break };
            assert!(!writes && Instant::now() < until, "{differs}\n--- {lines}--- answered\n{said}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    std::fs::remove_dir_all(folder).unwrap();
}

/// The shell blocks, each with the answer shown below it.
fn steps() -> Vec<(String, Option<String>)> {
    let mut steps = Vec::<(String, Option<String>)>::new();
    for block in DOCUMENT.split("\n```").skip(1) {
        match (block.strip_prefix("sh\n"), block.strip_prefix("json\n")) {
            (Some(lines), _) => steps.push((format!("{lines}\n"), None)),
            (_, Some(shown)) => steps.last_mut().expect("a call before its answer").1 = Some(shown.to_owned()),
            _ => {}
        }
    }
    steps
}

/// Runs lines in a shell that knows the variables of those before; what they print.
async fn run(lines: &str, folder: &Path) -> String {
    // A pipe's failure is no failure of its last command: jq fails on what is no JSON.
    let script = format!("set -aeu\n[[ ! -f variables ]] || source variables\n{lines}\nexport -p >variables\n");
    let output = Command::new("bash")
        .args(["-c", &script])
        .current_dir(folder)
        .env("CHAT_ADMIN_TOKEN", ADMIN_TOKEN)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .expect("a shell");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{lines}{said}{}", String::from_utf8_lossy(&output.stderr));
    said
}

/// Where an answer is not as shown; ids, times and what is shortened may differ.
fn difference(shown: &str, said: &str) -> Option<String> {
    let shown: Value = serde_json::from_str(shown).unwrap_or_else(|error| panic!("{error} in the guide:\n{shown}"));
    match serde_json::from_str(said) {
        Ok(said) => differing("", &shown, &said),
        Err(error) => Some(format!("no JSON: {error}")),
    }
}

fn differing(place: &str, shown: &Value, said: &Value) -> Option<String> {
    match (shown, said) {
        (Value::Object(shown), Value::Object(said)) => {
            let unshown = said.keys().find(|key| !shown.contains_key(*key));
            let unshown = unshown.map(|key| format!("{place}.{key} is not shown"));
            unshown.or_else(|| {
                shown.iter().find_map(|(key, value)| {
                    let said = said.get(key).unwrap_or(&Value::Null);
                    differing(&format!("{place}.{key}"), value, said)
                })
            })
        }
        (Value::Array(shown), Value::Array(said)) if shown.len() == said.len() => {
            let mut pairs = shown.iter().zip(said).enumerate();
            pairs.find_map(|(index, (shown, said))| differing(&format!("{place}[{index}]"), shown, said))
        }
        (Value::String(shown), Value::String(said)) if alike(shown, said) => None,
        _ if shown == said => None,
        _ => Some(format!("{place} is shown as {shown}, and was {said}")),
    }
}

/// The same text, or the same kind of what differs each time.
fn alike(shown: &str, said: &str) -> bool {
    let both = |is: fn(&str) -> bool| is(shown) && is(said);
    shown == said
        || shown.ends_with('…') && !said.is_empty()
        || both(|text| text.parse::<UserId>().is_ok())
        || both(|text| text.parse::<Timestamp>().is_ok())
}
