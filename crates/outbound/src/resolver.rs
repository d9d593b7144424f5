//! Names to addresses, checked on the way.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
    vec,
};

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use hyper_util::client::legacy::connect::dns::Name;
use tokio::{net::lookup_host, time::timeout};
use tower_service::Service;

use crate::guard::{Forbidden, Guard};

/// Finds the addresses of a name; tests put their own in place of the system's.
#[async_trait]
pub trait Resolver: Send + Sync {
    /// The addresses.
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>>;
}

/// The system's resolver.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

#[async_trait]
impl Resolver for SystemResolver {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        Ok(lookup_host((name, 0)).await?.map(|address| address.ip()).collect())
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
