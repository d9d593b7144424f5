//! Clients that do not read.

use chat_e2e::{PATIENCE, Person, RawSocket, System, Talk, assert_gapless, deadline};
use chat_protocol::{
    Entry, RoomId,
    frame::{ServerPush, ServerReply},
};
use serde_json::json;

const MESSAGES: i64 = 250;
/// The most that one message may have.
const BYTES_EACH: usize = 20_000;

/// Connects with a small receive buffer, so that not reading is felt at once.
async fn connect_slow(system: &System, person: &Person, room: RoomId) -> RawSocket {
    let mut socket = RawSocket::open_with_buffer(system.gateway(0).addr, "chat.v1", 16_384).await;
    let connect = json!({"id": 1, "cmd": "connect", "token": person.token, "rooms": [{"roomId": room, "after": 0}]});
    socket.send(0x81, connect.to_string().as_bytes()).await.unwrap();
    let (_, reply) = socket.next().await.unwrap();
    serde_json::from_slice::<ServerReply>(&reply).unwrap();
    socket
}

async fn flood(system: &System, person: &Person, room: RoomId) {
    let text = "\u{1f600}".repeat(BYTES_EACH / 4);
    let connection = system.connect(1, person, &[]).await;
    for _ in 0..MESSAGES {
        connection.say(room, &text).await;
    }
}

#[tokio::test]
async fn a_slow_reader_is_paused_and_misses_nothing_and_holds_up_nobody() {
    let system = System::with_gateways(&[&[("CHAT__WS__OUTBOX_BYTES", "131072")], &[]]).await;
    let people = [system.person("alice").await, system.person("bob").await, system.person("carol").await];
    let [alice, bob, carol] = &people;
    let room = system.group(&[alice, bob, carol]).await;
    let mut slow = connect_slow(&system, bob, room).await;
    let mut quick = system.connect(0, carol, &[(room, Some(0))]).await;

    let hearing = async {
        let mut seen = Vec::new();
        // In pieces: the patience is for each.
        for upto in (1..=MESSAGES + 1).step_by(25) {
            seen.extend(quick.entries(room, upto).await);
        }
        seen
    };
    let (seen_by_carol, ()) = tokio::join!(hearing, flood(&system, alice, room));
    assert_gapless(&seen_by_carol, 1);

    let mut entries: Vec<Entry> = Vec::new();
    let mut paused = false;
    deadline("everything after the pause", PATIENCE * 4, async {
        while entries.len() < seen_by_carol.len() {
            let (opcode, payload) = slow.next().await.expect("an open connection");
            match (opcode, serde_json::from_slice(&payload)) {
                (1, Ok(ServerPush::Message { message })) => entries.push(message),
                (1, Ok(ServerPush::Lagging { .. })) => paused = true,
                _ => {}
            }
        }
    })
    .await;
    assert!(paused, "the queue was never full: nothing was tested");
    assert_eq!(entries, seen_by_carol);
}

#[tokio::test]
async fn a_client_that_does_not_read_for_too_long_is_closed_with_4008() {
    let settings = [("CHAT__WS__OUTBOX_BYTES", "131072"), ("CHAT__WS__WRITE_STALL_SECS", "3")];
    let system = System::with_gateways(&[&settings, &[]]).await;
    let (alice, bob) = (system.person("alice").await, system.person("bob").await);
    let room = system.group(&[&alice, &bob]).await;
    let mut dead = connect_slow(&system, &bob, room).await;
    flood(&system, &alice, room).await;
    let sessions = || async { system.gateway(0).metric("chat_gateway_sessions") };
    chat_testkit::assert_eventually!(sessions().await == Some(0.0), within = PATIENCE, "the session is gone");
    // Who reads again soon still hears why; what was on its way comes first.
    assert_eq!(deadline("closed", PATIENCE, dead.close_code()).await, Some(4008));
}
