//! A Redis for one test alone, which may kill it.

use std::{
    env, fs,
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use chat_testkit::assert_eventually;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// A Redis that keeps nothing beyond its process, unless told to. It ends with this value.
#[derive(Debug)]
pub struct OwnRedis {
    port: u16,
    process: Child,
}

impl OwnRedis {
    /// Starts one.
    pub async fn start() -> Self {
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let port = free.expect("a free port").port();
        let redis = Self { port, process: spawn(port) };
        redis.await_up().await;
        redis
    }

    /// Kills it; it comes back on the same port, empty.
    pub async fn lose_everything(&mut self) {
        drop(fs::remove_dir_all(directory(self.port)));
        self.restart().await;
    }

    /// Keeps what it has now, for [`Self::come_back_older`].
    pub async fn save(&self) {
        let mut connection = TcpStream::connect(("127.0.0.1", self.port)).await.expect("a Redis");
        connection.write_all(b"SAVE\r\n").await.expect("an open connection");
        let mut answer = [0; 5];
        connection.read_exact(&mut answer).await.expect("an answer");
        assert_eq!(&answer, b"+OK\r\n");
    }

    /// Kills it; it comes back on the same port, with what it had when it was told to keep it.
    pub async fn come_back_older(&mut self) {
        self.restart().await;
    }

    async fn restart(&mut self) {
        self.end();
        self.process = spawn(self.port);
        self.await_up().await;
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    async fn await_up(&self) {
        let connects = || async { TcpStream::connect(("127.0.0.1", self.port)).await.is_ok() };
        assert_eventually!(connects().await, within = Duration::from_secs(20), "redis-server on port {}", self.port);
    }

    fn end(&mut self) {
        // It may have ended by itself.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

impl Drop for OwnRedis {
    fn drop(&mut self) {
        self.end();
        drop(fs::remove_dir_all(directory(self.port)));
    }
}

fn directory(port: u16) -> PathBuf {
    env::temp_dir().join(format!("chat-redis-{}-{port}", std::process::id()))
}

fn spawn(port: u16) -> Child {
    let directory = directory(port);
    fs::create_dir_all(&directory).expect("a directory for what it keeps");
    let port = port.to_string();
    let arguments = ["--bind", "127.0.0.1", "--port", &port, "--save", "", "--appendonly", "no", "--dir"];
    let mut redis = Command::new("redis-server");
    redis.args(arguments).arg(directory).stdout(Stdio::null()).stderr(Stdio::null());
    let redis = redis.spawn();
    redis.expect("redis-server, which the test stack needs as well")
}
