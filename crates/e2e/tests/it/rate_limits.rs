//! Rates: who is above one is told when to come back, and the others notice nothing.

use std::time::Duration;

use chat_client::connection::CallError;
use chat_e2e::{Gateway, PATIENCE, Person, StompClient, System, Talk, ask, deadline, frame_error, upgrade_request};
use chat_protocol::{
    ClientMessageId, ErrorCode, MessageId, UserId,
    frame::{ClientCommand, FrameError},
};
use chat_testkit::{TcpProxy, TestEnv};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};

/// A gateway with rates of its own, each as in `[limits]`.
async fn gateway(system: &System, limits: &[(&str, &str)]) -> Gateway {
    let named: Vec<_> = limits.iter().map(|(key, value)| (format!("CHAT__LIMITS__{key}"), *value)).collect();
    let settings: Vec<_> = named.iter().map(|(key, value)| (key.as_str(), *value)).collect();
    system.add_gateway(&settings).await
}

fn assert_told(error: &FrameError, at_most_ms: u64) {
    assert_eq!(error.code, ErrorCode::RateLimited, "{error:?}");
    assert!(error.retry_after_ms.is_some_and(|wait| (1..=at_most_ms).contains(&wait)), "{error:?}");
}

fn call(gateway: &Gateway, method: Method, path: &str) -> RequestBuilder {
    reqwest::Client::new().request(method, format!("{}/api/v1{path}", gateway.url()))
}

/// A problem with both ways to tell the time, which agree.
async fn assert_limited(response: Response, at_most: Duration) {
    assert_eq!(response.status().as_u16(), 429);
    let header: u64 = response.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let problem: Value = response.json().await.unwrap();
    assert_eq!((&problem["code"], &problem["retry"]), (&json!("rate_limited"), &json!(true)), "{problem}");
    let wait = problem["retryAfterMs"].as_u64().unwrap();
    assert_eq!(header, wait.div_ceil(1_000).max(1), "{problem}");
    assert!(u128::from(wait) <= at_most.as_millis(), "{problem}");
}

#[tokio::test]
async fn a_user_who_sends_too_fast_is_told_when_to_come_back_over_websocket_and_rest_alike() {
    let system = System::shared().await;
    let gateway = gateway(&system, &[("USER_MESSAGES_PER_SECOND", "1"), ("USER_MESSAGES_BURST", "4")]).await;
    let (alice, bob) = (system.person("alice").await, system.person("bob").await);
    let room = system.group(&[&alice, &bob]).await;
    let first = gateway.connect(&alice, &[]).await;
    let second = gateway.connect(&alice, &[]).await;
    let mut refused = Vec::new();
    // Until two were refused: a slow machine takes seconds, and may send one more in each.
    for number in 0.. {
        if refused.len() == 2 {
            break;
        }
        assert!(number < 1_000, "{refused:?}");
        let connection = if number % 2 == 0 { &first } else { &second };
        match connection.say_as(room, &ClientMessageId::generate(), "hello").await {
            Ok(_) => {}
            Err(CallError::Refused(error)) => refused.push(error),
            Err(other) => panic!("{other}"),
        }
    }
    for error in &refused {
        assert_told(error, 1_000);
    }

    let send = |person: &Person| {
        let message = json!({"clientMessageId": ClientMessageId::generate(), "content": "by REST"});
        let path = format!("/chat/rooms/{room}/messages");
        call(&gateway, Method::POST, &path).bearer_auth(&person.token).json(&message).send()
    };
    let limited = async {
        loop {
            let response = send(&alice).await.unwrap();
            if response.status() != 201 {
                break response;
            }
        }
    };
    assert_limited(deadline("refused", PATIENCE, limited).await, Duration::from_secs(1)).await;
    assert_eq!(send(&bob).await.unwrap().status(), 201, "others have their own");

    let heeded = async {
        while let Err(error) = first.say_as(room, &ClientMessageId::generate(), "again").await {
            let wait = frame_error::<()>(Err(error)).retry_after_ms.unwrap();
            tokio::time::sleep(Duration::from_millis(wait)).await;
        }
    };
    deadline("who comes back at the time told is served", PATIENCE, heeded).await;
}

