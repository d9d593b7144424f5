//! The real binaries, each a process.

use std::{
    collections::HashMap,
    fs::{self, File},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::Arc,
    time::Duration,
};

use chat_store::Store;
use chat_testkit::{Isolation, assert_eventually};

use crate::config::settings;

const READY_WITHIN: Duration = Duration::from_secs(40);

/// How a process ended.
pub type Exit = ExitStatus;

/// Services as processes on an isolated part of the test stack. Dropping it kills them.
#[derive(Debug)]
pub struct Processes {
    /// Names of topics, schema and keys.
    pub isolation: Arc<Isolation>,
    /// The database.
    pub store: Store,
    logs: PathBuf,
    http: reqwest::Client,
    members: HashMap<String, Member>,
}

#[derive(Debug)]
struct Member {
    service: &'static str,
    settings: Vec<(String, String)>,
    http_port: u16,
    admin_port: u16,
    child: Option<Child>,
}

impl Processes {
    /// Nothing yet.
    pub async fn new() -> Self {
        Self::on(Arc::new(Isolation::new().await))
    }

    /// Nothing yet, beside what runs on `isolation` already.
    pub fn on(isolation: Arc<Isolation>) -> Self {
        let store = Store::new(&isolation.postgres()).expect("settings of the isolation");
        let logs = std::env::temp_dir().join(format!("chat-e2e-{}", isolation.id()));
        fs::create_dir_all(&logs).expect("a directory for logs");
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(2)).build().expect("a client");
        Self { isolation, store, logs, http, members: HashMap::new() }
    }

    /// Everything: `ws-gateway-1`, `ws-gateway-2` and the workers, ready.
    pub async fn start_all() -> Self {
        let mut processes = Self::new().await;
        for service in ["persister", "broadcaster", "notifier", "read-receipt"] {
            processes.start(service, service, &[]);
        }
        for name in ["ws-gateway-1", "ws-gateway-2"] {
            processes.start(name, "ws-gateway", &[]);
        }
        for name in processes.names() {
            processes.await_ready(&name).await;
        }
        processes
    }

    /// Names of everything that was started.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.members.keys().cloned().collect();
        names.sort();
        names
    }

    /// Starts a service under a name, with settings of its own on top; does not wait.
    pub fn start(&mut self, name: &str, service: &'static str, own_settings: &[(&str, &str)]) {
        let (http_port, admin_port) = (free_port(), free_port());
        let mut settings = settings(service, &self.isolation);
        settings.push(("CHAT__ADMIN__LISTEN".to_owned(), format!("127.0.0.1:{admin_port}")));
        if service == "ws-gateway" {
            settings.push(("CHAT__HTTP__LISTEN".to_owned(), format!("127.0.0.1:{http_port}")));
        }
        settings.extend(own_settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
        let member = Member { service, settings, http_port, admin_port, child: None };
        self.members.insert(name.to_owned(), member);
        self.start_again(name);
    }

    /// Starts a service that has ended, as it was started before; does not wait.
    pub fn start_again(&mut self, name: &str) {
        let log = File::options().create(true).append(true).open(self.log_path(name)).expect("a log file");
        let member = self.members.get_mut(name).expect("a name that was started");
        let mut command = Command::new(binary(member.service));
        // Settings of the caller's shell would make tests differ from machine to machine.
        for (key, _) in std::env::vars().filter(|(key, _)| key.starts_with("CHAT__")) {
            command.env_remove(key);
        }
        command.envs(member.settings.iter().cloned()).stdin(Stdio::null());
        command.stdout(log.try_clone().expect("a second handle")).stderr(log);
        let child = command.spawn().unwrap_or_else(|error| {
            panic!("{}: {error}: build it with cargo build --workspace --bins", command.get_program().display())
        });
        member.child = Some(child);
    }

    /// Waits until `/ready` says so.
    pub async fn await_ready(&mut self, name: &str) {
        assert_eventually!(self.is_ready(name).await, within = READY_WITHIN, "{name} ready; log: {}", self.log(name));
    }

    /// Whether `/ready` says so. Fails when the process has ended.
    pub async fn is_ready(&mut self, name: &str) -> bool {
        let child = self.member(name).child.as_mut().expect("a running process");
        if let Ok(Some(status)) = child.try_wait() {
            panic!("{name} ended with {status}; log: {}", self.log(name));
        }
        let url = format!("http://127.0.0.1:{}/ready", self.members[name].admin_port);
        self.http.get(url).send().await.is_ok_and(|response| response.status().is_success())
    }

    /// Waits until `/ready` misses nothing but `conditions`: what runs alone is never ready.
    pub async fn await_missing_only(&mut self, name: &str, conditions: &[&str]) {
        let url = format!("http://127.0.0.1:{}/ready", self.members[name].admin_port);
        let missing = async || -> Option<serde_json::Value> {
            Some(self.http.get(&url).send().await.ok()?.json::<serde_json::Value>().await.ok()?["missing"].take())
        };
        let expected = Some(serde_json::json!(conditions));
        assert_eventually!(missing().await == expected, within = READY_WITHIN, "{name}; log: {}", self.log(name));
    }

    /// SIGKILL.
    pub fn kill(&mut self, name: &str) {
        let mut child = self.member(name).child.take().expect("a running process");
        child.kill().expect("a process of ours");
        child.wait().expect("a process of ours");
    }

    /// SIGTERM; waits for the end.
    pub async fn terminate(&mut self, name: &str, within: Duration) -> Exit {
        let mut child = self.member(name).child.take().expect("a running process");
        let sent = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().expect("kill");
        assert!(sent.success());
        assert_eventually!(
            child.try_wait().is_ok_and(|exit| exit.is_some()),
            within = within,
            "{name} ended after SIGTERM; log: {}",
            self.log(name)
        );
        child.wait().expect("a process of ours")
    }

    /// Sends a signal such as `CONT`.
    pub fn signal(&mut self, name: &str, signal: &str) {
        let sent = Command::new("kill").args([format!("-{signal}"), self.pid(name).to_string()]).status();
        assert!(sent.expect("kill").success(), "{name} got no {signal}");
    }

    /// What the kernel calls its state: `T` is stopped, `Z` has ended and nobody has asked how.
    pub fn state(&mut self, name: &str) -> char {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid(name)))
            .expect("a process that we have not waited for");
        let (_, after_name) = stat.rsplit_once(") ").expect("a name in parentheses");
        after_name.chars().next().expect("a state")
    }

    /// Process id.
    pub fn pid(&mut self, name: &str) -> u32 {
        self.member(name).child.as_ref().expect("a running process").id()
    }

    /// Resident memory, in bytes.
    pub fn resident_bytes(&mut self, name: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid(name))).expect("a running process");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
        let kib: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
        kib * 1024
    }

    /// A gateway's public address, `http://…`.
    pub fn url(&self, name: &str) -> String {
        format!("http://127.0.0.1:{}", self.members[name].http_port)
    }

    /// Everything that a service has logged.
    pub fn log(&self, name: &str) -> String {
        fs::read_to_string(self.log_path(name)).unwrap_or_default()
    }

    fn log_path(&self, name: &str) -> PathBuf {
        self.logs.join(format!("{name}.log"))
    }

    fn member(&mut self, name: &str) -> &mut Member {
        self.members.get_mut(name).expect("a name that was started")
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        for child in self.members.values_mut().filter_map(|member| member.child.as_mut()) {
            // It may have ended by itself.
            drop(child.kill());
            drop(child.wait());
        }
        if std::thread::panicking() {
            eprintln!("logs: {}", self.logs.display());
        } else {
            drop(fs::remove_dir_all(&self.logs));
        }
    }
}

/// Runs a command of the test stack: `stack(&["kill", "redis"])`.
pub async fn stack(arguments: &[&str]) {
    let script = std::env::var("CHAT_TEST_STACK").expect("CHAT_TEST_STACK is the path of stack.sh: run `make test`");
    let output = tokio::process::Command::new(script).args(arguments).stdin(Stdio::null()).output();
    let output = output.await.expect("the script of the test stack");
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&said));
}

/// Where a binary of this project is: in the folder `CHAT_TEST_BIN_DIR`, or beside the test.
pub fn binary(name: &str) -> PathBuf {
    // The test's own binary is in target/<profile>/deps.
    let beside = || {
        let test = std::env::current_exe().expect("a running test");
        test.ancestors().nth(2).map(Path::to_path_buf).expect("target/<profile>")
    };
    std::env::var_os("CHAT_TEST_BIN_DIR").map_or_else(beside, PathBuf::from).join(name)
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("a bound socket has an address").port()
}
