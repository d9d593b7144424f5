//! A gateway that goes away in good order.

use std::{
    cell::Cell,
    collections::HashMap,
    time::{Duration, Instant},
};

use chat_client::{Connection, Incoming, connection::ConnectError};
use chat_e2e::{PATIENCE, StompClient, System, Talk, assert_gapless, deadline};
use chat_protocol::{
    ClientMessageId, Entry, EntryType, ErrorCode,
    frame::{ClientCommand, ReplyBody, ReplyResult, ServerPush},
};

#[tokio::test]
async fn a_draining_gateway_hands_its_clients_over_without_loss() {
    let system = System::start().await;
    let (alice, bob) = (system.person("alice").await, system.person("bob").await);
    let room = system.group(&[&alice, &bob]).await;
    let mut at_alice = system.connect(0, &alice, &[(room, Some(0))]).await;
    let mut at_bob = system.connect(1, &bob, &[(room, Some(0))]).await;
    let mut seen: Vec<Entry> = at_bob.entries(room, 1).await;
    let draining = system.gateway(1);

    let moved = Cell::new(false);
    let talking = async {
        let mut said = 0;
        while !moved.get() {
            at_alice.say(room, &format!("{said}")).await;
            said += 1;
        }
        at_alice.say(room, "the end").await;
        said + 2
    };
    let moving = async {
        draining.context.lifecycle.trigger();
        let heard = at_bob.hear_until("closing", |push| matches!(push, ServerPush::Closing { .. })).await;
        let closing = heard.last().cloned();
        assert!(
            matches!(closing, Some(ServerPush::Closing { code: 1012, retry_after_ms: Some(_), .. })),
            "{closing:?}"
        );
        seen.extend(heard.into_iter().filter_map(|push| match push {
            ServerPush::Message { message } => Some(message),
            _ => None,
        }));
        assert_eq!(deadline("closed", PATIENCE, at_bob.closed()).await.code, Some(1012));
        let again = Connection::open(&draining.ws_url()).await;
        assert!(
            matches!(again, Err(ConnectError::Later { status: 503, .. } | ConnectError::WebSocket(_))),
            "{again:?}"
        );
        let cursor = seen.last().unwrap().seq;
        let at_bob = system.connect(0, &bob, &[(room, Some(cursor))]).await;
        moved.set(true);
        at_bob
    };
    let (last, mut at_bob) = tokio::join!(talking, moving);
    seen.extend(at_bob.entries(room, last).await);
    assert_gapless(&seen, 1);
    assert_eq!(seen, at_alice.entries(room, last).await);
    let down = deadline("down", PATIENCE, draining.context.lifecycle.shutdown_complete()).await;
    down.unwrap();

    let added = system.add_gateway(&[]).await;
    assert_ne!(added.addr, draining.addr);
    system.connect(2, &bob, &[(room, Some(0))]).await.entries(room, last).await;
}

/// Posts one send after the other without waiting for replies, until the gateway says goodbye.
#[tokio::test]
async fn a_drain_answers_what_was_sent_before_it_says_goodbye() {
    let system = System::start().await;
    let alice = system.person("alice").await;
    let room = system.group(&[&alice]).await;
    let mut connection = system.connect(1, &alice, &[]).await;
    let caller = connection.caller();
    let mut unanswered = HashMap::new();
    let (mut accepted, mut draining, mut closing) = (0_usize, false, None);
    let mut next = tokio::time::interval(Duration::from_millis(10));
    let talking = async {
        while closing.is_none() {
            tokio::select! {
                _ = next.tick() => {
                    if accepted >= 20 && !draining {
                        draining = true;
                        system.gateway(1).context.lifecycle.trigger();
                    }
                    let client_message_id = ClientMessageId::generate();
                    let command = ClientCommand::Send {
                        room_id: room,
                        client_message_id,
                        content: "on".to_owned(),
                        message_type: EntryType::Text,
                        reply_to: None,
                        traceparent: None,
                    };
                    if let Ok(id) = caller.post(command).await {
                        unanswered.insert(id, Instant::now());
                    }
                }
                incoming = connection.next() => match incoming {
                    Some(Incoming::Reply(reply)) => {
                        unanswered.remove(&reply.id);
                        match &reply.result {
                            ReplyResult::Ok(ReplyBody::Send { .. }) => accepted += 1,
                            // Not taken any more, and told so.
                            ReplyResult::Error(error) if draining && error.code == ErrorCode::Busy => {}
                            _ => panic!("{reply:?}"),
                        }
                    }
                    Some(Incoming::Push(push)) => {
                        if let ServerPush::Closing { code, .. } = *push {
                            closing = Some(code);
                        }
                    }
                    Some(Incoming::Other(other)) => panic!("{other}"),
                    None => panic!("no goodbye: {}", connection.closed().await),
                },
            }
        }
    };
    deadline("the goodbye", PATIENCE, talking).await;
    assert_eq!(closing, Some(1012));
    let oldest = unanswered.values().map(Instant::elapsed).max().unwrap_or_default();
    assert!(oldest < Duration::from_secs(3), "{oldest:?} without an answer");
    let mut elsewhere = system.connect(0, &alice, &[(room, Some(1))]).await;
    let stored = elsewhere.entries(room, i64::try_from(accepted).unwrap() + 1).await;
    assert!(stored.len() >= accepted, "what was accepted is there");
}

#[tokio::test]
async fn a_draining_gateway_says_goodbye_to_stomp_clients() {
    let system = System::start().await;
    let alice = system.person("alice").await;
    let gateway = system.gateway(1);
    let mut stomp = StompClient::connect(gateway.addr, &alice).await;
    stomp.subscribe("session", "/user/queue/session", None).await;
    gateway.context.lifecycle.trigger();
    let (_, goodbye) = stomp.next_of("session").await;
    assert_eq!(goodbye["type"], "SESSION_CLOSED");
    assert!(goodbye["retryAfterMs"].as_u64().is_some_and(|wait| wait < 1_000), "{goodbye}");
    assert_eq!(stomp.close_code().await, Some(1012));
}
