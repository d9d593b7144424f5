use chat_protocol::{GatewayId, RoomId, limits::PREVIEW_CHARS};
use chat_testkit::assert_eventually;

use crate::stage::{Stage, WITHIN, stop};

#[tokio::test]
async fn members_who_are_not_looking_are_notified_once_per_room_and_batch() {
    let mut stage = Stage::new().await;
    let (alice, bob, carol) = (stage.alice, stage.bob, stage.carol);
    for n in 0..9 {
        stage.write(stage.room, alice, &format!("message {n}")).await;
    }
    let last = stage.write(stage.room, alice, &"x".repeat(500)).await;
    // Started late, so that all of a partition is one batch.
    let ctx = stage.start(&[]).await;
    let mut told = vec![stage.next_notification().await, stage.next_notification().await];
    told.sort_by_key(|(user, _)| *user);
    assert_eq!([told[0].0, told[1].0], [bob, carol]);
    for (_, notification) in told {
        assert_eq!(notification.id, format!("{}:{}", stage.room, last.seq));
        assert_eq!((notification.room_id, notification.seq, notification.count), (stage.room, last.seq, 10));
        assert_eq!((notification.sender_id, notification.sender_nickname.as_str()), (alice, "alice"));
        assert_eq!((notification.preview, notification.at), ("x".repeat(PREVIEW_CHARS), last.sent_at));
    }
    assert_eventually!(stage.lag().await == 0, within = WITHIN, "offsets are committed");
    assert!(ctx.readiness.is_ready());
    stop(ctx).await;
}

#[tokio::test]
async fn whoever_has_the_room_open_is_not_notified() {
    let mut stage = Stage::new().await;
    let (alice, bob, carol) = (stage.alice, stage.bob, stage.carol);
    let (living, dead) = (GatewayId::generate(), GatewayId::generate());
    stage.viewers.renew_lease(living).await.unwrap();
    stage.viewers.add(living, &[(stage.room, bob), (RoomId::generate(), carol)]).await.unwrap();
    stage.viewers.add(dead, &[(stage.room, carol)]).await.unwrap();
    let ctx = stage.start(&[]).await;
    let first = stage.write(stage.room, alice, "hi").await;
    assert_eq!(
        stage.next_notifications(1).await,
        [(carol, first.seq, 1)],
        "carol looks elsewhere, or on a dead gateway"
    );
    stage.viewers.remove(living, &[(stage.room, bob)]).await.unwrap();
    let second = stage.write(stage.room, alice, "hi again").await;
    assert_eq!(stage.next_notifications(2).await, [(bob, second.seq, 1), (carol, second.seq, 1)]);
    stop(ctx).await;
}

#[tokio::test]
async fn the_sender_is_not_notified() {
    let mut stage = Stage::new().await;
    let (alice, bob, carol) = (stage.alice, stage.bob, stage.carol);
    let ctx = stage.start(&[]).await;
    let first = stage.write(stage.room, alice, "hi").await;
    assert_eq!(stage.next_notifications(2).await, [(bob, first.seq, 1), (carol, first.seq, 1)]);
    let second = stage.write(stage.room, bob, "hi alice").await;
    assert_eq!(stage.next_notifications(2).await, [(alice, second.seq, 1), (carol, second.seq, 1)]);
    stop(ctx).await;
}

#[tokio::test]
async fn senders_of_one_batch_are_told_what_the_others_wrote_after_them() {
    let mut stage = Stage::new().await;
    let (alice, bob, carol) = (stage.alice, stage.bob, stage.carol);
    stage.write(stage.room, alice, "one").await;
    stage.write(stage.room, bob, "two").await;
    let alices = stage.write(stage.room, alice, "three").await;
    let ctx = stage.start(&[]).await;
    // Whoever writes has read what was before.
    assert_eq!(stage.next_notifications(2).await, [(bob, alices.seq, 1), (carol, alices.seq, 3)]);
    stop(ctx).await;
}

#[tokio::test]
async fn system_entries_are_no_news() {
    let mut stage = Stage::new().await;
    let (alice, bob) = (stage.alice, stage.bob);
    let ctx = stage.start(&[]).await;
    let another = RoomId::generate();
    stage.create_room(another, alice, &[bob]).await;
    let first = stage.write(another, bob, "hi").await;
    assert_eq!(stage.next_notifications(1).await, [(alice, first.seq, 1)]);
    stop(ctx).await;
}

#[tokio::test]
async fn a_large_room_is_told_in_pieces() {
    let mut stage = Stage::new().await;
    let mut members = Vec::new();
    for n in 0..1_100 {
        members.push(stage.user(&format!("member {n}")).await);
    }
    let room = RoomId::generate();
    stage.create_room(room, stage.alice, &members).await;
    let ctx = stage.start(&[]).await;
    let message = stage.write(room, stage.alice, "hi all").await;
    let told = stage.next_notifications(members.len()).await;
    assert_eq!(told, members.iter().map(|member| (*member, message.seq, 1)).collect::<Vec<_>>());
    stop(ctx).await;
}
