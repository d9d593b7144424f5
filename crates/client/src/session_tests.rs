use std::collections::BTreeMap;

use chat_protocol::{Entry, EntryType, MessageId, ReadReceipt, SessionId};
use jiff::Timestamp;

use super::*;

struct Fixture {
    session: Session,
    me: UserId,
    room: RoomId,
    now: Instant,
    next_id: u64,
}

impl Fixture {
    fn connected() -> Self {
        let mut fixture = Self {
            session: Session::default(),
            me: UserId::generate(),
            room: RoomId::generate(),
            now: Instant::now(),
            next_id: 1,
        };
        fixture.session.request(Request::Subscribe { room: fixture.room, after: Some(0) }, fixture.now);
        fixture.reconnect(0);
        fixture
    }

    fn reconnect(&mut self, seq: i64) -> Vec<Event> {
        let (command, asked) = self.session.connect("token".into(), self.now);
        let ClientCommand::Connect { rooms, .. } = command else { panic!("not a connect") };
        assert_eq!(rooms.iter().map(|room| room.after).collect::<Vec<_>>(), [Some(seq)]);
        let id = self.post(asked);
        let room = RoomSubscription { room_id: self.room, seq, head: seq, error: None };
        let body = ReplyBody::Connect {
            session_id: SessionId::generate(),
            user_id: self.me,
            expires_at: Timestamp::UNIX_EPOCH,
            ping_interval_ms: 1000,
            rooms: vec![room],
        };
        self.reply(id, ReplyResult::Ok(body))
    }

    fn post(&mut self, asked: Asked) -> u64 {
        self.next_id += 1;
        self.session.posted(self.next_id, asked, self.now);
        self.next_id
    }

    /// Posts what is due; the commands with their ids.
    fn flush(&mut self) -> Vec<(u64, ClientCommand)> {
        let commands = self.session.commands(self.now);
        commands.into_iter().map(|(command, asked)| (self.post(asked), command)).collect()
    }

    fn reply(&mut self, id: u64, result: ReplyResult) -> Vec<Event> {
        self.session.incoming(Incoming::Reply(ServerReply { id, result }), self.now)
    }

    fn push(&mut self, push: ServerPush) -> Vec<Event> {
        self.session.incoming(Incoming::Push(Box::new(push)), self.now)
    }

    fn entry(&self, seq: i64, sender_id: UserId, id: &ClientMessageId) -> Entry {
        Entry {
            message_id: MessageId::generate(),
            room_id: self.room,
            seq,
            number: seq,
            sender_id,
            sender_nickname: "n".into(),
            client_message_id: id.clone(),
            entry_type: EntryType::Text,
            content: "c".into(),
            members: vec![],
            sent_at: Timestamp::UNIX_EPOCH,
            reply_to: None,
            edited_at: None,
            deleted_at: None,
            reactions: Vec::new(),
        }
    }

    fn send(&mut self, content: &str) -> ClientMessageId {
        let id = ClientMessageId::generate();
        let (room_id, message_type) = (self.room, EntryType::Text);
        let draft = Draft { room_id, client_message_id: id.clone(), content: content.into(), message_type };
        self.session.request(Request::Send(draft), self.now);
        id
    }
}

fn error(code: ErrorCode, retry_after_ms: Option<u64>) -> FrameError {
    FrameError { code, message: "m".into(), retry: code.retry(), retry_after_ms }
}

#[test]
fn a_reconnect_resumes_the_rooms_and_repeats_unanswered_sends() {
    let mut fixture = Fixture::connected();
    let other = UserId::generate();
    let entry = fixture.entry(1, other, &ClientMessageId::generate());
    assert_eq!(fixture.push(ServerPush::Message { message: entry.clone() }), [Event::Entry(entry)]);
    let id = fixture.send("hello");
    let sent = fixture.flush();
    let accepted =
        ReplyBody::Send { client_message_id: id.clone(), room_id: fixture.room, accepted_at: Timestamp::UNIX_EPOCH };
    let events = fixture.reply(sent[0].0, ReplyResult::Ok(accepted));
    assert_eq!(events, [Event::send(fixture.room, id.clone(), SendState::Accepted)]);
    assert_eq!(fixture.flush(), []);

    fixture.reconnect(1);
    let again = fixture.flush();
    assert_eq!(again.len(), 1, "the outcome was lost with the connection");
    assert_eq!(again[0].1, sent[0].1, "same id, same text");

    let persisted = ServerPush::Persisted {
        room_id: fixture.room,
        client_message_id: id.clone(),
        message_id: MessageId::generate(),
        seq: 2,
        duplicate: true,
    };
    let done = Event::send(fixture.room, id, SendState::Persisted { seq: 2, duplicate: true });
    assert_eq!(fixture.push(persisted.clone()), [done]);
    assert_eq!(fixture.push(persisted), [], "final answers are told once");
}

#[test]
fn ones_own_message_in_the_room_is_its_outcome() {
    let mut fixture = Fixture::connected();
    let id = fixture.send("hello");
    fixture.flush();
    let entry = fixture.entry(1, fixture.me, &id);
    let events = fixture.push(ServerPush::Message { message: entry.clone() });
    let done = Event::send(fixture.room, id, SendState::Persisted { seq: 1, duplicate: false });
    assert_eq!(events, [done, Event::Entry(entry)]);
    assert!(fixture.session.outbox.is_empty());
}

