//! Who is typing: told to the room at once, over Redis alone. Never stored and never sequenced; what cannot be told is left out.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use bytes::Bytes;
use chat_protocol::{
    RoomId, UserId, limits,
    push::{RoomPush, RoomPushKind, Typing},
    redis_key::Channel,
};
use chat_redis::RedisPool;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{error::Refusal, membership::Memberships};

/// A session's `typing: true` is told at most this often per room. Well below [`limits::TYPING_ENDS_SECS`], so that who repeats it in time
/// never seems to have stopped.
const TOLD_EVERY: Duration = Duration::from_secs(2);
/// Most that waits to be published, on the whole gateway.
const WAITING: usize = 1_024;
/// Most published in one go.
const BATCH: usize = 256;

/// Publishes who is typing.
#[derive(Debug, Clone)]
pub struct TypingTeller {
    memberships: Memberships,
    waiting: mpsc::Sender<(Channel, Bytes)>,
}

/// What [`publish`] takes.
pub type Waiting = mpsc::Receiver<(Channel, Bytes)>;

impl TypingTeller {
    /// The receiver goes to [`publish`].
    pub fn new(memberships: Memberships) -> (Self, Waiting) {
        let (waiting, receiver) = mpsc::channel(WAITING);
        (Self { memberships, waiting }, receiver)
    }

    /// Tells the room, if the user is a member and the session does not say it too often.
    pub async fn tell(
        &self,
        throttle: &mut TypingThrottle,
        user_id: UserId,
        room_id: RoomId,
        typing: bool,
    ) -> Result<(), Refusal> {
        self.memberships.check(room_id, user_id).await?;
        if throttle.admit(room_id, typing, Instant::now())
            && let Ok(payload) = payload(&Typing { room_id, user_id, typing })
            && self.waiting.try_send((Channel::Room(room_id), payload)).is_err()
        {
            tracing::debug!("typing left out: redis is slow or away");
        }
        Ok(())
    }

    /// The session ends: whoever saw that it types is told that it does not, while they would still believe it. Nobody waits, and nothing is
    /// read: where the membership has ended meanwhile, the room's subscribers are not told.
    pub fn ended(&self, throttle: TypingThrottle, user_id: UserId) {
        for room_id in throttle.typing(Instant::now()) {
            if let Ok(payload) = payload(&Typing { room_id, user_id, typing: false })
                && self.waiting.try_send((Channel::Room(room_id), payload)).is_err()
            {
                return;
            }
        }
    }
}

fn payload(typing: &Typing) -> Result<Bytes, serde_json::Error> {
    let data = serde_json::value::to_raw_value(typing)?;
    let push = RoomPush { event: RoomPushKind::Typing, seq: 0, removed: Vec::new(), traceparent: None, data };
    Ok(serde_json::to_vec(&push)?.into())
}

/// Publishes until `stop`. What Redis does not take is gone: it would be old when Redis is back.
pub async fn publish(redis: RedisPool, mut waiting: Waiting, stop: CancellationToken) {
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        let taken = tokio::select! {
            taken = waiting.recv_many(&mut batch, BATCH) => taken,
            () = stop.cancelled() => return,
        };
        if taken == 0 {
            return;
        }
        if let Err(error) = redis.publish_all(&batch).await {
            tracing::debug!(%error, "typing not told");
        }
        batch.clear();
    }
}

/// What a session told of its typing, per room.
#[derive(Debug, Default)]
pub struct TypingThrottle {
    rooms: HashMap<RoomId, Told>,
}

#[derive(Debug)]
struct Told {
    /// The last `typing: true`.
    at: Instant,
    /// Not taken back since.
    typing: bool,
}

impl TypingThrottle {
    /// Whether it is told: `true` at most every [`TOLD_EVERY`], `false` once after a `true`.
    fn admit(&mut self, room_id: RoomId, typing: bool, now: Instant) -> bool {
        if !typing {
            return self.rooms.get_mut(&room_id).is_some_and(|told| std::mem::take(&mut told.typing));
        }
        if let Some(told) = self.rooms.get_mut(&room_id) {
            let due = now.duration_since(told.at) >= TOLD_EVERY;
            if due {
                *told = Told { at: now, typing };
            }
            return due;
        }
        if self.rooms.len() >= limits::ROOMS_PER_SESSION {
            let ends = Duration::from_secs(limits::TYPING_ENDS_SECS);
            self.rooms.retain(|_, told| now.duration_since(told.at) < ends);
        }
        let space = self.rooms.len() < limits::ROOMS_PER_SESSION;
        if space {
            self.rooms.insert(room_id, Told { at: now, typing });
        }
        space
    }

