//! Clients that others wrote, unchanged: what front ends and back ends connect with today.

use std::{path::PathBuf, process::Output};

use chat_e2e::{PATIENCE, Person, System, deadline};
use chat_protocol::RoomId;
use serde_json::Value;
use tokio::process::Command;

fn directory(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// `node` in `js`, with its packages installed.
fn node(arguments: &[&str]) -> Command {
    let directory = directory("js");
    assert!(directory.join("node_modules").is_dir(), "run `npm ci` in crates/e2e/js, or `make test`");
    let mut command = Command::new("node");
    command.args(arguments).current_dir(directory).kill_on_drop(true);
    command
}

/// What a client prints, within the time that all of its tests together may take.
async fn output(what: &str, command: &mut Command) -> Output {
    deadline(what, 4 * PATIENCE, command.output()).await.unwrap_or_else(|error| panic!("{what}: {error}"))
}

/// Who, where, and to which gateway.
fn seat<'a>(
    command: &'a mut Command,
    system: &System,
    gateway: usize,
    person: &Person,
    room: RoomId,
) -> &'a mut Command {
    command
        .env("CHAT_URL", system.gateway(gateway).ws_url())
        .env("CHAT_TOKEN", &person.token)
        .env("CHAT_ROOM", room.to_string())
}

/// The tests of a file of `js`, all of which must pass.
async fn all_pass(file: &str, tests: usize) {
    let system = System::shared().await;
    let alice = system.person("alice").await;
    let room = system.group(&[&alice]).await;
    let mut command = node(&["--test", "--test-reporter=tap", file]);
    let output = output(file, seat(&mut command, &system, 1, &alice, room)).await;
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    let results = format!("# pass {tests}\n# fail 0\n");
    assert!(output.status.success() && said.contains(&results), "{said}");
}

#[tokio::test]
async fn stompjs_7_sends_receives_and_resumes() {
    all_pass("stompjs.test.js", 4).await;
}

#[tokio::test]
async fn stompjs_6_sends_receives_and_resumes() {
    all_pass("stompjs6.test.js", 1).await;
}

#[tokio::test]
async fn webstomp_sends_receives_and_resumes_and_may_cut_its_frames() {
    all_pass("webstomp.test.js", 2).await;
}

#[tokio::test]
async fn sockjs_sends_receives_and_resumes() {
    all_pass("sockjs.test.js", 1).await;
}

#[tokio::test]
async fn a_front_end_written_for_a_spring_backend_works_with_only_its_url_changed() {
    let system = System::shared().await;
    let mut command = node(&["front_end.mjs"]);
    let base = format!("{}/compat", system.gateway(0).url());
    let output = output("the front end", command.env("CHAT_BASE", base)).await;
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success() && said.contains("the whole cycle"), "{said}");
}

/// What a side of the conversation saw, line by line.
fn seen(what: &str, output: &Output) -> Vec<Value> {
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{what}: {said}{errors}");
    let line = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{what}: {line}: {error}"));
    said.lines().map(line).collect()
}

/// The Spring client, compiled.
fn java() -> Command {
    let directory = directory("spring");
    assert!(directory.join("target/made-from").is_file(), "run `deploy/spring-client.sh`, or `make test`");
    let mut command = Command::new("java");
    command.args(["-cp", "target/classes:target/lib/*", "SpringClient"]).current_dir(directory).kill_on_drop(true);
    command
}

#[tokio::test]
async fn a_spring_client_and_a_javascript_one_converse_in_one_room() {
    let system = System::shared().await;
    let (alice, bob) = (system.person("alice").await, system.person("bob").await);
    let room = system.group(&[&alice, &bob]).await;
    let counts = [("CHAT_SEND", "10"), ("CHAT_EXPECT", "20")];
    let (mut java, mut javascript) = (java(), node(&["converse.js"]));
    java.envs(counts);
    javascript.envs(counts);
    let (spring, stompjs) = tokio::join!(
        output("the Spring client", seat(&mut java, &system, 0, &alice, room)),
        output("stompjs", seat(&mut javascript, &system, 1, &bob, room)),
    );
    let (spring, stompjs) = (seen("the Spring client", &spring), seen("stompjs", &stompjs));
    assert_eq!(spring, stompjs);
    let seqs: Vec<_> = spring.iter().map(|message| message["seq"].as_i64().unwrap()).collect();
    assert_eq!(seqs, (2..=21).collect::<Vec<_>>());
    for (person, name) in [(&alice, "spring"), (&bob, "javascript")] {
        let said: Vec<_> = spring.iter().filter(|message| message["senderId"] == person.id.to_string()).collect();
        let expected: Vec<_> = (0..10).map(|turn| format!("{name} {turn}")).collect();
        assert_eq!(said.iter().map(|message| message["content"].as_str().unwrap()).collect::<Vec<_>>(), expected);
    }
}

#[tokio::test]
async fn a_spring_client_is_told_what_it_may_not_do() {
    let system = System::shared().await;
    let (alice, bob) = (system.person("alice").await, system.person("bob").await);
    let room = system.group(&[&alice]).await;
    let stranger = Person { token: "nonsense".to_owned(), ..bob.clone() };
    for (person, code) in [(&bob, "room_not_found"), (&stranger, "unauthorized")] {
        let mut java = java();
        java.envs([("CHAT_SEND", "0"), ("CHAT_EXPECT", "1")]);
        let output = output("the Spring client", seat(&mut java, &system, 0, person, room)).await;
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{errors}");
        assert!(errors.contains(&format!("code=[{code}]")), "{errors}");
    }
}
