//! Names to addresses, checked on the way.

use std::{
    io,
    net::{IpAddr, SocketAddr, ToSocketAddrs as _},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
    vec,
};

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use hyper_util::client::legacy::connect::dns::Name;
use tokio::{sync::Semaphore, task::spawn_blocking, time::timeout};
use tower_service::Service;

use crate::guard::{Forbidden, Guard};

/// Finds the addresses of a name; tests put their own in place of the system's.
#[async_trait]
pub trait Resolver: Send + Sync {
    /// The addresses.
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>>;
}

/// Look-ups at once. Each has a thread until it ends, whoever still waits for it: names that answer slowly must not take all threads that
/// the process has for other work.
const LOOKUPS_AT_ONCE: usize = 16;

type LookUp = Arc<dyn Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync>;

/// The system's resolver; so many look-ups at once, the others wait.
#[derive(Clone)]
pub struct SystemResolver {
    look_up: LookUp,
    turns: Arc<Semaphore>,
}

impl Default for SystemResolver {
    fn default() -> Self {
        Self::new(|name| Ok((name, 0).to_socket_addrs()?.map(|address| address.ip()).collect()))
    }
}

impl SystemResolver {
    /// With another way to look up, which may block.
    fn new(look_up: impl Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync + 'static) -> Self {
        Self { look_up: Arc::new(look_up), turns: Arc::new(Semaphore::new(LOOKUPS_AT_ONCE)) }
    }
}

#[async_trait]
impl Resolver for SystemResolver {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(io::Error::other)?;
        let (look_up, name) = (Arc::clone(&self.look_up), name.to_owned());
        let looked = spawn_blocking(move || {
            // The thread's, not the caller's, who may give up first.
            let _turn = turn;
            look_up(&name)
        });
        looked.await?
    }
}

/// Why a name leads nowhere.
#[derive(Debug, thiserror::Error)]
pub enum NameError {
    /// One of its addresses must not be called.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// It has no address, or nobody could say.
    #[error("name has no address")]
    Unknown,
}

/// A resolver that gives out checked addresses only. The connection goes to what it returns, so nothing is looked up a second time.
#[derive(Clone)]
pub struct Guarded {
    pub guard: Guard,
    pub resolver: Arc<dyn Resolver>,
    pub within: Duration,
}

impl Guarded {
    /// The addresses, if every one of them may be called: a name with one forbidden address is not an honest one.
    pub async fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, NameError> {
        let found = timeout(self.within, self.resolver.resolve(name)).await;
        let Ok(Ok(addresses)) = found else { return Err(NameError::Unknown) };
        if addresses.is_empty() {
            return Err(NameError::Unknown);
        }
        for address in &addresses {
            self.guard.check_address(*address)?;
        }
        Ok(addresses)
    }
}

impl Service<Name> for Guarded {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = NameError;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let this = self.clone();
        Box::pin(async move {
            let addresses = this.addresses(name.as_str()).await?;
            // The connector puts the port in.
            Ok(addresses.into_iter().map(|address| SocketAddr::new(address, 0)).collect::<Vec<_>>().into_iter())
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    };

    use chat_testkit::assert_eventually;
    use futures_util::future::join_all;

    use super::*;

    const WITHIN: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn names_that_answer_slowly_take_so_many_threads_and_no_more() {
        let running = Arc::new(AtomicUsize::new(0));
        let (answer, answers) = mpsc::channel::<()>();
        let (counted, answers) = (Arc::clone(&running), Mutex::new(answers));
        let resolver = SystemResolver::new(move |name| {
            counted.fetch_add(1, Ordering::SeqCst);
            if name == "slow" {
                answers.lock().unwrap().recv().ok();
            }
            counted.fetch_sub(1, Ordering::SeqCst);
            Ok(vec![IpAddr::from([1, 1, 1, 1])])
        });
        let guard = Guard { allow_private: false, allow_http: false };
        let guarded = Guarded { guard, resolver: Arc::new(resolver), within: Duration::from_millis(100) };
        let given_up = join_all((0..100).map(|_| guarded.addresses("slow"))).await;
        assert!(given_up.iter().all(|found| matches!(found, Err(NameError::Unknown))), "{given_up:?}");
        assert_eventually!(running.load(Ordering::SeqCst) == LOOKUPS_AT_ONCE, within = WITHIN, "the threads go on");
        assert!(matches!(guarded.addresses("quick").await, Err(NameError::Unknown)), "no turn in time");
        drop(answer);
        let patient = Guarded { within: WITHIN, ..guarded };
        assert_eq!(patient.addresses("quick").await.unwrap(), [IpAddr::from([1, 1, 1, 1])]);
        assert_eventually!(running.load(Ordering::SeqCst) == 0, within = WITHIN, "all have ended");
    }
}
