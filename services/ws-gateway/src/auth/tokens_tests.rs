//! Everything that may be wrong with a token (the JWT rows of the bad-input matrix), against real signatures.

use std::sync::Arc;

use chat_protocol::{ErrorCode, Rejection, UserId};
use chat_service::{Clock, Secret, SystemClock, TestClock};
use chat_testkit::{SigningKey, key_set};
use jiff::{Timestamp, ToSpan};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, jwk::Jwk};
use prometheus::{IntCounterVec, Opts};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use uuid::Uuid;

use super::{claims::LEEWAY_SECS, config::tests::settings, *};

const ISSUER: &str = "https://id.example.com";

fn own(secret: &str) -> Tokens {
    with_clock(secret, Arc::new(SystemClock))
}

fn with_clock(secret: &str, clock: Arc<dyn Clock>) -> Tokens {
    Tokens::new(&AuthConfig { secret: Secret::new(secret), ..settings() }, None, clock)
}

async fn access(tokens: &Tokens, token: &str) -> Result<Identity, Rejection> {
    match tokens.read(token).await?.presented {
        Presented::Access(identity) => Ok(identity),
        Presented::Ticket(..) => Err(wrong()),
    }
}

async fn code(tokens: &Tokens, token: &str) -> ErrorCode {
    access(tokens, token).await.expect_err(token).code
}

fn forged(claims: &Value, header: &Header) -> String {
    encode(header, claims, &EncodingKey::from_secret(b"k")).unwrap()
}

fn good_claims(iss: &str, aud: &str) -> Value {
    let now = Timestamp::now().as_second();
    json!({"sub": UserId::generate(), "iss": iss, "aud": aud, "iat": now - 1, "exp": now + 100, "use": "access"})
}

/// Claims with one thing wrong each: what it is, and the claims.
fn wrong_claims(good: &Value) -> Vec<(String, Value)> {
    let now = Timestamp::now().as_second();
    let wrong = [
        ("iss", json!("x")),
        ("iss", json!(["x", good["iss"]])),
        ("iss", Value::Null),
        ("aud", json!("x")),
        ("aud", json!(["x", "y"])),
        ("aud", json!([])),
        ("aud", Value::Null),
        ("sub", json!("")),
        ("sub", json!(5)),
        ("sub", Value::Null),
        ("exp", json!((now + 100).to_string())),
        ("exp", json!(-1)),
        ("exp", json!(-1.5)),
        ("exp", json!(now + 40 * 86_400)),
        ("exp", json!(1e300)),
        ("exp", json!(u64::MAX)),
        ("exp", Value::Null),
        ("nbf", json!((now - 100).to_string())),
        ("nbf", json!(-1)),
        ("nbf", json!(now + 1_000)),
        ("nbf", json!(1e300)),
        ("iat", json!(now + 1_000)),
        ("iat", json!((now - 100).to_string())),
        ("iat", json!(-1)),
        ("iat", Value::Null),
        ("use", json!("refresh")),
        ("use", json!("ticket")),
    ];
    let mut table: Vec<_> = wrong
        .into_iter()
        .map(|(claim, value)| {
            let mut claims = good.clone();
            claims[claim] = value;
            (format!("{claim}: {}", claims[claim]), claims)
        })
        .collect();
    for claim in ["iss", "aud", "sub", "exp", "iat"] {
        let mut claims = good.clone();
        claims.as_object_mut().unwrap().remove(claim);
        table.push((format!("no {claim}"), claims));
    }
    table
}

/// Headers that bring a key or an address of one, or extensions.
fn wrong_headers(good: &Header) -> Vec<(&'static str, Header)> {
    let key = Jwk::from_encoding_key(&EncodingKey::from_secret(b"evil"), Algorithm::HS256).unwrap();
    let address = || Some("https://evil.example/keys".to_owned());
    vec![
        ("jku", Header { jku: address(), ..good.clone() }),
        ("x5u", Header { x5u: address(), ..good.clone() }),
        ("jwk", Header { jwk: Some(key), ..good.clone() }),
        ("crit", Header { crit: Some(vec!["exp".to_owned()]), ..good.clone() }),
        ("kid like a path", Header { kid: Some("../../dev/null".to_owned()), ..good.clone() }),
        ("kid like an address", Header { kid: Some("https://evil.example/key".to_owned()), ..good.clone() }),
        ("huge kid", Header { kid: Some("k".repeat(4_000)), ..good.clone() }),
        ("empty kid", Header { kid: Some(String::new()), ..good.clone() }),
    ]
}

