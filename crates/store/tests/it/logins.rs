//! Log-ins: refresh tokens that are used once, and ends that nothing slips by.

use std::collections::HashSet;

use chat_protocol::UserId;
use chat_store::{Rotation, Standing};
use jiff::{Timestamp, ToSpan};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::Db;

/// The hash that [`Db::user`] stores.
const PASSWORD: &str = "x";

fn later() -> Timestamp {
    Timestamp::now() + 24.hours()
}

async fn open(db: &Db, user: UserId, token: &[u8]) -> Uuid {
    let login = Uuid::now_v7();
    assert!(db.store.open_login(user, PASSWORD, login, token, later()).await.unwrap());
    login
}

async fn rotate(db: &Db, token: &[u8], next: &[u8]) -> Rotation {
    db.store.rotate_refresh_token(token, next, later(), Timestamp::now()).await.unwrap()
}

async fn ended(db: &Db, user: UserId) -> HashSet<Uuid> {
    db.store.standing(user).await.unwrap().unwrap().ended.into_iter().collect()
}

#[tokio::test]
async fn a_refresh_token_is_good_for_one_rotation_and_its_second_use_ends_the_login() {
    let db = Db::new().await;
    let alice = db.user("alice").await;
    let (login, other) = (open(&db, alice, b"a1").await, open(&db, alice, b"b1").await);
    assert_eq!(rotate(&db, b"a1", b"a2").await, Rotation::Rotated { login_id: login, user_id: alice });
    assert_eq!(rotate(&db, b"a1", b"a3").await, Rotation::Reused { user_id: alice });
    assert_eq!(rotate(&db, b"a2", b"a4").await, Rotation::Unknown, "the thief's and the owner's alike");
    assert_eq!(rotate(&db, b"a1", b"a5").await, Rotation::Unknown);
    assert_eq!(ended(&db, alice).await, HashSet::from([login]));
    assert_eq!(rotate(&db, b"b1", b"b2").await, Rotation::Rotated { login_id: other, user_id: alice });
    db.drop().await;
}

#[tokio::test]
async fn of_many_uses_at_the_same_time_one_at_most_gets_the_next_token() {
    let db = Db::new().await;
    let alice = db.user("alice").await;
    let login = open(&db, alice, b"first").await;
    let mut uses = JoinSet::new();
    for next in 0..8_u8 {
        let store = db.store.clone();
        uses.spawn(
            async move { store.rotate_refresh_token(b"first", &[next], later(), Timestamp::now()).await.unwrap() },
        );
    }
    let outcomes = uses.join_all().await;
    let rotated = |outcome: &&Rotation| matches!(outcome, Rotation::Rotated { .. });
    assert_eq!(outcomes.iter().filter(rotated).count(), 1, "{outcomes:?}");
    assert_eq!(ended(&db, alice).await, HashSet::from([login]));
    for next in 0..8 {
        assert_eq!(rotate(&db, &[next], b"more").await, Rotation::Unknown, "the login has ended");
    }
    db.drop().await;
}

#[tokio::test]
async fn an_expired_refresh_token_is_refused_and_swept_away() {
    let db = Db::new().await;
    let alice = db.user("alice").await;
    let (login, past) = (Uuid::now_v7(), Timestamp::now() - 1.second());
    assert!(db.store.open_login(alice, PASSWORD, login, b"old", past).await.unwrap());
    open(&db, alice, b"new").await;
    assert_eq!(rotate(&db, b"old", b"next").await, Rotation::Expired);
    assert_eq!(db.store.sweep_logins(10).await.unwrap(), 1);
    assert_eq!(rotate(&db, b"old", b"next").await, Rotation::Unknown);
    assert!(matches!(rotate(&db, b"new", b"next").await, Rotation::Rotated { .. }));
    db.drop().await;
}

