//! The promises, as in `docs/CHECKER.md`, and what a run must have met to prove anything.

use stateright::{Model, Property};

use crate::{Chat, Client, Command, Link, System, room::Phase};

/// I4: rows stand at 1, 2, 3 … without a gap, and an id is stored once.
pub const SEQUENCE: &str = "I4: seqs are gapless and ids are unique";
/// An id has one seq wherever it is told.
pub const SAME_SEQ: &str = "a repeated id is told the seq of the first";
/// What is told is stored.
pub const STORED: &str = "what is produced or shown is stored";
/// I6: a screen goes up by exactly one.
pub const IN_ORDER: &str = "I6: every screen goes up by exactly one";
/// I7: when nothing more happens by itself, everything sent is stored and everything stored is shown.
pub const COMPLETE: &str = "I7: at rest everything is stored and on every screen";
/// I10: nothing after the entry that ended a membership.
pub const MEMBERS: &str = "I10: nothing reaches a client after its kick";
/// I12: every offset is committed last.
pub const OFFSETS: &str = "I12: everything below the committed offset is stored";
/// A cursor that came from the system is taken back by it.
pub const RESUMES: &str = "a resume is never refused";

/// All of them.
pub fn promises() -> Vec<Property<Chat>> {
    vec![
        Property::always(SEQUENCE, |_, now: &System| sequence(now)),
        Property::always(SAME_SEQ, |_, now: &System| same_seq(now)),
        Property::always(STORED, |_, now: &System| stored(now)),
        Property::always(IN_ORDER, |_, now: &System| now.clients.iter().all(in_order)),
        Property::always(COMPLETE, |chat: &Chat, now: &System| complete(now) || !at_rest(chat, now)),
        Property::always(MEMBERS, |_, now: &System| members(now)),
        Property::always(OFFSETS, |_, now: &System| offsets(now)),
        Property::always(RESUMES, |_, now: &System| now.clients.iter().all(|client| client.link != Link::Refused)),
    ]
}

fn sequence(now: &System) -> bool {
    let rows = &now.database.rows;
    let gapless = rows.iter().enumerate().all(|(index, row)| row.seq == index + 1);
    let unique = rows.iter().all(|row| rows.iter().filter(|other| other.command == row.command).count() == 1);
    gapless && unique && now.database.head == rows.len()
}

fn same_seq(now: &System) -> bool {
    now.events
        .iter()
        .all(|event| now.events.iter().all(|other| other.command != event.command || other.seq == event.seq))
}

fn stored(now: &System) -> bool {
    let screens = now.clients.iter().flat_map(|client| &client.screen);
    now.events.iter().chain(screens).all(|entry| now.database.rows.contains(entry))
}

fn in_order(client: &Client) -> bool {
    let start = client.start.unwrap_or(0);
    client.screen.iter().enumerate().all(|(index, entry)| entry.seq == start + index + 1)
}

fn members(now: &System) -> bool {
    let (Some(kick), Some(client)) = (now.database.kick(), now.clients.get(Client::KICKED)) else { return true };
    client.screen.iter().all(|entry| entry.seq <= kick.seq)
}

fn offsets(now: &System) -> bool {
    now.commands[..now.persisters.committed].iter().all(|command| now.database.find(*command).is_some())
}

/// Nothing happens by itself any more.
fn at_rest(chat: &Chat, now: &System) -> bool {
    let mut actions = Vec::new();
    chat.actions(now, &mut actions);
    !actions.iter().any(|action| action.progress())
}

fn complete(now: &System) -> bool {
    let stored = now.commands.iter().all(|command| now.database.find(*command).is_some());
    let shown = now.clients.iter().enumerate().all(|(index, client)| match client.link {
        // A subscription of who was kicked would have ended.
        Link::At(_) if index == Client::KICKED && now.database.kick().is_some() => false,
        Link::At(_) => client.cursor() == Some(now.database.head),
        Link::Away | Link::Removed | Link::Refused => true,
    });
    stored && shown
}

/// A process works on a partition that it lost.
pub const ZOMBIE: &str = "met: a zombie";
/// A row is committed a second time, or told a second time.
pub const RETOLD: &str = "met: an event told twice";
/// An event waits for its predecessor.
pub const HELD_BACK: &str = "met: an event held back";
/// A page for the room.
pub const GAP: &str = "met: a gap read from the database";
/// A page for a subscriber.
pub const CATCH_UP: &str = "met: a subscriber brought forward";
/// A subscription ended by an event.
pub const EXPELLED: &str = "met: a kick seen by the one it concerns";
/// The position of a room is beyond the head with which a subscriber was checked.
pub const STALE_CHECK: &str = "met: a membership read before the room went on";
/// Everything was sent, stored and shown from the first entry to the last.
pub const ALL_SHOWN: &str = "met: the whole script on every screen";

/// What happened somewhere in the exploration: a model in which nothing of it occurs proves nothing.
pub fn met() -> Vec<Property<Chat>> {
    vec![
        Property::sometimes(ZOMBIE, |_, now: &System| now.persisters.has_zombie() || now.broadcasters.has_zombie()),
        Property::sometimes(RETOLD, |_, now: &System| {
            now.events.iter().enumerate().any(|(index, event)| now.events[..index].contains(event))
        }),
        Property::sometimes(HELD_BACK, |_, now: &System| {
            now.gateways.iter().any(|room| room.position.is_some() && !room.ahead.is_empty())
        }),
        Property::sometimes(GAP, |_, now: &System| now.gateways.iter().any(|room| room.gap_page.is_some())),
        Property::sometimes(CATCH_UP, |_, now: &System| now.gateways.iter().any(|room| room.catch_up_page.is_some())),
        Property::sometimes(EXPELLED, |_, now: &System| {
            let client = now.clients.get(Client::KICKED);
            client.and_then(|client| client.screen.last()).is_some_and(|last| last.command == Command::Kick)
        }),
        Property::sometimes(STALE_CHECK, |_, now: &System| {
            let stale = |position, phase| matches!(phase, Phase::Checked(Some(head)) if head < position);
            now.gateways.iter().any(|room| {
                room.position.is_some_and(|position| room.subscribers.iter().any(|(_, phase)| stale(position, *phase)))
            })
        }),
        Property::sometimes(ALL_SHOWN, |chat: &Chat, now: &System| {
            let whole = |client: &Client| client.start == Some(0) && client.screen.len() == chat.bounds.script.len();
            now.database.rows.len() == chat.bounds.script.len() && now.clients.iter().all(whole)
        }),
    ]
}
