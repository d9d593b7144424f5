//! Which entries of which rooms were seen: gives every entry exactly once and in order, and notices silence. Pure.

use std::{
    collections::{BTreeMap, HashMap},
    time::Instant,
};

use chat_protocol::{
    RoomId,
    frame::{RoomCursor, RoomSubscription},
};

/// So many pings may name a head that was not reached, without any progress, before the room is subscribed anew.
const PATIENCE: u8 = 2;

/// What to do with an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is the next one.
    Deliver,
    /// It was given before, or the room is being subscribed anew and will send it again.
    Drop,
    /// Entries are missing. Said once; the room is due to be subscribed anew from the cursor.
    Gap {
        /// The seq that should have come.
        expected: i64,
    },
}

/// The rooms a client wants, and how far it has each.
#[derive(Debug, Default)]
pub struct Tracker {
    rooms: HashMap<RoomId, Room>,
}

#[derive(Debug)]
struct Room {
    /// The last seq given to the consumer; `None` until the server has said where "from now on" is.
    cursor: Option<i64>,
    state: State,
    /// The highest head named by the server. A ping names it only once after the room moved, so it is remembered.
    head: i64,
    /// Pings in a row that found the cursor behind the head …
    behind: u8,
    /// … and where it was at the last ping.
    cursor_at_ping: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// To be subscribed, not before the time given.
    Wanted(Option<Instant>),
    /// Subscribe sent; entries that arrive before its reply belong to an earlier subscription.
    Asked,
    /// Subscribed.
    Live,
}

impl Room {
    fn ask_anew(&mut self, not_before: Option<Instant>) {
        self.state = State::Wanted(not_before);
        self.behind = 0;
    }
}

impl Tracker {
    /// Wants a room, from after a seq or from now on. No effect on a room that is wanted already.
    pub fn want(&mut self, room: RoomId, after: Option<i64>) {
        let new = Room { cursor: after, state: State::Wanted(None), head: 0, behind: 0, cursor_at_ping: None };
        self.rooms.entry(room).or_insert(new);
    }

    /// Wants a room no longer. False if it was not wanted.
    pub fn forget(&mut self, room: RoomId) -> bool {
        self.rooms.remove(&room).is_some()
    }

    /// The connection is gone: every room has to be subscribed again.
    pub fn disconnected(&mut self) {
        self.rooms.values_mut().for_each(|room| room.ask_anew(None));
    }

    /// Rooms to be subscribed now, at most `limit`, with cursors that leave no gap. They count as asked for.
    pub fn due(&mut self, now: Instant, limit: usize) -> Vec<RoomCursor> {
        let due =
            |room: &Room| matches!(room.state, State::Wanted(not_before) if not_before.is_none_or(|at| at <= now));
        let rooms = self.rooms.iter_mut().filter(|(_, room)| due(room)).take(limit);
        rooms
            .map(|(room_id, room)| {
                room.state = State::Asked;
                RoomCursor { room_id: *room_id, after: room.cursor, presence: false }
            })
            .collect()
    }

    /// The server answered a subscribe of a room (without an error): its next entry is `seq` + 1.
    pub fn subscribed(&mut self, subscription: &RoomSubscription) {
        let Some(room) = self.rooms.get_mut(&subscription.room_id) else { return };
        // A later start is legitimate: the membership began there. An earlier one only repeats what was seen.
        room.cursor = Some(room.cursor.map_or(subscription.seq, |cursor| cursor.max(subscription.seq)));
        room.head = room.head.max(subscription.head);
        room.state = State::Live;
        room.behind = 0;
    }

    /// The server could not subscribe a room now.
    pub fn postpone(&mut self, room: RoomId, until: Instant) {
        if let Some(room) = self.rooms.get_mut(&room) {
            room.ask_anew(Some(until));
        }
    }

    /// An entry arrived.
    pub fn entry(&mut self, room: RoomId, seq: i64) -> Verdict {
        let Some(room) = self.rooms.get_mut(&room) else { return Verdict::Drop };
        let (State::Live, Some(cursor)) = (room.state, room.cursor) else { return Verdict::Drop };
        if seq <= cursor {
            return Verdict::Drop;
        }
        if seq > cursor + 1 {
            room.ask_anew(None);
            return Verdict::Gap { expected: cursor + 1 };
        }
        room.cursor = Some(seq);
        Verdict::Deliver
    }

