//! Steps at which a test ends, stops or delays the process, and switches that break it on purpose.
//!
//! Compiled to nothing without the feature `fail-points`, which no release has. With it, the environment variable `FAILPOINTS` says what
//! happens where: `persister.stored=1*return(STOP)` sends this process a SIGSTOP the first time it is about to tell what it has stored.

#[cfg(not(feature = "fail-points"))]
mod imp {
    /// Passes a step.
    #[inline]
    pub fn fail_point(_name: &'static str) -> std::future::Ready<()> {
        std::future::ready(())
    }

    /// Whether the process is to be broken in this way.
    #[inline]
    pub const fn is_broken(_name: &'static str) -> bool {
        false
    }
}

#[cfg(feature = "fail-points")]
mod imp {
    use std::sync::atomic::{AtomicBool, Ordering};

    use fail::FailScenario;
    use nix::sys::signal::{Signal, raise};

    /// Tests that run services in their own process name no fail points, and should not pay for them.
    static ARMED: AtomicBool = AtomicBool::new(false);

    /// Passes a step: does what `FAILPOINTS` says of it, on a thread that may block. `return(SIGNAL)` sends the signal to this process.
    pub async fn fail_point(name: &'static str) {
        if !ARMED.load(Ordering::Relaxed) {
            return;
        }
        let action = tokio::task::spawn_blocking(move || {
            if let Some(signal) = fail::eval(name, |signal| signal).flatten() {
                tracing::warn!(fail_point = name, signal, "fail point reached");
                // To this very thread, which therefore goes no further: a signal to the process may be taken by another thread, later.
                let raised = format!("SIG{signal}").parse::<Signal>().and_then(raise);
                assert_eq!(raised, Ok(()), "{name}: signal {signal} was not raised");
            }
        });
        // A `panic` belongs to the step, not to the thread that it ran on.
        if let Err(error) = action.await
            && let Ok(panic) = error.try_into_panic()
        {
            std::panic::resume_unwind(panic);
        }
    }

    /// Whether the process is to be broken in this way: `no-watermark=return`, or `30%return` for three times in ten.
    pub fn is_broken(name: &'static str) -> bool {
        ARMED.load(Ordering::Relaxed) && fail::eval(name, drop).is_some()
    }

    /// Breaks the services that a test runs in its own process, for as long as the process lives.
    pub fn break_here(name: &'static str) {
        if let Err(reason) = fail::cfg(name, "return") {
            unreachable!("{name}: {reason}");
        }
        ARMED.store(true, Ordering::Relaxed);
    }

    /// Reads `FAILPOINTS`; in force until the result is dropped.
    pub(crate) fn arm() -> FailScenario<'static> {
        let scenario = FailScenario::setup();
        if !fail::list().is_empty() {
            tracing::warn!(fail_points = ?fail::list(), "fail points armed");
            ARMED.store(true, Ordering::Relaxed);
        }
        scenario
    }
}

#[cfg(feature = "fail-points")]
pub(crate) use imp::arm;
#[cfg(feature = "fail-points")]
pub use imp::break_here;
pub use imp::{fail_point, is_broken};
