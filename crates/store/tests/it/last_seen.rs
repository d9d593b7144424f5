//! When users were last seen.

use std::collections::HashMap;

use chat_protocol::UserId;
use jiff::{Timestamp, ToSpan};

use crate::Db;

#[tokio::test]
async fn the_latest_time_stays_in_whatever_order_gateways_say_it_and_none_is_of_the_future() {
    let db = Db::new().await;
    let [alice, bob, never] = [db.user("alice").await, db.user("bob").await, db.user("never").await];
    let at = Timestamp::from_second(1_700_000_000).unwrap();
    let stranger = UserId::generate();
    db.store.raise_last_seen(&[(alice, at), (bob, at), (stranger, at)]).await.unwrap();
    db.store.raise_last_seen(&[(alice, at - 1.second()), (bob, at + 1.second())]).await.unwrap();
    let seen = db.store.last_seen(&[alice, bob, never, stranger]).await.unwrap();
    assert_eq!(seen, HashMap::from([(alice, at), (bob, at + 1.second())]));

    let ahead = Timestamp::now() + 24.hours();
    db.store.raise_last_seen(&[(alice, ahead)]).await.unwrap();
    let seen = db.store.last_seen(&[alice]).await.unwrap()[&alice];
    assert!(seen > at && seen < ahead - 1.hour(), "{seen}");

    let room = db.group(alice, &[bob, never]).await;
    let mut expected = vec![(alice, Some(seen)), (bob, Some(at + 1.second())), (never, None)];
    expected.sort_by_key(|(user, _)| *user);
    assert_eq!(db.store.last_seen_of_members(room).await.unwrap(), expected);
    db.drop().await;
}

#[tokio::test]
async fn gateways_that_write_the_same_users_at_the_same_time_do_not_wait_for_each_other_in_a_circle() {
    let db = Db::new().await;
    let mut users = Vec::new();
    for nth in 0..50 {
        users.push(db.user(&format!("u{nth}")).await);
    }
    let start = Timestamp::from_second(1_700_000_000).unwrap();
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..4_i64 {
        let (store, mut users) = (db.store.clone(), users.clone());
        writers.spawn(async move {
            for round in 0..20_i64 {
                users.rotate_left(13);
                let seen: Vec<_> = users.iter().map(|user| (*user, start + (round * 4 + writer).seconds())).collect();
                store.raise_last_seen(&seen).await.unwrap();
            }
        });
    }
    writers.join_all().await;
    let seen = db.store.last_seen(&users).await.unwrap();
    assert!(seen.len() == 50 && seen.values().all(|at| *at == start + 79.seconds()), "{seen:?}");
    db.drop().await;
}
