//! An identity provider: its keys are read from its address, kept, and read again in the background and when a token names one that is not
//! among them.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};

use bytes::Bytes;
use chat_protocol::{ErrorCode, Rejection};
use chat_service::ConfigError;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::{StatusCode, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use jsonwebtoken::{Algorithm, errors::ErrorKind};
use prometheus::IntCounterVec;
use tokio::{sync::Mutex, time::timeout};
use tokio_util::sync::CancellationToken;

use super::{
    AuthConfig, Identity,
    claims::ProviderClaims,
    jwks::{KeySet, SetError},
    tokens::{self, expected},
    wrong,
};

/// The keys are read anew this often, …
const FRESH: Duration = Duration::from_mins(5);
/// … this soon after it did not work, …
const AGAIN: Duration = Duration::from_secs(30);
/// … and for a token with an unknown key at most this often.
const UNKNOWN_KEY_EVERY: Duration = Duration::from_mins(1);
/// While the provider is away, its last keys count for this long.
const KEPT: Duration = Duration::from_hours(24);
/// An answer must be there within this …
const ANSWER_WITHIN: Duration = Duration::from_secs(3);
/// … and has at most so many bytes.
const ANSWER_BYTES: usize = 262_144;

/// The provider.
pub struct Provider {
    url: Uri,
    http: Http,
    issuer: String,
    audience: String,
    algorithms: Vec<Algorithm>,
    keys: RwLock<Option<(Arc<KeySet>, Instant)>>,
    /// When an unknown key was last asked for; held while it is.
    asked: Mutex<Option<Instant>>,
    fetches: IntCounterVec,
}

/// Follows no redirection, and knows no proxy.
enum Http {
    Plain(Client<HttpConnector, Empty<Bytes>>),
    Encrypted(Client<HttpsConnector<HttpConnector>, Empty<Bytes>>),
}

/// Why keys were not read.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error("no answer within {ANSWER_WITHIN:?}")]
    Late,
    #[error("no answer: {0:?}")]
    Transport(#[from] hyper_util::client::legacy::Error),
    #[error("answered with status {0}")]
    Status(StatusCode),
    #[error("the answer breaks off, or has more than {ANSWER_BYTES} bytes")]
    Body,
    #[error("the answer cannot be used: {0}")]
    Set(#[from] SetError),
}

impl Provider {
    /// After the settings; `None` when there is no provider. `fetches` counts by result.
    pub fn new(config: &AuthConfig, fetches: IntCounterVec) -> Result<Option<Self>, ConfigError> {
        let Some(url) = config.provider()? else { return Ok(None) };
        let http = if url.scheme_str() == Some("https") {
            let roots =
                |error| ConfigError::invalid("auth.jwks_url", format!("no certificates to check it with: {error}"));
            let tls = HttpsConnectorBuilder::new().with_native_roots().map_err(roots)?;
            Http::Encrypted(Client::builder(TokioExecutor::new()).build(tls.https_only().enable_http1().build()))
        } else {
            Http::Plain(Client::builder(TokioExecutor::new()).build_http())
        };
        Ok(Some(Self {
            url,
            http,
            issuer: config.jwks_issuer.clone(),
            audience: config.jwks_audience.clone(),
            algorithms: config.jwks_algorithms.clone(),
            keys: RwLock::default(),
            asked: Mutex::default(),
            fetches,
        }))
    }

    /// Reads the keys until `stop`.
    pub async fn keep_fresh(self: Arc<Self>, stop: CancellationToken) {
        loop {
            let wait = if self.fetch().await { FRESH } else { AGAIN };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// Checks a token of the provider's; whose it is, and what they are called.
    pub async fn verify(
        &self,
        token: &str,
        kid: Option<&str>,
        now: jiff::Timestamp,
    ) -> Result<(Identity, String), Rejection> {
        let keys = self.keys_with(kid).await?;
        for key in keys.named(kid) {
            let validation = expected(key.algorithm, &self.issuer, &self.audience);
            match jsonwebtoken::decode::<ProviderClaims>(token, &key.key, &validation) {
                Ok(data) => {
                    let identity = data.claims.identity(&self.issuer, now)?;
                    return Ok((identity, data.claims.nickname(identity.user_id)));
                }
                Err(error) if matches!(error.kind(), ErrorKind::ExpiredSignature) => return Err(tokens::expired()),
                Err(_) => {}
            }
        }
        Err(wrong())
    }

    /// The keys, read anew if the one named is not among them and that was not tried lately.
    async fn keys_with(&self, kid: Option<&str>) -> Result<Arc<KeySet>, Rejection> {
        if let Some(keys) = self.current()
            && !keys.named(kid).is_empty()
        {
            return Ok(keys);
        }
        {
            let mut asked = self.asked.lock().await;
            // Whoever waited for the lock finds what its holder read.
            let lately = asked.is_some_and(|at| at.elapsed() < UNKNOWN_KEY_EVERY);
            if !lately {
                *asked = Some(Instant::now());
                self.fetch().await;
            }
        }
        let away = "the identity provider's keys cannot be had just now: try again in a moment";
        self.current().ok_or_else(|| Rejection::new(ErrorCode::Unavailable, away))
    }

    fn current(&self) -> Option<Arc<KeySet>> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.as_ref().filter(|(_, read)| read.elapsed() < KEPT).map(|(keys, _)| Arc::clone(keys))
    }

    /// Reads the keys; the last ones stay when that fails.
    async fn fetch(&self) -> bool {
        let read = timeout(ANSWER_WITHIN, self.read()).await.unwrap_or(Err(FetchError::Late));
        self.fetches.with_label_values(&[if read.is_ok() { "read" } else { "failed" }]).inc();
        match read {
            Ok(keys) => {
                tracing::debug!(keys = keys.len(), "identity provider's keys read");
                *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Some((Arc::new(keys), Instant::now()));
                true
            }
            Err(error) => {
                let kept = self.current().is_some();
                tracing::warn!(%error, kept, "identity provider's keys not read");
                false
            }
        }
    }

    async fn read(&self) -> Result<KeySet, FetchError> {
        let url = self.url.clone();
        let response = match &self.http {
            Http::Plain(client) => client.get(url).await?,
            Http::Encrypted(client) => client.get(url).await?,
        };
        if response.status() != StatusCode::OK {
            return Err(FetchError::Status(response.status()));
        }
        let body = Limited::new(response.into_body(), ANSWER_BYTES).collect().await.map_err(|_| FetchError::Body)?;
        Ok(KeySet::parse(&body.to_bytes(), &self.algorithms)?)
    }
}