#[tokio::test]
async fn a_token_names_its_user_and_its_login_until_it_expires() {
    let clock = Arc::new(TestClock::new(Timestamp::now()));
    let (tokens, user, login) = (with_clock("k", clock.clone()), UserId::generate(), Uuid::now_v7());
    let identity = access(&tokens, &tokens.issue(user, login).unwrap()).await.unwrap();
    assert_eq!((identity.user_id, identity.login), (user, Some(login)));
    assert_eq!(identity.expires_at.as_second() - identity.issued_at.as_second(), 900);
    clock.set(clock.now() - 1_000.seconds());
    let old = tokens.issue(user, login).unwrap();
    assert_eq!(code(&tokens, &old).await, ErrorCode::TokenExpired);
}

#[tokio::test]
async fn a_ticket_is_no_access_token_and_stands_for_the_token_it_was_got_with() {
    let clock = Arc::new(TestClock::new(Timestamp::now()));
    let tokens = with_clock("k", clock.clone());
    let identity = access(&tokens, &tokens.issue(UserId::generate(), Uuid::now_v7()).unwrap()).await.unwrap();
    let ticket = tokens.issue_ticket(identity).unwrap();
    assert_eq!(code(&tokens, &ticket).await, ErrorCode::Unauthorized);
    let read = async |ticket: &str| match tokens.read(ticket).await.unwrap().presented {
        Presented::Ticket(id, identity) => (id, identity),
        Presented::Access(_) => panic!("no ticket"),
    };
    let (id, of_ticket) = read(&ticket).await;
    assert_eq!(of_ticket, identity);
    assert_ne!(id, read(&tokens.issue_ticket(identity).unwrap()).await.0);
    clock.set(clock.now() - 31.seconds() - i64::try_from(LEEWAY_SECS).unwrap().seconds());
    let old = tokens.issue_ticket(identity).unwrap();
    assert_eq!(code(&tokens, &old).await, ErrorCode::TokenExpired);
}

#[tokio::test]
async fn tokens_that_are_not_ours_are_refused() {
    let tokens = own("k");
    let (good, header) = (good_claims("i", "a"), Header::new(Algorithm::HS256));
    assert!(access(&tokens, &forged(&good, &header)).await.is_ok(), "the pattern itself is good");
    for (what, claims) in wrong_claims(&good) {
        assert_eq!(code(&tokens, &forged(&claims, &header)).await, ErrorCode::Unauthorized, "{what}");
    }
    for (what, header) in wrong_headers(&header) {
        assert_eq!(code(&tokens, &forged(&good, &header)).await, ErrorCode::Unauthorized, "{what}");
    }
    let unknown = Header { kid: Some("unknown".to_owned()), ..header.clone() };
    let (head, rest) = ("eyJhbGciOiJub25lIn0", forged(&good, &header));
    let (_, signed) = rest.split_once('.').unwrap();
    let (payload, _) = signed.split_once('.').unwrap();
    for (what, token) in [
        ("another of the family", forged(&good, &Header::new(Algorithm::HS384))),
        ("the longest of the family", forged(&good, &Header::new(Algorithm::HS512))),
        ("unknown kid", forged(&good, &unknown)),
        ("another secret", own("other").issue(UserId::generate(), Uuid::now_v7()).unwrap()),
        ("alg none", format!("{head}.{payload}.")),
        ("alg none with a signature", format!("{head}.{signed}")),
        ("no signature", format!("{}.", rest.rsplit_once('.').unwrap().0)),
        ("two parts", rest.rsplit_once('.').unwrap().0.to_owned()),
        ("nothing", String::new()),
        ("huge", forged(&json!({"sub": "x".repeat(20_000)}), &header)),
    ] {
        assert_eq!(code(&tokens, &token).await, ErrorCode::Unauthorized, "{what}");
    }
    let mut twice = serde_json::to_string(&good).unwrap();
    twice.insert_str(1, "\"use\":\"refresh\",");
    // The library signs values only, and a value has no key twice: a reader that took the last one would take this.
    assert!(serde_json::from_str::<claims::OwnClaims>(&twice).is_err());
}

