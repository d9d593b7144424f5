use chat_protocol::UserId;
use chat_testkit::assert_eventually;

use crate::stage::{Stage, WITHIN, stop};

#[tokio::test]
async fn a_mark_is_stored_and_told_to_the_room() {
    let mut stage = Stage::new().await;
    let (ctx, bob) = (stage.start(&[]).await, stage.bob);
    stage.send(&stage.mark(bob, 4)).await;
    assert_eq!(stage.next_receipt().await, (bob, 4));
    assert!(ctx.readiness.is_ready());
    assert_eventually!(stage.lag().await == 0, within = WITHIN, "the offset is committed");
    assert_eq!(stage.read_seq(bob).await, 4);
    stop(ctx).await;
}

#[tokio::test]
async fn a_mark_never_moves_back() {
    let mut stage = Stage::new().await;
    let (ctx, bob) = (stage.start(&[]).await, stage.bob);
    stage.send(&stage.mark(bob, 4)).await;
    assert_eq!(stage.next_receipt().await, (bob, 4));
    stage.send(&stage.mark(bob, 2)).await;
    stage.send(&stage.mark(bob, 5)).await;
    assert_eq!(stage.next_receipt().await, (bob, 5), "the mark at 2 was told");
    stage.send(&stage.mark(bob, 3)).await;
    assert_eventually!(stage.lag().await == 0, within = WITHIN, "all marks are processed");
    assert_eq!(stage.read_seq(bob).await, 5);
    stop(ctx).await;
}

#[tokio::test]
async fn only_marks_that_moved_are_told_to_the_room() {
    let mut stage = Stage::new().await;
    let (ctx, alice, bob) = (stage.start(&[]).await, stage.alice, stage.bob);
    // Alice's own messages moved her mark to the head, and a stranger has none.
    stage.send(&stage.mark(alice, 6)).await;
    stage.send(&stage.mark(UserId::generate(), 6)).await;
    stage.send(&stage.unplaced(bob, 1_000)).await;
    assert_eq!(stage.next_receipt().await, (bob, 6), "a mark beyond the head is one at the head");
    stop(ctx).await;
}

#[tokio::test]
async fn a_redelivered_mark_changes_nothing() {
    let mut stage = Stage::new().await;
    let (ctx, bob) = (stage.start(&[]).await, stage.bob);
    let mark = stage.mark(bob, 4);
    stage.send(&mark).await;
    assert_eq!(stage.next_receipt().await, (bob, 4));
    stage.send(&mark).await;
    stage.send(&stage.mark(bob, 6)).await;
    assert_eq!(stage.next_receipt().await, (bob, 6), "the repeat was told");
    stop(ctx).await;
}

#[tokio::test]
async fn many_marks_of_a_member_are_told_as_one() {
    let mut stage = Stage::new().await;
    let bob = stage.bob;
    for seq in 2..=6 {
        stage.send(&stage.mark(bob, seq)).await;
    }
    // Less than the five records are: Kafka gives all of them, not the first one alone.
    let ctx = stage.start(&[("CHAT__CONSUMER__FETCH_MIN_BYTES", "600".to_owned())]).await;
    assert_eq!(stage.told_until((bob, 6)).await, [(bob, 6)]);
    stop(ctx).await;
}
