//! A Redis for one test alone, which may kill it.

use std::{
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::Duration,
};

use chat_testkit::assert_eventually;
use tokio::net::TcpStream;

/// A Redis that keeps nothing beyond its process. It ends with this value.
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
    }
}

fn spawn(port: u16) -> Child {
    let port = port.to_string();
    let arguments = ["--bind", "127.0.0.1", "--port", &port, "--save", "", "--appendonly", "no"];
    let redis = Command::new("redis-server").args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    redis.expect("redis-server, which the test stack needs as well")
}
