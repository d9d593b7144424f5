//! Calls to local servers.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use chat_outbound::{Attempt, Failure, Forbidden, HeaderMap, Outbound, OutboundConfig, Resolver};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

const LENIENT: OutboundConfig =
    OutboundConfig { allow_private: true, allow_http: true, connect_ms: 2_000, within_ms: 30_000, calls_at_once: 4 };

/// Answers every connection's first request with `answer`, and counts them.
async fn server(answer: &'static [u8]) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (addr, calls) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
    let counter = Arc::clone(&calls);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counter.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                read_request(&mut stream).await;
                stream.write_all(answer).await.ok();
                // Open until the other end is done.
                stream.read_u8().await.ok();
            });
        }
    });
    (addr, calls)
}

/// Until its end, or what is none begins.
async fn read_request(stream: &mut TcpStream) {
    let mut request = Vec::new();
    while !request.ends_with(b"{}") {
        let ended = stream.read_buf(&mut request).await.unwrap_or(0) == 0;
        if ended || !request.starts_with(b"POST") {
            break;
        }
    }
}

async fn post(client: &Outbound, url: &str) -> Attempt {
    client.post(url, HeaderMap::new(), "{}".into()).await
}

fn answered(status: u16) -> Attempt {
    Attempt::Answered { status, retry_after: None }
}

/// Names with fixed addresses, the next one at every look.
struct Names {
    addresses: Vec<Vec<IpAddr>>,
    looks: AtomicUsize,
}

impl Names {
    fn new(addresses: &[&[&str]]) -> Arc<Self> {
        let addresses = addresses.iter().map(|some| some.iter().map(|a| a.parse().unwrap()).collect()).collect();
        Arc::new(Self { addresses, looks: AtomicUsize::new(0) })
    }
}

#[async_trait]
impl Resolver for Names {
    async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        let look = self.looks.fetch_add(1, Ordering::SeqCst);
        self.addresses.get(look).cloned().ok_or_else(|| io::Error::other("no such name"))
    }
}

