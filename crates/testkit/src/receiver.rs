//! Somebody who is called: an HTTP server that keeps what it is told and answers as it is told.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// What was received.
#[derive(Debug, Clone)]
pub struct Received {
    /// The path of the call.
    pub path: String,
    /// Its headers; names in lower case.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: String,
}

impl Received {
    /// A header; empty when it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(own, _)| own == name).map_or("", |(_, value)| value)
    }
}

/// How a call is answered.
#[derive(Debug, Clone)]
pub enum Reply {
    /// With this status, …
    Status(u16),
    /// … or this one and a header.
    With(u16, &'static str, String),
    /// After so many milliseconds with this status.
    Late(u64, u16),
    /// Not at all, with the connection open.
    Stall,
}

/// The server; it ends with the handle.
#[derive(Debug)]
pub struct Receiver {
    /// Where it listens.
    pub addr: SocketAddr,
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    received: Mutex<Vec<Received>>,
    /// The next replies, and the one after them.
    replies: Mutex<(VecDeque<Reply>, Reply)>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Receiver {
    /// Listens on a free port, and takes everything.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let addr = listener.local_addr().expect("an address");
        let shared =
            Arc::new(Shared { received: Mutex::default(), replies: Mutex::new((VecDeque::new(), Reply::Status(204))) });
        let state = Arc::clone(&shared);
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&state)));
            }
        });
        Self { addr, shared, serving }
    }

    /// `http://…/hook`
    pub fn url(&self) -> String {
        format!("http://{}/hook", self.addr)
    }

    /// Answers the next calls so, one after the other, before it goes on as it was told by [`Self::always`].
    pub fn next(&self, replies: impl IntoIterator<Item = Reply>) {
        lock(&self.shared.replies).0.extend(replies);
    }

    /// Answers so from now on.
    pub fn always(&self, reply: Reply) {
        lock(&self.shared.replies).1 = reply;
    }

    /// What was received, answered or not.
    pub fn received(&self) -> Vec<Received> {
        lock(&self.shared.received).clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let mut stream = BufReader::new(stream);
    let Some(call) = read(&mut stream).await else { return };
    let reply = {
        let mut replies = lock(&shared.replies);
        replies.0.pop_front().unwrap_or_else(|| replies.1.clone())
    };
    lock(&shared.received).push(call);
    if let Reply::Late(millis, _) = reply {
        tokio::time::sleep(Duration::from_millis(millis)).await;
    }
    let answer = match reply {
        Reply::Status(status) | Reply::Late(_, status) => {
            format!("HTTP/1.1 {status} x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        }
        Reply::With(status, name, value) => {
            format!("HTTP/1.1 {status} x\r\n{name}: {value}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        }
        // Until the caller gives up.
        Reply::Stall => return drop(stream.read_u8().await),
    };
    drop(stream.write_all(answer.as_bytes()).await);
}

async fn read(stream: &mut BufReader<TcpStream>) -> Option<Received> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        if line.trim_end().is_empty() {
            break;
        }
        lines.push(line.trim_end().to_owned());
    }
    let path = lines.first()?.split(' ').nth(1)?.to_owned();
    let headers: Vec<(String, String)> = lines[1..]
        .iter()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let mut call = Received { path, headers, body: String::new() };
    let mut body = vec![0; call.header("content-length").parse().unwrap_or(0)];
    stream.read_exact(&mut body).await.ok()?;
    call.body = String::from_utf8(body).ok()?;
    Some(call)
}
