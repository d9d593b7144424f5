//! A room as stored: its rows by place, who was a member when, and which texts each message has had.

use std::collections::HashMap;

use chat_protocol::{RoomId, UserId};

use crate::{
    history::{BodyHash, Key, Kind, Membership, Op, Row},
    run::{At, Commands},
};

#[derive(Debug)]
pub(crate) struct StoredRow {
    pub at: At,
    pub seq: i64,
    pub number: i64,
    pub sender: UserId,
    pub command: u32,
    pub kind: Kind,
    pub hash: Option<BodyHash>,
    pub target: Option<i64>,
    pub members: Box<[UserId]>,
}

/// A membership: from the entry by which one came to the entry by which one went, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Interval {
    pub start: i64,
    pub end: i64,
}

/// Largest number of members that an entry names; of more, only the memberships tell.
const NAMED_MEMBERS: usize = 20;

#[derive(Debug)]
pub(crate) struct Room {
    pub id: RoomId,
    /// By place, once indexed.
    pub rows: Vec<StoredRow>,
    pub memberships: Vec<(At, Membership)>,
    pub intervals: HashMap<UserId, Vec<Interval>>,
    /// Rows by command, once indexed.
    by_command: HashMap<u32, usize>,
    /// Of each changed message: place of the change, and the command that has the text; none: deleted.
    versions: HashMap<i64, Vec<(i64, Option<u32>)>>,
}

impl Room {
    fn new(id: RoomId) -> Self {
        Self {
            id,
            rows: Vec::new(),
            memberships: Vec::new(),
            intervals: HashMap::new(),
            by_command: HashMap::new(),
            versions: HashMap::new(),
        }
    }

    pub(crate) fn head(&self) -> i64 {
        self.rows.last().map_or(0, |row| row.seq)
    }

    pub(crate) fn row(&self, seq: i64) -> Option<&StoredRow> {
        let guess = usize::try_from(seq - 1).ok().and_then(|index| self.rows.get(index)).filter(|row| row.seq == seq);
        guess.or_else(|| self.rows.binary_search_by_key(&seq, |row| row.seq).ok().map(|index| &self.rows[index]))
    }

    pub(crate) fn row_of(&self, command: u32) -> Option<&StoredRow> {
        self.by_command.get(&command).map(|index| &self.rows[*index])
    }

    /// The membership of a user at a place.
    pub(crate) fn interval(&self, user: UserId, seq: i64) -> Option<Interval> {
        let of_user = self.intervals.get(&user)?;
        of_user.iter().find(|interval| interval.start <= seq && seq <= interval.end).copied()
    }

    /// The membership that has not ended.
    pub(crate) fn current(&self, user: UserId) -> Option<Interval> {
        self.intervals.get(&user)?.last().filter(|interval| interval.end == i64::MAX).copied()
    }

    /// Whether a row changes a message from before the membership that a user has at its place: the text is withheld.
    pub(crate) fn is_withheld(&self, user: UserId, row: &StoredRow) -> bool {
        let begun = self.interval(user, row.seq).map(|interval| interval.start);
        row.target.zip(begun).is_some_and(|(target, begun)| target < begun)
    }

    /// Whether the message at a place was deleted later.
    pub(crate) fn is_deleted(&self, seq: i64) -> bool {
        self.versions.get(&seq).is_some_and(|all| all.iter().any(|(_, text)| text.is_none()))
    }

    /// Whether a body may be shown at a place: the text that the message had there, or one it got later, since whoever reads an old place
    /// later is shown the message as it is then.
    pub(crate) fn may_show(&self, commands: &Commands, place: i64, message: &StoredRow, hash: BodyHash) -> bool {
        let changes = self.versions.get(&message.seq).map_or(&[][..], Vec::as_slice);
        let before = changes.partition_point(|(seq, _)| *seq <= place);
        if before == 0 && commands.all[message.command as usize].sent(hash) {
            return true;
        }
        changes[before.saturating_sub(1)..].iter().any(|(_, command)| is_text(commands, *command, hash))
    }

    /// Whether a body is what a message is after all its changes.
    pub(crate) fn is_last(&self, commands: &Commands, message: &StoredRow, hash: BodyHash) -> bool {
        match self.versions.get(&message.seq).and_then(|changes| changes.last()) {
            Some((_, command)) => is_text(commands, *command, hash),
            None => commands.all[message.command as usize].sent(hash),
        }
    }

