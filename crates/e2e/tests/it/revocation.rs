//! Log-ins that end while they are in use: on REST, on WebSockets, on every gateway.

use std::time::Duration;

use chat_client::{Connection, RestClient, rest::Session};
use chat_e2e::{Gateway, PATIENCE, StompClient, System, deadline, frame_error};
use chat_protocol::{ErrorCode, UserId, frame::ClientCommand};
use chat_testkit::assert_eventually;

const PASSWORD: &str = "correct horse battery";
/// By news from Redis.
const SOON: Duration = Duration::from_secs(5);
/// On REST elsewhere: what was read 5 s ago is read anew.
const REST_SOON: Duration = Duration::from_secs(8);
/// By looking, when the news was lost: the gateways look every 20 s.
const AT_LAST: Duration = Duration::from_mins(1);

struct Somebody {
    email: String,
    first: Session,
}

async fn sign_up(gateway: &Gateway) -> Somebody {
    let email = format!("{}@example.com", UserId::generate());
    let first = RestClient::new(&gateway.url()).unwrap().signup(&email, PASSWORD, "alice").await.unwrap();
    Somebody { email, first }
}

impl Somebody {
    async fn log_in(&self, gateway: &Gateway) -> Session {
        RestClient::new(&gateway.url()).unwrap().login(&self.email, PASSWORD).await.unwrap()
    }
}

async fn open(gateway: &Gateway, session: &Session) -> Connection {
    Connection::connect(&gateway.ws_url(), &session.access_token, Vec::new()).await.unwrap().0
}

async fn closed(connection: &Connection, within: Duration) {
    let closed = deadline("closed", within, connection.closed()).await;
    assert_eq!(closed.code, Some(4401), "{closed:?}");
}

async fn me(gateway: &Gateway, session: &Session) -> Result<(), u16> {
    let rest = RestClient::new(&gateway.url()).unwrap().with_token(&session.access_token);
    rest.me().await.map(drop).map_err(|error| error.status().unwrap())
}

#[tokio::test]
async fn logging_out_everywhere_closes_every_connection_and_ends_every_token() {
    let system = System::shared().await;
    let (here, there) = (system.gateway(0), system.gateway(1));
    let alice = sign_up(&here).await;
    let second = alice.log_in(&there).await;
    let bystander = system.person("bob").await;
    let (one, other) = (open(&here, &alice.first).await, open(&there, &second).await);
    let bobs = system.connect(1, &bystander, &[]).await;
    me(&there, &second).await.unwrap();

    let rest = RestClient::new(&here.url()).unwrap();
    rest.with_token(&alice.first.access_token).logout_all().await.unwrap();
    assert_eq!(me(&here, &alice.first).await, Err(401), "at once on the gateway that was told");
    closed(&one, SOON).await;
    closed(&other, SOON).await;
    assert_eventually!(me(&there, &second).await == Err(401), within = REST_SOON, "refused elsewhere");
    for session in [&alice.first, &second] {
        assert_eq!(rest.refresh(&session.refresh_token).await.unwrap_err().code(), Some(ErrorCode::Unauthorized));
        let connection = Connection::open(&here.ws_url()).await.unwrap();
        let refused = connection.caller().connect(&session.access_token, Vec::new()).await;
        assert_eq!(frame_error(refused).code, ErrorCode::Unauthorized);
        closed(&connection, PATIENCE).await;
        let bearer = format!("Bearer {}", session.access_token);
        let headers = [("sec-websocket-protocol", "chat.v1"), ("authorization", bearer.as_str())];
        assert!(Connection::open_with(&here.ws_url(), &headers).await.is_err(), "upgrade");
    }
    let again = alice.log_in(&here).await;
    me(&there, &again).await.unwrap();
    open(&there, &again).await.call(ClientCommand::Ping).await.unwrap();
    bobs.call(ClientCommand::Ping).await.unwrap();
}

