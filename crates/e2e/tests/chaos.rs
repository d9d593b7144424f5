//! Four cells of `chat-chaos`, with shorter phases: under load, one part is killed, and the checker proves from what every client saw that nothing
//! was lost, doubled or reordered. All cells: `make chaos`.

use std::{env, path::PathBuf, process::Stdio, time::Duration};

use tokio::process::Command;

/// A run takes less than a minute.
const WITHIN: Duration = Duration::from_mins(10);

/// On a stack of its own: to a Kafka that many tests have used, an end without warning costs minutes.
#[tokio::test]
async fn persister_gateway_kafka_and_redis_are_killed_under_load_and_nothing_is_lost() {
    let project = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let binaries = env::var_os("CHAT_TEST_BIN_DIR").map_or_else(|| project.join("target/debug"), PathBuf::from);
    let stack = env::var_os("CHAT_TEST_STACK").map_or_else(|| project.join("deploy/native/stack.sh"), PathBuf::from);
    let stack_dir = env::var_os("STACK_DIR").map_or_else(|| project.join(".stack-test"), PathBuf::from).join("chaos");
    let port_offset: u16 = env::var("PORT_OFFSET").map_or(3000, |text| text.parse().expect("PORT_OFFSET is a number"));
    let run = Command::new(binaries.join("chat-chaos"))
        .args(["--short", "--fault", "kill", "--component", "persister,ws-gateway,kafka,redis"])
        .args(["--port-offset", &(port_offset + 400).to_string()])
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
