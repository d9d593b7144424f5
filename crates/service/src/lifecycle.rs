//! When a process stops: one owner of the signals, of two cancellation tokens and of all tasks.
//!
//! The first signal, or a crash, cancels the *soft* token: stop taking work, finish what is in hand. A second signal, or the
//! deadline, cancels the *hard* token: drop everything. A long-lived task that ends before the soft token was cancelled has
//! crashed, and a crash stops the process with a failure.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Display;
use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

type BoxError = Box<dyn Error + Send + Sync>;

/// How long tasks may take to notice the hard token before they are abandoned.
pub(crate) const HARD_STOP_GRACE: Duration = Duration::from_secs(1);

/// What a task may end with: nothing, or a result whose error can be shown.
pub trait Outcome {
    /// The outcome as a result.
    fn into_result(self) -> Result<(), BoxError>;
}

impl Outcome for () {
    fn into_result(self) -> Result<(), BoxError> {
        Ok(())
    }
}

impl<E: Into<BoxError>> Outcome for Result<(), E> {
    fn into_result(self) -> Result<(), BoxError> {
        self.map_err(Into::into)
    }
}

/// Why a shutdown was not clean.
#[derive(Debug, thiserror::Error)]
pub enum ShutdownError {
    /// A task crashed, or failed while it drained; the reason was logged.
    #[error("a task failed")]
    Failed,
    /// The deadline passed, or a second signal came, while these tasks were still running.
    #[error("tasks still running: {0}")]
    Abandoned(String),
}

/// The lifecycle of a process. Clones share it.
#[derive(Debug, Clone)]
pub struct Lifecycle(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Child of `hard`.
    soft: CancellationToken,
    hard: CancellationToken,
    /// Cancelled when every task has ended, so that the deadline no longer matters.
    done: CancellationToken,
    tasks: TaskTracker,
    /// Whether [`Lifecycle::trigger`] was called; a crash also cancels `soft` and must not turn the first signal into the second.
    triggered: AtomicBool,
    /// Long-lived tasks that run, to name those that do not stop.
    running: Mutex<BTreeMap<&'static str, usize>>,
    failed: AtomicBool,
    runtime: Handle,
}

// === impl Lifecycle ===

impl Lifecycle {
    /// A lifecycle for the Tokio runtime this is called in. The hard token follows the soft one after `deadline`.
    pub fn new(deadline: Duration) -> Self {
        let hard = CancellationToken::new();
        let inner = Inner {
            soft: hard.child_token(),
            hard,
            done: CancellationToken::new(),
            tasks: TaskTracker::new(),
            triggered: AtomicBool::new(false),
            running: Mutex::default(),
            failed: AtomicBool::new(false),
            runtime: Handle::current(),
        };
        let (soft, hard, done) = (inner.soft.clone(), inner.hard.clone(), inner.done.clone());
        inner.runtime.spawn(async move {
            soft.cancelled().await;
            tokio::select! {
                () = done.cancelled() => {}
                () = hard.cancelled() => {}
                () = tokio::time::sleep(deadline) => {
                    tracing::error!(deadline_secs = deadline.as_secs(), "shutdown deadline passed");
                    hard.cancel();
                }
            }
        });
        Self(Arc::new(inner))
    }

    /// A lifecycle that ends by [`Lifecycle::trigger`], with a deadline of 20 s.
    pub fn for_test() -> Self {
        Self::new(Duration::from_secs(20))
    }

    /// Makes SIGTERM and SIGINT call [`Lifecycle::trigger`].
    pub fn watch_signals(&self) -> io::Result<()> {
        let _runtime = self.0.runtime.enter();
        let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let lifecycle = self.clone();
        self.0.runtime.spawn(async move {
            loop {
                let signal = tokio::select! {
                    _ = terminate.recv() => "SIGTERM",
                    _ = interrupt.recv() => "SIGINT",
                };
                tracing::info!(signal, "signal received");
                lifecycle.trigger();
            }
        });
        Ok(())
    }

    /// What a signal does: the first time cancels the soft token, the second time the hard one.
    pub fn trigger(&self) {
        if self.0.triggered.swap(true, Ordering::AcqRel) {
            tracing::warn!("shutdown forced");
            self.0.hard.cancel();
        } else {
            tracing::info!("shutting down");
            self.0.soft.cancel();
        }
    }

