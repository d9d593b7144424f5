//! What tests say and hear on a `chat.v1` connection.

use std::{future::Future, time::Duration};

use chat_client::{Connection, Incoming, connection::CallError};
use chat_protocol::{
    ClientMessageId, Entry, EntryType, RoomId,
    frame::{ClientCommand, FrameError, ReplyBody, ReplyResult, RoomCursor, RoomSubscription, ServerPush, ServerReply},
};

/// What has not happened by then has failed.
pub const PATIENCE: Duration = Duration::from_secs(15);

/// Fails the test when `future` takes longer.
pub async fn deadline<T>(what: &str, within: Duration, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(within, future).await {
        Ok(value) => value,
        Err(elapsed) => panic!("{what}: {elapsed}, {within:?}"),
    }
}

/// The refusal of a command.
pub fn frame_error<T: std::fmt::Debug>(result: Result<T, CallError>) -> FrameError {
    match result {
        Err(CallError::Refused(error)) => error,
        other => panic!("not refused: {other:?}"),
    }
}

/// The entries are `first`, `first` + 1, …
pub fn assert_gapless(entries: &[Entry], first: i64) {
    let seqs: Vec<i64> = entries.iter().map(|entry| entry.seq).collect();
    let expected: Vec<i64> = (first..).take(entries.len()).collect();
    assert_eq!(seqs, expected);
}

/// Short forms for tests.
#[expect(async_fn_in_trait, reason = "used by tests of this workspace only, never behind a Send bound")]
pub trait Talk {
    /// Sends a text; returns when it is accepted.
    async fn say(&self, room: RoomId, text: &str) -> ClientMessageId;
    /// Sends a text under an id of one's own.
    async fn say_as(&self, room: RoomId, id: &ClientMessageId, text: &str) -> Result<ReplyBody, CallError>;
    /// Subscribes one room.
    async fn subscribe(&self, room: RoomId, after: Option<i64>) -> RoomSubscription;
    /// Everything that arrives up to and including the first push that `last` picks.
    async fn hear_until(&mut self, what: &str, last: impl FnMut(&ServerPush) -> bool) -> Vec<ServerPush>;
    /// What `pick` picks of the next push that it picks anything of.
    async fn hear<T>(&mut self, what: &str, pick: impl FnMut(ServerPush) -> Option<T>) -> T;
    /// The entries of a room up to and including `seq`; whatever else arrives is dropped.
    async fn entries(&mut self, room: RoomId, seq: i64) -> Vec<Entry>;
    /// Sends a frame as it is; the next reply.
    async fn raw(&mut self, frame: &str) -> ServerReply;
    /// The same of a frame that is refused: the reply's id and the error.
    async fn refused(&mut self, frame: &str) -> (u64, FrameError);
    /// The place of a send, and whether it is a duplicate.
    async fn persisted(&mut self, id: &ClientMessageId) -> (i64, bool);
}

impl Talk for Connection {
    async fn raw(&mut self, frame: &str) -> ServerReply {
        self.send_raw_text(frame).await.expect("an open connection");
        deadline("a reply", PATIENCE, async {
            loop {
                if let Incoming::Reply(reply) = self.next().await.expect("an open connection") {
                    return reply;
                }
            }
        })
        .await
    }

    async fn refused(&mut self, frame: &str) -> (u64, FrameError) {
        let reply = self.raw(frame).await;
        match reply.result {
            ReplyResult::Error(error) => (reply.id, error),
            ReplyResult::Ok(body) => panic!("not refused: {frame}: {body:?}"),
        }
    }

    async fn say(&self, room: RoomId, text: &str) -> ClientMessageId {
        let id = ClientMessageId::generate();
        match self.say_as(room, &id, text).await {
            Ok(ReplyBody::Send { client_message_id, room_id, .. }) => {
                assert_eq!((&client_message_id, room_id), (&id, room));
            }
            other => panic!("not accepted: {other:?}"),
        }
        id
    }

    async fn say_as(&self, room: RoomId, id: &ClientMessageId, text: &str) -> Result<ReplyBody, CallError> {
        self.call(ClientCommand::Send {
            room_id: room,
            client_message_id: id.clone(),
            content: text.to_owned(),
            message_type: EntryType::Text,
            reply_to: None,
            traceparent: None,
        })
        .await
    }

    async fn subscribe(&self, room: RoomId, after: Option<i64>) -> RoomSubscription {
        let rooms = vec![RoomCursor { room_id: room, after, presence: false }];
        match self.call(ClientCommand::Subscribe { rooms }).await {
            Ok(ReplyBody::Subscribe { mut rooms }) if rooms.len() == 1 => rooms.remove(0),
            other => panic!("no answer for one room: {other:?}"),
        }
    }

    async fn hear_until(&mut self, what: &str, mut last: impl FnMut(&ServerPush) -> bool) -> Vec<ServerPush> {
        let mut heard = Vec::new();
        let listen = async {
            loop {
                match self.next_push().await {
                    Some(push) => heard.push(push),
                    None => return Err(self.closed().await),
                }
                if heard.last().is_some_and(&mut last) {
                    return Ok(());
                }
            }
        };
        match tokio::time::timeout(PATIENCE, listen).await {
            Ok(Ok(())) => heard,
            Ok(Err(closed)) => panic!("{what}: {closed} after {heard:?}"),
            Err(elapsed) => panic!("{what}: {elapsed}, {PATIENCE:?}; heard {heard:?}"),
        }
    }

    async fn hear<T>(&mut self, what: &str, mut pick: impl FnMut(ServerPush) -> Option<T>) -> T {
        let mut picked = None;
        self.hear_until(what, |push| {
            picked = pick(push.clone());
            picked.is_some()
        })
        .await;
        picked.expect("the last push heard")
    }

    async fn entries(&mut self, room: RoomId, seq: i64) -> Vec<Entry> {
        let of_room = |push: &ServerPush| match push {
            ServerPush::Message { message } if message.room_id == room => Some(message.clone()),
            _ => None,
        };
        let what = format!("entries of {room} up to {seq}");
        let heard = self.hear_until(&what, |push| of_room(push).is_some_and(|entry| entry.seq >= seq)).await;
        heard.iter().filter_map(of_room).collect()
    }

    async fn persisted(&mut self, id: &ClientMessageId) -> (i64, bool) {
        self.hear("persisted", |push| match push {
            ServerPush::Persisted { client_message_id, seq, duplicate, .. } if client_message_id == *id => {
                Some((seq, duplicate))
            }
            ServerPush::Rejected { client_message_id, error, .. } if client_message_id == *id => panic!("{error:?}"),
            _ => None,
        })
        .await
    }
}
