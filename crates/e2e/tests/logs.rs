//! What must not be in the log. One test in a process of its own: it listens to everything that the process logs.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use chat_e2e::{PATIENCE, System, ask, deadline, upgrade_request};
use serde_json::{Value, json};
use tracing_subscriber::fmt::MakeWriter;

/// More than the services log by themselves: also what somebody turns on who looks for the reason of a refused upgrade.
const FILTER: &str = "info,ws_gateway=trace,actix_web=debug,actix_http=debug,actix_server=debug,jsonwebtoken=debug";

/// Everything logged so far.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn tokens_tickets_passwords_and_queries_are_never_logged() {
    let log = Log::default();
    tracing_subscriber::fmt().with_env_filter(FILTER).with_ansi(false).with_writer(log.clone()).init();
    let system = System::start().await;
    let alice = system.person("alice").await;
    let gateway = system.gateway(0);
    let bearer = format!("Bearer {}", alice.token);
    let answer = reqwest::Client::new().post(format!("{}/api/v1/auth/ticket", gateway.url())).bearer_auth(&alice.token);
    let answer: Value = answer.send().await.unwrap().json().await.unwrap();
    let ticket = answer["ticket"].as_str().unwrap();

    for (query, header, status) in [
        (format!("?token={}", alice.token), "", 101),
        (format!("?ticket={ticket}&note=marker-of-a-query"), "", 101),
        (format!("?ticket={ticket}"), "", 401),
        ("?token=marker-of-a-wrong-token".to_owned(), "", 401),
        ("?token=a&token=marker-of-two-tokens".to_owned(), "", 400),
        (String::new(), bearer.as_str(), 101),
        (String::new(), "Bearer marker-of-a-wrong-header", 401),
    ] {
        let headers = [("Sec-WebSocket-Protocol", "chat.v1"), ("Authorization", header)];
        let headers = if header.is_empty() { &headers[..1] } else { &headers };
        let request = upgrade_request(gateway.addr, &format!("/ws/v1/chat{query}"), headers);
        assert_eq!(deadline("an answer", PATIENCE, ask(gateway.addr, &request)).await.status, status, "{query}");
    }
    let log_in = reqwest::Client::new().post(format!("{}/api/v1/auth/login", gateway.url()));
    let body = json!({"email": "marker-of-an-address@example.com", "password": "marker-of-a-password"});
    assert_eq!(log_in.json(&body).send().await.unwrap().status().as_u16(), 401);

    let rest = format!("{}/api/v1", gateway.url());
    for (path, token) in [
        ("/users/me", &*alice.token),
        ("/users/me?note=marker-of-a-query", "marker-of-a-wrong-token"),
        ("/nowhere", ticket),
    ] {
        reqwest::Client::new().get(format!("{rest}{path}")).bearer_auth(token).send().await.unwrap();
    }
    let refresh = json!({"refreshToken": format!("marker-of-a-refresh-token {}", alice.token)});
    for path in ["/auth/refresh", "/auth/logout", "/auth/login", "/chat/group-rooms"] {
        reqwest::Client::new().post(format!("{rest}{path}")).json(&refresh).send().await.unwrap();
    }

    let logged = String::from_utf8(log.0.lock().unwrap_or_else(PoisonError::into_inner).clone()).unwrap();
    assert!(logged.contains("gateway listening"), "nothing was listened to");
    for secret in [&*alice.token, ticket, "token=", "ticket=", "Bearer", "marker-of"] {
        let line = logged.lines().find(|line| line.contains(secret));
        assert!(line.is_none(), "{line:?}");
    }
}