#[tokio::test]
async fn a_stomp_session_ends_with_its_login() {
    let system = System::shared().await;
    let mut person = system.person("alice").await;
    let alice = sign_up(&system.gateway(0)).await;
    (person.id, person.token) = (alice.first.user_id, alice.first.access_token.clone());
    let mut stomp = StompClient::connect(system.gateway(1).addr, &person).await;
    RestClient::new(&system.gateway(0).url()).unwrap().with_token(&person.token).logout_all().await.unwrap();
    assert_eq!(deadline("closed", SOON, stomp.close_code()).await, Some(4401));
}

#[tokio::test]
async fn a_stomp_session_ends_with_its_token() {
    let system = System::shared().await;
    let mut alice = system.person("alice").await;
    alice.token = alice.token_for(Duration::from_secs(2));
    let mut stomp = StompClient::connect(system.gateway(0).addr, &alice).await;
    assert_eq!(deadline("closed", PATIENCE, stomp.close_code()).await, Some(4401));
}

#[tokio::test]
async fn logging_out_ends_one_login_and_leaves_the_others() {
    let system = System::shared().await;
    let (here, there) = (system.gateway(0), system.gateway(1));
    let alice = sign_up(&here).await;
    let second = alice.log_in(&here).await;
    let (ends, stays) = (open(&there, &alice.first).await, open(&there, &second).await);
    RestClient::new(&here.url()).unwrap().logout(&alice.first.refresh_token).await.unwrap();
    closed(&ends, SOON).await;
    assert_eq!(me(&here, &alice.first).await, Err(401));
    me(&here, &second).await.unwrap();
    stays.call(ClientCommand::Ping).await.unwrap();
}

#[tokio::test]
async fn a_refresh_token_used_twice_ends_the_connections_of_its_login_alone() {
    let system = System::shared().await;
    let (here, there) = (system.gateway(0), system.gateway(1));
    let alice = sign_up(&here).await;
    let other = alice.log_in(&here).await;
    let rest = RestClient::new(&here.url()).unwrap();
    let next = rest.refresh(&alice.first.refresh_token).await.unwrap();
    let (thief, owner, stays) =
        (open(&here, &alice.first).await, open(&there, &next).await, open(&there, &other).await);
    rest.refresh(&alice.first.refresh_token).await.unwrap_err();
    closed(&thief, SOON).await;
    closed(&owner, SOON).await;
    assert_eq!(me(&here, &next).await, Err(401));
    stays.call(ClientCommand::Ping).await.unwrap();
    me(&here, &other).await.unwrap();
}

#[tokio::test]
async fn a_new_password_ends_the_other_logins() {
    let system = System::shared().await;
    let (here, there) = (system.gateway(0), system.gateway(1));
    let alice = sign_up(&here).await;
    let other = alice.log_in(&there).await;
    let (mine, others) = (open(&there, &alice.first).await, open(&there, &other).await);
    let rest = RestClient::new(&here.url()).unwrap();
    let own = rest.with_token(&alice.first.access_token);
    let wrong = own.change_password("wrong password", "staple horse correct").await.unwrap_err();
    assert_eq!((wrong.status(), wrong.code()), (Some(401), Some(ErrorCode::InvalidCredentials)));
    for (current, new) in [(PASSWORD, "short"), (PASSWORD, &*"x".repeat(129)), (&*"x".repeat(129), PASSWORD)] {
        let refused = own.change_password(current, new).await.unwrap_err();
        assert_eq!(refused.code(), Some(ErrorCode::BadRequest));
    }
    others.call(ClientCommand::Ping).await.unwrap();

    own.change_password(PASSWORD, "staple horse correct").await.unwrap();
    closed(&others, SOON).await;
    mine.call(ClientCommand::Ping).await.unwrap();
    own.me().await.unwrap();
    rest.refresh(&alice.first.refresh_token).await.unwrap();
    assert!(rest.refresh(&other.refresh_token).await.is_err());
    assert!(rest.login(&alice.email, PASSWORD).await.is_err());
    rest.login(&alice.email, "staple horse correct").await.unwrap();
}

