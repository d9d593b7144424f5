//! What a token says. Signature, issuer, audience, end and beginning are checked by the JWT library; what it leaves open is checked here.

use std::fmt;

use chat_protocol::{Rejection, UserId, limits};
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::Value;
use uuid::Uuid;

use super::{Identity, wrong};

/// Clocks of the token's maker and ours may differ by this much.
pub const LEEWAY_SECS: u64 = 10;
/// A token that lives longer is a mistake of its maker: a stolen one would be good for as long.
const LONGEST_SECS: i64 = 31 * 24 * 3_600;
/// Longest subject, as OpenID Connect has it.
const SUBJECT_BYTES: usize = 255;

/// A NumericDate: seconds, also with a fraction, which is cut off. Negative ones and strings are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Seconds(pub i64);

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Seconds;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("seconds since 1970")
            }

            fn visit_u64<E: de::Error>(self, seconds: u64) -> Result<Seconds, E> {
                i64::try_from(seconds).map(Seconds).map_err(E::custom)
            }

            fn visit_f64<E: de::Error>(self, seconds: f64) -> Result<Seconds, E> {
                // The year 9999: what a float holds exactly, and a time can be.
                if (0.0..253_402_207_200.0).contains(&seconds) {
                    #[expect(
                        clippy::cast_possible_truncation,
                        reason = "in the range of a time, fraction cut off on purpose"
                    )]
                    return Ok(Seconds(seconds as i64));
                }
                Err(E::custom("out of range"))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// What a token is for.
pub const ACCESS: &str = "access";
pub const TICKET: &str = "ticket";

/// Claims of this server's tokens.
#[derive(Debug, Serialize, Deserialize)]
pub struct OwnClaims {
    pub sub: UserId,
    pub iss: String,
    pub aud: String,
    pub iat: Seconds,
    pub exp: Seconds,
    /// `access`: a token made for another purpose is no access token.
    #[serde(rename = "use")]
    pub token_use: String,
    /// The log-in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<Uuid>,
    /// Of a ticket: its id, so that it is used once …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jti: Option<Uuid>,
    /// … and beginning and end of the access token it was got with, in whose place it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_iat: Option<Seconds>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_exp: Option<Seconds>,
}

/// Claims of an identity provider's tokens.
#[derive(Debug, Deserialize)]
pub struct ProviderClaims {
    sub: String,
    /// One text: the library takes a list as well.
    #[serde(rename = "iss")]
    _iss: String,
    iat: Seconds,
    exp: Seconds,
    /// Providers tell in different claims what a token is for.
    #[serde(rename = "use")]
    token_use: Option<Value>,
    #[serde(rename = "token_use")]
    other_use: Option<Value>,
    typ: Option<Value>,
    nickname: Option<Value>,
    preferred_username: Option<Value>,
    name: Option<Value>,
}

impl OwnClaims {
    /// Whose it is, if its times are in order.
    pub fn identity(&self, now: Timestamp) -> Result<Identity, Rejection> {
        identity(self.sub, self.iat, self.exp, self.sid, now)
    }
}

impl ProviderClaims {
    /// Whose it is.
    pub fn identity(&self, issuer: &str, now: Timestamp) -> Result<Identity, Rejection> {
        let named = (1..=SUBJECT_BYTES).contains(&self.sub.len()) && !self.sub.chars().any(char::is_control);
        let is = |claim: &Option<Value>, word: &str| {
            claim.as_ref().is_none_or(|value| value.as_str().is_some_and(|text| text.eq_ignore_ascii_case(word)))
        };
        let for_access = is(&self.token_use, ACCESS) && is(&self.other_use, ACCESS) && is(&self.typ, "bearer");
        if !named || !for_access {
            return Err(wrong());
        }
        identity(UserId::of_subject(issuer, &self.sub), self.iat, self.exp, None, now)
    }

    /// What a user seen for the first time is called.
    pub fn nickname(&self, user_id: UserId) -> String {
        let names = [&self.nickname, &self.preferred_username, &self.name];
        let names = names.into_iter().flatten().filter_map(Value::as_str).map(|name| {
            let visible: String = name.chars().filter(|c| !c.is_control()).collect();
            visible.trim().chars().take(limits::NICKNAME_CHARS).collect::<String>().trim_end().to_owned()
        });
        let mut names = names.filter(|name| !name.is_empty());
        names.next().unwrap_or_else(|| format!("user {}", &user_id.0.simple().to_string()[..8]))
    }
}

/// An identity with times that can be.
pub fn identity(
    user_id: UserId,
    iat: Seconds,
    exp: Seconds,
    login: Option<Uuid>,
    now: Timestamp,
) -> Result<Identity, Rejection> {
    let now = now.as_second();
    // Issued in the future, a token would outlive the end of all log-ins.
    let early = iat.0 > now.saturating_add(LEEWAY_SECS.cast_signed());
    if early || exp.0 < iat.0 || exp.0 > now.saturating_add(LONGEST_SECS) {
        return Err(wrong());
    }
    let at = |seconds: Seconds| Timestamp::from_second(seconds.0).map_err(|_| wrong());
    Ok(Identity { user_id, expires_at: at(exp)?, issued_at: at(iat)?, login })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_date_is_a_number_of_seconds_that_is_not_negative() {
        for (good, seconds) in
            [("0", 0), ("1700000000", 1_700_000_000), ("1700000000.75", 1_700_000_000), ("1.7e9", 1_700_000_000)]
        {
            assert_eq!(serde_json::from_str::<Seconds>(good).unwrap(), Seconds(seconds), "{good}");
        }
        for bad in ["-1", "-0.5", "\"1700000000\"", "null", "true", "[1]", "1e300", "18446744073709551615"] {
            assert!(serde_json::from_str::<Seconds>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_name_is_the_first_that_can_be_one() {
        let named = |claims: Value| {
            let mut all = json!({"sub": "s", "iss": "i", "iat": 1, "exp": 2});
            all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
            serde_json::from_value::<ProviderClaims>(all).unwrap().nickname(UserId(Uuid::nil()))
        };
        assert_eq!(named(json!({"nickname": "nick", "preferred_username": "user", "name": "Name"})), "nick");
        assert_eq!(named(json!({"nickname": " \u{0}\n", "preferred_username": 5, "name": "민수 Kim"})), "민수 Kim");
        assert_eq!(named(json!({"name": "x".repeat(80)})), "x".repeat(50));
        assert_eq!(named(json!({"name": "a\u{0}b\nc"})), "abc");
        assert_eq!(named(json!({"name": null})), "user 00000000");
    }
}
