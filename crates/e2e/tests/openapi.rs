//! The OpenAPI document is true: a validator reads it, and schemathesis holds the answers to requests made up from it against it. Both are
//! installed by `deploy/openapi-tools.sh`. On its own, because thousands of requests would slow the neighbours down.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use chat_e2e::{ADMIN_TOKEN, System};
use tokio::{io::AsyncWriteExt, process::Command, time::timeout};

/// What takes longer hangs.
const WITHIN: Duration = Duration::from_mins(5);

/// Nobody has the other half.
const VAPID_PUBLIC_KEY: &str =
    "BLn9b-VR0ca83knDNZ32dCHGyjJp-1riX9ZTN40MqV8K_LpQmLqxC_DoHvqvFXO_nGdAB4W9dogZb_sM-uV4JbY";

/// Requests made up are many, and many of those to log in fail: they must not be refused for that.
const WITHOUT_RATES: [(&str, &str); 13] = [
    ("CHAT__WEBHOOKS__MAX_ENDPOINTS", "100000"),
    // Devices are not taken without one.
    ("CHAT__PUSH__VAPID_PUBLIC_KEY", VAPID_PUBLIC_KEY),
    ("CHAT__AUTH__FAILURES_PER_MINUTE", "100000"),
    ("CHAT__LIMITS__USER_MESSAGES_PER_SECOND", "0"),
    ("CHAT__LIMITS__ROOM_MESSAGES_PER_SECOND", "0"),
    ("CHAT__LIMITS__USER_MARKS_PER_SECOND", "0"),
    ("CHAT__LIMITS__ADDRESS_CONNECTS_PER_SECOND", "0"),
    ("CHAT__LIMITS__USER_REQUESTS_PER_SECOND", "0"),
    ("CHAT__LIMITS__ADDRESS_REQUESTS_PER_SECOND", "0"),
    ("CHAT__LIMITS__ADDRESS_SIGN_UPS_PER_MINUTE", "0"),
    ("CHAT__LIMITS__ADDRESS_REFRESHES_PER_MINUTE", "0"),
    ("CHAT__LIMITS__ADDRESS_LOG_INS_PER_MINUTE", "0"),
    ("CHAT__LIMITS__ACCOUNT_LOG_INS_PER_MINUTE", "0"),
];

#[tokio::test]
async fn the_document_is_valid_and_its_examples_are_as_it_says() {
    let system = System::with_gateways(&[&[]]).await;
    let document = reqwest::get(format!("{}/api/openapi.json", system.gateway(0).url())).await;
    let document = document.expect("a gateway").text().await.expect("a document");
    run(tool("python").arg("check_document.py"), &document).await;
}

#[tokio::test]
async fn every_answer_to_requests_made_up_from_the_document_is_one_that_it_names() {
    let system = System::with_gateways(&[&WITHOUT_RATES]).await;
    let url = system.gateway(0).url();
    let said = run(
        tool("st")
            .env("CHAT_URL", &url)
            .env("CHAT_ADMIN_TOKEN", ADMIN_TOKEN)
            .arg("run")
            .arg(format!("{url}/api/openapi.json")),
        "",
    )
    .await;
    println!("{said}");
}

/// A program of the virtual environment, among the files it reads.
fn tool(name: &str) -> Command {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path: PathBuf = here.join("../../target/openapi/bin").join(name);
    assert!(path.exists(), "run deploy/openapi-tools.sh, or make test");
    let mut command = Command::new(path);
    command.current_dir(here.join("openapi")).env("PYTHONDONTWRITEBYTECODE", "1").env("NO_COLOR", "1");
    command
}

/// What a program says that succeeds; a test ends with what one says that fails.
async fn run(command: &mut Command, input: &str) -> String {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("a program");
    let mut pipe = child.stdin.take().expect("piped");
    pipe.write_all(input.as_bytes()).await.expect("the input is read");
    drop(pipe);
    let output = timeout(WITHIN, child.wait_with_output()).await.expect("an end in time").expect("its output");
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
    said
}
