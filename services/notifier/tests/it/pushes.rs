use chat_protocol::{GatewayId, NotifyLevel, RoomId};
use chat_redis::OnlineUsers;
use chat_store::RoomNotifications;
use chat_testkit::assert_eventually;
use serde_json::json;

use crate::{
    push_service::{PushService, Pushed, settings},
    stage::{Stage, WITHIN, stop},
};

#[tokio::test]
async fn whoever_is_offline_gets_a_push_that_only_their_browser_can_read() {
    let (stage, mut service) = (Stage::new().await, PushService::start());
    service.browser(&stage.store, stage.bob, "bob", &[]).await;
    let ctx = stage.start(&settings()).await;
    let message = stage.write(stage.room, stage.alice, "hi bob").await;
    let pushed = service.next().await;
    let id = format!("{}:{}", stage.room, message.seq);
    let expected = json!({
        "type": "message", "id": id, "roomId": stage.room, "seq": message.seq, "senderNickname": "alice", "preview": "hi bob",
        "count": 1
    });
    assert_eq!((pushed.browser.as_str(), &pushed.payload), ("bob", &expected));
    let ttl: i64 = pushed.headers["ttl"].parse().unwrap();
    assert!((86_000..=86_400).contains(&ttl), "{ttl}");
    assert_eq!((pushed.headers["urgency"].as_str(), pushed.headers["topic"].len()), ("normal", 32));
    assert_eq!(pushed.headers["content-encoding"], "aes128gcm");
    assert_eventually!(stage.lag().await == 0, within = WITHIN, "offsets are committed");
    assert_eventually!(stage.store.pushes_waiting().await.unwrap() == 0, within = WITHIN, "the push is done");
    assert!(service.is_quiet(), "once");
    stop(ctx).await;
}

#[tokio::test]
async fn whoever_has_a_session_is_told_there_and_only_there() {
    let (mut stage, mut service) = (Stage::new().await, PushService::start());
    service.browser(&stage.store, stage.bob, "bob", &[]).await;
    service.browser(&stage.store, stage.carol, "carol", &[]).await;
    OnlineUsers::new(stage.redis.clone()).update(GatewayId::generate(), &[stage.bob], &[]).await.unwrap();
    let ctx = stage.start(&settings()).await;
    let message = stage.write(stage.room, stage.alice, "hi").await;
    assert_eq!(service.next().await.short(), ("carol", "message", message.seq));
    let told = stage.next_notifications(2).await;
    assert_eq!(told, [(stage.bob, message.seq, 1), (stage.carol, message.seq, 1)]);
    let next = stage.write(stage.room, stage.alice, "hi again").await;
    assert_eq!(service.next().await.short(), ("carol", "message", next.seq));
    stop(ctx).await;
}

#[tokio::test]
async fn what_is_muted_read_or_no_mention_is_not_pushed() {
    let (stage, mut service) = (Stage::new().await, PushService::start());
    let reader = stage.user("reader").await;
    let room = RoomId::generate();
    stage.create_room(room, stage.alice, &[stage.bob, stage.carol, reader]).await;
    for (user, name) in [(stage.bob, "bob"), (stage.carol, "carol"), (reader, "reader")] {
        service.browser(&stage.store, user, name, &[]).await;
    }
    let wants = |level| RoomNotifications { level, muted_until: None };
    assert!(stage.store.set_room_notifications(room, stage.bob, wants(NotifyLevel::None)).await.unwrap());
    assert!(stage.store.set_room_notifications(room, stage.carol, wants(NotifyLevel::Mentions)).await.unwrap());
    let plain = stage.write(room, stage.alice, "for nobody").await;
    let mention = stage.write(room, stage.alice, &format!("<@{}> <@{}> look", stage.carol, stage.bob)).await;
    stage.read(room, reader, mention.seq).await;
    let ctx = stage.start(&settings()).await;
    let pushed = service.next().await;
    assert_eq!(pushed.short(), ("carol", "message", mention.seq));
    assert_eq!(pushed.headers["urgency"], "high");
    assert_eventually!(stage.lag().await == 0, within = WITHIN, "offsets are committed");
    assert_eventually!(stage.store.pushes_waiting().await.unwrap() == 0, within = WITHIN, "nothing is left");
    assert!(service.is_quiet(), "{} is for nobody", plain.seq);
    stop(ctx).await;
}

#[tokio::test]
async fn several_messages_are_one_push_and_a_later_one_replaces_it() {
    let (stage, mut service) = (Stage::new().await, PushService::start());
    service.browser(&stage.store, stage.bob, "bob", &[]).await;
    for n in 0..3 {
        stage.write(stage.room, stage.alice, &format!("message {n}")).await;
    }
    // Started late, so that all of them are one batch.
    let ctx = stage.start(&settings()).await;
    let first = service.next().await;
    assert_eq!((&first.payload["preview"], &first.payload["count"]), (&json!("message 2"), &json!(3)));
    stage.write(stage.room, stage.alice, "message 3").await;
    let second = service.next().await;
    assert_eq!((&second.payload["preview"], &second.payload["count"]), (&json!("message 3"), &json!(4)));
    assert_eq!(first.headers["topic"], second.headers["topic"]);
    assert!(service.is_quiet());
    stop(ctx).await;
}

