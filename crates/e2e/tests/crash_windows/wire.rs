//! What people see, and what passes between the services.

use std::sync::{Arc, Mutex};

use chat_client::{
    Connection,
    connection::{CallError, Caller},
};
use chat_e2e::{PATIENCE, System};
use chat_protocol::{
    ClientMessageId, Entry, EntryType, ErrorCode, Event, RoomId,
    frame::{ClientCommand, ReplyBody, ServerPush},
    redis_key::Channel,
};
use chat_redis::{RedisConfig, RedisPool, Subscriber, SubscriberEvent};
use chat_service::Secret;
use chat_testkit::assert_eventually;
use serde_json::Value;
use tokio_util::sync::{CancellationToken, DropGuard};

/// A connection that remembers everything.
pub struct Screen {
    caller: Caller,
    seen: Arc<Mutex<Vec<ServerPush>>>,
}

impl Screen {
    pub fn of(mut connection: Connection) -> Self {
        let (caller, seen) = (connection.caller(), Arc::new(Mutex::new(Vec::new())));
        let seeing = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Some(push) = connection.next_push().await {
                seeing.lock().unwrap().push(push);
            }
        });
        Self { caller, seen }
    }

    pub async fn say(&self, room: RoomId, text: &str) -> ClientMessageId {
        let id = ClientMessageId::generate();
        let send = ClientCommand::Send {
            room_id: room,
            client_message_id: id.clone(),
            content: text.to_owned(),
            message_type: EntryType::Text,
            reply_to: None,
            traceparent: None,
        };
        match self.caller.call(send).await {
            Ok(ReplyBody::Send { .. }) => {}
            // A machine with much to do: the answer comes as a push. A repeat would be one more command.
            Err(CallError::Refused(error)) if error.code == ErrorCode::Unknown => {
                assert_eventually!(!self.accepted(&id).is_empty(), within = PATIENCE, "{text}: not accepted");
            }
            other => panic!("{text}: {other:?}"),
        }
        id
    }

    fn accepted(&self, id: &ClientMessageId) -> Vec<()> {
        self.all(|push| {
            matches!(push, ServerPush::Accepted { client_message_id, .. } if client_message_id == id).then_some(())
        })
    }

    pub async fn mark(&self, room: RoomId, seq: i64) {
        let read = ClientCommand::Read { room_id: room, seq };
        assert!(matches!(self.caller.call(read).await, Ok(ReplyBody::Read {})), "mark {seq}: not accepted");
    }

    /// What `pick` picks of everything seen so far.
    pub fn all<T>(&self, pick: impl FnMut(&ServerPush) -> Option<T>) -> Vec<T> {
        self.seen.lock().unwrap().iter().filter_map(pick).collect()
    }

    pub fn entries(&self) -> Vec<Entry> {
        self.all(|push| if let ServerPush::Message { message } = push { Some(message.clone()) } else { None })
    }

    pub fn marks(&self) -> Vec<i64> {
        self.all(|push| if let ServerPush::Read(receipt) = push { Some(receipt.last_read_seq) } else { None })
    }
}

/// Listens to a room's channel in Redis.
pub struct Wire {
    pushes: Arc<Mutex<Vec<Value>>>,
    _stop: DropGuard,
}

impl Wire {
    pub async fn tap(system: &System, room: RoomId) -> Self {
        let isolation = &system.isolation;
        let (url, key_prefix) = (Secret::new(isolation.redis_url()), isolation.redis_prefix());
        let config = RedisConfig { url, key_prefix, pool_size: 1 };
        let pool = RedisPool::new(&config).unwrap();
        let (subscriber, handle, mut events) = Subscriber::new(&config, pool, 1000).unwrap();
        let (stop, pushes) = (CancellationToken::new(), Arc::new(Mutex::new(Vec::new())));
        tokio::spawn(subscriber.run(stop.clone()));
        handle.subscribe(vec![Channel::Room(room)]).await.unwrap();
        let hearing = Arc::clone(&pushes);
        tokio::spawn(async move {
            while let Some(event) = events.recv().await {
                let SubscriberEvent::Message { payload, .. } = event else { continue };
                for line in payload.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                    hearing.lock().unwrap().push(serde_json::from_slice(line).unwrap());
                }
            }
        });
        Self { pushes, _stop: stop.drop_guard() }
    }

    /// How often the timeline event with this seq was published.
    pub fn events(&self, seq: i64) -> usize {
        self.count(|push| push["seq"] == seq)
    }

    /// How often somebody's mark at this seq was published.
    pub fn marks(&self, seq: i64) -> usize {
        self.count(|push| push["data"]["lastReadSeq"] == seq)
    }

    fn count(&self, which: impl Fn(&Value) -> bool) -> usize {
        self.pushes.lock().unwrap().iter().filter(|push| which(push)).count()
    }
}

/// Every event of the room on `chat-events`.
pub async fn events(system: &System, room: RoomId) -> Vec<Event> {
    let topic = system.isolation.topics().events();
    let mut reader = chat_kafka::Reader::all(&system.isolation.kafka(), &topic).await.unwrap();
    let mut events = Vec::new();
    while let Some(record) = reader.next().await.unwrap() {
        let event: Event = serde_json::from_slice(record.value()).unwrap();
        if event.room_id == room {
            events.push(event);
        }
    }
    events
}