    /// A ping named the heads of rooms that moved. Rooms that do not get on become due to be subscribed anew.
    pub fn ping(&mut self, heads: &BTreeMap<RoomId, i64>) {
        for (room_id, room) in &mut self.rooms {
            room.head = room.head.max(heads.get(room_id).copied().unwrap_or(0));
            let (State::Live, Some(cursor)) = (room.state, room.cursor) else { continue };
            let progress = room.cursor_at_ping.replace(cursor) != Some(cursor);
            room.behind = if cursor >= room.head || progress { 0 } else { room.behind + 1 };
            if room.behind > PATIENCE {
                room.ask_anew(None);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn subscribed(room: RoomId, seq: i64, head: i64) -> RoomSubscription {
        RoomSubscription { room_id: room, seq, head, error: None }
    }

    fn due(tracker: &mut Tracker) -> Vec<RoomCursor> {
        tracker.due(Instant::now(), 10)
    }

    fn live(after: i64) -> (Tracker, RoomId) {
        let (mut tracker, room) = (Tracker::default(), RoomId::generate());
        tracker.want(room, Some(after));
        assert_eq!(due(&mut tracker), [RoomCursor { room_id: room, after: Some(after), presence: false }]);
        tracker.subscribed(&subscribed(room, after, after));
        (tracker, room)
    }

    #[test]
    fn every_entry_is_given_once_and_in_order() {
        let (mut tracker, room) = live(4);
        assert_eq!(tracker.entry(room, 5), Verdict::Deliver);
        assert_eq!(tracker.entry(room, 5), Verdict::Drop);
        assert_eq!(tracker.entry(room, 6), Verdict::Deliver);
        assert_eq!(tracker.entry(room, 3), Verdict::Drop);
        assert_eq!(tracker.entry(RoomId::generate(), 1), Verdict::Drop);
    }

    #[test]
    fn a_reconnect_resumes_where_the_consumer_is() {
        let (mut tracker, room) = live(4);
        tracker.entry(room, 5);
        tracker.disconnected();
        assert_eq!(due(&mut tracker), [RoomCursor { room_id: room, after: Some(5), presence: false }]);
        assert_eq!(due(&mut tracker), [], "asked once");
        tracker.subscribed(&subscribed(room, 5, 7));
        assert_eq!(tracker.entry(room, 6), Verdict::Deliver);
    }

    #[test]
    fn from_now_on_begins_where_the_server_says() {
        let (mut tracker, room) = (Tracker::default(), RoomId::generate());
        tracker.want(room, None);
        tracker.want(room, Some(1)); // wanted already
        assert_eq!(due(&mut tracker), [RoomCursor { room_id: room, after: None, presence: false }]);
        assert_eq!(tracker.entry(room, 10), Verdict::Drop, "before the reply");
        tracker.subscribed(&subscribed(room, 10, 10));
        assert_eq!(tracker.entry(room, 11), Verdict::Deliver);
    }

    #[test]
    fn a_membership_that_began_later_is_not_a_gap() {
        let (mut tracker, room) = live(2);
        tracker.disconnected();
        tracker.subscribed(&subscribed(room, 8, 9));
        assert_eq!(tracker.entry(room, 9), Verdict::Deliver);
    }

    #[test]
    fn a_gap_is_told_once_and_nothing_passes_until_it_is_closed() {
        let (mut tracker, room) = live(1);
        assert_eq!(tracker.entry(room, 4), Verdict::Gap { expected: 2 });
        assert_eq!(tracker.entry(room, 5), Verdict::Drop);
        assert_eq!(due(&mut tracker), [RoomCursor { room_id: room, after: Some(1), presence: false }]);
        tracker.subscribed(&subscribed(room, 1, 5));
        assert_eq!(tracker.entry(room, 2), Verdict::Deliver);
    }

    #[test]
    fn a_postponed_room_waits_for_its_time() {
        let (mut tracker, room, now) = (Tracker::default(), RoomId::generate(), Instant::now());
        tracker.want(room, None);
        tracker.due(now, 10);
        tracker.postpone(room, now + Duration::from_secs(1));
        assert_eq!(tracker.due(now, 10), []);
        assert_eq!(tracker.due(now + Duration::from_secs(1), 10).len(), 1);
    }

    #[test]
    fn a_room_that_stays_behind_its_head_is_subscribed_anew() {
        let (mut tracker, room) = live(3);
        let quiet = BTreeMap::new();
        tracker.ping(&BTreeMap::from([(room, 5)]));
        tracker.ping(&quiet);
        assert_eq!(tracker.entry(room, 4), Verdict::Deliver, "progress: be patient again");
        for _ in 0..3 {
            tracker.ping(&quiet);
            assert_eq!(due(&mut tracker), []);
        }
        tracker.ping(&quiet);
        assert_eq!(due(&mut tracker), [RoomCursor { room_id: room, after: Some(4), presence: false }]);
        tracker.subscribed(&subscribed(room, 4, 5));
        assert_eq!(tracker.entry(room, 5), Verdict::Deliver);
        for _ in 0..5 {
            tracker.ping(&quiet);
            assert_eq!(due(&mut tracker), []);
        }
    }
}
