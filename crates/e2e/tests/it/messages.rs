//! Talking: order, places, acknowledgements.

use chat_client::rest::PageQuery;
use chat_e2e::{System, Talk, assert_gapless};
use chat_protocol::{ClientMessageId, ErrorCode, frame::ServerPush};

#[tokio::test]
async fn two_people_on_two_gateways_talk_in_one_order() {
    let system = System::shared().await;
    let (alice, bob) = (system.person("alice").await, system.person("bob").await);
    let room = system.group(&[&alice, &bob]).await;
    let mut at_alice = system.connect(0, &alice, &[(room, Some(0))]).await;
    let mut at_bob = system.connect(1, &bob, &[(room, Some(0))]).await;

    for turn in 0..10 {
        at_alice.say(room, &format!("alice {turn}")).await;
        at_bob.say(room, &format!("bob {turn}")).await;
    }
    let (seen_by_alice, seen_by_bob) = tokio::join!(at_alice.entries(room, 21), at_bob.entries(room, 21));

    assert_eq!(seen_by_alice, seen_by_bob);
    assert_gapless(&seen_by_alice, 1);
    for (who, name) in [(&alice, "alice"), (&bob, "bob")] {
        let said = seen_by_alice.iter().filter(|entry| entry.sender_id == who.id && entry.entry_type.is_message());
        let (texts, nicknames): (Vec<_>, Vec<_>) =
            said.map(|entry| (entry.content.clone(), entry.sender_nickname.as_str())).unzip();
        assert_eq!(texts, (0..10).map(|turn| format!("{name} {turn}")).collect::<Vec<_>>());
        assert!(nicknames.iter().all(|nickname| *nickname == name));
    }
    let page = PageQuery { after: Some(0), ..PageQuery::default() };
    let history = system.rest(1, &bob).messages(room, page).await.unwrap();
    assert_eq!((history.messages, history.head, history.more), (seen_by_bob, 21, false));
}

#[tokio::test]
async fn the_sender_is_told_the_place_that_everybody_sees() {
    let system = System::shared().await;
    let (alice, bob) = (system.person("alice").await, system.person("bob").await);
    let room = system.group(&[&alice, &bob]).await;
    let mut at_alice = system.connect(0, &alice, &[]).await;
    let mut at_bob = system.connect(1, &bob, &[(room, None)]).await;

    let id = at_alice.say(room, "hello").await;
    let seen = at_bob.entries(room, 2).await.remove(0);
    assert_eq!((seen.client_message_id, seen.content.as_str()), (id.clone(), "hello"));
    assert_eq!(at_alice.persisted(&id).await, (seen.seq, false));

    let id = ClientMessageId::generate();
    let sent = system.rest(0, &alice).send_message(room, &id, "by REST").await.unwrap();
    let seen = at_bob.entries(room, 3).await.remove(0);
    assert_eq!((sent.seq, sent.message_id, sent.duplicate), (seen.seq, seen.message_id, false));
}

#[tokio::test]
async fn a_repeated_send_gets_the_place_of_the_first() {
    let system = System::shared().await;
    let alice = system.person("alice").await;
    let room = system.group(&[&alice]).await;
    let mut at_alice = system.connect(0, &alice, &[(room, None)]).await;
    let id = at_alice.say(room, "once").await;
    let (seq, _) = at_alice.persisted(&id).await;

    at_alice.say_as(room, &id, "once").await.unwrap();
    assert_eq!(at_alice.persisted(&id).await, (seq, true));
    let mut elsewhere = system.connect(1, &alice, &[]).await;
    elsewhere.say_as(room, &id, "once").await.unwrap();
    assert_eq!(elsewhere.persisted(&id).await, (seq, true));
    let by_rest = system.rest(1, &alice).send_message(room, &id, "once").await.unwrap();
    assert_eq!((by_rest.seq, by_rest.duplicate), (seq, true));

    let next = at_alice.say(room, "next").await;
    assert_eq!(at_alice.persisted(&next).await, (seq + 1, false), "the repeats took no place");
}

#[tokio::test]
async fn another_text_under_the_same_id_is_refused() {
    let system = System::shared().await;
    let alice = system.person("alice").await;
    let room = system.group(&[&alice]).await;
    let mut at_alice = system.connect(0, &alice, &[]).await;
    let id = at_alice.say(room, "one").await;
    at_alice.persisted(&id).await;

    at_alice.say_as(room, &id, "two").await.unwrap();
    let code = at_alice
        .hear("rejected", |push| match push {
            ServerPush::Rejected { client_message_id, error, .. } if client_message_id == id => Some(error.code),
            _ => None,
        })
        .await;
    assert_eq!(code, ErrorCode::IdConflict);
    let refused = system.rest(1, &alice).send_message(room, &id, "three").await.unwrap_err();
    assert_eq!((refused.status(), refused.code()), (Some(409), Some(ErrorCode::IdConflict)));

    let bob = system.person("bob").await;
    system.rest(0, &alice).invite(room, &[bob.id]).await.unwrap();
    let mut at_bob = system.connect(0, &bob, &[]).await;
    at_bob.say_as(room, &id, "the id is the sender's own").await.unwrap();
    assert!(!at_bob.persisted(&id).await.1);
}