    /// Where it types, as far as those who were told believe it.
    fn typing(self, now: Instant) -> impl Iterator<Item = RoomId> {
        let ends = Duration::from_secs(limits::TYPING_ENDS_SECS);
        let typing = move |told: &Told| told.typing && now.duration_since(told.at) < ends;
        self.rooms.into_iter().filter(move |(_, told)| typing(told)).map(|(room_id, _)| room_id)
    }
}

#[cfg(test)]
mod tests {
    use chat_service::Secret;
    use chat_store::{PostgresConfig, Store};

    use super::*;

    #[tokio::test]
    async fn what_was_told_is_taken_back_at_the_end_although_the_membership_was_checked_long_ago() {
        let (url, schema) = (Secret::new("postgres://u:p@127.0.0.1:1/d"), "s".to_owned());
        let store = Store::new(&PostgresConfig { url, schema, pool_size: 1 }).unwrap();
        // Which remembers nothing, as after a while.
        let (teller, mut waiting) = TypingTeller::new(Memberships::new(store));
        let (mut throttle, room_id, user_id) = (TypingThrottle::default(), RoomId::generate(), UserId::generate());
        assert!(throttle.admit(room_id, true, Instant::now()));
        teller.ended(throttle, user_id);
        let (channel, told) = waiting.try_recv().unwrap();
        assert_eq!(
            (channel, told),
            (Channel::Room(room_id), payload(&Typing { room_id, user_id, typing: false }).unwrap())
        );
    }

    #[test]
    fn typing_is_told_every_two_seconds_at_most_and_its_end_once() {
        let (mut throttle, room, other, start) =
            (TypingThrottle::default(), RoomId::generate(), RoomId::generate(), Instant::now());
        let mut said = |room, typing, after| throttle.admit(room, typing, start + Duration::from_millis(after));
        assert!(!said(room, false, 0), "nobody knew of any typing");
        assert!(said(room, true, 0));
        assert!(!said(room, true, 1_999));
        assert!(said(other, true, 1_999), "rooms do not hold up each other");
        assert!(said(room, true, 2_000));
        assert!(said(room, false, 2_100));
        assert!(!said(room, false, 2_100));
        assert!(!said(room, true, 2_200), "stopping in between does not make it more often");
        assert!(!said(room, false, 2_300), "and what was not told is not taken back");
        assert!(said(room, true, 4_000));
    }

    #[test]
    fn what_a_session_leaves_is_the_typing_that_was_told_lately_and_not_taken_back() {
        let (mut throttle, start) = (TypingThrottle::default(), Instant::now());
        let [typing, stopped, long_ago] = std::array::from_fn(|_| RoomId::generate());
        let ends = Duration::from_secs(limits::TYPING_ENDS_SECS);
        assert!(throttle.admit(long_ago, true, start));
        assert!(throttle.admit(stopped, true, start + TOLD_EVERY));
        assert!(throttle.admit(typing, true, start + TOLD_EVERY));
        assert!(throttle.admit(stopped, false, start + TOLD_EVERY));
        assert_eq!(throttle.typing(start + ends).collect::<Vec<_>>(), [typing]);
    }

    #[test]
    fn a_session_types_in_a_bounded_number_of_rooms() {
        let (mut throttle, start) = (TypingThrottle::default(), Instant::now());
        for _ in 0..limits::ROOMS_PER_SESSION {
            assert!(throttle.admit(RoomId::generate(), true, start));
        }
        assert!(!throttle.admit(RoomId::generate(), true, start));
        let later = start + Duration::from_secs(limits::TYPING_ENDS_SECS);
        assert!(throttle.admit(RoomId::generate(), true, later), "what has ended makes space");
        assert_eq!(throttle.rooms.len(), 1);
    }
}
