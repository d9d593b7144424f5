//! Read receipts among many readers and on several devices: nothing goes back, nobody is flooded, and the end is exact.

mod crowd;
mod devices;
mod lost_redis;
mod places;
mod rest;

use chat_client::Connection;
use chat_e2e::{Person, System, Talk};
use chat_protocol::{RoomId, frame::ServerPush};
use futures_util::{StreamExt, stream};
use reqwest::Method;

async fn people(system: &System, count: usize) -> Vec<Person> {
    stream::iter(0..count).map(|_| system.person("reader")).buffer_unordered(8).collect().await
}

/// A group of all of them, the first one its owner, with so many messages of the owner: the last one's seq is one more.
async fn group_with_messages(system: &System, members: &[Person], messages: i64) -> RoomId {
    let room = system.group(&members.iter().collect::<Vec<_>>()).await;
    let mut owner = system.connect(0, &members[0], &[(room, Some(1))]).await;
    for number in 0..messages {
        owner.say(room, &number.to_string()).await;
    }
    owner.entries(room, messages + 1).await;
    room
}

async fn mark(system: &System, gateway: usize, person: &Person, room: RoomId, seq: i64) {
    let url = format!("{}/api/v1/chat/rooms/{room}/read", system.gateway(gateway).url());
    let put = reqwest::Client::new().request(Method::PUT, url).bearer_auth(&person.token);
    let status = put.json(&serde_json::json!({ "seq": seq })).send().await.unwrap().status();
    assert_eq!(status, 202);
}

/// The next mark heard, and how much is unread with it.
async fn next_mark(connection: &mut Connection) -> (i64, Option<i64>) {
    let receipt = |push| match push {
        ServerPush::Read(receipt) => Some((receipt.last_read_seq, receipt.last_read_number)),
        _ => None,
    };
    connection.hear("a mark", receipt).await
}