#[test]
fn a_busy_server_is_asked_again_and_a_refusal_is_final() {
    let mut fixture = Fixture::connected();
    let id = fixture.send("hello");
    let sent = fixture.flush();
    assert_eq!(fixture.reply(sent[0].0, ReplyResult::Error(error(ErrorCode::Busy, Some(200)))), []);
    assert_eq!(fixture.flush(), []);
    fixture.now += Duration::from_millis(200);
    let sent = fixture.flush();
    let unknown = fixture.reply(sent[0].0, ReplyResult::Error(error(ErrorCode::Unknown, None)));
    assert_eq!(unknown, [Event::send(fixture.room, id.clone(), SendState::Unknown)]);
    fixture.now += RETRY_AFTER;
    let sent = fixture.flush();
    let refusal = error(ErrorCode::RoomNotFound, None);
    let rejected = fixture.reply(sent[0].0, ReplyResult::Error(refusal.clone()));
    assert_eq!(rejected, [Event::send(fixture.room, id, SendState::Rejected(refusal))]);
    assert!(fixture.session.outbox.is_empty());
}

#[test]
fn a_gap_is_reported_and_the_room_subscribed_anew() {
    let mut fixture = Fixture::connected();
    let id = ClientMessageId::generate();
    let ahead = fixture.entry(3, UserId::generate(), &id);
    let events = fixture.push(ServerPush::Message { message: ahead });
    assert_eq!(events, [Event::Gap { room_id: fixture.room, expected: 1, got: 3 }]);
    let commands = fixture.flush();
    let ClientCommand::Subscribe { rooms } = &commands[0].1 else { panic!("{commands:?}") };
    assert_eq!((rooms[0].room_id, rooms[0].after), (fixture.room, Some(0)));
}

#[test]
fn a_room_that_refuses_is_given_up_and_one_that_is_busy_is_not() {
    let mut fixture = Fixture::connected();
    let (busy, strange) = (RoomId::generate(), RoomId::generate());
    for room in [busy, strange] {
        fixture.session.request(Request::Subscribe { room, after: None }, fixture.now);
    }
    let id = fixture.flush()[0].0;
    let result = |room_id, code| RoomSubscription { room_id, seq: 0, head: 0, error: Some(error(code, None)) };
    let rooms = vec![result(busy, ErrorCode::Unavailable), result(strange, ErrorCode::RoomNotFound)];
    let events = fixture.reply(id, ReplyResult::Ok(ReplyBody::Subscribe { rooms }));
    assert!(matches!(events[..], [Event::RoomEnded { room_id, .. }] if room_id == strange), "{events:?}");
    fixture.now += RETRY_AFTER;
    let commands = fixture.flush();
    let ClientCommand::Subscribe { rooms } = &commands[0].1 else { panic!("{commands:?}") };
    assert_eq!(rooms.iter().map(|room| room.room_id).collect::<Vec<_>>(), [busy]);
}

#[test]
fn read_marks_are_collapsed_while_one_is_on_its_way() {
    let mut fixture = Fixture::connected();
    let room = fixture.room;
    let mark = |fixture: &mut Fixture, seq| fixture.session.request(Request::Read { room, seq }, fixture.now);
    mark(&mut fixture, 1);
    let first = fixture.flush();
    assert_eq!(first[0].1, ClientCommand::Read { room_id: room, seq: 1 });
    mark(&mut fixture, 2);
    mark(&mut fixture, 5);
    mark(&mut fixture, 4);
    assert_eq!(fixture.flush(), []);
    fixture.reply(first[0].0, ReplyResult::Ok(ReplyBody::Read {}));
    let second = fixture.flush();
    assert_eq!(second[0].1, ClientCommand::Read { room_id: room, seq: 5 });
    fixture.reply(second[0].0, ReplyResult::Error(error(ErrorCode::Forbidden, None)));
    assert_eq!(fixture.flush(), [], "refused for good");
}

#[test]
fn a_mark_that_was_told_is_not_lowered_by_an_older_one() {
    let mut fixture = Fixture::connected();
    let (room_id, bob) = (fixture.room, UserId::generate());
    for (seq, told) in [(3, true), (3, false), (2, false), (4, true)] {
        let receipt = ReadReceipt {
            room_id,
            user_id: bob,
            last_read_seq: seq,
            last_read_number: None,
            last_read_message_id: None,
            read_at: Timestamp::UNIX_EPOCH,
        };
        let events = fixture.push(ServerPush::Read(receipt.clone()));
        assert_eq!(events, if told { vec![Event::Read(receipt)] } else { vec![] }, "{seq}");
    }
}

#[test]
fn silence_and_missing_replies_are_noticed() {
    let mut fixture = Fixture::connected();
    assert_eq!(fixture.session.longest_silence(), Duration::from_secs(3));
    assert_eq!(fixture.push(ServerPush::Ping { heads: BTreeMap::new() }), []);
    fixture.send("hello");
    fixture.flush();
    assert!(!fixture.session.is_overdue(fixture.now + REPLY_WITHIN));
    assert!(fixture.session.is_overdue(fixture.now + REPLY_WITHIN + Duration::from_millis(1)));
}
