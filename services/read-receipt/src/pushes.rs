//! What is told of marks that moved: one payload per room, and one on the channel of each user whose mark it is.

use std::collections::BTreeMap;

use bytes::Bytes;
use chat_protocol::{
    PlacedMark, ReadReceipt, RoomId, UserId,
    push::{RoomPush, RoomPushKind, UserPush},
    redis_key::Channel,
};
use serde::Serialize;

/// The payloads, those of rooms first.
pub fn pushes(moved: &[PlacedMark]) -> Result<Vec<(Channel, Bytes)>, serde_json::Error> {
    let mut rooms: BTreeMap<RoomId, Vec<u8>> = BTreeMap::new();
    let mut users: BTreeMap<UserId, Vec<u8>> = BTreeMap::new();
    for mark in moved {
        let receipt = ReadReceipt::from(*mark);
        let push = RoomPush {
            event: RoomPushKind::Read,
            seq: 0,
            removed: Vec::new(),
            traceparent: None,
            data: serde_json::value::to_raw_value(&receipt)?,
        };
        append(rooms.entry(mark.room_id).or_default(), &push)?;
        append(users.entry(mark.user_id).or_default(), &UserPush::Read(receipt))?;
    }
    let rooms = rooms.into_iter().map(|(room, payload)| (Channel::Room(room), Bytes::from(payload)));
    Ok(rooms.chain(users.into_iter().map(|(user, payload)| (Channel::User(user), Bytes::from(payload)))).collect())
}

fn append(payload: &mut Vec<u8>, document: &impl Serialize) -> Result<(), serde_json::Error> {
    serde_json::to_writer(&mut *payload, document)?;
    payload.push(b'\n');
    Ok(())
}

#[cfg(test)]
mod tests {
    use chat_protocol::push::documents;
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn a_room_is_told_of_all_its_marks_at_once_and_each_user_of_the_own() {
        let (rooms, users) = ([RoomId::generate(), RoomId::generate()], [UserId::generate(), UserId::generate()]);
        let mark = |room_id, user_id, seq| PlacedMark {
            room_id,
            user_id,
            seq,
            number: seq - 1,
            at: Timestamp::UNIX_EPOCH,
            message_id: None,
        };
        let moved = [mark(rooms[0], users[0], 5), mark(rooms[0], users[1], 6), mark(rooms[1], users[0], 7)];
        let told: BTreeMap<String, Vec<(UserId, i64)>> = pushes(&moved)
            .unwrap()
            .into_iter()
            .map(|(channel, payload)| {
                let receipts = match channel {
                    Channel::Room(_) => documents::<RoomPush>(&payload)
                        .map(|push| serde_json::from_str::<ReadReceipt>(push.unwrap().data.get()).unwrap())
                        .collect::<Vec<_>>(),
                    _ => documents::<UserPush>(&payload)
                        .map(|push| match push.unwrap() {
                            UserPush::Read(receipt) => receipt,
                            other => panic!("{other:?}"),
                        })
                        .collect(),
                };
                let marks = receipts.iter().map(|it| (it.user_id, it.last_read_seq)).collect();
                (format!("{channel:?}"), marks)
            })
            .collect();
        let expected = BTreeMap::from([
            (format!("{:?}", Channel::Room(rooms[0])), vec![(users[0], 5), (users[1], 6)]),
            (format!("{:?}", Channel::Room(rooms[1])), vec![(users[0], 7)]),
            (format!("{:?}", Channel::User(users[0])), vec![(users[0], 5), (users[0], 7)]),
            (format!("{:?}", Channel::User(users[1])), vec![(users[1], 6)]),
        ]);
        assert_eq!(told, expected);
        assert!(pushes(&[]).unwrap().is_empty());
    }
}
