//! Messages that were seen and can be changed: one's own edited and deleted, those of others reacted to. Pure.

use std::collections::VecDeque;

use chat_protocol::{ClientMessageId, Entry, UserId, frame::ServerPush};
use rand::{Rng as _, rngs::StdRng};

use super::outbox::{Act, Draft, Target};

/// More are not kept; the oldest goes.
const KEPT: usize = 12;
/// So many of what one says are changes.
const CHANGES: f64 = 0.2;
const EMOJIS: [&str; 4] = ["👍", "🎉", "👀", "❤"];

#[derive(Debug)]
pub struct Seen {
    me: UserId,
    /// Messages of one's own.
    own: VecDeque<Target>,
    /// Messages of others, not reacted to yet. A second reaction could change nothing, and would have no place.
    others: VecDeque<Target>,
    /// Reactions of one's own that are known to stand.
    reactions: VecDeque<(Target, String)>,
}

impl Seen {
    pub fn new(me: UserId) -> Self {
        Self { me, own: VecDeque::new(), others: VecDeque::new(), reactions: VecDeque::new() }
    }

    /// Takes in what was pushed.
    pub fn note(&mut self, push: &ServerPush) {
        match push {
            ServerPush::Message { message } if message.entry_type.is_message() && message.deleted_at.is_none() => {
                let messages = if message.sender_id == self.me { &mut self.own } else { &mut self.others };
                keep(messages, target(message));
            }
            ServerPush::React(change) if change.actor_id == self.me && !change.removed => {
                if let Some(emoji) = &change.emoji {
                    keep(&mut self.reactions, (target(&change.message), emoji.clone()));
                }
            }
            ServerPush::Delete(change) => self.forget(target(&change.message)),
            _ => {}
        }
    }

    fn forget(&mut self, gone: Target) {
        self.own.retain(|it| *it != gone);
        self.others.retain(|it| *it != gone);
        self.reactions.retain(|(it, _)| *it != gone);
    }

    /// Now and then, a change instead of a message.
    pub fn change(&mut self, rng: &mut StdRng, number: usize) -> Option<Draft> {
        if !rng.random_bool(CHANGES) {
            return None;
        }
        let (target, content, act) = match rng.random_range(0..10) {
            0..4 => {
                let target = *self.own.get(rng.random_range(0..self.own.len().max(1)))?;
                (target, format!("edit {number}"), Act::Edit(target))
            }
            4..6 => {
                let target = self.own.pop_front()?;
                (target, String::new(), Act::Delete(target))
            }
            6..9 => {
                let target = self.others.pop_front()?;
                let emoji = EMOJIS[rng.random_range(0..EMOJIS.len())];
                (target, emoji.to_owned(), Act::React { target, remove: false })
            }
            _ => {
                let (target, emoji) = self.reactions.pop_front()?;
                (target, emoji, Act::React { target, remove: true })
            }
        };
        Some(Draft { room: target.room, id: ClientMessageId::generate(), content, act, repeat: false })
    }
}

fn keep<T: PartialEq>(kept: &mut VecDeque<T>, new: T) {
    if !kept.contains(&new) {
        kept.push_back(new);
        if kept.len() > KEPT {
            kept.pop_front();
        }
    }
}

fn target(message: &Entry) -> Target {
    Target { room: message.room_id, id: message.message_id, seq: message.seq }
}
