//! Requests that wait for a subscription before them: whoever subscribes and then speaks sees what was said, although the check of a
//! membership takes longer than a record.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use crate::ws::request::Request;

/// A message waits this long at most: it is not to wait for a database that is away.
const HOLD: Duration = Duration::from_secs(1);

/// What was read and not yet done, in the order of the client.
#[derive(Debug, Default)]
pub struct Held {
    requests: VecDeque<Request>,
    /// Subscribe requests without an answer.
    opening: usize,
    until: Option<Instant>,
}

impl Held {
    /// Takes what was read.
    pub fn push(&mut self, requests: impl IntoIterator<Item = Request>) {
        self.requests.extend(requests);
    }

    /// A subscribe request was passed on.
    pub fn opening(&mut self, now: Instant) {
        self.opening += 1;
        self.until = Some(now + HOLD);
    }

    /// One was answered.
    pub fn opened(&mut self) {
        self.opening = self.opening.saturating_sub(1);
    }

    /// The next request to carry out; `None` while it has to wait, and when there is none.
    pub fn next(&mut self, now: Instant) -> Option<Request> {
        let waits = self.opening > 0 && self.until.is_some_and(|until| now < until);
        if waits && matches!(self.requests.front(), Some(Request::Send { .. })) {
            return None;
        }
        self.requests.pop_front()
    }

    /// Nothing waits: there may be more.
    pub fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    /// When the wait is over, if something waits.
    pub fn until(&self) -> Option<Instant> {
        self.until.filter(|_| !self.is_empty())
    }

    /// Nothing waits any longer: the connection ends.
    pub fn release(&mut self) {
        self.until = None;
    }
}

#[cfg(test)]
mod tests {
    use chat_protocol::{ClientMessageId, CommandBody, RoomId};

    use super::*;
    use crate::ws::request::{SendRequest, Tag};

    fn send() -> Request {
        let send = SendRequest {
            room_id: RoomId::generate(),
            client_message_id: ClientMessageId::generate(),
            body: CommandBody::LeaveRoom {},
            traceparent: None,
        };
        Request::Send { tag: Tag::Native(2), send }
    }

    fn answer() -> Request {
        Request::Answer { tag: Tag::Native(3) }
    }

    #[test]
    fn a_send_waits_for_the_subscriptions_before_it_and_what_follows_waits_with_it() {
        let now = Instant::now();
        let mut held = Held::default();
        held.opening(now);
        held.opening(now);
        held.push([answer(), send(), answer()]);
        assert!(matches!(held.next(now), Some(Request::Answer { .. })), "not everything waits");
        assert!(held.next(now).is_none());
        held.opened();
        assert!(held.next(now).is_none());
        held.opened();
        assert!(matches!(held.next(now), Some(Request::Send { .. })));
        assert!(matches!(held.next(now), Some(Request::Answer { .. })));
        assert!(held.is_empty() && held.next(now).is_none());
    }

    #[test]
    fn a_send_does_not_wait_for_ever() {
        let now = Instant::now();
        let mut held = Held::default();
        held.opening(now);
        held.push([send(), send()]);
        assert_eq!(held.until(), Some(now + HOLD));
        assert!(held.next(now + HOLD / 2).is_none());
        assert!(held.next(now + HOLD).is_some());
        held.release();
        assert!(held.next(now).is_some());
        assert_eq!(held.until(), None);
    }
}