#[tokio::test]
async fn a_room_takes_so_much_from_all_its_members_and_strangers_use_up_nothing() {
    let system = System::shared().await;
    let gateway = gateway(&system, &[("ROOM_MESSAGES_PER_SECOND", "1"), ("ROOM_MESSAGES_BURST", "4")]).await;
    let (alice, bob, mallory) =
        (system.person("alice").await, system.person("bob").await, system.person("mallory").await);
    let (room, other) = (system.group(&[&alice, &bob]).await, system.group(&[&alice]).await);
    let stranger = gateway.connect(&mallory, &[]).await;
    for _ in 0..20 {
        let refused = stranger.say_as(room, &ClientMessageId::generate(), "spam").await;
        assert_eq!(frame_error(refused).code, ErrorCode::RoomNotFound);
    }
    let (alice, bob) = (gateway.connect(&alice, &[]).await, gateway.connect(&bob, &[]).await);
    for connection in [&alice, &bob] {
        connection.say(room, "hello").await;
        let (message_id, client_message_id) = (MessageId::generate(), ClientMessageId::generate());
        let edit =
            ClientCommand::Edit { room_id: room, message_id, client_message_id, content: "changes count".to_owned() };
        connection.call(edit).await.unwrap();
    }
    let refused = async {
        loop {
            if let Err(error) = bob.say_as(room, &ClientMessageId::generate(), "too much").await {
                break frame_error::<()>(Err(error));
            }
        }
    };
    assert_told(&deadline("refused", PATIENCE, refused).await, 1_000);
    alice.say(other, "other rooms have their own").await;
}

#[tokio::test]
async fn a_stomp_client_above_its_rate_is_told_on_its_error_queue_and_stays() {
    let system = System::shared().await;
    let gateway = gateway(&system, &[("USER_MESSAGES_PER_SECOND", "1"), ("USER_MESSAGES_BURST", "1")]).await;
    let alice = system.person("alice").await;
    let room = system.group(&[&alice]).await;
    let mut stomp = StompClient::connect(gateway.addr, &alice).await;
    stomp.subscribe("errors", "/user/queue/errors", None).await;
    let mut ids = Vec::new();
    for _ in 0..10 {
        let id = ClientMessageId::generate();
        let body = json!({"roomId": room, "content": "hello", "type": "TEXT", "clientMessageId": id});
        stomp.put(&StompClient::message("/pub/chat/message", &body)).await;
        ids.push(json!(id));
    }
    let (_, error) = stomp.next_of("errors").await;
    assert_eq!((&error["code"], &error["retry"]), (&json!("rate_limited"), &json!(true)), "{error}");
    assert!(error["retryAfterMs"].as_u64().is_some_and(|wait| (1..=1_000).contains(&wait)), "{error}");
    assert!(ids.contains(&error["clientMessageId"]), "{error}");
    stomp.subscribe("ack", "/user/queue/ack", None).await;
}

#[tokio::test]
async fn read_marks_have_a_rate_of_their_own() {
    let system = System::shared().await;
    let gateway = gateway(&system, &[("USER_MARKS_PER_SECOND", "1"), ("USER_MARKS_BURST", "2")]).await;
    let alice = system.person("alice").await;
    let room = system.group(&[&alice]).await;
    let connection = gateway.connect(&alice, &[]).await;
    let refused = async {
        loop {
            if let Err(error) = connection.call(ClientCommand::Read { room_id: room, seq: 1 }).await {
                break frame_error::<()>(Err(error));
            }
        }
    };
    assert_told(&deadline("refused", PATIENCE, refused).await, 1_000);
    connection.say(room, "messages go on").await;
}