#[tokio::test]
async fn logging_out_ends_one_login_and_logging_out_everywhere_all_of_them() {
    let db = Db::new().await;
    let (alice, bob) = (db.user("alice").await, db.user("bob").await);
    let (first, second, third) =
        (open(&db, alice, b"1").await, open(&db, alice, b"2").await, open(&db, alice, b"3").await);
    open(&db, bob, b"bob").await;
    assert_eq!(db.store.standing(alice).await.unwrap(), Some(Standing::default()));
    assert_eq!(db.store.end_login(b"1").await.unwrap(), Some(alice));
    assert_eq!(db.store.end_login(b"1").await.unwrap(), None, "gone");
    assert_eq!(ended(&db, alice).await, HashSet::from([first]));
    db.store.end_logins(alice).await.unwrap();
    assert_eq!(ended(&db, alice).await, HashSet::from([first, second, third]));
    let told = db.store.ended_logins(&[alice, bob, UserId::generate()]).await.unwrap();
    assert_eq!(told.keys().collect::<Vec<_>>(), [&alice], "only who has something to tell");
    assert!(told[&alice].tokens_valid_after.is_some());
    assert!(matches!(rotate(&db, b"bob", b"bob 2").await, Rotation::Rotated { .. }));
    assert_eq!(db.store.standing(UserId::generate()).await.unwrap(), None, "no such user");
    db.drop().await;
}

/// Whoever ends the log-ins while others are opened and continued: what was there before has ended, and its successors with it.
#[tokio::test]
async fn no_rotation_slips_by_an_end_of_all_logins() {
    let db = Db::new().await;
    let alice = db.user("alice").await;
    for round in 0..10_u8 {
        let login = open(&db, alice, &[round, 0]).await;
        let (first, next) = ([round, 0], [round, 1]);
        let (rotation, ended) = tokio::join!(rotate(&db, &first, &next), db.store.end_logins(alice));
        ended.unwrap();
        assert!(matches!(rotation, Rotation::Rotated { .. } | Rotation::Unknown), "{rotation:?}");
        assert_eq!(rotate(&db, &next, &[round, 2]).await, Rotation::Unknown, "{rotation:?}");
        assert!(self::ended(&db, alice).await.contains(&login), "{rotation:?}");
    }
    db.drop().await;
}

#[tokio::test]
async fn a_new_password_ends_the_other_logins_and_those_opened_with_the_old_one() {
    let db = Db::new().await;
    let alice = db.user("alice").await;
    let (mine, other) = (open(&db, alice, b"mine").await, open(&db, alice, b"other").await);
    assert!(!db.store.change_password(alice, "wrong", "y", Some(mine)).await.unwrap());
    assert!(db.store.change_password(alice, PASSWORD, "y", Some(mine)).await.unwrap());
    assert_eq!(ended(&db, alice).await, HashSet::from([other]));
    assert!(matches!(rotate(&db, b"mine", b"mine 2").await, Rotation::Rotated { .. }));
    assert!(!db.store.open_login(alice, PASSWORD, Uuid::now_v7(), b"late", later()).await.unwrap());
    assert_eq!(rotate(&db, b"late", b"later").await, Rotation::Unknown);
    assert_eq!(db.store.user_by_id(alice).await.unwrap().unwrap().password_hash.as_deref(), Some("y"));
    db.drop().await;
}

#[tokio::test]
async fn somebody_of_an_identity_provider_has_neither_address_nor_password() {
    let db = Db::new().await;
    let id = UserId::generate();
    for nickname in ["carol", "another"] {
        db.store.create_external_user(id, nickname).await.unwrap();
    }
    let carol = db.store.user_by_id(id).await.unwrap().unwrap();
    assert_eq!((carol.nickname.as_str(), carol.email, carol.password_hash), ("carol", None, None));
    assert!(!db.store.open_login(id, "", Uuid::now_v7(), b"t", later()).await.unwrap());
    assert!(!db.store.change_password(id, "", "y", None).await.unwrap());
    assert_eq!(db.store.set_nickname(id, "caroline").await.unwrap().unwrap().nickname, "caroline");
    assert_eq!(db.store.set_nickname(UserId::generate(), "nobody").await.unwrap(), None);
    db.drop().await;
}
