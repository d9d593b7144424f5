//! Who is left when a gateway is killed.

use std::time::{Duration, Instant};

use chat_client::{Connection, RestClient, rest::MemberStatus, ws_url};
use chat_e2e::{PATIENCE, Processes, create_person, deadline};
use chat_protocol::{
    frame::{RoomCursor, ServerPush},
    push::PresenceStatus,
};
use chat_testkit::assert_eventually;
use jiff::{Timestamp, ToSpan};

/// The lease, the next full check, and the second look, on a machine that does other things.
const GONE_WITHIN: Duration = Duration::from_secs(15 + 10 + 3 + 12);

#[tokio::test]
async fn the_users_of_a_killed_gateway_are_gone_with_its_lease_unless_they_are_on_another() {
    let mut processes = Processes::start_all().await;
    let [alice, bob, carol] = [
        create_person(&processes.store, "alice"),
        create_person(&processes.store, "bob"),
        create_person(&processes.store, "carol"),
    ];
    let (alice, bob, carol) = (alice.await, bob.await, carol.await);
    let (first, second) = (processes.url("ws-gateway-1"), processes.url("ws-gateway-2"));
    let rest = RestClient::new(&first).unwrap().with_token(&alice.token);
    let made = async {
        loop {
            if let Ok(room) = rest.create_group_room("ghosts", &[bob.id, carol.id]).await {
                return room;
            }
        }
    };
    let room_id = deadline("a room", Duration::from_secs(40), made).await;
    let connect = async |url: &str, token: &str, rooms: Vec<RoomCursor>| {
        Connection::connect(&ws_url(url), token, rooms).await.unwrap().0
    };
    let came = Timestamp::now();
    let _ghost = connect(&second, &bob.token, Vec::new()).await;
    let _phone = connect(&second, &carol.token, Vec::new()).await;
    let _laptop = connect(&first, &carol.token, Vec::new()).await;
    let watched = vec![RoomCursor { room_id, after: None, presence: true }];
    let mut at_alice = connect(&first, &alice.token, watched).await;
    let mut online = Vec::new();
    let everybody = async {
        while online.len() < 3 {
            if let Some(ServerPush::Presence(presence)) = at_alice.next_push().await {
                assert_eq!(presence.status, PresenceStatus::Online);
                online.push(presence.user_id);
            }
        }
    };
    deadline("all are online", PATIENCE, everybody).await;
    let seen = async || processes.store.last_seen(&[bob.id]).await.unwrap();
    assert_eventually!(!seen().await.is_empty(), within = PATIENCE, "written on arrival");

    processes.kill("ws-gateway-2");
    let (killed, killed_at) = (Instant::now(), Timestamp::now());
    let gone = async {
        loop {
            if let Some(ServerPush::Presence(presence)) = at_alice.next_push().await {
                assert_eq!((presence.user_id, presence.status), (bob.id, PresenceStatus::Offline));
                return presence;
            }
        }
    };
    let told = deadline("gone with the lease", GONE_WITHIN, gone).await;
    println!("told as offline {:?} after the kill", killed.elapsed());
    let members = rest.presence(room_id).await.unwrap();
    let of = |user| members.iter().find(|member| member.user_id == user).map(|it| (it.status, it.last_seen)).unwrap();
    let (status, last_seen) = of(bob.id);
    assert_eq!(status, MemberStatus::Offline);
    let last_seen = last_seen.unwrap();
    // At most a minute before, and here after he came.
    assert!(came - 50.milliseconds() <= last_seen && last_seen <= killed_at, "{came} {last_seen} {killed_at}");
    // It is told without the time when the database does not say it within a second.
    assert!(told.last_seen.is_none_or(|told| told == last_seen), "{told:?} {last_seen}");
    assert_eq!(of(carol.id), (MemberStatus::Online, None));
    assert_eq!(of(alice.id), (MemberStatus::Online, None));
}
