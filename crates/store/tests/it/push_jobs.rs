//! The queue of pushes, as its pipeline and its workers use it.

use std::time::Duration;

use chat_protocol::{RoomId, UserId};
use chat_store::{ClaimLimits, ClaimedPush, NewDevice, NewPush, OriginLoad, PushState, ReadUpTo};
use jiff::{Timestamp, ToSpan as _};
use uuid::Uuid;

use crate::Db;

const LIMITS: ClaimLimits = ClaimLimits { per_origin: 2, jobs: 10, lease: Duration::from_mins(1) };

async fn device(db: &Db, user_id: UserId, origin: &str) -> Uuid {
    let endpoint = format!("{origin}/{}", Uuid::now_v7());
    let id = Uuid::now_v7();
    let device = NewDevice { id, user_id, login: None, endpoint: &endpoint, origin, p256dh: &[4; 65], auth: &[7; 16] };
    db.store.register_device(&device, 10).await.unwrap().unwrap().0.id
}

async fn enqueue(db: &Db, user_id: UserId, room_id: RoomId, seq: i64) -> u64 {
    let push = NewPush { user_id, room_id, seq, expires_at: Timestamp::now() + 1.hour() };
    db.store.enqueue_pushes(&[push], Duration::ZERO).await.unwrap()
}

async fn claim(db: &Db) -> Vec<ClaimedPush> {
    db.store.claim_pushes(&[], LIMITS).await.unwrap()
}

async fn one(db: &Db) -> ClaimedPush {
    let mut claimed = claim(db).await;
    assert_eq!(claimed.len(), 1);
    claimed.remove(0)
}

#[tokio::test]
async fn any_number_of_messages_is_one_job_that_only_moves_forward() {
    let db = Db::new().await;
    let (user, room) = (db.user("bob").await, RoomId::generate());
    device(&db, user, "https://a").await;
    assert_eq!(enqueue(&db, user, room, 5).await, 1);
    assert_eq!(enqueue(&db, user, room, 7).await, 1);
    assert_eq!(enqueue(&db, user, room, 7).await, 0, "delivered again");
    assert_eq!(enqueue(&db, user, room, 6).await, 0, "delivered late");
    assert_eq!(enqueue(&db, db.user("carol").await, room, 7).await, 0, "has no device");
    let job = one(&db).await;
    assert_eq!((job.seq, job.state, job.attempts, job.shown_before), (7, PushState::Pending, 1, false));
    db.store.settle_push(&job, PushState::Shown, None).await.unwrap();
    assert_eq!(enqueue(&db, user, room, 7).await, 0, "shown already");
    assert_eq!(claim(&db).await, []);
    assert_eq!(enqueue(&db, user, room, 8).await, 1);
    let job = one(&db).await;
    assert_eq!((job.seq, job.attempts, job.shown_before), (8, 1, true));
    db.drop().await;
}

#[tokio::test]
async fn what_comes_while_a_job_is_in_hand_outlives_its_end() {
    let db = Db::new().await;
    let (user, room) = (db.user("bob").await, RoomId::generate());
    device(&db, user, "https://a").await;
    enqueue(&db, user, room, 5).await;
    let job = one(&db).await;
    enqueue(&db, user, room, 6).await;
    assert_eq!(claim(&db).await, [], "in hand, whatever comes");
    db.store.settle_push(&job, PushState::Shown, None).await.unwrap();
    let newer = one(&db).await;
    assert_eq!((newer.seq, newer.state), (6, PushState::Pending));
    let mark = ReadUpTo { room_id: room, user_id: user, seq: 6 };
    assert_eq!(db.store.read_pushes(&[mark]).await.unwrap(), 1);
    assert_eq!(db.store.read_pushes(&[mark]).await.unwrap(), 0);
    db.store.drop_push(&newer).await.unwrap();
    let withdraw = one(&db).await;
    assert_eq!((withdraw.state, withdraw.shown_before), (PushState::Withdraw, true));
    db.store.settle_push(&job, PushState::Shown, None).await.unwrap();
    db.store.drop_push(&withdraw).await.unwrap();
    assert_eq!(db.store.pushes_waiting().await.unwrap(), 0, "the end of a claim that is over changes nothing");
    db.drop().await;
}

