//! One connection through the proxy.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    sync::watch,
};

/// What the proxy does with what comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Pass,
    /// Nothing passes, and nothing is lost.
    Hold,
    /// What comes in these directions is gone.
    Lose {
        requests: bool,
        answers: bool,
    },
    /// Connections are closed.
    Cut,
    /// Connections are reset.
    Reset,
}

impl Mode {
    fn loses(self, way: Way) -> bool {
        match (self, way) {
            (Self::Lose { requests, .. }, Way::Requests) => requests,
            (Self::Lose { answers, .. }, Way::Answers) => answers,
            _ => false,
        }
    }

    fn ends(self) -> bool {
        matches!(self, Self::Cut | Self::Reset)
    }
}

/// A direction, as seen by the one who connects.
#[derive(Debug, Clone, Copy)]
enum Way {
    Requests,
    Answers,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub withheld_bytes: AtomicU64,
    pub cut_connections: AtomicU64,
}

/// A connection that lost something in a direction stays silent in that direction: it must never go on with a hole.
#[derive(Debug, Default)]
struct Silent {
    requests: AtomicBool,
    answers: AtomicBool,
}

impl Silent {
    fn of(&self, way: Way) -> &AtomicBool {
        match way {
            Way::Requests => &self.requests,
            Way::Answers => &self.answers,
        }
    }
}

/// What a connection needs to know of its proxy.
#[derive(Debug, Clone)]
pub(super) struct Link {
    pub mode: watch::Receiver<Mode>,
    pub counters: Arc<Counters>,
}

impl Link {
    pub(super) async fn serve(mut self, mut downstream: TcpStream, upstream: String) {
        let silent = Silent::default();
        if !self.may_begin().await {
            self.end(&[&downstream]);
            return;
        }
        let mode = *self.mode.borrow();
        let passed = async {
            let reached = if mode.loses(Way::Requests) { None } else { TcpStream::connect(upstream).await.ok() };
            match reached {
                Some(mut upstream) => {
                    {
                        let (client_read, client_write) = downstream.split();
                        let (server_read, server_write) = upstream.split();
                        tokio::select! {
                            () = self.pump(Way::Requests, &silent, client_read, Some(server_write)) => {}
                            () = self.pump(Way::Answers, &silent, server_read, Some(client_write)) => {}
                        }
                    }
                    self.end(&[&downstream, &upstream]);
                }
                // Nobody there to answer: the first word of the connection is lost already.
                None if mode.loses(Way::Requests) => {
                    silent.requests.store(true, Ordering::Relaxed);
                    self.pump(Way::Requests, &silent, downstream.split().0, None).await;
                    self.end(&[&downstream]);
                }
                None => {}
            }
        };
        passed.await;
    }

    /// Waits until the proxy passes or loses; false when the connection has to end.
    async fn may_begin(&mut self) -> bool {
        self.mode.wait_for(|mode| *mode != Mode::Hold).await.is_ok_and(|mode| !mode.ends())
    }

    /// Closes, or resets if that is what the proxy does.
    fn end(&self, streams: &[&TcpStream]) {
        let mode = *self.mode.borrow();
        if mode.ends() {
            self.counters.cut_connections.fetch_add(1, Ordering::Relaxed);
        }
        if mode == Mode::Reset {
            for stream in streams {
                // Then the close sends RST. If it is closed already, there is nothing to reset.
                drop(stream.set_zero_linger());
            }
        }
    }

    /// Until the connection is over in this direction.
    async fn pump(&self, way: Way, silent: &Silent, mut from: ReadHalf<'_>, mut to: Option<WriteHalf<'_>>) {
        let mut buffer = vec![0; 16 * 1024];
        let (mut mode, mut ended) = (self.mode.clone(), self.mode.clone());
        loop {
            let read = tokio::select! {
                read = from.read(&mut buffer) => read.unwrap_or(0),
                _ = ended.wait_for(|mode| mode.ends()) => return,
            };
            let Ok(now) = mode.wait_for(|mode| *mode != Mode::Hold).await.map(|mode| *mode) else { return };
            if now.ends() {
                return;
            }
            if let Mode::Lose { requests, answers } = now
                && now.loses(way)
            {
                // Whoever lost something in one direction is forgotten in all that the fault takes.
                silent.requests.fetch_or(requests, Ordering::Relaxed);
                silent.answers.fetch_or(answers, Ordering::Relaxed);
            }
            if silent.of(way).load(Ordering::Relaxed) {
                self.counters.withheld_bytes.fetch_add(read as u64, Ordering::Relaxed);
                if read == 0 {
                    // That it is over is not told either: the other side is left alone with it, until the proxy ends it.
                    drop(ended.wait_for(|mode| mode.ends()).await);
                    return;
                }
                continue;
            }
            let Some(to) = to.as_mut().filter(|_| read > 0) else { return };
            if to.write_all(&buffer[..read]).await.is_err() {
                return;
            }
        }
    }
}