    fn index(&mut self) {
        self.rows.sort_by_key(|row| (row.seq, row.at));
        for (index, row) in self.rows.iter().enumerate() {
            self.by_command.entry(row.command).or_insert(index);
            let text = match row.kind {
                Kind::Edit => Some(Some(row.command)),
                Kind::Delete => Some(None),
                _ => None,
            };
            if let (Some(text), Some(target)) = (text, row.target) {
                self.versions.entry(target).or_default().push((row.seq, text));
            }
            enter(&mut self.intervals, row);
        }
        self.enter_unnamed();
    }

    /// Memberships that began with an entry which names only the first of many members.
    fn enter_unnamed(&mut self) {
        for (_, membership) in &self.memberships {
            let Ok(index) = self.rows.binary_search_by_key(&membership.joined_seq, |row| row.seq) else { continue };
            let row = &self.rows[index];
            let begins = row.kind.membership_op() == Some(Op::Join) && row.members.len() >= NAMED_MEMBERS;
            let of_user = self.intervals.entry(membership.user).or_default();
            if begins && !of_user.iter().any(|interval| interval.start == membership.joined_seq) {
                of_user.push(Interval { start: membership.joined_seq, end: membership.left_seq.unwrap_or(i64::MAX) });
                of_user.sort_by_key(|interval| interval.start);
            }
        }
    }
}

fn is_text(commands: &Commands, command: Option<u32>, hash: BodyHash) -> bool {
    match command {
        Some(command) => commands.all[command as usize].sent(hash),
        None => hash == BodyHash::of(""),
    }
}

fn enter(intervals: &mut HashMap<UserId, Vec<Interval>>, row: &StoredRow) {
    let sender = [row.sender];
    let members: &[UserId] = match (row.kind, row.members.is_empty()) {
        (Kind::SystemKick, true) => &[],
        (_, true) => &sender,
        _ => &row.members,
    };
    match row.kind.membership_op() {
        Some(Op::Join) => {
            let creator = (row.kind == Kind::SystemCreate).then_some(&row.sender);
            for user in members.iter().chain(creator) {
                let of_user = intervals.entry(*user).or_default();
                if of_user.last().is_none_or(|last| last.end != i64::MAX) {
                    of_user.push(Interval { start: row.seq, end: i64::MAX });
                }
            }
        }
        Some(_) => {
            for user in members {
                if let Some(last) = intervals.get_mut(user).and_then(|of_user| of_user.last_mut())
                    && last.end == i64::MAX
                {
                    last.end = row.seq;
                }
            }
        }
        None => {}
    }
}

/// All rooms.
#[derive(Debug, Default)]
pub(crate) struct Rooms {
    all: Vec<Room>,
    ids: HashMap<RoomId, u32>,
}

impl Rooms {
    pub(crate) fn id(&mut self, room: RoomId) -> u32 {
        let next = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        let all = &mut self.all;
        *self.ids.entry(room).or_insert_with(|| {
            all.push(Room::new(room));
            next
        })
    }

    pub(crate) fn of(&mut self, room: RoomId) -> &mut Room {
        let id = self.id(room);
        &mut self.all[id as usize]
    }

    pub(crate) fn find(&self, room: RoomId) -> Option<&Room> {
        self.ids.get(&room).map(|id| self.get(*id))
    }

    pub(crate) fn get(&self, room: u32) -> &Room {
        &self.all[room as usize]
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &Room)> {
        (0..).zip(&self.all)
    }

    pub(crate) fn add_row(&mut self, row: Row, at: At, commands: &mut Commands) -> Result<(), &'static str> {
        if row.kind.is_change() && row.target.is_none() {
            return Err("row: an edit, a deletion or a reaction needs `target`");
        }
        let key = Key { room: row.room, sender: row.sender, client_message_id: row.client_message_id };
        let stored = StoredRow {
            at,
            seq: row.seq,
            number: row.number,
            sender: row.sender,
            command: commands.id(key, Op::Send, at),
            kind: row.kind,
            hash: row.hash,
            target: row.target,
            members: row.members.into(),
        };
        self.of(row.room).rows.push(stored);
        Ok(())
    }

    pub(crate) fn index(&mut self) {
        self.all.iter_mut().for_each(Room::index);
    }
}
