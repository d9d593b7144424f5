//! The client.

use std::{error::Error, sync::Arc, time::Duration};

use bytes::Bytes;
use chat_service::clock::{Clock, SystemClock};
use http_body_util::{BodyExt, Full};
use hyper::{HeaderMap, Method, Request, Response, body::Incoming, header::RETRY_AFTER};
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{self, Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::{Instant, timeout_at},
};

use crate::{
    attempt::{Attempt, Failure, retry_after},
    config::OutboundConfig,
    guard::{Forbidden, Guard, Target},
    resolver::{Guarded, NameError, Resolver, SystemResolver},
};

/// Of an answer's body, this much is read; what is longer costs the connection.
const ANSWER_BYTES: usize = 16_384;
/// Unused connections are kept for this long, …
const IDLE_FOR: Duration = Duration::from_secs(30);
/// … and so many per host.
const IDLE_PER_HOST: usize = 4;
/// Largest header of an answer.
const HEADER_BYTES: usize = 16_384;

/// Calls addresses that others name, where the guard allows.
#[derive(Clone)]
pub struct Outbound {
    http: Client<HttpsConnector<HttpConnector<Guarded>>, Full<Bytes>>,
    guarded: Guarded,
    within: Duration,
    at_once: Arc<Semaphore>,
    clock: Arc<dyn Clock>,
}

impl Outbound {
    /// A client with the system's resolver and certificates.
    pub fn new(config: &OutboundConfig) -> Result<Self, rustls::Error> {
        Self::with_resolver(config, Arc::new(SystemResolver::default()))
    }

    /// A client with another resolver, for tests.
    pub fn with_resolver(config: &OutboundConfig, resolver: Arc<dyn Resolver>) -> Result<Self, rustls::Error> {
        let guarded = Guarded { guard: config.guard(), resolver, within: config.connect() };
        let mut tcp = HttpConnector::new_with_resolver(guarded.clone());
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(config.connect()));
        let https = HttpsConnectorBuilder::new().with_tls_config(tls()?).https_or_http();
        let http = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_FOR)
            .pool_max_idle_per_host(IDLE_PER_HOST)
            .http1_max_buf_size(HEADER_BYTES)
            .build(https.enable_http1().wrap_connector(tcp));
        Ok(Self {
            http,
            guarded,
            within: config.within(),
            at_once: Arc::new(Semaphore::new(config.calls_at_once)),
            clock: Arc::new(SystemClock),
        })
    }

    /// Where calls may go.
    pub fn guard(&self) -> Guard {
        self.guarded.guard
    }

    /// Time limit of a call.
    pub fn within(&self) -> Duration {
        self.within
    }

    /// Whether the name in `target` leads to allowed addresses only, at this moment. A name without an address is not forbidden: it may
    /// get one, and is checked again at every call.
    pub async fn check_name(&self, target: &Target) -> Result<(), Forbidden> {
        let Some(name) = &target.name else { return Ok(()) };
        match self.guarded.addresses(name).await {
            Err(NameError::Forbidden(forbidden)) => Err(forbidden),
            Ok(_) | Err(NameError::Unknown) => Ok(()),
        }
    }

    /// Waits for a turn: there are only so many calls at once.
    pub async fn turn(&self) -> Turn<'_> {
        Turn(self.at_once.acquire().await.ok())
    }

    /// Posts `body` to `url`; waits for its turn first.
    pub async fn post(&self, url: &str, headers: HeaderMap, body: Bytes) -> Attempt {
        let turn = self.turn().await;
        self.post_in(turn, url, headers, body).await
    }

    /// Posts `body` to `url`, which is checked again, now that it is its turn.
    pub async fn post_in(&self, turn: Turn<'_>, url: &str, headers: HeaderMap, body: Bytes) -> Attempt {
        let target = match self.guarded.guard.check_url(url) {
            Ok(target) => target,
            Err(forbidden) => return Attempt::Forbidden(forbidden),
        };
        let Some(_turn) = turn.0 else { return Attempt::Failed(Failure::Broken) };
        let mut request = Request::new(Full::new(body));
        (*request.method_mut(), *request.uri_mut(), *request.headers_mut()) = (Method::POST, target.uri, headers);
        let until = Instant::now() + self.within;
        let response = match timeout_at(until, self.http.request(request)).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return why(&error),
            Err(_) => return Attempt::Failed(Failure::Late),
        };
        let status = response.status().as_u16();
        let header = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let retry_after = header.and_then(|value| retry_after(value, self.clock.now()));
        // Whether its body comes or not, the status is the answer.
        timeout_at(until, throw_away(response)).await.ok();
        Attempt::Answered { status, retry_after }
    }
}

/// The right to one call; none is left once the client is closed.
#[derive(Debug)]
pub struct Turn<'a>(Option<SemaphorePermit<'a>>);

/// TLS with the system's certificates. Where there are none, every connection is refused for its certificate, and the service goes on.
fn tls() -> Result<ClientConfig, rustls::Error> {
    let builder = || {
        ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
    };
    Ok(match builder()?.with_native_roots() {
        Ok(trusting) => trusting.with_no_client_auth(),
        Err(error) => {
            tracing::warn!(%error, "no certificates of authorities found: calls over https will fail");
            builder()?.with_root_certificates(RootCertStore::empty()).with_no_client_auth()
        }
    })
}

/// Reads a short body, so that the connection can be used again; a long one is left, which closes it. A broken one changes nothing: the status
/// is the answer.
async fn throw_away(response: Response<Incoming>) {
    let mut left = ANSWER_BYTES;
    let mut body = response.into_body();
    while let Some(Ok(frame)) = body.frame().await {
        let read = frame.data_ref().map_or(0, Bytes::len);
        let Some(rest) = left.checked_sub(read) else { return };
        left = rest;
    }
}

fn why(error: &legacy::Error) -> Attempt {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(this) = cause {
        match this.downcast_ref::<NameError>() {
            Some(NameError::Forbidden(forbidden)) => return Attempt::Forbidden(*forbidden),
            Some(NameError::Unknown) => return Attempt::Failed(Failure::Name),
            None => cause = this.source(),
        }
    }
    Attempt::Failed(if error.is_connect() { Failure::Connect } else { Failure::Broken })
}
