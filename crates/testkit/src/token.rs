//! Access tokens as the gateway issues them.

use std::time::Duration;

use chat_protocol::UserId;
use jiff::Timestamp;
use jsonwebtoken::{EncodingKey, Header, encode};
use serde::Serialize;

#[derive(Serialize)]
struct Claims {
    sub: UserId,
    iat: i64,
    exp: i64,
    iss: &'static str,
    aud: &'static str,
    #[serde(rename = "use")]
    token_use: &'static str,
}

/// An access token for `user`, signed with the gateway's secret.
pub fn access_token(secret: &str, user: UserId, ttl: Duration) -> String {
    let iat = Timestamp::now().as_second();
    let exp = iat + i64::try_from(ttl.as_secs()).expect("a time to live in this era");
    let issuer = "realtime-chat";
    let claims = Claims { sub: user, iat, exp, iss: issuer, aud: issuer, token_use: "access" };
    encode(&Header::default(), &claims, &EncodingKey::from_secret(secret.as_bytes())).expect("claims are plain JSON")
}
