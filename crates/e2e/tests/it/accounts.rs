//! Accounts and their tokens, with real passwords.

use chat_client::{Connection, RestClient};
use chat_e2e::System;
use chat_protocol::{ErrorCode, UserId};

const PASSWORD: &str = "correct horse battery";

#[tokio::test]
async fn an_account_signs_up_logs_in_and_connects() {
    let system = System::shared().await;
    let (one, other) = (system.gateway(0), system.gateway(1));
    let (first, second) = (RestClient::new(&one.url()).unwrap(), RestClient::new(&other.url()).unwrap());
    let email = format!("{}@Example.com", UserId::generate());
    let signed_up = first.signup(&email, PASSWORD, "alice").await.unwrap();
    let taken = second.signup(&email.to_lowercase(), PASSWORD, "alice again").await.unwrap_err();
    assert_eq!((taken.status(), taken.code()), (Some(409), Some(ErrorCode::EmailTaken)));
    let wrong = second.login(&email, "wrong password").await.unwrap_err();
    assert_eq!((wrong.status(), wrong.code()), (Some(401), Some(ErrorCode::InvalidCredentials)));
    let unknown = second.login("nobody@example.com", PASSWORD).await.unwrap_err();
    assert_eq!(unknown.code(), Some(ErrorCode::InvalidCredentials));

    let session = second.login(&email, PASSWORD).await.unwrap();
    assert_eq!(session.user_id, signed_up.user_id);
    let profile = first.with_token(&session.access_token).me().await.unwrap();
    assert_eq!((profile.user_id, profile.nickname.as_str()), (session.user_id, "alice"));
    let (_, welcome) = Connection::connect(&one.ws_url(), &session.access_token, Vec::new()).await.unwrap();
    assert_eq!(welcome.user_id, session.user_id);
}

#[tokio::test]
async fn a_refresh_token_works_once_and_its_second_use_ends_the_family() {
    let system = System::shared().await;
    let rest = RestClient::new(&system.gateway(0).url()).unwrap();
    let elsewhere = RestClient::new(&system.gateway(1).url()).unwrap();
    let first = rest.signup(&format!("{}@example.com", UserId::generate()), PASSWORD, "alice").await.unwrap();
    let second = elsewhere.refresh(&first.refresh_token).await.unwrap();
    rest.with_token(&second.access_token).me().await.unwrap();
    let third = rest.refresh(&second.refresh_token).await.unwrap();

    let stolen = elsewhere.refresh(&first.refresh_token).await.unwrap_err();
    assert_eq!((stolen.status(), stolen.code()), (Some(401), Some(ErrorCode::Unauthorized)));
    let revoked = rest.refresh(&third.refresh_token).await.unwrap_err();
    assert_eq!(revoked.code(), Some(ErrorCode::Unauthorized));
}