#[tokio::test]
async fn a_body_is_posted_and_the_status_is_the_answer() {
    let table: [(&[u8], Attempt); 4] = [
        (b"HTTP/1.1 204 No Content\r\n\r\n", answered(204)),
        (b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 4\r\n\r\noops", answered(500)),
        (
            b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 7\r\ncontent-length: 0\r\n\r\n",
            Attempt::Answered { status: 429, retry_after: Some(Duration::from_secs(7)) },
        ),
        (b"SSH-2.0-OpenSSH_9.2\r\n", Attempt::Failed(Failure::Broken)),
    ];
    let client = Outbound::new(&LENIENT).unwrap();
    for (answer, expected) in table {
        let (addr, calls) = server(answer).await;
        assert_eq!(post(&client, &format!("http://{addr}/")).await, expected);
        assert_eq!(calls.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test]
async fn a_redirection_is_an_answer_and_not_followed() {
    let (secret, secret_calls) = server(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let answer = format!("HTTP/1.1 307 Temporary Redirect\r\nlocation: http://{secret}/\r\ncontent-length: 0\r\n\r\n");
    let (addr, calls) = server(answer.leak().as_bytes()).await;
    let client = Outbound::new(&LENIENT).unwrap();
    assert_eq!(post(&client, &format!("http://{addr}/")).await, answered(307));
    assert_eq!((calls.load(Ordering::SeqCst), secret_calls.load(Ordering::SeqCst)), (1, 0));
}

#[tokio::test]
async fn a_server_that_stalls_costs_the_time_limit_and_no_more() {
    let impatient = OutboundConfig { within_ms: 300, connect_ms: 300, ..LENIENT };
    let client = Outbound::new(&impatient).unwrap();
    let (addr, _) = server(b"").await;
    let started = Instant::now();
    assert_eq!(post(&client, &format!("http://{addr}/")).await, Attempt::Failed(Failure::Late));
    assert!(started.elapsed() >= Duration::from_millis(300));
    let (addr, _) = server(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this").await;
    assert_eq!(post(&client, &format!("http://{addr}/")).await, answered(200), "the body stalls");
}

#[tokio::test]
async fn a_huge_body_is_not_read() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        let mut written = 0_usize;
        let piece = vec![b'x'; 65_536];
        while stream.write_all(&piece).await.is_ok() {
            written += 65_536;
        }
        written
    });
    let client = Outbound::new(&LENIENT).unwrap();
    assert_eq!(post(&client, &format!("http://{addr}/")).await, answered(200));
    // It ends because the connection was closed; what was written is what the kernel's buffers hold.
    let written = server.await.unwrap();
    assert!(written < 32 * 1_048_576, "{written} bytes");
}

#[tokio::test]
async fn a_name_is_looked_up_once_and_the_connection_goes_to_what_was_checked() {
    let (addr, calls) = server(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    // Another look would find nothing.
    let names = Names::new(&[&["127.0.0.1"]]);
    let client = Outbound::with_resolver(&LENIENT, names.clone()).unwrap();
    assert_eq!(post(&client, &format!("http://hook.example:{}/", addr.port())).await, answered(200));
    assert_eq!((names.looks.load(Ordering::SeqCst), calls.load(Ordering::SeqCst)), (1, 1));
}

#[tokio::test]
async fn a_name_with_a_forbidden_address_is_not_called() {
    let table: [&[&str]; 5] =
        [&["127.0.0.1"], &["10.0.0.1"], &["::1"], &["169.254.169.254"], &["1.1.1.1", "192.168.0.1"]];
    let strict = OutboundConfig { allow_private: false, ..LENIENT };
    let (addr, calls) = server(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let url = format!("http://hook.example:{}/", addr.port());
    for addresses in table {
        let client = Outbound::with_resolver(&strict, Names::new(&[addresses, addresses])).unwrap();
        let target = client.guard().check_url(&url).unwrap();
        assert_eq!(client.check_name(&target).await, Err(Forbidden::Address), "{addresses:?}");
        assert_eq!(post(&client, &url).await, Attempt::Forbidden(Forbidden::Address), "{addresses:?}");
    }
    let literal = Outbound::new(&strict).unwrap();
    assert_eq!(post(&literal, &format!("http://{addr}/")).await, Attempt::Forbidden(Forbidden::Address));
    assert_eq!(calls.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn what_cannot_be_reached_is_a_failure() {
    let client = Outbound::with_resolver(&LENIENT, Names::new(&[])).unwrap();
    assert_eq!(post(&client, "http://hook.example/").await, Attempt::Failed(Failure::Name));
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    assert_eq!(post(&client, &format!("http://{closed}/")).await, Attempt::Failed(Failure::Connect));
    let (plain, _) = server(b"HTTP/1.1 200 OK\r\n\r\n").await;
    assert_eq!(post(&client, &format!("https://{plain}/")).await, Attempt::Failed(Failure::Connect), "no TLS there");
}

#[tokio::test]
async fn there_are_only_so_many_calls_at_once() {
    let few = OutboundConfig { calls_at_once: 2, within_ms: 1_000, ..LENIENT };
    let client = Outbound::new(&few).unwrap();
    let (addr, calls) = server(b"").await;
    let url = format!("http://{addr}/");
    let three = tokio::spawn({
        let client = client.clone();
        async move { tokio::join!(post(&client, &url), post(&client, &url), post(&client, &url)) }
    });
    chat_testkit::assert_eventually!(
        calls.load(Ordering::SeqCst) == 2,
        within = Duration::from_secs(20),
        "two are under way"
    );
    let late = Attempt::Failed(Failure::Late);
    assert_eq!(three.await.unwrap(), (late, late, late));
    assert_eq!(calls.load(Ordering::SeqCst), 3, "the third had its turn afterwards");
}
