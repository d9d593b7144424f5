//! What HAProxy is in front of the gateways.

use std::net::SocketAddr;

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::AbortHandle,
};

/// Passes connections on to the first gateway of its list that takes them.
#[derive(Debug)]
pub struct Balancer {
    addr: SocketAddr,
    acceptor: AbortHandle,
}

impl Balancer {
    /// Listens on a free port of the loopback, in front of `gateways` (`http://host:port`).
    pub async fn start(gateways: Vec<String>) -> Self {
        let gateways: Vec<String> =
            gateways.into_iter().map(|url| url.trim_start_matches("http://").to_owned()).collect();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let addr = listener.local_addr().expect("a bound socket has an address");
        let acceptor = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let gateways = gateways.clone();
                tokio::spawn(async move { pass(client, &gateways).await });
            }
        });
        Self { addr, acceptor: acceptor.abort_handle() }
    }

    /// `http://…`
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.acceptor.abort();
    }
}

async fn pass(mut client: TcpStream, gateways: &[String]) {
    for gateway in gateways {
        if let Ok(mut server) = TcpStream::connect(gateway).await {
            // A connection that breaks is the test's matter, at its ends.
            drop(copy_bidirectional(&mut client, &mut server).await);
            return;
        }
    }
}
