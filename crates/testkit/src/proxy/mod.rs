//! A TCP proxy that breaks when it is told to.

mod link;

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, atomic::Ordering},
};

use link::{Counters, Link, Mode};
use tokio::{
    net::{TcpListener, ToSocketAddrs},
    sync::watch,
    task::AbortHandle,
};

/// Stands between a service and what it depends on. Dropping it cuts everything.
#[derive(Debug)]
pub struct TcpProxy {
    addr: SocketAddr,
    mode: watch::Sender<Mode>,
    counters: Arc<Counters>,
    acceptor: AbortHandle,
}

impl TcpProxy {
    /// Listens on a free port of the loopback and passes everything on to `upstream` (`host:port`). For tests: panics without a free port.
    pub async fn start(upstream: impl Into<String>) -> Self {
        Self::bind("127.0.0.1:0", upstream).await.expect("a free port")
    }

    /// Listens on `addr` and passes everything on to `upstream` (`host:port`).
    pub async fn bind(addr: impl ToSocketAddrs, upstream: impl Into<String>) -> io::Result<Self> {
        let upstream = upstream.into();
        let listener = TcpListener::bind(addr).await?;
        let addr = listener.local_addr()?;
        let (mode, watching) = watch::channel(Mode::Pass);
        let counters = Arc::new(Counters::default());
        let link = Link { mode: watching, counters: Arc::clone(&counters) };
        let acceptor = tokio::spawn(async move {
            loop {
                match listener.accept().await {
                    Ok((downstream, _)) => drop(tokio::spawn(link.clone().serve(downstream, upstream.clone()))),
                    // Out of descriptors, or a connection that was over before it was accepted: the next one may do.
                    Err(_) => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
                }
            }
        });
        Ok(Self { addr, mode, counters, acceptor: acceptor.abort_handle() })
    }

    /// Stands before the server of a URL, as `scheme://user:password@host:port/path`: itself, and the URL through it. For tests, as [`Self::start`].
    pub async fn before(url: &str) -> (Self, String) {
        let start = url.rfind('@').or_else(|| url.find("//").map(|at| at + 1)).map_or(0, |at| at + 1);
        let end = url[start..].find('/').map_or(url.len(), |length| start + length);
        let proxy = Self::start(&url[start..end]).await;
        let through = format!("{}{}{}", &url[..start], proxy.addr, &url[end..]);
        (proxy, through)
    }

    /// Where to connect to instead of the upstream.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Ends every connection; new ones are ended at once.
    pub fn cut(&self) {
        self.mode.send_replace(Mode::Cut);
    }

    /// As [`Self::cut`], with RST instead of a goodbye.
    pub fn reset(&self) {
        self.mode.send_replace(Mode::Reset);
    }

    /// Connections stay open and new ones are accepted, but nothing passes; what was sent meanwhile passes after [`Self::heal`].
    pub fn blackhole(&self) {
        self.mode.send_replace(Mode::Hold);
    }

    /// Connections stay open and new ones are accepted, but what is sent to the upstream (`requests`), or by it (`answers`), is gone for good,
    /// ends of connections too. A connection that lost something stays silent after [`Self::heal`], as behind a router that forgot it: it
    /// never goes on with a hole. Others go on.
    pub fn lose(&self, requests: bool, answers: bool) {
        self.mode.send_replace(Mode::Lose { requests, answers });
    }

    /// All is well again.
    pub fn heal(&self) {
        self.mode.send_replace(Mode::Pass);
    }

    /// How many bytes were lost so far.
    pub fn withheld_bytes(&self) -> u64 {
        self.counters.withheld_bytes.load(Ordering::Relaxed)
    }

    /// How many connections were ended or reset so far, new ones included.
    pub fn cut_connections(&self) -> u64 {
        self.counters.cut_connections.load(Ordering::Relaxed)
    }
}

impl Drop for TcpProxy {
    fn drop(&mut self) {
        self.acceptor.abort();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpStream,
        time::timeout,
    };

    use super::*;