#[tokio::test]
async fn a_token_that_names_no_login_ends_when_everything_does() {
    let system = System::shared().await;
    let alice = system.person("alice").await;
    let connection = system.connect(1, &alice, &[]).await;
    system.rest(0, &alice).logout_all().await.unwrap();
    closed(&connection, SOON).await;
    assert_eq!(system.rest(0, &alice).me().await.unwrap_err().status(), Some(401));
}

/// The news is lost: a gateway that Redis never told anything.
#[tokio::test]
async fn without_redis_a_session_of_an_ended_login_is_found_all_the_same() {
    let system = System::shared().await;
    let lonely = system.add_unready_gateway(&[("CHAT__REDIS__URL", "redis://127.0.0.1:1")]);
    let here = system.gateway(0);
    let alice = sign_up(&here).await;
    let connection = open(&lonely, &alice.first).await;
    me(&lonely, &alice.first).await.unwrap();
    // Past the check that a new session gets.
    tokio::time::sleep(Duration::from_secs(3)).await;
    RestClient::new(&here.url()).unwrap().with_token(&alice.first.access_token).logout_all().await.unwrap();
    assert_eventually!(me(&lonely, &alice.first).await == Err(401), within = REST_SOON, "refused on REST");
    closed(&connection, AT_LAST).await;
}

#[tokio::test]
async fn a_session_cannot_be_refreshed_with_a_token_of_an_ended_login() {
    let system = System::shared().await;
    let (here, there) = (system.gateway(0), system.gateway(1));
    let alice = sign_up(&here).await;
    let second = alice.log_in(&here).await;
    let connection = open(&there, &second).await;
    RestClient::new(&here.url()).unwrap().logout(&alice.first.refresh_token).await.unwrap();
    assert_eventually!(me(&there, &alice.first).await == Err(401), within = REST_SOON, "refused");
    let refused = connection.call(ClientCommand::Refresh { token: alice.first.access_token.clone() }).await;
    assert_eq!(frame_error(refused).code, ErrorCode::Unauthorized);
}

/// The session goes on under the log-in of the new token.
#[tokio::test]
async fn a_refreshed_session_belongs_to_the_login_of_its_new_token() {
    let system = System::shared().await;
    let here = system.gateway(0);
    let alice = sign_up(&here).await;
    let second = alice.log_in(&here).await;
    let connection = open(&system.gateway(1), &alice.first).await;
    connection.call(ClientCommand::Refresh { token: second.access_token.clone() }).await.unwrap();
    let rest = RestClient::new(&here.url()).unwrap();
    let witness = open(&system.gateway(1), &alice.first).await;
    rest.logout(&alice.first.refresh_token).await.unwrap();
    closed(&witness, SOON).await;
    connection.call(ClientCommand::Ping).await.unwrap();
    rest.logout(&second.refresh_token).await.unwrap();
    closed(&connection, SOON).await;
}

/// A ticket stands for the token it was got with.
#[tokio::test]
async fn a_ticket_ends_with_the_login_it_was_got_with() {
    let system = System::shared().await;
    let here = system.gateway(0);
    let alice = sign_up(&here).await;
    let ticket = async || {
        let request = reqwest::Client::new().post(format!("{}/api/v1/auth/ticket", here.url()));
        let response = request.bearer_auth(&alice.first.access_token).send().await.unwrap();
        response.json::<serde_json::Value>().await.unwrap()["ticket"].as_str().unwrap().to_owned()
    };
    let (used, unused) = (ticket().await, ticket().await);
    let open = async |ticket: &str| {
        let url = format!("{}?ticket={ticket}", here.ws_url());
        Connection::open_with(&url, &[("sec-websocket-protocol", "chat.v1")]).await
    };
    let connection = open(&used).await.unwrap();
    connection.call(ClientCommand::Connect { token: None, rooms: Vec::new() }).await.unwrap();
    RestClient::new(&here.url()).unwrap().logout(&alice.first.refresh_token).await.unwrap();
    closed(&connection, SOON).await;
    assert!(open(&unused).await.is_err());
}
