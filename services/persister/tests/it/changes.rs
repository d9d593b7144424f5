use chat_protocol::{Command, CommandBody, EntryType, ErrorCode, MessageId, OutcomeStatus, TimelineKind, header};

use crate::{Setup, Told, command, send};

#[tokio::test]
async fn changes_are_executed_and_told_in_the_order_of_the_commands() {
    let mut setup = Setup::new().await;
    let ann = setup.user("ann").await;
    let persister = setup.start();
    let room = setup.group(ann).await;
    setup.command(&send(room, ann, "hello")).await;
    let message_id = setup.events(1).await[0].entry.as_ref().unwrap().message_id;
    let edit = command(room, ann, CommandBody::EditMessage { message_id, content: "hello, world".into() });
    let react = command(room, ann, CommandBody::ReactToMessage { message_id, emoji: "👍".into(), remove: false });
    let take_back = command(room, ann, CommandBody::ReactToMessage { message_id, emoji: "👍".into(), remove: true });
    let delete = command(room, ann, CommandBody::DeleteMessage { message_id });
    let answer =
        CommandBody::SendMessage { content: "re".into(), message_type: EntryType::Text, reply_to: Some(message_id) };
    let answer = command(room, ann, answer);
    let orders: [&Command; 6] = [&send(room, ann, "between"), &answer, &edit, &react, &take_back, &delete];
    for order in orders {
        setup.command(order).await;
    }
    let told = setup.events(6).await;
    let types: Vec<&str> = told.iter().map(|told| told.event.event_type.as_str()).collect();
    let changes = ["MessageEdited", "MessageReacted", "MessageReacted", "MessageDeleted"];
    assert_eq!(types, [&["MessageSent"; 2], &changes[..]].concat());
    assert_eq!(told.iter().map(Told::seq).collect::<Vec<_>>(), [3, 4, 5, 6, 7, 8]);
    assert_eq!(told[1].entry.as_ref().unwrap().reply_to, Some(message_id));
    let kinds: Vec<TimelineKind> = told[2..].iter().map(|told| told.event.kind).collect();
    assert_eq!(kinds, [TimelineKind::Edit, TimelineKind::React, TimelineKind::React, TimelineKind::Delete]);
    for (told, order) in told.iter().zip(orders).skip(2) {
        let (change, outcome) = (told.change.as_ref().unwrap(), &told.outcome);
        assert_eq!(
            (change.seq, change.actor_id, &change.client_message_id),
            (told.seq(), ann, &order.client_message_id)
        );
        assert_eq!(
            (outcome.status, outcome.origin, outcome.seq),
            (OutcomeStatus::Persisted, order.origin, Some(change.seq))
        );
        assert_eq!(
            (outcome.message_id, outcome.duplicate),
            (Some(message_id), false),
            "the message's id, the change's seq"
        );
        assert_eq!((change.message.message_id, change.message.seq), (message_id, 2));
        assert_eq!(told.record.header_str(header::TYPE), Some(told.event.event_type.as_str()));
    }
    let message = |nth: usize| &told[nth].change.as_ref().unwrap().message;
    assert_eq!(
        (message(2).content.as_str(), message(3).reactions.len(), message(4).reactions.len()),
        ("hello, world", 1, 0)
    );
    assert_eq!((message(5).content.as_str(), message(5).deleted_at.is_some()), ("", true));

    setup.command(&edit).await;
    let again = &setup.events(1).await[0];
    assert_eq!((again.seq(), again.outcome.duplicate), (5, true), "a redelivered edit is made once");
    assert_eq!(again.change.as_ref().unwrap().message, *message(5), "and does not bring the text back");
    assert_eq!(setup.stored(room).await.len(), 4, "entries only");
    persister.stop().await;
}

#[tokio::test]
async fn a_refused_change_leaves_no_gap() {
    let mut setup = Setup::new().await;
    let (ann, eve) = (setup.user("ann").await, setup.user("eve").await);
    let persister = setup.start();
    let room = setup.group(ann).await;
    setup.command(&send(room, ann, "hello")).await;
    let message_id = setup.events(1).await[0].entry.as_ref().unwrap().message_id;
    let refused = [
        (eve, CommandBody::DeleteMessage { message_id }, ErrorCode::RoomNotFound),
        (ann, CommandBody::DeleteMessage { message_id: MessageId::generate() }, ErrorCode::MessageNotFound),
        (ann, CommandBody::EditMessage { message_id, content: "x".repeat(5_001) }, ErrorCode::ContentTooLong),
        (
            ann,
            CommandBody::ReactToMessage { message_id, emoji: "two words".into(), remove: false },
            ErrorCode::InvalidCharacter,
        ),
    ];
    let codes: Vec<ErrorCode> = refused.iter().map(|(_, _, code)| *code).collect();
    for (actor, body, _) in refused {
        setup.command(&command(room, actor, body)).await;
    }
    let unchanged = CommandBody::ReactToMessage { message_id, emoji: "👍".into(), remove: true };
    setup.command(&command(room, ann, unchanged)).await;
    setup.command(&send(room, ann, "next")).await;
    let told = setup.events(6).await;
    assert_eq!(told[..4].iter().map(|told| told.outcome.code.unwrap()).collect::<Vec<_>>(), codes);
    let outcome = &told[4].outcome;
    assert_eq!((told[4].event.event_type.as_str(), outcome.status), ("CommandUnchanged", OutcomeStatus::Persisted));
    assert_eq!((outcome.message_id, outcome.seq, outcome.duplicate), (Some(message_id), Some(2), true));
    assert_eq!(told[5].seq(), 3);
    persister.stop().await;
}