#[tokio::test]
async fn calls_count_for_their_user_with_a_token_and_for_their_address_without() {
    let system = System::shared().await;
    let limits = [
        ("USER_REQUESTS_PER_SECOND", "1"),
        ("USER_REQUESTS_BURST", "3"),
        ("ADDRESS_REQUESTS_PER_SECOND", "1"),
        ("ADDRESS_REQUESTS_BURST", "3"),
    ];
    let gateway = gateway(&system, &limits).await;
    let (alice, bob) = (system.person("alice").await, system.person("bob").await);
    let get = |token: Option<&str>, address: &'static str| {
        let request = call(&gateway, Method::GET, "/users/me").header("X-Forwarded-For", address);
        token.into_iter().fold(request, RequestBuilder::bearer_auth).send()
    };
    for (token, address, served) in
        [(Some(&*alice.token), "192.0.2.1", 200), (None, "192.0.2.2", 401), (Some("wrong"), "192.0.2.3", 401)]
    {
        let limited = async {
            loop {
                let response = get(token, address).await.unwrap();
                if response.status() != served {
                    break response;
                }
            }
        };
        assert_limited(deadline("refused", PATIENCE, limited).await, Duration::from_secs(1)).await;
    }
    assert_eq!(get(Some(&bob.token), "192.0.2.1").await.unwrap().status(), 200, "users are not their address");
    assert_eq!(get(None, "192.0.2.4").await.unwrap().status(), 401, "other addresses have their own");
}

async fn log_in(gateway: &Gateway, email: &str, address: &str) -> Response {
    let body = json!({"email": email, "password": "a wrong password"});
    call(gateway, Method::POST, "/auth/login").header("X-Forwarded-For", address).json(&body).send().await.unwrap()
}

#[tokio::test]
async fn log_ins_to_an_account_and_from_an_address_are_counted_on_all_gateways_together() {
    let system = System::shared().await;
    let limits = [("ACCOUNT_LOG_INS_PER_MINUTE", "3"), ("ADDRESS_LOG_INS_PER_MINUTE", "5")];
    let gateways = [gateway(&system, &limits).await, gateway(&system, &limits).await];
    // Other tests try accounts that do not exist, too.
    let nobody = UserId::generate();
    let other = format!("other-{nobody}@example.com");
    for number in 0..3 {
        let address = format!("198.51.100.{number}");
        let answer = log_in(&gateways[number % 2], &format!("Nobody-{nobody}@example.com"), &address).await;
        assert_eq!(answer.status(), 401, "{number}");
    }
    for gateway in &gateways {
        let again = log_in(gateway, &format!("nobody-{nobody}@EXAMPLE.com"), "198.51.100.9").await;
        assert_limited(again, Duration::from_secs(20)).await;
    }
    for number in 0..5 {
        let email = format!("{number}-{nobody}@example.com");
        assert_eq!(log_in(&gateways[number % 2], &email, "203.0.113.1").await.status(), 401, "{number}");
    }
    for gateway in &gateways {
        assert_limited(log_in(gateway, &other, "203.0.113.1").await, Duration::from_secs(12)).await;
    }
    assert_eq!(log_in(&gateways[0], &other, "203.0.113.2").await.status(), 401);
}

#[tokio::test]
async fn whoever_stole_a_token_cannot_guess_the_password_from_many_addresses() {
    const PASSWORD: &str = "correct horse battery";
    let system = System::shared().await;
    let limits = [("ACCOUNT_LOG_INS_PER_MINUTE", "3")];
    let gateways = [gateway(&system, &limits).await, gateway(&system, &limits).await];
    let email = format!("{}@example.com", UserId::generate());
    let account = json!({"email": email, "password": PASSWORD, "nickname": "alice"});
    let signed_up = call(&gateways[0], Method::POST, "/auth/signup").json(&account).send().await.unwrap();
    let token = signed_up.json::<Value>().await.unwrap()["accessToken"].as_str().unwrap().to_owned();
    let change = async |number: usize, current: &str| {
        let passwords = json!({"currentPassword": current, "newPassword": "staple horse correct"});
        let request = call(&gateways[number % 2], Method::PATCH, "/users/me/password").bearer_auth(&token);
        let address = format!("198.51.100.{number}");
        request.header("X-Forwarded-For", address).json(&passwords).send().await.unwrap()
    };
    for number in 0..3 {
        assert_eq!(change(number, "a wrong password").await.status(), 401, "{number}");
    }
    for number in 3..5 {
        assert_limited(change(number, "a wrong password").await, Duration::from_secs(20)).await;
        assert_limited(change(number, PASSWORD).await, Duration::from_secs(20)).await;
    }
    // The right one was not even looked at; and whoever logs in is counted apart.
    let log_in = json!({"email": email, "password": PASSWORD});
    let logged_in = call(&gateways[0], Method::POST, "/auth/login").json(&log_in).send().await.unwrap();
    assert_eq!(logged_in.status(), 200);
}

