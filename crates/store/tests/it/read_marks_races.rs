//! Marks that move while messages are stored: a sender's own mark is moved with the message.

use std::sync::atomic::{AtomicBool, Ordering};

use chat_protocol::{ClientMessageId, UserId};
use chat_store::Mark;
use uuid::Uuid;

use crate::{Db, message};

/// Batches. Without a common order of locks the first ones already meet in a circle.
const ROUNDS: usize = 40;

/// Some of them, in any order.
fn some(users: &[UserId], count: usize) -> Vec<UserId> {
    let mut users = users.to_vec();
    users.sort_by_cached_key(|_| Uuid::new_v4());
    users.truncate(count);
    users
}

#[tokio::test]
async fn marks_and_the_messages_of_the_same_members_never_wait_for_each_other_in_a_circle() {
    let db = Db::new().await;
    let mut members = Vec::new();
    for _ in 0..200 {
        members.push(db.user("member").await);
    }
    let room = db.group(members[0], &members[1..]).await;
    let written = AtomicBool::new(false);
    let writer = async {
        for _ in 0..ROUNDS {
            let ids: Vec<ClientMessageId> = (0..20).map(|_| ClientMessageId::generate()).collect();
            let senders = some(&members, ids.len());
            let batch: Vec<_> = senders.iter().zip(&ids).map(|(&sender, id)| message(room, sender, id, "hi")).collect();
            db.store.append_messages(&batch).await.unwrap();
        }
        written.store(true, Ordering::Relaxed);
    };
    let reader = async || {
        let mark = |user_id| Mark { room_id: room, user_id, seq: i64::MAX, at: jiff::Timestamp::now() };
        while !written.load(Ordering::Relaxed) {
            let marks: Vec<Mark> = some(&members, 100).into_iter().map(mark).collect();
            db.store.apply_read_marks(&marks).await.unwrap();
        }
    };
    tokio::join!(writer, reader(), reader());
    db.drop().await;
}
