//! Messages are found by their words, as the API tells it.

use chat_client::rest::PageQuery;
use chat_e2e::{Person, System, Talk};
use chat_protocol::{ClientMessageId, RoomId, frame::ClientCommand};
use reqwest::Url;
use serde_json::Value;

/// GET `/chat/search`: the status, and the body.
async fn search(system: &System, person: &Person, query: &[(&str, &str)]) -> (u16, Value) {
    let url = format!("{}/api/v1/chat/search", system.gateway(1).url());
    let url = Url::parse_with_params(&url, query).unwrap();
    let response = reqwest::Client::new().get(url).bearer_auth(&person.token).send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

async fn texts(system: &System, person: &Person, query: &str) -> Vec<String> {
    let (status, page) = search(system, person, &[("query", query)]).await;
    assert_eq!(status, 200, "{page}");
    let text = |result: &Value| result["message"]["content"].as_str().unwrap().to_owned();
    page["results"].as_array().unwrap().iter().map(text).collect()
}

async fn say(system: &System, person: &Person, room: RoomId, text: &str) {
    let id = ClientMessageId::generate();
    system.rest(0, person).send_message(room, &id, text).await.unwrap();
}

#[tokio::test]
async fn messages_are_found_with_their_room_page_by_page() {
    let system = System::shared().await;
    let (alice, bob) = (system.person("alice").await, system.person("bob").await);
    let group = system.group(&[&alice, &bob]).await;
    let direct = system.rest(0, &alice).direct_room(bob.id).await.unwrap();
    say(&system, &alice, group, "내일 점심같이 먹어요").await;
    say(&system, &bob, direct, "점심 LUNCH").await;
    say(&system, &bob, group, "100% \"sure\" c:\\_").await;
    assert_eq!(texts(&system, &alice, "점심").await, ["점심 LUNCH", "내일 점심같이 먹어요"]);
    for query in ["lunch", "ｌｕｎｃｈ", " 점심   lun "] {
        assert_eq!(texts(&system, &alice, query).await, ["점심 LUNCH"], "{query}");
    }
    for query in ["%", "\"sure\"", "\\_", "0%"] {
        assert_eq!(texts(&system, &alice, query).await, ["100% \"sure\" c:\\_"], "{query}");
    }
    assert_eq!(texts(&system, &alice, "점심 저녁").await, Vec::<String>::new());
    assert_eq!(texts(&system, &system.person("eve").await, "점심").await, Vec::<String>::new());

    let (status, first) = search(&system, &alice, &[("query", "점심"), ("limit", "1")]).await;
    assert_eq!((status, &first["more"]), (200, &Value::Bool(true)), "{first}");
    assert_eq!(first["results"][0]["roomId"].as_str(), Some(direct.to_string().as_str()));
    assert!(first["results"][0].get("roomName").is_none(), "{first}");
    let next = first["next"].as_str().unwrap();
    assert_eq!(first["results"][0]["message"]["messageId"], next);
    let (_, last) = search(&system, &alice, &[("query", "점심"), ("limit", "1"), ("before", next)]).await;
    assert_eq!((&last["more"], last.get("next")), (&Value::Bool(false), None), "{last}");
    assert_eq!(last["results"][0]["roomName"], "group");
    let room = direct.to_string();
    let (_, of_room) = search(&system, &alice, &[("query", "점심"), ("roomId", &room), ("limit", "1000")]).await;
    assert_eq!(of_room["results"].as_array().unwrap().len(), 1, "{of_room}");
}

#[tokio::test]
async fn nothing_is_found_that_one_may_not_read_any_more() {
    let system = System::shared().await;
    let (alice, bob) = (system.person("alice").await, system.person("bob").await);
    let room = system.group(&[&alice]).await;
    say(&system, &alice, room, "earlier treasure").await;
    system.rest(0, &alice).invite(room, &[bob.id]).await.unwrap();
    say(&system, &alice, room, "later treasure").await;
    assert_eq!(texts(&system, &bob, "treasure").await, ["later treasure"]);

    let mut connection = system.connect(0, &alice, &[(room, None)]).await;
    let page = system.rest(0, &alice).messages(room, PageQuery::default()).await.unwrap();
    let id = |text: &str| page.messages.iter().find(|entry| entry.content == text).unwrap().message_id;
    let (deletion, edit) = (ClientMessageId::generate(), ClientMessageId::generate());
    let (message_id, client_message_id) = (id("later treasure"), deletion.clone());
    connection.call(ClientCommand::Delete { room_id: room, message_id, client_message_id }).await.unwrap();
    connection.persisted(&deletion).await;
    let (message_id, client_message_id) = (id("earlier treasure"), edit.clone());
    let content = "earlier nothing".to_owned();
    connection.call(ClientCommand::Edit { room_id: room, message_id, client_message_id, content }).await.unwrap();
    connection.persisted(&edit).await;
    assert_eq!(texts(&system, &alice, "treasure").await, Vec::<String>::new());
    assert_eq!(texts(&system, &alice, "earlier").await, ["earlier nothing"]);

    say(&system, &alice, room, "last treasure").await;
    assert_eq!(texts(&system, &bob, "treasure").await, ["last treasure"]);
    system.rest(0, &bob).leave(room).await.unwrap();
    assert_eq!(texts(&system, &bob, "treasure").await, Vec::<String>::new());
    let room = room.to_string();
    let (status, refused) = search(&system, &bob, &[("query", "treasure"), ("roomId", &room)]).await;
    assert_eq!((status, refused["code"].as_str()), (404, Some("room_not_found")));
}

#[tokio::test]
async fn a_search_that_cannot_be_is_refused_naming_the_field() {
    let system = System::shared().await;
    let alice = system.person("alice").await;
    let long = "가".repeat(101);
    let nobody = RoomId::generate().to_string();
    for (query, status, code, names) in [
        (&[][..], 400, "bad_request", "query"),
        (&[("query", "")], 400, "bad_request", "query"),
        (&[("query", " \u{3000} ")], 400, "bad_request", "query"),
        (&[("query", long.as_str())], 400, "bad_request", "query"),
        (&[("query", "a\0b")], 400, "invalid_character", "query"),
        (&[("query", "a"), ("limit", "0")], 400, "bad_request", "limit"),
        (&[("query", "a"), ("limit", "-1")], 400, "bad_request", "query"),
        (&[("query", "a"), ("roomId", "lobby")], 400, "bad_request", "query"),
        (&[("query", "a"), ("before", nobody.as_str())], 400, "bad_request", "before"),
        (&[("query", "a"), ("roomId", nobody.as_str())], 404, "room_not_found", "room"),
    ] {
        let (answered, problem) = search(&system, &alice, query).await;
        assert_eq!((answered, problem["code"].as_str()), (status, Some(code)), "{query:?} {problem}");
        assert!(problem["detail"].as_str().unwrap().contains(names), "{query:?} {problem}");
    }
    let longest = "가".repeat(100);
    assert_eq!(texts(&system, &alice, &format!(" {longest} ")).await, Vec::<String>::new());
    let url = format!("{}/api/v1/chat/search?query=a", system.gateway(0).url());
    assert_eq!(reqwest::get(url).await.unwrap().status(), 401);
}
