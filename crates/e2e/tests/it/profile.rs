//! One's own account: the name others see, and what a password costs.

use chat_client::{RestClient, rest::PageQuery};
use chat_e2e::{System, Talk};
use chat_protocol::{ErrorCode, UserId};
use serde_json::json;

#[tokio::test]
async fn a_new_nickname_is_shown_beside_new_and_earlier_messages() {
    let system = System::shared().await;
    let (alice, bob) = (system.person("alice").await, system.person("bob").await);
    let room = system.group(&[&alice, &bob]).await;
    let connection = system.connect(0, &alice, &[]).await;
    let mut reader = system.connect(1, &bob, &[(room, Some(1))]).await;
    connection.say(room, "as alice").await;
    assert_eq!(reader.entries(room, 2).await[0].sender_nickname, "alice");

    let changed = system.rest(1, &alice).update_profile("alice 앨리스").await.unwrap();
    assert_eq!((changed.user_id, changed.nickname.as_str()), (alice.id, "alice 앨리스"));
    assert_eq!(system.rest(0, &alice).me().await.unwrap(), changed);
    connection.say(room, "as another").await;
    assert_eq!(reader.entries(room, 3).await[0].sender_nickname, "alice 앨리스");
    let page = system.rest(0, &bob).messages(room, PageQuery::default()).await.unwrap();
    let names: Vec<_> = page.messages.iter().map(|entry| entry.sender_nickname.as_str()).collect();
    assert_eq!(names, ["alice 앨리스"; 3]);
    let found = system.rest(0, &bob).users("alice 앨").await.unwrap();
    assert!(found.iter().any(|user| user.user_id == alice.id));
}

#[tokio::test]
async fn a_nickname_that_cannot_be_is_refused() {
    let system = System::shared().await;
    let alice = system.person("alice").await;
    let rest = system.rest(0, &alice);
    for (nickname, code) in [
        ("", ErrorCode::BadRequest),
        ("  ", ErrorCode::BadRequest),
        (&*"x".repeat(51), ErrorCode::BadRequest),
        ("a\u{0}b", ErrorCode::InvalidCharacter),
        ("a\nb", ErrorCode::InvalidCharacter),
    ] {
        assert_eq!(rest.update_profile(nickname).await.unwrap_err().code(), Some(code), "{nickname:?}");
    }
    assert_eq!(rest.me().await.unwrap().nickname, "alice");
}

#[tokio::test]
async fn an_unknown_address_costs_the_same_work_as_a_wrong_password_and_nonsense_costs_none() {
    let system = System::shared().await;
    // Its own: others hash on the shared ones.
    let gateway = system.add_gateway(&[]).await;
    let hashes = || gateway.metric("chat_gateway_password_hashes_total").unwrap();
    let rest = RestClient::new(&gateway.url()).unwrap();
    let email = format!("{}@example.com", UserId::generate());
    rest.signup(&email, "correct horse battery", "alice").await.unwrap();
    assert!((hashes() - 1.0).abs() < 0.1);
    for (address, count) in [(&*email, 2.0), ("nobody@example.com", 3.0)] {
        let wrong = rest.login(address, "wrong password").await.unwrap_err();
        assert_eq!((wrong.status(), wrong.code()), (Some(401), Some(ErrorCode::InvalidCredentials)));
        assert!((hashes() - count).abs() < 0.1, "{address}: {}", hashes());
    }
    let before = hashes();
    let too_long = rest.login(&email, &"x".repeat(129)).await.unwrap_err();
    assert_eq!((too_long.status(), too_long.code()), (Some(400), Some(ErrorCode::BadRequest)));
    for path in ["login", "signup"] {
        let body = json!({"email": email, "password": "x".repeat(10_000_000), "nickname": "x"}).to_string();
        let request = reqwest::Client::new().post(format!("{}/api/v1/auth/{path}", gateway.url()));
        // The server may answer and close before all of it is written.
        let sent = request.header("content-type", "application/json").body(body).send().await;
        assert!(sent.is_err() || sent.unwrap().status() == 413, "{path}");
    }
    assert!((hashes() - before).abs() < 0.1, "nothing was hashed");
    rest.login(&email, "correct horse battery").await.unwrap();
}
