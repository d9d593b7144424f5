//! A TCP proxy that breaks when a test tells it to.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    sync::watch,
    task::AbortHandle,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Pass,
    Blackhole,
    Cut,
}

/// Stands between a service and what it depends on. Dropping it cuts everything.
#[derive(Debug)]
pub struct TcpProxy {
    addr: SocketAddr,
    mode: watch::Sender<Mode>,
    acceptor: AbortHandle,
}

impl TcpProxy {
    /// Listens on a free port of the loopback and passes everything on to `upstream` (`host:port`).
    pub async fn start(upstream: impl Into<String>) -> Self {
        let upstream = upstream.into();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let addr = listener.local_addr().expect("a bound socket has an address");
        let (mode, watching) = watch::channel(Mode::Pass);
        let acceptor = tokio::spawn(async move {
            while let Ok((downstream, _)) = listener.accept().await {
                let (upstream, watching) = (upstream.clone(), watching.clone());
                tokio::spawn(pass(downstream, upstream, watching));
            }
        });
        Self { addr, mode, acceptor: acceptor.abort_handle() }
    }

    /// Where to connect to instead of the upstream.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Ends every connection; new ones are ended at once.
    pub fn cut(&self) {
        self.mode.send_replace(Mode::Cut);
    }

    /// Connections stay open and new ones are accepted, but nothing passes; what was sent meanwhile passes after [`Self::heal`].
    pub fn blackhole(&self) {
        self.mode.send_replace(Mode::Blackhole);
    }

    /// All is well again.
    pub fn heal(&self) {
        self.mode.send_replace(Mode::Pass);
    }
}

impl Drop for TcpProxy {
    fn drop(&mut self) {
        self.acceptor.abort();
    }
}

async fn pass(mut downstream: TcpStream, upstream: String, mut mode: watch::Receiver<Mode>) {
    if !may_pass(&mut mode).await {
        return;
    }
    let Ok(mut upstream) = TcpStream::connect(upstream).await else { return };
    let (client_read, client_write) = downstream.split();
    let (server_read, server_write) = upstream.split();
    tokio::select! {
        () = pump(client_read, server_write, mode.clone()) => {}
        () = pump(server_read, client_write, mode) => {}
    }
}

async fn pump(mut from: ReadHalf<'_>, mut to: WriteHalf<'_>, mut mode: watch::Receiver<Mode>) {
    let mut buffer = vec![0; 16 * 1024];
    let mut cut = mode.clone();
    loop {
        let read = tokio::select! {
            read = from.read(&mut buffer) => read,
            _ = cut.wait_for(|mode| *mode == Mode::Cut) => return,
        };
        let Ok(read @ 1..) = read else { return };
        if !may_pass(&mut mode).await || to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}

/// Waits out a black hole; false when the connection has to end.
async fn may_pass(mode: &mut watch::Receiver<Mode>) -> bool {
    mode.wait_for(|mode| *mode != Mode::Blackhole).await.is_ok_and(|mode| *mode == Mode::Pass)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    async fn echo_server() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut read, mut write) = stream.split();
                    tokio::io::copy(&mut read, &mut write).await
                });
            }
        });
        addr
    }

    async fn echoed(stream: &mut TcpStream, patience: Duration) -> Option<u8> {
        let mut byte = [0];
        timeout(patience, stream.read_exact(&mut byte)).await.ok()?.ok().map(|_| byte[0])
    }

    #[tokio::test]
    async fn a_black_hole_holds_back_and_a_cut_ends() {
        let (long, short) = (Duration::from_secs(5), Duration::from_millis(100));
        let proxy = TcpProxy::start(echo_server().await.to_string()).await;
        let mut stream = TcpStream::connect(proxy.addr()).await.unwrap();
        stream.write_all(b"a").await.unwrap();
        assert_eq!(echoed(&mut stream, long).await, Some(b'a'));
        proxy.blackhole();
        stream.write_all(b"b").await.unwrap();
        assert_eq!(echoed(&mut stream, short).await, None);
        proxy.heal();
        assert_eq!(echoed(&mut stream, long).await, Some(b'b'));
        proxy.cut();
        assert_eq!(timeout(long, stream.read(&mut [0])).await.unwrap().unwrap_or(0), 0);
        proxy.heal();
        let mut stream = TcpStream::connect(proxy.addr()).await.unwrap();
        stream.write_all(b"c").await.unwrap();
        assert_eq!(echoed(&mut stream, long).await, Some(b'c'));
    }
}
