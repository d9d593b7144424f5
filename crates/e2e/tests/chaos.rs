//! Four cells of `chat-chaos`, with shorter phases: under load, one part is killed, and the checker proves from what every client saw that nothing
//! was lost, doubled or reordered. All cells: `make chaos`.

use std::{env, path::PathBuf, process::Stdio, time::Duration};

use tokio::process::Command;

/// A run takes less than a minute.
const WITHIN: Duration = Duration::from_mins(6);

/// Runs one on the stack of the tests, and demands a valid verdict.
async fn kill(component: &str) {
    let project = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let binaries = env::var_os("CHAT_TEST_BIN_DIR").map_or_else(|| project.join("target/debug"), PathBuf::from);
    let stack = env::var_os("CHAT_TEST_STACK").map_or_else(|| project.join("deploy/native/stack.sh"), PathBuf::from);
    // Without a stack of the tests, one of its own.
    let stack_dir = env::var_os("STACK_DIR").map_or_else(|| project.join(".stack-chaos"), PathBuf::from);
    let port_offset = env::var("PORT_OFFSET").unwrap_or_else(|_| "1500".to_owned());
    let run = Command::new(binaries.join("chat-chaos"))
        .args(["--short", "--fault", "kill", "--component", component, "--port-offset", &port_offset])
        .arg("--bin-dir")
        .arg(&binaries)
        .arg("--stack")
        .arg(stack)
        .arg("--stack-dir")
        .arg(stack_dir)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let run = tokio::time::timeout(WITHIN, run).await.expect("not over in time").expect("build it: cargo build --bins");
    let said = String::from_utf8_lossy(&run.stdout);
    println!("{said}");
    assert!(run.status.success(), "{}\n{said}{}", run.status, String::from_utf8_lossy(&run.stderr));
}

#[tokio::test]
async fn a_killed_persister_loses_nothing_under_load() {
    kill("persister").await;
}

#[tokio::test]
async fn a_killed_gateway_loses_nothing_under_load() {
    kill("ws-gateway").await;
}

#[tokio::test]
async fn a_killed_kafka_loses_nothing_under_load() {
    kill("kafka").await;
}

#[tokio::test]
async fn a_killed_redis_loses_nothing_under_load() {
    kill("redis").await;
}
