//! `examples/minimal.rs` as a process.

use std::io::{BufRead, BufReader, Lines};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::admin::get;

fn minimal(args: &[&str], env: &[(&str, &str)]) -> Command {
    let deps = std::env::current_exe().unwrap();
    let example = deps.ancestors().nth(2).unwrap().join("examples/minimal");
    assert!(example.exists(), "build it first: cargo build -p chat-service --example minimal");
    let mut command = Command::new(example);
    command
        .args(args)
        .env_remove("CHAT_CONFIG")
        .envs(env.iter().copied())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn output(args: &[&str], env: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = minimal(args, env).output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// A running service that has said where its admin port is.
struct Running {
    child: Child,
    log: Lines<BufReader<ChildStdout>>,
    admin: SocketAddr,
}

impl Running {
    fn start(env: &[(&str, &str)]) -> Self {
        let mut child = minimal(&[], env).spawn().unwrap();
        let mut log = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = log.next().unwrap().unwrap();
        let line: Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&line["service"], &line["level"]), (&"minimal".into(), &"INFO".into()), "{line}");
        let admin = line["admin.addr"].as_str().unwrap().parse().unwrap();
        let running = Self { child, log, admin };
        let deadline = Instant::now() + Duration::from_secs(10);
        while !get(admin, "/ready").0.contains("200") {
            assert!(Instant::now() < deadline, "not ready");
        }
        running
    }

    fn signal(&self, name: &str) {
        assert!(Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().unwrap().success());
    }

    /// The next log line with this message.
    fn wait_for(&mut self, message: &str) {
        assert!(self.log.any(|line| line.unwrap().contains(message)), "no line {message:?}");
    }

    fn exit_code(mut self) -> Option<i32> {
        self.log.by_ref().for_each(drop);
        self.child.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Already gone unless an assertion failed.
        drop(self.child.kill());
    }
}

#[test]
fn a_signal_ends_the_service_cleanly() {
    for name in ["TERM", "INT"] {
        let service = Running::start(&[]);
        service.signal(name);
        assert_eq!(service.exit_code(), Some(0));
    }
}

#[test]
fn a_log_line_is_one_flat_json_object_with_the_trace_id() {
    let (_, stdout, _) = output(&[], &[("CHAT__MINIMAL__TASK", "end")]);
    let line = stdout.lines().find(|line| line.contains("task started")).unwrap();
    let line: Value = serde_json::from_str(line).unwrap();
    assert_eq!((&line["message"], &line["target"]), (&"task started".into(), &"minimal".into()));
    assert_eq!((&line["room.id"], &line["attempt"]), (&7.into(), &2.into()));
    assert_eq!(line["trace.id"].as_str().unwrap().len(), 32);
    assert_eq!(line["span.id"].as_str().unwrap().len(), 16);
    assert!(line["timestamp"].as_str().unwrap().ends_with('Z'));
}

#[test]
fn a_second_signal_ends_a_service_that_does_not_drain() {
    let mut service = Running::start(&[("CHAT__MINIMAL__TASK", "ignore")]);
    service.signal("TERM");
    service.wait_for("shutting down");
    let (status, body) = get(service.admin, "/ready");
    assert!(status.contains("503") && body.contains("draining"), "{status} {body}");
    assert!(get(service.admin, "/live").0.contains("200"));
    service.signal("TERM");
    assert_eq!(service.exit_code(), Some(1));
}

#[test]
fn a_crashed_task_ends_the_service_with_a_failure() {
    for (task, message) in [("end", "ended before the shutdown"), ("panic", "as configured")] {
        let (code, stdout, _) = output(&[], &[("CHAT__MINIMAL__TASK", task)]);
        assert_eq!(code, Some(1));
        assert!(stdout.contains(message) && stdout.contains("task crashed, shutting down"), "{stdout}");
    }
}

#[test]
fn check_config_prints_everything_but_secrets() {
    let (code, stdout, _) = output(&["--check-config"], &[("CHAT__MINIMAL__TOKEN", "hunter2")]);
    assert_eq!(code, Some(0));
    assert!(stdout.contains("token = \"***\"") && !stdout.contains("hunter2"), "{stdout}");
    assert!(stdout.contains("[shutdown]") && stdout.contains("drain_secs = 10"), "{stdout}");
}

#[test]
fn a_wrong_configuration_or_command_line_exits_with_64() {
    let (code, _, stderr) = output(&["--check-config"], &[("CHAT__MINIMAL__TASKS", "run")]);
    assert_eq!(code, Some(64));
    assert!(stderr.contains("`minimal.tasks`") && stderr.contains("CHAT__MINIMAL__TASKS"), "{stderr}");
    let (code, _, stderr) = output(&[], &[("CHAT__MINIMAL__TASK", "fly")]);
    assert_eq!(code, Some(64));
    assert!(stderr.contains("`minimal.task` must be"), "{stderr}");
    assert_eq!(output(&["--fly"], &[]).0, Some(64));
    assert_eq!(output(&["--help"], &[]).0, Some(0));
}

#[test]
fn the_healthcheck_asks_the_running_service() {
    let service = Running::start(&[]);
    let listen = service.admin.to_string();
    assert_eq!(output(&["--healthcheck"], &[("CHAT__ADMIN__LISTEN", &listen)]).0, Some(0));
    service.signal("TERM");
    assert_eq!(service.exit_code(), Some(0));
    assert_eq!(output(&["--healthcheck"], &[("CHAT__ADMIN__LISTEN", &listen)]).0, Some(1));
}