    const LONG: Duration = Duration::from_secs(5);
    const SHORT: Duration = Duration::from_millis(100);

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
        let proxy = TcpProxy::start(echo_server().await.to_string()).await;
        let mut stream = TcpStream::connect(proxy.addr()).await.unwrap();
        stream.write_all(b"a").await.unwrap();
        assert_eq!(echoed(&mut stream, LONG).await, Some(b'a'));
        proxy.blackhole();
        stream.write_all(b"b").await.unwrap();
        assert_eq!(echoed(&mut stream, SHORT).await, None);
        proxy.heal();
        assert_eq!(echoed(&mut stream, LONG).await, Some(b'b'));
        proxy.cut();
        assert_eq!(timeout(LONG, stream.read(&mut [0])).await.unwrap().unwrap_or(0), 0);
        proxy.heal();
        let mut stream = TcpStream::connect(proxy.addr()).await.unwrap();
        stream.write_all(b"c").await.unwrap();
        assert_eq!(echoed(&mut stream, LONG).await, Some(b'c'));
    }

    #[tokio::test]
    async fn a_url_leads_through_the_proxy_and_keeps_everything_else() {
        let server = echo_server().await;
        for url in [format!("postgres://chat:s3cret@{server}/chat"), format!("redis://{server}")] {
            let (proxy, through) = TcpProxy::before(&url).await;
            assert_eq!(through, url.replace(&server.to_string(), &proxy.addr().to_string()));
            let mut stream = TcpStream::connect(proxy.addr()).await.unwrap();
            stream.write_all(b"a").await.unwrap();
            assert_eq!(echoed(&mut stream, LONG).await, Some(b'a'));
        }
    }

    #[tokio::test]
    async fn what_is_lost_stays_lost_and_its_connection_silent() {
        let proxy = TcpProxy::start(echo_server().await.to_string()).await;
        let mut spoken = TcpStream::connect(proxy.addr()).await.unwrap();
        let mut quiet = TcpStream::connect(proxy.addr()).await.unwrap();
        for stream in [&mut spoken, &mut quiet] {
            stream.write_all(b"a").await.unwrap();
            assert_eq!(echoed(stream, LONG).await, Some(b'a'));
        }
        proxy.lose(true, true);
        let mut new = TcpStream::connect(proxy.addr()).await.unwrap();
        for stream in [&mut spoken, &mut new] {
            stream.write_all(b"bc").await.unwrap();
            assert_eq!(echoed(stream, SHORT).await, None);
        }
        assert_eq!(proxy.withheld_bytes(), 4);
        proxy.heal();
        for stream in [&mut spoken, &mut new] {
            stream.write_all(b"d").await.unwrap();
            assert_eq!(echoed(stream, SHORT).await, None);
        }
        quiet.write_all(b"e").await.unwrap();
        assert_eq!(echoed(&mut quiet, LONG).await, Some(b'e'), "it lost nothing");
    }

    #[tokio::test]
    async fn only_the_answers_can_be_lost() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = TcpProxy::start(listener.local_addr().unwrap().to_string()).await;
        let mut client = TcpStream::connect(proxy.addr()).await.unwrap();
        let (mut server, _) = listener.accept().await.unwrap();
        proxy.lose(false, true);
        client.write_all(b"q").await.unwrap();
        assert_eq!(echoed(&mut server, LONG).await, Some(b'q'));
        server.write_all(b"a").await.unwrap();
        assert_eq!(echoed(&mut client, SHORT).await, None);
        drop(client);
        assert_eq!(timeout(LONG, server.read(&mut [0])).await.unwrap().unwrap_or(0), 0, "the end is a request");
    }

    #[tokio::test]
    async fn a_reset_is_no_goodbye() {
        let proxy = TcpProxy::start(echo_server().await.to_string()).await;
        let mut old = TcpStream::connect(proxy.addr()).await.unwrap();
        old.write_all(b"a").await.unwrap();
        assert_eq!(echoed(&mut old, LONG).await, Some(b'a'));
        proxy.reset();
        let mut new = TcpStream::connect(proxy.addr()).await.unwrap();
        for stream in [&mut old, &mut new] {
            let read = timeout(LONG, stream.read(&mut [0])).await.unwrap();
            assert_eq!(read.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        }
        assert_eq!(proxy.cut_connections(), 2);
    }
}