#[tokio::test]
async fn without_redis_each_gateway_counts_log_ins_alone_and_with_it_again_all_count_together() {
    let (proxy, through) = TcpProxy::before(&TestEnv::from_env().redis_url).await;
    let system = System::shared().await;
    let settings = [("CHAT__LIMITS__ACCOUNT_LOG_INS_PER_MINUTE", "2"), ("CHAT__REDIS__URL", &*through)];
    let (behind, other) = (system.add_gateway(&settings).await, system.add_gateway(&settings[..1]).await);
    let nobody = UserId::generate();
    let away = format!("away-{nobody}@example.com");
    proxy.blackhole();
    for _ in 0..2 {
        let answer = deadline("a log-in", PATIENCE, log_in(&behind, &away, "192.0.2.9")).await;
        assert_eq!(answer.status(), 401);
    }
    assert_limited(log_in(&behind, &away, "192.0.2.9").await, Duration::from_secs(30)).await;
    assert_eq!(log_in(&other, &away, "192.0.2.9").await.status(), 401, "Redis was not told");
    proxy.heal();
    let together = async {
        for number in 0.. {
            let email = format!("back-{number}-{nobody}@example.com");
            for _ in 0..2 {
                log_in(&other, &email, "192.0.2.9").await;
            }
            if log_in(&behind, &email, "192.0.2.9").await.status() == 429 {
                break;
            }
        }
    };
    deadline("counted together again", PATIENCE * 2, together).await;
}

#[tokio::test]
async fn sign_ups_and_refreshes_have_rates_per_address() {
    let system = System::shared().await;
    let limits = [("ADDRESS_SIGN_UPS_PER_MINUTE", "2"), ("ADDRESS_REFRESHES_PER_MINUTE", "2")];
    let gateway = gateway(&system, &limits).await;
    let refresh = json!({"refreshToken": "none"});
    // Refused for their body, and counted all the same.
    for (path, body, status) in [("/auth/signup", json!({}), 400), ("/auth/refresh", refresh, 401)] {
        let post = |address: &'static str| {
            call(&gateway, Method::POST, path).header("X-Forwarded-For", address).json(&body).send()
        };
        for _ in 0..2 {
            assert_eq!(post("192.0.2.1").await.unwrap().status(), status, "{path}");
        }
        assert_limited(post("192.0.2.1").await.unwrap(), Duration::from_secs(30)).await;
        assert_eq!(post("192.0.2.2").await.unwrap().status(), status, "{path}");
    }
    let compat = format!("{}/compat/api/v1/auth/signup", gateway.url());
    let request = reqwest::Client::new().post(compat).header("X-Forwarded-For", "192.0.2.1");
    let refused = request.json(&json!({})).send().await.unwrap();
    assert_eq!(refused.status(), 429, "another face of the same call");
    assert!(refused.headers().contains_key("retry-after"));
    let body: Value = refused.json().await.unwrap();
    assert_eq!((&body["success"], &body["code"]), (&json!(false), &json!("rate_limited")), "{body}");
}

#[tokio::test]
async fn connections_from_an_address_have_a_rate_and_are_refused_before_the_upgrade() {
    let system = System::shared().await;
    let gateway = gateway(&system, &[("ADDRESS_CONNECTS_PER_SECOND", "1"), ("ADDRESS_CONNECTS_BURST", "2")]).await;
    let upgrade = async |address| {
        let headers = [("Sec-WebSocket-Protocol", "chat.v1"), ("X-Forwarded-For", address)];
        let request = upgrade_request(gateway.addr, "/ws/v1/chat", &headers);
        deadline("an answer", PATIENCE, ask(gateway.addr, &request)).await
    };
    let refused = async {
        loop {
            let answer = upgrade("192.0.2.1").await;
            if answer.status != 101 {
                break answer;
            }
        }
    };
    let refused = deadline("refused", PATIENCE, refused).await;
    assert_eq!((refused.status, refused.code().as_str()), (429, "rate_limited"), "{refused:?}");
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(upgrade("192.0.2.2").await.status, 101);
}
