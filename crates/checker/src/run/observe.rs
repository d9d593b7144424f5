//! Taking in one event: which fields it needs, and what it says about commands, connections and subscriptions.

use chat_protocol::{RoomId, UserId};

use crate::{
    history::{BodyHash, Event, Kind, Op, Outcome, Via},
    run::{At, Connection, MarkSeen, Notified, Run},
};

/// What happened on a connection, in order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    pub at: At,
    pub mono_ns: u64,
    pub process: u32,
    pub connection: u32,
    pub act: Act,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Act {
    Connected,
    /// The client asks for everything after a place, or for what comes.
    Subscribed {
        room: u32,
        after: Option<i64>,
    },
    /// The server says after which place the subscription begins.
    Told {
        room: u32,
        after: Option<i64>,
    },
    Received {
        room: u32,
        seq: i64,
        command: u32,
        hash: Option<BodyHash>,
        kind: Kind,
        target: Option<i64>,
        via: Via,
    },
    /// A subscription ends, or with it the whole connection.
    Ended {
        room: Option<u32>,
    },
}

type Observed = Result<(), &'static str>;

impl Run {
    pub(super) fn observe(&mut self, event: &Event, at: At) -> Observed {
        let process = self.processes.id(&event.process);
        let connection = self.connection(event, process, at)?;
        let step = |run: &mut Self, act| {
            run.steps.push(Step { at, mono_ns: event.mono_ns, process, connection, act });
        };
        match (event.op, event.outcome) {
            (Op::Connect, Outcome::Ok) => {
                self.connections[connection as usize].opened_ns = Some(event.mono_ns);
                step(self, Act::Connected);
            }
            (Op::Connect, _) => {}
            (Op::Close, _) => {
                let room = event.room.map(|room| self.rooms.id(room));
                if room.is_none() {
                    let connection = &mut self.connections[connection as usize];
                    connection.closed_ns = Some(event.mono_ns);
                    connection.lost = event.outcome == Outcome::Info;
                    connection.at = at;
                }
                step(self, Act::Ended { room });
            }
            (Op::Sub | Op::Resume, outcome) => {
                let room = self.room(event.room)?;
                match outcome {
                    Outcome::Invoke => step(self, Act::Subscribed { room, after: event.seq }),
                    Outcome::Ok => {
                        self.resumes += u64::from(event.op == Op::Resume);
                        step(self, Act::Told { room, after: event.seq });
                    }
                    Outcome::Fail => step(self, Act::Ended { room: Some(room) }),
                    Outcome::Info => {}
                }
            }
            (Op::Recv, Outcome::Ok) => {
                let act = self.received(event, at)?;
                step(self, act);
            }
            (Op::Recv, _) => return Err("recv: `type` must be ok"),
            (Op::Send | Op::Status, _) => {
                let key = event.key().ok_or("send: needs `room`, `sender` and `clientMessageId`")?;
                self.rooms.id(key.room);
                if event.outcome == Outcome::Invoke && event.hash.is_none() && event.kind.is_none_or(Kind::is_message) {
                    return Err("send: the invoke needs `hash`");
                }
                self.commands.observe(key, event, connection, at);
            }
            (Op::Join | Op::Leave | Op::Kick, _) => self.membership_op(event, connection, at)?,
            (Op::Mark, outcome) => {
                let user = event
                    .user
                    .or_else(|| self.user_of(process))
                    .ok_or("mark: needs `user`, or a client line before")?;
                let mark = self.mark_seen(event, process, user, at)?;
                if outcome == Outcome::Ok {
                    self.acknowledged_marks.push(mark);
                }
            }
            (Op::Receipt, _) => {
                let receipt = self.mark_seen(event, process, event.user.ok_or("receipt: needs `user`")?, at)?;
                self.receipts.push(receipt);
            }
            (Op::Notify, _) => {
                let notified = Notified {
                    at,
                    mono_ns: event.mono_ns,
                    room: self.room(event.room)?,
                    user: event.user.ok_or("notify: needs `user`")?,
                    seq: event.seq.ok_or("notify: needs `seq`")?,
                    id: event.id.clone().ok_or("notify: needs `id`")?,
                    count: event.count.unwrap_or(1),
                };
                self.notified.push(notified);
            }
        }
        Ok(())
    }

    fn connection(&mut self, event: &Event, process: u32, at: At) -> Result<u32, &'static str> {
        // REST calls have no connection of their own: all of a process share one that is never open.
        let id = if event.connection.is_empty() {
            self.connection_names.id(&format!("{} REST", event.process))
        } else {
            self.connection_names.id(&event.connection)
        };
        if id as usize == self.connections.len() {
            self.connections.push(Connection { process, opened_ns: None, closed_ns: None, lost: false, at });
        }
        let known = self.connections[id as usize].process == process;
        known.then_some(id).ok_or("connection: another process has one of this name")
    }

    fn room(&mut self, room: Option<RoomId>) -> Result<u32, &'static str> {
        room.map(|room| self.rooms.id(room)).ok_or("this operation needs `room`")
    }

    fn received(&mut self, event: &Event, at: At) -> Result<Act, &'static str> {
        let key = event.key().ok_or("recv: needs `room`, `sender` and `clientMessageId`")?;
        let kind = event.kind.ok_or("recv: needs `kind`")?;
        if event.hash.is_none() && (kind.is_message() || kind.is_change()) {
            return Err("recv: a message or a change needs `hash`");
        }
        if event.target.is_none() && kind.is_change() {
            return Err("recv: a change needs `target`");
        }
        Ok(Act::Received {
            room: self.rooms.id(key.room),
            seq: event.seq.ok_or("recv: needs `seq`")?,
            command: self.commands.id(key, Op::Send, at),
            hash: event.hash,
            kind,
            target: event.target,
            via: event.via.unwrap_or_default(),
        })
    }

    fn membership_op(&mut self, event: &Event, connection: u32, at: At) -> Observed {
        let room = self.room(event.room)?;
        if event.outcome == Outcome::Invoke {
            let actor = event.sender.ok_or("join, leave, kick: the invoke needs `sender`")?;
            *self.membership_ops.entry((room, actor, event.op)).or_default() += 1;
        }
        if let Some(key) = event.key() {
            self.commands.observe(key, event, connection, at);
        }
        Ok(())
    }

    fn mark_seen(&mut self, event: &Event, observer: u32, user: UserId, at: At) -> Result<MarkSeen, &'static str> {
        let room = self.room(event.room)?;
        let seq = event.seq.ok_or("mark, receipt: needs `seq`")?;
        Ok(MarkSeen { at, mono_ns: event.mono_ns, observer, room, user, seq })
    }
}
