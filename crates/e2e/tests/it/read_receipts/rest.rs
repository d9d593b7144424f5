//! What is asked: who has read, how many have not, what is unread.

use chat_client::rest::PageQuery;
use chat_e2e::{PATIENCE, Person, System, Talk};
use chat_protocol::{ClientMessageId, MessageId, RoomId, UserId, frame::ClientCommand};
use chat_testkit::assert_eventually;

use super::{group_with_messages, mark, next_mark, people};

#[tokio::test]
async fn who_has_read_a_message_is_asked_page_by_page_and_by_members_only() {
    let system = System::shared().await;
    let mut members = people(&system, 6).await;
    let (late, stranger) = (members.pop().unwrap(), system.person("stranger").await);
    let room = group_with_messages(&system, &members, 2).await;
    let owner = system.rest(0, &members[0]);
    let page = owner.messages(room, PageQuery::default()).await.unwrap().messages;
    let (second, first) = (page[0].message_id, page[1].message_id);
    owner.invite(room, &[late.id]).await.unwrap();
    for (reader, seq) in [(1, 3), (2, 2), (3, 3)] {
        mark(&system, 1, &members[reader], room, seq).await;
    }
    let all = async |message| owner.readers(room, message, None, 200).await.unwrap();
    assert_eventually!(all(first).await.read_by == 3, within = PATIENCE, "the marks are there");
    let (of_first, of_second) = (all(first).await, all(second).await);
    assert_eq!((of_first.seq, of_first.read_by, of_first.unread_by, of_first.more), (2, 3, 1, false));
    assert_eq!((of_second.seq, of_second.read_by, of_second.unread_by), (3, 2, 2));
    let mut expected: Vec<UserId> = [1, 2, 3].map(|index| members[index].id).to_vec();
    expected.sort_unstable();
    assert_eq!(of_first.readers.iter().map(|reader| reader.user_id).collect::<Vec<_>>(), expected);

    let (mut paged, mut after) = (Vec::new(), None);
    loop {
        let page = owner.readers(room, first, after, 1).await.unwrap();
        assert_eq!((page.readers.len(), page.read_by, page.unread_by), (1, 3, 1));
        assert_eq!(page.more, page.next.is_some());
        paged.extend(page.readers.into_iter().map(|reader| reader.user_id));
        after = page.next;
        if !page.more {
            break;
        }
    }
    assert_eq!(paged, expected);

    let call = async |person: &Person, path: String| {
        let url = format!("{}/api/v1/chat/rooms/{path}", system.gateway(0).url());
        let answer = reqwest::Client::new().get(url).bearer_auth(&person.token).send().await.unwrap();
        let status = answer.status().as_u16();
        let body: serde_json::Value = answer.json().await.unwrap();
        (status, body["code"].as_str().unwrap_or_default().to_owned())
    };
    let readers = |query: &str| format!("{room}/messages/{first}/readers{query}");
    let (elsewhere, nobody) = (MessageId::generate(), UserId::generate());
    for (person, path, status, code) in [
        (&members[1], readers("?limit=0"), 200, ""),
        (&members[1], readers("?limit=4294967295"), 200, ""),
        (&members[1], readers(&format!("?after={nobody}")), 200, ""),
        (&members[1], readers("?limit=-1"), 400, "bad_request"),
        (&members[1], readers("?limit=many"), 400, "bad_request"),
        (&members[1], readers("?after=me"), 400, "bad_request"),
        (&members[1], format!("{room}/messages/first/readers"), 400, "bad_request"),
        (&members[1], format!("lobby/messages/{first}/readers"), 400, "bad_request"),
        (&members[1], format!("{room}/messages/{elsewhere}/readers"), 404, "message_not_found"),
        (&late, readers(""), 404, "message_not_found"),
        (&stranger, readers(""), 404, "room_not_found"),
        (&members[1], format!("{}/messages/{first}/readers", RoomId::generate()), 404, "room_not_found"),
        (&late, format!("{room}/read/summary"), 200, ""),
        (&stranger, format!("{room}/read/summary"), 404, "room_not_found"),
        (&stranger, format!("{room}/read"), 404, "room_not_found"),
        (&members[1], "lobby/read/summary".to_owned(), 400, "bad_request"),
    ] {
        assert_eq!(call(person, path.clone()).await, (status, code.to_owned()), "{path}");
    }
}

#[tokio::test]
async fn own_messages_a_join_and_a_deletion_keep_what_is_unread_exact() {
    let system = System::shared().await;
    let [alice, bob, carol] = [system.person("alice").await, system.person("bob").await, system.person("carol").await];
    let room = group_with_messages(&system, &[alice.clone(), bob.clone()], 3).await;
    let mut at_alice = system.connect(0, &alice, &[(room, None)]).await;
    let listed = async |person: &Person| {
        let [first, second] = [0, 1].map(|gateway| system.rest(gateway, person));
        let (first, second) = (first.rooms().await.unwrap().remove(0), second.rooms().await.unwrap().remove(0));
        assert_eq!(first, second, "both gateways");
        (first.read_seq, first.unread_count)
    };
    assert_eq!((listed(&alice).await, listed(&bob).await), ((4, 0), (1, 3)));
    // Two of three are read, on a mark that the database need not have yet.
    let mut at_bob = system.connect(1, &bob, &[(room, None)]).await;
    at_bob.call(ClientCommand::Read { room_id: room, seq: 3 }).await.unwrap();
    assert_eq!(next_mark(&mut at_bob).await, (3, Some(2)));
    assert_eq!(listed(&bob).await, (3, 1));
    // What is from before one's joining is not unread.
    system.rest(0, &alice).invite(room, &[carol.id]).await.unwrap();
    assert_eq!((listed(&carol).await, listed(&bob).await), ((5, 0), (3, 1)));
    let sent = at_alice.say(room, "to be deleted").await;
    assert_eq!(at_alice.persisted(&sent).await, (6, false));
    assert_eq!((listed(&carol).await, listed(&bob).await, listed(&alice).await), ((5, 1), (3, 2), (6, 0)));
    // A deleted message keeps its number: it was there to be read. Its deletion is none.
    let rest = system.rest(0, &alice);
    let message = rest.messages(room, PageQuery::default()).await.unwrap().messages[0].message_id;
    let id = ClientMessageId::generate();
    let delete = ClientCommand::Delete { room_id: room, message_id: message, client_message_id: id.clone() };
    at_alice.call(delete).await.unwrap();
    assert_eq!(at_alice.persisted(&id).await, (7, false));
    assert_eq!((listed(&carol).await, listed(&bob).await), ((5, 1), (3, 2)));
    at_bob.call(ClientCommand::Read { room_id: room, seq: 7 }).await.unwrap();
    assert_eq!(next_mark(&mut at_bob).await, (7, Some(4)), "a mark at a change");
    assert_eq!(listed(&bob).await, (7, 0));
    // Whoever writes has read.
    let sent = at_bob.say(room, "mine").await;
    assert_eq!(at_bob.persisted(&sent).await, (8, false));
    assert_eq!((listed(&carol).await, listed(&bob).await, listed(&alice).await), ((5, 2), (8, 0), (6, 1)));
    let mut at_carol = system.connect(0, &carol, &[]).await;
    at_carol.call(ClientCommand::Read { room_id: room, seq: i64::MAX }).await.unwrap();
    assert_eq!(next_mark(&mut at_carol).await, (8, Some(5)), "clamped");
    assert_eq!(listed(&carol).await, (8, 0));
}
