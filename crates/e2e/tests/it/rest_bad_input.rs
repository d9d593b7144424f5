//! REST calls that cannot be served as they are: sizes, pages, texts, and log-ins that tell nobody anything.

use chat_e2e::{PATIENCE, Person, System, Talk, ask, deadline};
use chat_protocol::{ClientMessageId, RoomId, UserId, limits};
use reqwest::{Method, Response};
use serde_json::{Value, json};

async fn call(system: &System, person: &Person, method: Method, path: &str, body: Option<&Value>) -> Response {
    let url = format!("{}/api/v1{path}", system.gateway(0).url());
    let request = reqwest::Client::new().request(method, url).bearer_auth(&person.token);
    body.into_iter().fold(request, reqwest::RequestBuilder::json).send().await.unwrap()
}

async fn code_of(response: Response) -> (u16, String) {
    let status = response.status().as_u16();
    let problem: Value = response.json().await.unwrap();
    (status, problem["code"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn a_page_is_never_larger_than_the_largest_and_a_cursor_must_be_one() {
    let system = System::shared().await;
    let alice = system.person("alice").await;
    let room = system.group(&[&alice]).await;
    let mut connection = system.connect(0, &alice, &[(room, Some(1))]).await;
    for number in 0..limits::PAGE_MAX {
        connection.say(room, &number.to_string()).await;
    }
    connection.entries(room, i64::from(limits::PAGE_MAX) + 1).await;
    let page = async |query: &str| {
        let path = format!("/chat/rooms/{room}/messages?{query}");
        call(&system, &alice, Method::GET, &path, None).await
    };
    for (query, entries, more) in
        [("limit=1000000000", 200, true), ("limit=0", 1, true), ("", 50, true), ("after=5000", 0, false)]
    {
        let response = page(query).await;
        assert_eq!(response.status(), 200, "{query}");
        let page: Value = response.json().await.unwrap();
        assert_eq!((page["messages"].as_array().unwrap().len(), &page["more"]), (entries, &json!(more)), "{query}");
    }
    for query in [
        "before=0",
        "before=-5",
        "after=-1",
        "before=5&after=5",
        "before=abc",
        "before=1.5",
        "after=99999999999999999999",
        "limit=-1",
        "limit=many",
        "limit=5&limit=6",
    ] {
        assert_eq!(code_of(page(query).await).await, (400, "bad_request".to_owned()), "{query}");
    }
}

#[tokio::test]
async fn names_texts_and_lists_have_their_sizes() {
    let system = System::shared().await;
    let alice = system.person("alice").await;
    let room = system.group(&[&alice]).await;
    let messages = format!("/chat/rooms/{room}/messages");
    let message = |content: &str| json!({"clientMessageId": ClientMessageId::generate(), "content": content});
    let group = |name: &str| json!({"name": name, "userIds": []});
    let users = |count: usize| json!({"userIds": (0..count).map(|_| UserId::generate()).collect::<Vec<_>>()});
    let members = format!("/chat/rooms/{room}/members");
    for (path, body, code) in [
        ("/chat/group-rooms", group(&"x".repeat(limits::ROOM_NAME_CHARS + 1)), "bad_request"),
        ("/chat/group-rooms", group(""), "bad_request"),
        ("/chat/group-rooms", group("a\nb"), "invalid_character"),
        ("/chat/group-rooms", group("a\u{0}b"), "invalid_character"),
        ("/chat/group-rooms", json!({"name": "a", "userIds": [], "owner": alice.id}), "bad_request"),
        ("/chat/group-rooms", json!({"name": 5, "userIds": []}), "bad_request"),
        ("/chat/group-rooms", json!([]), "bad_request"),
        ("/chat/rooms", json!({"targetUserId": "somebody"}), "bad_request"),
        ("/chat/rooms", json!({"targetUserId": alice.id}), "bad_request"),
        (&messages, message(&"x".repeat(limits::CONTENT_CHARS + 1)), "content_too_long"),
        (&messages, message(" \u{3000}\n"), "content_empty"),
        (&messages, message("a\u{0}b"), "invalid_character"),
        (&messages, json!({"clientMessageId": "a b", "content": "a"}), "bad_request"),
        (&messages, json!({"clientMessageId": null, "content": "a"}), "bad_request"),
        (&messages, json!({"clientMessageId": 1.5, "content": "a"}), "bad_request"),
        (&members, users(0), "bad_request"),
        (&members, users(limits::USERS_PER_COMMAND + 1), "bad_request"),
    ] {
        let answer = code_of(call(&system, &alice, Method::POST, path, Some(&body)).await).await;
        let shown = body.to_string();
        assert_eq!(answer, (400, code.to_owned()), "{path} {}", shown.get(..80).unwrap_or(&shown));
    }
    let largest = message(&"\u{1f600}".repeat(limits::CONTENT_CHARS));
    assert_eq!(call(&system, &alice, Method::POST, &messages, Some(&largest)).await.status(), 201);
    let (status, code) = code_of(call(&system, &alice, Method::POST, "/chat/rooms", Some(&json!({}))).await).await;
    assert_eq!((status, &*code), (400, "bad_request"), "a field that is missing");
}

#[tokio::test]
async fn a_foreign_room_and_none_are_answered_alike() {
    let system = System::shared().await;
    let (alice, bob) = (system.person("alice").await, system.person("bob").await);
    let foreign = system.group(&[&bob]).await;
    for (method, path, body) in [
        (Method::GET, "", None),
        (Method::GET, "/members", None),
        (Method::GET, "/messages", None),
        (Method::POST, "/messages", Some(json!({"clientMessageId": "x", "content": "a"}))),
        (Method::POST, "/members", Some(json!({"userIds": [alice.id]}))),
        (Method::DELETE, "/members/me", None),
        (Method::PUT, "/read", Some(json!({"seq": 1}))),
    ] {
        let mut answers = Vec::new();
        for room in [foreign, RoomId::generate()] {
            let path = format!("/chat/rooms/{room}{path}");
            let response = call(&system, &alice, method.clone(), &path, body.as_ref()).await;
            answers.push((response.status().as_u16(), response.text().await.unwrap()));
        }
        assert_eq!(answers[0].0, 404, "{method} {path}: {answers:?}");
        assert_eq!(answers[0], answers[1], "{method} {path}");
    }
}

#[tokio::test]
async fn a_log_in_tells_nobody_which_accounts_there_are() {
    let system = System::shared().await;
    let url = format!("{}/api/v1/auth", system.gateway(0).url());
    let post = |path: &str, body: Value| reqwest::Client::new().post(format!("{url}{path}")).json(&body).send();
    let email = format!("{}@example.com", UserId::generate());
    let account = json!({"email": email, "password": "correct horse battery", "nickname": "alice"});
    assert_eq!(post("/signup", account).await.unwrap().status(), 201);
    let mut answers = Vec::new();
    for email in [&email, "nobody@example.com"] {
        let response = post("/login", json!({"email": email, "password": "wrong horse battery"})).await.unwrap();
        answers.push((response.status().as_u16(), response.text().await.unwrap()));
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0].0, 401);
    for password in ["x".repeat(129), "short".to_owned()] {
        for path in ["/login", "/signup"] {
            let body = match path {
                "/login" => json!({"email": email, "password": password}),
                _ => json!({"email": email, "password": password, "nickname": "alice"}),
            };
            let answer = code_of(post(path, body).await.unwrap()).await;
            assert_eq!(answer, (400, "bad_request".to_owned()), "{path} {password}");
        }
    }
    // What says that it is 10 MB is refused before it has come.
    let addr = system.gateway(0).addr;
    let large = format!(
        "POST /api/v1/auth/login HTTP/1.1\r\nHost: {addr}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{{",
        10 << 20
    );
    let refused = deadline("an answer", PATIENCE, ask(addr, &large)).await;
    assert_eq!((refused.status, &*refused.code()), (413, "too_large"));
    let taken = json!({"email": email.to_uppercase(), "password": "correct horse battery", "nickname": "bob"});
    assert_eq!(code_of(post("/signup", taken).await.unwrap()).await, (409, "email_taken".to_owned()));
}
