//! `chatctl token`: an access token as the gateway issues them.

use std::{path::Path, process::ExitCode, time::Duration};

use anyhow::{Context, Result, bail};
use chat_protocol::UserId;
use chat_service::{Clock, SystemClock};
use jiff::Timestamp;
use jsonwebtoken::{EncodingKey, Header, encode};
use serde::{Deserialize, Serialize};

use crate::{
    cli::TokenArguments,
    config::{self, AuthConfig},
};

/// What the gateway checks.
#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    sub: UserId,
    iat: i64,
    exp: i64,
    iss: String,
    aud: String,
    #[serde(rename = "use")]
    token_use: String,
}

pub fn run(file: Option<&Path>, arguments: &TokenArguments) -> Result<ExitCode> {
    let auth = config::load(file)?.auth;
    if auth.secret.expose().is_empty() {
        bail!("no secret: set CHAT__AUTH__SECRET to the same value as the gateway's");
    }
    println!("{}", sign(&auth, arguments.user, SystemClock.now(), arguments.ttl)?);
    Ok(ExitCode::SUCCESS)
}

fn sign(auth: &AuthConfig, user: UserId, now: Timestamp, ttl: Duration) -> Result<String> {
    let iat = now.as_second();
    let exp = iat.checked_add_unsigned(ttl.as_secs()).context("add the time to live")?;
    let (iss, aud) = (auth.issuer.clone(), auth.audience.clone());
    let claims = Claims { sub: user, iat, exp, iss, aud, token_use: "access".to_owned() };
    let key = EncodingKey::from_secret(auth.secret.expose().as_bytes());
    encode(&Header::default(), &claims, &key).context("sign the token")
}

#[cfg(test)]
mod tests {
    use chat_service::Secret;
    use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};

    use super::*;

    #[test]
    fn a_token_holds_what_the_gateway_checks() {
        let (user, now) = (UserId::generate(), SystemClock.now());
        let auth = AuthConfig { secret: Secret::new("a secret"), issuer: "i".into(), audience: "a".into() };
        let token = sign(&auth, user, now, Duration::from_mins(1)).unwrap();
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&["i"]);
        validation.set_audience(&["a"]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        let claims = decode::<Claims>(&token, &DecodingKey::from_secret(b"a secret"), &validation).unwrap().claims;
        assert_eq!((claims.sub, claims.exp - claims.iat, claims.token_use.as_str()), (user, 60, "access"));
        assert!(decode::<Claims>(&token, &DecodingKey::from_secret(b"another"), &validation).is_err());
    }
}
