use std::collections::BTreeMap;

use chat_protocol::{ClientMessageId, MarkRead, PlacedMark, UserId};
use chat_redis::{Outdated, RedisPool};
use chat_testkit::{Isolation, assert_eventually};
use futures_util::{StreamExt as _, stream};

use crate::stage::{Stage, WITHIN, stop, user};

/// Nothing is stored while a test looks.
const LATE: (&str, &str) = ("CHAT__READ_MARKS__FLUSH_MS", "5000");

fn late() -> [(&'static str, String); 1] {
    [(LATE.0, LATE.1.to_owned())]
}

#[tokio::test]
async fn a_mark_is_told_before_it_is_stored_and_redis_serves_it_meanwhile() {
    let mut stage = Stage::new().await;
    let (ctx, bob) = (stage.start(&late()).await, stage.bob);
    stage.send(&stage.mark(bob, 4)).await;
    assert_eq!(stage.next_receipt().await, (bob, 4));
    assert_eq!(tokio::join!(stage.read_seq(bob), stage.lag()), (1, 1), "committed before it was stored");
    let marks = stage.marks_in_redis();
    let [mark] = marks.of_user(bob).await.unwrap()[..] else { panic!("one room") };
    let PlacedMark { room_id, seq, number, .. } = mark;
    assert_eq!((room_id, seq, number), (stage.room, 4, 3));
    assert_eq!(marks.of_room(stage.room).await.unwrap(), [mark]);
    // Long before the next flush is due.
    stop(ctx).await;
    assert_eq!((stage.read_seq(bob).await, stage.lag().await), (4, 0), "a clean shutdown stores and commits");
}

#[tokio::test]
async fn a_users_other_sessions_are_told_of_the_own_marks() {
    let mut stage = Stage::new().await;
    let (ctx, bob, alice) = (stage.start(&[]).await, stage.bob, stage.alice);
    stage.send(&stage.mark(alice, 3)).await;
    stage.send(&stage.mark(bob, 4)).await;
    stage.send(&stage.unplaced(bob, 5)).await;
    while stage.own.len() < 2 {
        stage.hear().await;
    }
    let own: Vec<_> = stage.own.iter().map(|it| (it.user_id, it.last_read_seq, it.last_read_number)).collect();
    assert_eq!(own, [(bob, 4, Some(3)), (bob, 5, Some(4))]);
    stop(ctx).await;
}

#[tokio::test]
async fn a_late_mark_goes_nowhere_though_redis_has_lost_the_farther_one() {
    // Told and stored; told and not stored.
    for settings in [&[][..], &late()[..]] {
        let mut stage = Stage::new().await;
        let (ctx, bob) = (stage.start(settings).await, stage.bob);
        stage.send(&stage.mark(bob, 5)).await;
        assert_eq!(stage.next_receipt().await, (bob, 5));
        if settings.is_empty() {
            assert_eventually!(stage.lag().await == 0, within = WITHIN, "stored");
        }
        stage.lose_marks().await;
        stage.send(&stage.mark(bob, 3)).await;
        assert_eventually!(
            stage.marks_in_redis().of_room(stage.room).await.unwrap().first().is_some_and(|mark| mark.seq == 5),
            within = WITHIN,
            "Redis knows again where the mark is"
        );
        stage.send(&stage.mark(bob, 6)).await;
        assert_eq!(stage.next_receipt().await, (bob, 6), "the mark at 3 was told");
        stop(ctx).await;
        assert_eq!(stage.read_seq(bob).await, 6);
    }
}

#[tokio::test]
async fn a_redis_that_forgot_the_script_is_given_it() {
    let mut stage = Stage::new().await;
    let (ctx, bob) = (stage.start(&[]).await, stage.bob);
    for seq in 2..=6 {
        stage.tell_redis("SCRIPT FLUSH").await;
        stage.send(&stage.mark(bob, seq)).await;
        assert_eq!(stage.next_receipt().await, (bob, seq));
    }
    stop(ctx).await;
}

#[tokio::test]
async fn a_mark_without_a_place_is_told_when_it_is_stored_and_none_behind_it_after_that() {
    let mut stage = Stage::new().await;
    let (ctx, bob) = (stage.start(&[]).await, stage.bob);
    stage.send(&stage.mark(bob, 2)).await;
    assert_eq!(stage.next_receipt().await, (bob, 2));
    stage.send(&stage.unplaced(bob, 5)).await;
    assert_eq!(stage.next_receipt().await, (bob, 5));
    stage.send(&stage.mark(bob, 4)).await;
    stage.send(&stage.mark(bob, 6)).await;
    assert_eq!(stage.next_receipt().await, (bob, 6), "the mark at 4 was told");
    stop(ctx).await;
}

#[tokio::test]
async fn a_mark_that_comes_after_a_kick_is_not_told() {
    let mut stage = Stage::new().await;
    let (ctx, bob, carol) = (stage.start(&[]).await, stage.bob, user(&stage.store, "carol").await);
    let (invited, kicked) = (ClientMessageId::generate(), ClientMessageId::generate());
    stage.store.invite_members(&stage.by_alice(&invited), &[carol]).await.unwrap();
    stage.say().await;
    stage.send(&stage.mark(bob, 2)).await;
    assert_eq!(stage.next_receipt().await, (bob, 2));
    assert_eventually!(stage.lag().await == 0, within = WITHIN, "the mark is committed");
    stage.store.kick_member(&stage.by_alice(&kicked), bob).await.unwrap();
    // As the broadcaster does before anybody is told of the kick.
    let mut outdated = Outdated::default();
    outdated.add_left(stage.room, [bob]);
    RedisPool::new(&stage.redis()).unwrap().publish_after(&outdated, &[]).await.unwrap();
    // A gateway may take it for a while: the invitation, a message and the kick came after the first six entries.
    stage.send(&stage.mark(bob, 9)).await;
    stage.send(&stage.mark(carol, 8)).await;
    assert_eq!(stage.next_receipt().await, (carol, 8), "a mark of whoever is no member was told");
    assert_eventually!(stage.lag().await == 0, within = WITHIN, "both are processed");
    let marks: Vec<UserId> =
        stage.marks_in_redis().of_room(stage.room).await.unwrap().iter().map(|it| it.user_id).collect();
    assert_eq!(marks, [carol]);
    stop(ctx).await;
}

/// As when one instance slept, its partitions went to another, and it woke.
#[tokio::test]
async fn two_instances_with_the_same_marks_do_no_harm() {
    let (mut stage, other) = (Stage::new().await, Isolation::new().await);
    let (first, bob) = (stage.start(&[]).await, stage.bob);
    let elsewhere = ("CHAT__KAFKA__TOPIC_PREFIX", other.kafka().topic_prefix);
    let second = stage.start(&[elsewhere]).await;
    let to_other = async |stage: &Stage, mark: MarkRead| stage.send_all(&other, &[mark]).await;
    stage.send(&stage.mark(bob, 3)).await;
    assert_eq!(stage.next_receipt().await, (bob, 3));
    for seq in [2, 4] {
        to_other(&stage, stage.mark(bob, seq)).await;
    }
    let told = stage.told_until((bob, 4)).await;
    assert!(told.iter().all(|mark| *mark >= (bob, 3)), "the mark at 2 was told by the other one: {told:?}");
    let head = 12;
    for _ in 6..head {
        stage.say().await;
    }
    for seq in [6, 5, 8, 7, 10, 9, 11, 12] {
        let mark = stage.mark(bob, seq);
        tokio::join!(to_other(&stage, mark.clone()), stage.send(&mark));
    }
    let told = stage.told_until((bob, head)).await;
    // What two processes publish may cross on its way, but what each of them tells goes forward.
    let mut last = [0, 0];
    for (_, seq) in &told {
        let before = last.iter_mut().filter(|before| **before < *seq).max();
        *before.unwrap_or_else(|| panic!("a mark went back: {told:?}")) = *seq;
    }
    for isolation in [&stage.isolation, &other] {
        assert_eventually!(Stage::lag_of(isolation).await == 0, within = WITHIN, "both are done");
    }
    assert_eq!(stage.read_seq(bob).await, head);
    assert_eq!(stage.marks_in_redis().of_room(stage.room).await.unwrap()[0].seq, head);
    tokio::join!(stop(first), stop(second));
    assert_eq!(stage.read_seq(bob).await, head);
}

#[tokio::test]
async fn a_thousand_readers_of_a_room_are_few_publishes() {
    const READERS: usize = 1_000;
    let mut stage = Stage::new().await;
    let store = stage.store.clone();
    let readers: Vec<UserId> =
        stream::iter(0..READERS).map(|_| user(&store, "reader")).buffer_unordered(4).collect().await;
    let id = ClientMessageId::generate();
    store.invite_members(&stage.by_alice(&id), &readers).await.unwrap();
    stage.say().await;
    // Five messages were there, the invitation is the seventh entry.
    let head = 8;
    let marks: Vec<_> = readers.iter().map(|reader| stage.mark(*reader, head)).collect();
    stage.send_all(&stage.isolation, &marks).await;
    let ctx = stage.start(&[("CHAT__CONSUMER__FETCH_MIN_BYTES", "100000".to_owned())]).await;
    let mut told: BTreeMap<UserId, usize> = BTreeMap::new();
    while told.len() < READERS {
        *told.entry(stage.next_receipt().await.0).or_default() += 1;
    }
    assert!(told.values().all(|times| *times == 1), "told twice");
    assert!(stage.publishes <= 20, "{} publishes", stage.publishes);
    assert_eventually!(stage.lag().await == 0, within = WITHIN, "all are stored");
    assert_eq!(stage.read_seq(readers[0]).await, head);
    stop(ctx).await;
}