#[tokio::test]
async fn a_date_with_a_fraction_and_several_audiences_are_legal() {
    let tokens = own("k");
    let mut claims = good_claims("i", "a");
    claims["exp"] = serde_json::from_str(&format!("{}.5", Timestamp::now().as_second() + 99)).unwrap();
    claims["iat"] = serde_json::from_str(&format!("{}.75", Timestamp::now().as_second() - 2)).unwrap();
    claims["nbf"] = json!(0.5);
    claims["aud"] = json!(["other", "a"]);
    // Of our own tokens the audience is one text.
    assert_eq!(code(&tokens, &forged(&claims, &Header::default())).await, ErrorCode::Unauthorized);
    claims["aud"] = json!("a");
    access(&tokens, &forged(&claims, &Header::default())).await.unwrap();
}

#[tokio::test]
async fn a_secret_is_changed_while_tokens_of_the_old_one_still_count() {
    let gateway = |secret: &str, previous: &[&str]| {
        let previous_secrets = previous.iter().map(|secret| Secret::new(*secret)).collect();
        let config = AuthConfig { secret: Secret::new(secret), previous_secrets, ..settings() };
        Tokens::new(&config, None, Arc::new(SystemClock))
    };
    let (before, first, second, after) =
        (gateway("old", &[]), gateway("old", &["new"]), gateway("new", &["old"]), gateway("new", &[]));
    let (user, login) = (UserId::generate(), Uuid::now_v7());
    // Each step beside the one before it: what one issues, the other takes.
    for (step, (one, other)) in [(&before, &first), (&first, &second), (&second, &after)].into_iter().enumerate() {
        for (issuer, checker) in [(one, one), (other, other), (one, other), (other, one)] {
            let token = issuer.issue(user, login).unwrap();
            assert!(access(checker, &token).await.is_ok(), "step {step}");
        }
    }
    assert_eq!(code(&after, &first.issue(user, login).unwrap()).await, ErrorCode::Unauthorized, "the old one is gone");
    let (old, new) = (first.issue(user, login).unwrap(), second.issue(user, login).unwrap());
    let kid = |token: &str| jsonwebtoken::decode_header(token).unwrap().kid.unwrap();
    assert_ne!(kid(&old), kid(&new));
    assert!(access(&second, &forged_with("old", &good_claims("i", "a"))).await.is_ok(), "without kid");
}

fn forged_with(secret: &str, claims: &Value) -> String {
    encode(&Header::default(), claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap()
}

/// A provider that answers everything with one body, and counts.
async fn provider(body: String) -> (Arc<Provider>, Arc<std::sync::atomic::AtomicU32>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let asked = Arc::new(std::sync::atomic::AtomicU32::new(0));
    let count = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let mut request = [0; 4_096];
            drop(stream.read(&mut request).await);
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            stream.write_all(format!("{head}{body}").as_bytes()).await.ok();
        }
    });
    let fetches = IntCounterVec::new(Opts::new("fetches", "of a test"), &["result"]).unwrap();
    let config = AuthConfig { jwks_url: format!("http://{addr}/keys"), ..settings() };
    (Arc::new(Provider::new(&config, fetches).unwrap().unwrap()), asked)
}

