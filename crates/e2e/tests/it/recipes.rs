//! The recipes of `docs/PROTOCOL.md` work as they stand there.

use std::{path::Path, time::Duration};

use chat_e2e::{PATIENCE, System, Talk};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::Command,
    time::timeout,
};

const DOCUMENT: &str = include_str!("../../../../docs/PROTOCOL.md");

#[tokio::test]
async fn the_recipes_of_the_document_work() {
    let (_, recipes) = DOCUMENT.split_once("\n## Recipes\n").expect("a section of recipes");
    let recipes: Vec<&str> =
        recipes.split("```js\n").skip(1).filter_map(|rest| rest.split_once("```").map(|(recipe, _)| recipe)).collect();
    assert_eq!(recipes.len(), 3);
    let system = System::shared().await;
    let alice = system.person("alice").await;
    for recipe in recipes {
        let room = system.group(&[&alice]).await;
        let said = run(recipe, &system.gateway(0).ws_url(), &alice.token, &room.to_string(), 4 * PATIENCE).await;
        assert!(said.contains("hello"), "{said}\n{recipe}");
        // Sent and stored: an entry after the room's creation.
        system.connect(1, &alice, &[(room, Some(1))]).await.entries(room, 2).await;
    }
}

/// Runs a program to its end; what it printed.
async fn run(program: &str, url: &str, token: &str, room: &str, within: Duration) -> String {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("js");
    assert!(directory.join("node_modules").is_dir(), "run `npm ci` in crates/e2e/js, or `make test`");
    let mut node = Command::new("node")
        .args(["--input-type=module", "-"])
        .current_dir(directory)
        .envs([("CHAT_URL", url), ("CHAT_TOKEN", token), ("CHAT_ROOM", room)])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("node on the path");
    let mut input = node.stdin.take().expect("piped");
    input.write_all(program.as_bytes()).await.expect("the program is read");
    drop(input);
    let (mut output, mut errors) = (node.stdout.take().expect("piped"), node.stderr.take().expect("piped"));
    let (mut said, mut complained) = (Vec::new(), Vec::new());
    let ending = async {
        let (read, also) = tokio::join!(output.read_to_end(&mut said), errors.read_to_end(&mut complained));
        read.and(also).expect("pipes");
        node.wait().await.expect("an end")
    };
    let ended = timeout(within, ending).await;
    said.extend(complained);
    let said = String::from_utf8_lossy(&said).into_owned();
    let status =
        ended.unwrap_or_else(|_| panic!("a program did not end within {within:?}; it said:\n{said}\n{program}"));
    assert!(status.success(), "{said}");
    said
}