#[tokio::test]
async fn what_is_read_on_one_device_is_withdrawn_from_all() {
    let (stage, mut service) = (Stage::new().await, PushService::start());
    service.browser(&stage.store, stage.bob, "desk", &[]).await;
    service.browser(&stage.store, stage.bob, "pocket", &[]).await;
    let ctx = stage.start(&settings()).await;
    let message = stage.write(stage.room, stage.alice, "hi").await;
    let mut shown = [service.next().await, service.next().await];
    shown.sort_by_key(|pushed| pushed.browser.clone());
    assert_eq!(shown.each_ref().map(Pushed::short), ["desk", "pocket"].map(|on| (on, "message", message.seq)));
    assert_eventually!(stage.store.pushes_waiting().await.unwrap() == 0, within = WITHIN, "both are shown");
    stage.read(stage.room, stage.bob, message.seq).await;
    let mut withdrawn = [service.next().await, service.next().await];
    withdrawn.sort_by_key(|pushed| pushed.browser.clone());
    let expected = ["desk", "pocket"].map(|on| (on, "withdraw", message.seq));
    assert_eq!(withdrawn.each_ref().map(Pushed::short), expected);
    assert_eq!(withdrawn.map(|pushed| pushed.headers["topic"].clone()), shown.map(|p| p.headers["topic"].clone()));
    assert_eventually!(stage.store.pushes_waiting().await.unwrap() == 0, within = WITHIN, "nothing is left");
    stage.read(stage.room, stage.bob, message.seq).await;
    let next = stage.write(stage.room, stage.alice, "hi again").await;
    assert_eq!(service.next().await.payload["seq"], next.seq, "nothing is withdrawn twice");
    stop(ctx).await;
}

#[tokio::test]
async fn whoever_answers_on_one_device_has_read_on_all() {
    let (stage, mut service) = (Stage::new().await, PushService::start());
    service.browser(&stage.store, stage.bob, "bob", &[]).await;
    let ctx = stage.start(&settings()).await;
    let message = stage.write(stage.room, stage.alice, "hi").await;
    assert_eq!(service.next().await.short(), ("bob", "message", message.seq));
    assert_eventually!(stage.store.pushes_waiting().await.unwrap() == 0, within = WITHIN, "it is shown");
    stage.write(stage.room, stage.bob, "hi alice").await;
    assert_eq!(service.next().await.short(), ("bob", "withdraw", message.seq));
    stop(ctx).await;
}

#[tokio::test]
async fn a_deleted_message_is_not_pushed_but_the_one_before_it_is() {
    let (stage, mut service) = (Stage::new().await, PushService::start());
    service.browser(&stage.store, stage.bob, "bob", &[]).await;
    service.browser(&stage.store, stage.carol, "carol", &[]).await;
    let mentions = RoomNotifications { level: NotifyLevel::Mentions, muted_until: None };
    assert!(stage.store.set_room_notifications(stage.room, stage.carol, mentions).await.unwrap());
    let (bob, carol) = (stage.bob, stage.carol);
    let first = stage.write(stage.room, stage.alice, &format!("<@{carol}> first")).await;
    let own = stage.write(stage.room, stage.bob, "mine").await;
    stage.write(stage.room, stage.alice, "for bob").await;
    let gone = stage.write(stage.room, stage.alice, &format!("<@{carol}> <@{bob}> gone")).await;
    stage.delete(stage.alice, &gone).await;
    let ctx = stage.start(&settings()).await;
    let mut pushed = [service.next().await, service.next().await];
    pushed.sort_by_key(|pushed| pushed.browser.clone());
    let texts = pushed.each_ref().map(|pushed| pushed.payload["preview"].clone());
    assert_eq!(texts, [json!("for bob"), json!(format!("<@{carol}> first"))], "{} and {}", first.seq, own.seq);
    assert_eq!(pushed.each_ref().map(Pushed::short), ["bob", "carol"].map(|who| (who, "message", gone.seq)));
    assert_eq!(pushed.map(|pushed| pushed.payload["count"].clone()), [json!(1), json!(1)]);
    stop(ctx).await;
}

#[tokio::test]
async fn where_all_that_was_unread_is_deleted_nothing_is_pushed() {
    let (stage, mut service) = (Stage::new().await, PushService::start());
    service.browser(&stage.store, stage.bob, "bob", &[]).await;
    for text in ["one", "two"] {
        let message = stage.write(stage.room, stage.alice, text).await;
        stage.delete(stage.alice, &message).await;
    }
    let ctx = stage.start(&settings()).await;
    assert_eventually!(stage.lag().await == 0, within = WITHIN, "offsets are committed");
    assert_eventually!(stage.store.pushes_waiting().await.unwrap() == 0, within = WITHIN, "the push is done");
    assert!(service.is_quiet(), "nothing is left to tell");
    stop(ctx).await;
}