#[tokio::test]
async fn a_mark_takes_back_what_it_has_read_and_says_whether_it_was_shown() {
    let db = Db::new().await;
    let (user, other) = (db.user("bob").await, db.user("carol").await);
    let (read, unread) = (RoomId::generate(), RoomId::generate());
    device(&db, user, "https://a").await;
    device(&db, other, "https://a").await;
    for (who, room) in [(user, read), (user, unread), (other, read)] {
        enqueue(&db, who, room, 5).await;
    }
    let marks = [(read, 5), (unread, 4)].map(|(room_id, seq)| ReadUpTo { room_id, user_id: user, seq });
    assert_eq!(db.store.read_pushes(&marks).await.unwrap(), 1);
    let limits = ClaimLimits { per_origin: 10, ..LIMITS };
    let claimed = db.store.claim_pushes(&[], limits).await.unwrap();
    assert_eq!(claimed.len(), 3);
    let taken: Vec<_> = claimed.iter().filter(|job| job.state == PushState::Withdraw).collect();
    assert_eq!(taken.iter().map(|job| (job.room_id, job.shown_before)).collect::<Vec<_>>(), [(read, false)]);
    db.drop().await;
}

#[tokio::test]
async fn of_each_push_service_only_so_many_jobs_are_in_hand() {
    let db = Db::new().await;
    let user = db.user("bob").await;
    for origin in ["https://a", "https://b", "https://b", "https://c"] {
        device(&db, user, origin).await;
    }
    for seq in 1..=2 {
        assert_eq!(enqueue(&db, user, RoomId::generate(), seq).await, 4);
    }
    let busy = |origin: &str, jobs| OriginLoad { origin: origin.into(), jobs };
    let claimed = db.store.claim_pushes(&[busy("https://a", 1), busy("https://c", 2)], LIMITS).await.unwrap();
    let mut origins: Vec<_> = claimed.iter().map(|job| job.origin.as_str()).collect();
    origins.sort_unstable();
    assert_eq!(origins, ["https://a", "https://b", "https://b"]);
    let rest = db.store.claim_pushes(&[], ClaimLimits { jobs: 2, per_origin: 10, ..LIMITS }).await.unwrap();
    assert_eq!(rest.len(), 2);
    db.drop().await;
}

#[tokio::test]
async fn the_push_service_with_the_fewest_jobs_in_hand_comes_first() {
    let db = Db::new().await;
    let user = db.user("bob").await;
    let origins = ["https://a", "https://b", "https://c"];
    for origin in origins {
        device(&db, user, origin).await;
    }
    for seq in 1..=2 {
        assert_eq!(enqueue(&db, user, RoomId::generate(), seq).await, 3);
    }
    let of = |claimed: Vec<ClaimedPush>| {
        let mut origins: Vec<_> = claimed.into_iter().map(|job| job.origin).collect();
        origins.sort_unstable();
        origins
    };
    let three = ClaimLimits { jobs: 3, ..LIMITS };
    assert_eq!(of(db.store.claim_pushes(&[], three).await.unwrap()), origins, "one of each, though each has two");
    let busy = ["https://a", "https://b"].map(|origin| OriginLoad { origin: origin.into(), jobs: 1 });
    let one = ClaimLimits { jobs: 1, ..LIMITS };
    assert_eq!(of(db.store.claim_pushes(&busy, one).await.unwrap()), ["https://c"]);
    assert_eq!(of(db.store.claim_pushes(&busy, LIMITS).await.unwrap()), ["https://a", "https://b"], "what was left");
    db.drop().await;
}

#[tokio::test]
async fn a_device_takes_its_jobs_along() {
    let db = Db::new().await;
    let (user, room) = (db.user("bob").await, RoomId::generate());
    let id = device(&db, user, "https://a").await;
    enqueue(&db, user, room, 5).await;
    let job = one(&db).await;
    let targets = db.store.push_targets(std::slice::from_ref(&job)).await.unwrap();
    assert_eq!(targets, [None], "there is no such room");
    assert!(db.store.remove_device(user, id).await.unwrap());
    db.store.settle_push(&job, PushState::Pending, Some(Timestamp::now())).await.unwrap();
    assert_eq!(db.store.pushes_waiting().await.unwrap(), 0);
    db.drop().await;
}

#[tokio::test]
async fn a_gone_device_that_has_registered_again_stays() {
    let db = Db::new().await;
    let user_id = db.user("bob").await;
    let (endpoint, origin) = ("https://a/1", "https://a");
    let register = async || {
        let id = Uuid::now_v7();
        let device = NewDevice { id, user_id, login: None, endpoint, origin, p256dh: &[4; 65], auth: &[7; 16] };
        db.store.register_device(&device, 10).await.unwrap().unwrap().0
    };
    let (first, again) = (register().await, register().await);
    assert_eq!(first.id, again.id);
    assert!(!db.store.drop_gone_device(first.id, first.registered_at).await.unwrap());
    assert!(db.store.drop_gone_device(first.id, again.registered_at).await.unwrap());
    db.drop().await;
}
