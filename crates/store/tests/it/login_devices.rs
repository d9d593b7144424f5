//! Devices end with their log-ins, however those end.

use chat_protocol::UserId;
use chat_store::NewDevice;
use jiff::{Timestamp, ToSpan as _};
use uuid::Uuid;

use crate::Db;

/// Of [`Db::user`].
const PASSWORD: &str = "x";

async fn open(db: &Db, user: UserId, token: &[u8], expires_at: Timestamp) -> Uuid {
    let login = Uuid::now_v7();
    assert!(db.store.open_login(user, PASSWORD, login, token, expires_at).await.unwrap());
    login
}

async fn device(db: &Db, user_id: UserId, login: Option<Uuid>) -> Uuid {
    let (id, origin) = (Uuid::now_v7(), "https://push.example");
    let endpoint = format!("{origin}/{id}");
    let device = NewDevice { id, user_id, login, endpoint: &endpoint, origin, p256dh: &[4; 65], auth: &[7; 16] };
    db.store.register_device(&device, 10).await.unwrap().unwrap().0.id
}

async fn devices(db: &Db, user: UserId) -> Vec<Uuid> {
    db.store.list_devices(user).await.unwrap().iter().map(|device| device.id).collect()
}

#[tokio::test]
async fn a_device_ends_when_its_log_in_expires() {
    let db = Db::new().await;
    let (alice, now) = (db.user("alice").await, Timestamp::now());
    let over = open(&db, alice, b"over", now - 1.second()).await;
    let lives = open(&db, alice, b"lives", now + 1.hour()).await;
    let renewed = open(&db, alice, b"renewed", now - 1.second()).await;
    // As before its first token expired.
    db.store.rotate_refresh_token(b"renewed", b"renewed 2", now + 1.hour(), now - 1.hour()).await.unwrap();
    device(&db, alice, Some(over)).await;
    let kept = [device(&db, alice, Some(lives)).await, device(&db, alice, Some(renewed)).await];
    let of_a_provider = device(&db, alice, None).await;
    assert_eq!(db.store.sweep_logins(10).await.unwrap(), 2, "tokens");
    assert_eq!(devices(&db, alice).await, [of_a_provider, kept[1], kept[0]]);
    db.drop().await;
}

#[tokio::test]
async fn logging_out_everywhere_ends_the_devices_of_log_ins_that_are_over_already() {
    let db = Db::new().await;
    let (alice, now) = (db.user("alice").await, Timestamp::now());
    let over = open(&db, alice, b"over", now - 1.second()).await;
    assert_eq!(db.store.sweep_logins(10).await.unwrap(), 1);
    device(&db, alice, Some(over)).await;
    let mine = open(&db, alice, b"mine", now + 1.hour()).await;
    let my_device = device(&db, alice, Some(mine)).await;
    assert!(db.store.change_password(alice, PASSWORD, "y", Some(mine)).await.unwrap());
    assert_eq!(devices(&db, alice).await, [my_device], "the log-in that changed the password stays");
    let of_a_provider = device(&db, alice, None).await;
    let late = device(&db, alice, Some(over)).await;
    assert_eq!(devices(&db, alice).await, [late, of_a_provider, my_device]);
    db.store.end_logins(alice).await.unwrap();
    assert_eq!(devices(&db, alice).await, Vec::<Uuid>::new());
    db.drop().await;
}
