//! Somebody else's accounts: tokens of an identity provider.

use chat_client::{Connection, RestClient};
use chat_e2e::{Gateway, IdentityProvider, System, Talk, frame_error};
use chat_protocol::{ErrorCode, UserId, frame::ClientCommand};
use chat_testkit::{SigningKey, assert_eventually};
use jsonwebtoken::Algorithm;
use serde_json::json;

async fn gateway(system: &System, provider: &IdentityProvider, more: &[(&str, &str)]) -> Gateway {
    let settings = provider.settings();
    let own: Vec<(&str, &str)> = settings.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    system.add_gateway(&[own, more.to_vec()].concat()).await
}

fn rest(gateway: &Gateway, token: &str) -> RestClient {
    RestClient::new(&gateway.url()).unwrap().with_token(token).with_retries(0)
}

/// A subject that no other test has.
fn subject() -> String {
    format!("carol-{}", UserId::generate())
}

#[tokio::test]
async fn somebody_the_provider_knows_gets_an_account_on_first_use_and_chats() {
    let system = System::shared().await;
    let keys = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA]
        .map(|algorithm| SigningKey::generate(algorithm, &format!("{algorithm:?}")));
    let provider = IdentityProvider::start(&keys.each_ref());
    let gateway = gateway(&system, &provider, &[]).await;
    let subject = subject();
    let mut profiles = Vec::new();
    for key in &keys {
        let token = key.sign(&provider.claims(&subject));
        profiles.push(rest(&gateway, &token).me().await.unwrap());
    }
    assert!(profiles.iter().all(|profile| profile == &profiles[0]), "one account: {profiles:?}");
    let carol = &profiles[0];
    assert_eq!((carol.nickname.as_str(), &carol.email), (subject.as_str(), &None));
    assert_eq!(carol.user_id, UserId::of_subject(&provider.url(), &subject));

    // Beside accounts of this server.
    let alice = system.person("alice").await;
    let token = keys[0].sign(&provider.claims(&subject));
    let room = rest(&gateway, &token).direct_room(alice.id).await.unwrap();
    let (connection, welcome) = Connection::connect(&gateway.ws_url(), &token, Vec::new()).await.unwrap();
    assert_eq!(welcome.user_id, carol.user_id);
    let mut reader = system.connect(0, &alice, &[(room, Some(1))]).await;
    connection.say(room, "hello").await;
    assert_eq!(reader.entries(room, 2).await[0].sender_nickname, subject);
    // What there is to a session of ours: a new token, and the end of everything.
    let next = keys[1].sign(&provider.claims(&subject));
    connection.call(ClientCommand::Refresh { token: next }).await.unwrap();
    let renamed = rest(&gateway, &token).update_profile("carol").await.unwrap();
    assert_eq!(renamed.nickname, "carol");
    assert_eq!(rest(&gateway, &token).me().await.unwrap().nickname, "carol", "the provider's name counts once");
    let refused = rest(&gateway, &token).change_password("whatever it was", "whatever it is").await.unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::Forbidden));
    rest(&gateway, &token).logout_all().await.unwrap();
    assert_eq!(chat_e2e::deadline("closed", chat_e2e::PATIENCE, connection.closed()).await.code, Some(4401));
    assert_eq!(rest(&gateway, &token).me().await.unwrap_err().code(), Some(ErrorCode::Unauthorized));
    let mut claims = provider.claims(&subject);
    claims["iat"] = json!(claims["iat"].as_i64().unwrap() + 2);
    assert_eventually!(
        rest(&gateway, &keys[2].sign(&claims)).me().await.is_ok(),
        within = chat_e2e::PATIENCE,
        "issued later: good"
    );
}

#[tokio::test]
async fn a_gateway_without_local_accounts_keeps_no_passwords() {
    let system = System::shared().await;
    let key = SigningKey::generate(Algorithm::ES256, "k");
    let provider = IdentityProvider::start(&[&key]);
    let gateway = gateway(&system, &provider, &[("CHAT__AUTH__LOCAL_ACCOUNTS", "false")]).await;
    let anonymous = RestClient::new(&gateway.url()).unwrap();
    let password = "correct horse battery";
    let refused = [
        anonymous.signup("a@example.com", password, "a").await.map(drop),
        anonymous.login("a@example.com", password).await.map(drop),
        anonymous.refresh("nothing").await.map(drop),
    ];
    for refused in refused {
        assert_eq!(refused.unwrap_err().code(), Some(ErrorCode::Forbidden));
    }
    rest(&gateway, &key.sign(&provider.claims(&subject()))).me().await.unwrap();
}

