//! Whose typing the room is told, and how much of it.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use chat_protocol::{EntryType, UserId, limits};
use serde::Deserialize;

use crate::{hub::sink::TimelineEvent, membership};

/// Pushes of typing that a room's subscribers here are given in a second: nobody reads more names, and in a large room each goes to many.
const PER_SECOND: u32 = 20;
/// The gateway of a former member may take them for one for so long, and what it published may be on its way.
const REMEMBERED: Duration = membership::FRESH.saturating_add(Duration::from_secs(5));
/// A system entry names this many members at most.
const NAMED: usize = 20;

/// What is let through.
#[derive(Debug, Default)]
pub struct TypingGate {
    /// Whose membership ended lately.
    gone: HashMap<UserId, Instant>,
    /// The present second, and how many were let through in it.
    window: Option<(Instant, u32)>,
}

/// What is read of an entry.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    #[serde(rename = "type")]
    entry_type: EntryType,
    #[serde(default)]
    members: Vec<Named>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Named {
    user_id: UserId,
}

impl TypingGate {
    /// The next event of the room: memberships may end with it, or begin again.
    pub fn advance(&mut self, event: &TimelineEvent, now: Instant) {
        if !event.removed.is_empty() {
            self.gone.retain(|_, since| now.duration_since(*since) < REMEMBERED);
            let space = limits::ROOM_MEMBERS.saturating_sub(self.gone.len());
            self.gone.extend(event.removed.iter().take(space).map(|user| (*user, now)));
        } else if !self.gone.is_empty()
            && event.kind.is_message()
            && let Ok(shown) = serde_json::from_str::<Shown>(&event.json)
            && matches!(shown.entry_type, EntryType::SystemInvite | EntryType::SystemJoin)
        {
            if shown.members.len() >= NAMED {
                // Perhaps not all are named.
                self.gone.clear();
            }
            for member in shown.members {
                self.gone.remove(&member.user_id);
            }
        }
    }

    /// Whether the room is told that this user types, or has stopped.
    pub fn admits(&mut self, user: UserId, now: Instant) -> bool {
        if self.gone.get(&user).is_some_and(|since| now.duration_since(*since) < REMEMBERED) {
            return false;
        }
        let (_, told) = match &mut self.window {
            Some(window) if now.duration_since(window.0) < Duration::from_secs(1) => window,
            window => window.insert((now, 0)),
        };
        *told += 1;
        *told <= PER_SECOND
    }
}

#[cfg(test)]
mod tests {
    use chat_protocol::TimelineKind;
    use serde_json::json;

    use super::*;

    fn event(entry_type: &str, members: &[UserId], removed: &[UserId]) -> TimelineEvent {
        let members: Vec<_> = members.iter().map(|user| json!({"userId": user, "nickname": "x"})).collect();
        let json = json!({"type": entry_type, "members": members, "content": ""}).to_string();
        TimelineEvent::new(1, TimelineKind::Message, removed.to_vec(), json.into()).unwrap()
    }

    #[test]
    fn a_former_member_does_not_type_until_they_are_one_again() {
        let [ann, bob] = std::array::from_fn(|_| UserId::generate());
        let (mut gate, now) = (TypingGate::default(), Instant::now());
        assert!(gate.admits(ann, now));
        gate.advance(&event("SYSTEM_KICK", &[ann], &[ann]), now);
        assert!(!gate.admits(ann, now) && gate.admits(bob, now));
        gate.advance(&event("TEXT", &[], &[]), now);
        gate.advance(&event("SYSTEM_JOIN", &[bob], &[]), now);
        assert!(!gate.admits(ann, now));
        gate.advance(&event("SYSTEM_INVITE", &[ann], &[]), now);
        assert!(gate.admits(ann, now));
        gate.advance(&event("SYSTEM_LEAVE", &[ann], &[ann]), now);
        assert!(!gate.admits(ann, now + REMEMBERED / 2));
        assert!(gate.admits(ann, now + REMEMBERED), "her gateway knows it by now");
        assert!(gate.gone.len() == 1, "forgotten when the next one goes");
        gate.advance(&event("SYSTEM_KICK", &[bob], &[bob]), now + REMEMBERED);
        assert_eq!(gate.gone.keys().collect::<Vec<_>>(), [&bob]);
    }

    #[test]
    fn a_room_full_of_people_who_type_is_told_of_a_few() {
        let (mut gate, start) = (TypingGate::default(), Instant::now());
        let mut told_of_5000 = |start| (0..5_000).filter(|_| gate.admits(UserId::generate(), start)).count();
        assert_eq!(told_of_5000(start), 20);
        assert_eq!(told_of_5000(start + Duration::from_millis(999)), 0);
        assert_eq!(told_of_5000(start + Duration::from_secs(1)), 20);
    }
}
