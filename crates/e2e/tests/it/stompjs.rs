//! The STOMP client that most front ends use.

use std::path::Path;

use chat_e2e::{PATIENCE, System, deadline};
use tokio::process::Command;

#[tokio::test]
async fn stompjs_sends_receives_and_resumes() {
    let system = System::shared().await;
    let alice = system.person("alice").await;
    let room = system.group(&[&alice]).await;
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("js");
    assert!(directory.join("node_modules").is_dir(), "run `npm ci` in crates/e2e/js, or `make test`");
    let node = Command::new("node")
        .args(["--test", "--test-reporter=tap", "stompjs.test.js"])
        .current_dir(directory)
        .env("CHAT_URL", system.gateway(1).ws_url())
        .env("CHAT_TOKEN", &alice.token)
        .env("CHAT_ROOM", room.to_string())
        .kill_on_drop(true)
        .output();
    let output = deadline("node", 4 * PATIENCE, node).await.expect("node on the path");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success() && said.contains("# pass 3"), "{said}");
}