    /// Cancelled when the process should stop taking work and finish what is in hand.
    pub fn soft(&self) -> CancellationToken {
        self.0.soft.clone()
    }

    /// Cancelled when everything should be dropped.
    pub fn hard(&self) -> CancellationToken {
        self.0.hard.clone()
    }

    /// Whether the soft token is cancelled.
    pub fn is_draining(&self) -> bool {
        self.0.soft.is_cancelled()
    }

    /// Whether a task crashed or failed to drain.
    pub fn failed(&self) -> bool {
        self.0.failed.load(Ordering::Acquire)
    }

    /// Runs a long-lived task, on the runtime of this lifecycle. It must run until the soft token is cancelled: ending before
    /// is a crash, whatever it ends with. An error or a panic after that makes the exit code a failure.
    pub fn spawn<F>(&self, name: &'static str, task: F)
    where
        F: Future<Output: Outcome> + Send + 'static,
    {
        *self.running().entry(name).or_default() += 1;
        let lifecycle = self.clone();
        let run = async move {
            let ended = caught(task).await;
            lifecycle.forget(name);
            match ended {
                Err(error) => lifecycle.crash(name, &Chain(&*error)),
                Ok(()) if !lifecycle.is_draining() => lifecycle.crash(name, &"ended before the shutdown"),
                Ok(()) => {}
            }
        };
        self.0.tasks.spawn_on(run, &self.0.runtime);
    }

    /// Runs a short task, on the runtime of this lifecycle. Shutdown waits for it; it may end at any time. An error is logged,
    /// a panic is a crash.
    pub fn spawn_detached<F>(&self, name: &'static str, task: F)
    where
        F: Future<Output: Outcome> + Send + 'static,
    {
        let lifecycle = self.clone();
        let run = async move {
            match caught(task).await {
                Err(error) if error.is::<Panicked>() => lifecycle.crash(name, &error),
                Err(error) => tracing::warn!(task = name, error = %Chain(&*error), "task failed"),
                Ok(()) => {}
            }
        };
        self.0.tasks.spawn_on(run, &self.0.runtime);
    }

    /// Makes shutdown wait for a future that the caller runs, such as one bound to a thread.
    pub fn track<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        self.0.tasks.track_future(future)
    }

    /// Reports an error that the process cannot live with: it drains and exits with a failure.
    pub fn crash(&self, task: &str, error: &dyn Display) {
        self.0.failed.store(true, Ordering::Release);
        if self.is_draining() {
            tracing::error!(task, %error, "task failed while draining");
        } else {
            tracing::error!(task, %error, "task crashed, shutting down");
            self.0.soft.cancel();
        }
    }

    /// Waits for the soft token and then for every task, but not much longer than the hard token.
    pub async fn shutdown_complete(&self) -> Result<(), ShutdownError> {
        self.0.soft.cancelled().await;
        self.0.tasks.close();
        tokio::select! {
            () = self.0.tasks.wait() => {}
            () = self.hard_stop() => {
                let names: Vec<_> = self.running().keys().copied().collect();
                return Err(ShutdownError::Abandoned(names.join(", ")));
            }
        }
        self.0.done.cancel();
        if self.failed() { Err(ShutdownError::Failed) } else { Ok(()) }
    }

    /// The moment at which what still runs is abandoned.
    pub(crate) async fn hard_stop(&self) {
        self.0.hard.cancelled().await;
        tokio::time::sleep(HARD_STOP_GRACE).await;
    }

    fn running(&self) -> MutexGuard<'_, BTreeMap<&'static str, usize>> {
        self.0.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn forget(&self, name: &'static str) {
        let mut running = self.running();
        if let Some(count) = running.get_mut(name) {
            *count -= 1;
            if *count == 0 {
                running.remove(name);
            }
        }
    }
}

/// A panic as an error; the panic hook has logged its message and place.
#[derive(Debug, thiserror::Error)]
#[error("panicked")]
struct Panicked;

/// Runs a future; a panic becomes an error.
pub(crate) async fn caught<F: Future<Output: Outcome>>(future: F) -> Result<(), BoxError> {
    match AssertUnwindSafe(future).catch_unwind().await {
        Ok(outcome) => outcome.into_result(),
        Err(_panic) => Err(Panicked.into()),
    }
}

/// An error with its causes: `open store: connect: refused`.
pub(crate) struct Chain<'e>(pub &'e (dyn Error + 'static));

impl Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
