//! A TCP proxy that can stop forwarding without closing anything, as a cut network does, or forward slowly.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
};

pub struct Proxy {
    pub address: SocketAddr,
    cut: watch::Sender<bool>,
    refusing: Arc<AtomicBool>,
    attempts: Arc<AtomicUsize>,
}

impl Proxy {
    pub async fn start(target: String) -> Self {
        Self::start_slow(target, Duration::ZERO).await
    }

    /// Forwards 16 KiB, then pauses.
    pub async fn start_slow(target: String, pause: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (cut, state) = watch::channel(false);
        let (refusing, attempts) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let (refused, counted) = (Arc::clone(&refusing), Arc::clone(&attempts));
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::Relaxed);
                if refused.load(Ordering::Relaxed) {
                    continue;
                }
                let Ok(far) = TcpStream::connect(&target).await else { continue };
                let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
                tokio::spawn(pump(near_in, far_out, state.clone(), pause));
                tokio::spawn(pump(far_in, near_out, state.clone(), pause));
            }
        });
        Self { address, cut, refusing, attempts }
    }

    /// New connections are ended at once, or not any more.
    pub fn refuse(&self, refuse: bool) {
        self.refusing.store(refuse, Ordering::Relaxed);
    }

    /// Connections so far, refused ones included.
    pub fn attempts(&self) -> usize {
        self.attempts.load(Ordering::Relaxed)
    }

    pub fn cut(&self, cut: bool) {
        self.cut.send_replace(cut);
    }
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut cut: watch::Receiver<bool>, pause: Duration) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        // What was read before the cut is held, like packets that are not acknowledged.
        if cut.wait_for(|cut| !cut).await.is_err() || to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
    }
}