#[tokio::test]
async fn tokens_of_others_are_refused_everywhere() {
    let system = System::shared().await;
    let (key, forger) = (SigningKey::generate(Algorithm::EdDSA, "k"), SigningKey::generate(Algorithm::EdDSA, "k"));
    let provider = IdentityProvider::start(&[&key]);
    let gateway = gateway(&system, &provider, &[]).await;
    let good = provider.claims(&subject());
    let with = |claim: &str, value: serde_json::Value| {
        let mut claims = good.clone();
        claims[claim] = value;
        claims
    };
    for (what, token) in [
        ("another's key", forger.sign(&good)),
        ("another issuer", key.sign(&with("iss", json!("https://evil.example")))),
        ("another audience", key.sign(&with("aud", json!("account")))),
        ("a refresh token", key.sign(&with("typ", json!("Refresh")))),
        ("a key of its own", {
            let mut header = key.header();
            header.jku = Some(format!("{}/keys", provider.url()));
            forger.sign_with(&header, &good)
        }),
    ] {
        assert_eq!(rest(&gateway, &token).me().await.unwrap_err().status(), Some(401), "{what}");
        let connection = Connection::open(&gateway.ws_url()).await.unwrap();
        let refused = connection.caller().connect(&token, Vec::new()).await;
        assert_eq!(frame_error(refused).code, ErrorCode::Unauthorized, "{what}");
    }
    // A gateway that knows no provider takes none of them.
    let token = key.sign(&good);
    assert_eq!(rest(&system.gateway(0), &token).me().await.unwrap_err().status(), Some(401));
    rest(&gateway, &token).me().await.unwrap();
}

#[tokio::test]
async fn a_new_key_of_the_provider_is_found_and_the_old_ones_outlive_its_absence() {
    let system = System::shared().await;
    let [old, new, newer] = ["old", "new", "newer"].map(|kid| SigningKey::generate(Algorithm::ES256, kid));
    let provider = IdentityProvider::start(&[&old]);
    let gateway = gateway(&system, &provider, &[]).await;
    let claims = provider.claims(&subject());
    rest(&gateway, &old.sign(&claims)).me().await.unwrap();
    provider.publish(&[&old, &new]);
    rest(&gateway, &new.sign(&claims)).me().await.unwrap();
    let asked = provider.asked();
    // Once a minute at most; nonsense does not count as an answer.
    provider.publish(&[&newer]);
    for _ in 0..10 {
        assert_eq!(rest(&gateway, &newer.sign(&claims)).me().await.unwrap_err().status(), Some(401));
    }
    assert_eq!(provider.asked(), asked);
    drop(provider);
    rest(&gateway, &old.sign(&claims)).me().await.unwrap();
    rest(&gateway, &new.sign(&claims)).me().await.unwrap();
}

#[tokio::test]
async fn a_provider_that_cannot_be_believed_makes_nobody_known() {
    let system = System::shared().await;
    let key = SigningKey::generate(Algorithm::ES256, "k");
    let trap = IdentityProvider::start(&[&key]);
    for (status, body) in [
        (302, format!("{}/keys", trap.url())),
        (500, chat_testkit::key_set(&[&key])),
        (200, " ".repeat(300_000) + &chat_testkit::key_set(&[&key])),
        (200, "<html>".to_owned()),
    ] {
        let provider = IdentityProvider::start(&[]);
        provider.answer_with(status, body);
        let gateway = gateway(&system, &provider, &[]).await;
        let refused = rest(&gateway, &key.sign(&provider.claims(&subject()))).me().await.unwrap_err();
        assert_eq!((refused.status(), refused.code()), (Some(503), Some(ErrorCode::Unavailable)), "{status}");
        assert!(gateway.counter("chat_gateway_jwks_fetches_total", "failed") >= 1.0);
    }
    assert_eq!(trap.asked(), 0, "a redirection was followed");
}