#[tokio::test]
async fn tokens_of_a_provider_are_taken_with_each_kind_of_key_and_nothing_that_is_wrong() {
    let kinds = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];
    let keys = kinds.map(|algorithm| SigningKey::generate(algorithm, &format!("{algorithm:?}")));
    let (provider, asked) = provider(key_set(&keys.each_ref())).await;
    let tokens = Tokens::new(&settings(), Some(provider), Arc::new(SystemClock));
    let mut good = good_claims(ISSUER, "chat");
    good["aud"] = json!(["account", "chat"]);
    for key in &keys {
        let read = tokens.read(&key.sign(&good)).await.unwrap();
        let Presented::Access(identity) = read.presented else { panic!() };
        assert_eq!(identity.user_id, UserId::of_subject(ISSUER, good["sub"].as_str().unwrap()));
        assert_eq!(identity.login, None);
        for (what, claims) in wrong_claims(&good) {
            assert_eq!(code(&tokens, &key.sign(&claims)).await, ErrorCode::Unauthorized, "{what}");
        }
        for (what, header) in wrong_headers(&key.header()) {
            assert_eq!(code(&tokens, &key.sign_with(&header, &good)).await, ErrorCode::Unauthorized, "{what}");
        }
        for (claim, value) in [("typ", "Refresh"), ("typ", "ID"), ("token_use", "id"), ("use", "id")] {
            let mut claims = good.clone();
            claims[claim] = json!(value);
            assert_eq!(code(&tokens, &key.sign(&claims)).await, ErrorCode::Unauthorized, "{claim}: {value}");
        }
        let mut expired = good.clone();
        expired["iat"] = json!(1_700_000_000);
        expired["exp"] = json!(1_700_000_900);
        assert_eq!(code(&tokens, &key.sign(&expired)).await, ErrorCode::TokenExpired);
        // Signed with a key of the same kind that is not the provider's.
        let forger = SigningKey::generate(key.algorithm, &key.kid);
        assert_eq!(code(&tokens, &forger.sign(&good)).await, ErrorCode::Unauthorized);
        // The public key as a secret.
        let public = key.jwk().to_string();
        for secret in [public.as_str(), key.jwk()["n"].as_str().unwrap_or("x"), key.jwk()["x"].as_str().unwrap_or("x")]
        {
            for header in [Header { kid: Some(key.kid.clone()), ..Header::default() }, Header::default()] {
                let token = encode(&header, &good, &EncodingKey::from_secret(secret.as_bytes())).unwrap();
                assert_eq!(code(&tokens, &token).await, ErrorCode::Unauthorized, "{:?} as HS256", key.algorithm);
            }
        }
    }
    let rsa = &keys[0];
    for algorithm in [Algorithm::RS384, Algorithm::RS512, Algorithm::PS256] {
        let header = Header { alg: algorithm, ..rsa.header() };
        assert_eq!(code(&tokens, &rsa.sign_with(&header, &good)).await, ErrorCode::Unauthorized, "{algorithm:?}");
    }
    // Another key's name, and none, where there are several.
    let swapped = Header { kid: Some(keys[1].kid.clone()), ..rsa.header() };
    let unnamed = Header { kid: None, ..rsa.header() };
    for header in [swapped, unnamed] {
        assert_eq!(code(&tokens, &rsa.sign_with(&header, &good)).await, ErrorCode::Unauthorized);
    }
    let asked = asked.load(std::sync::atomic::Ordering::Relaxed);
    assert!(asked <= 2, "read once for the first key, and once at most for those that name none: {asked}");
}

#[tokio::test]
async fn unknown_keys_are_asked_for_once_a_minute_and_names_that_are_none_never() {
    let key = SigningKey::generate(Algorithm::EdDSA, "known");
    let (provider, asked) = provider(key_set(&[&key])).await;
    let tokens = Tokens::new(&settings(), Some(provider), Arc::new(SystemClock));
    let good = good_claims(ISSUER, "chat");
    let asked = || asked.load(std::sync::atomic::Ordering::Relaxed);
    for (_, header) in wrong_headers(&key.header()) {
        assert_eq!(code(&tokens, &key.sign_with(&header, &good)).await, ErrorCode::Unauthorized);
    }
    assert_eq!(asked(), 0);
    let unknown: Vec<_> = (0..20)
        .map(|number| key.sign_with(&Header { kid: Some(format!("k{number}")), ..key.header() }, &good))
        .collect();
    for refused in futures_util::future::join_all(unknown.iter().map(|token| code(&tokens, token))).await {
        assert_eq!(refused, ErrorCode::Unauthorized);
    }
    assert_eq!(asked(), 1);
    access(&tokens, &key.sign(&good)).await.unwrap();
    let unnamed = Header { kid: None, ..key.header() };
    access(&tokens, &key.sign_with(&unnamed, &good)).await.unwrap();
    assert_eq!(asked(), 1, "the key is there");
}

#[tokio::test]
async fn without_keys_of_the_provider_a_token_is_put_off_and_not_taken() {
    let key = SigningKey::generate(Algorithm::EdDSA, "known");
    for body in ["not json", "{\"keys\":[]}", &"x".repeat(400_000)] {
        let (provider, _) = provider(body.to_owned()).await;
        let tokens = Tokens::new(&settings(), Some(provider), Arc::new(SystemClock));
        let token = key.sign(&good_claims(ISSUER, "chat"));
        assert_eq!(code(&tokens, &token).await, ErrorCode::Unavailable);
    }
}
