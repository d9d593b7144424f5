//! Who is told what, and on what: a message is for every member but its sender who had joined, has not read it and has not muted the room.
//! Whoever has the room open sees it anyway. The others are told on their sessions; whoever has none, on their devices too.

use std::collections::{BTreeMap, HashSet};

use chat_protocol::{NotifyLevel, UserId, push::Notification};
use chat_store::{Listener, Listeners, NewPush, RoomNotifications};
use jiff::{SignedDuration, Timestamp};

use crate::news::{Message, RoomNews, Share};

/// One notification and everybody who gets it.
#[derive(Debug, PartialEq, Eq)]
pub struct Announcement {
    /// What is told.
    pub notification: Notification,
    /// Whom.
    pub recipients: Vec<UserId>,
}

/// What is told to whom. Nearly all get the same; those who wrote themselves, came or read meanwhile, or want less, get their own view, or
/// nothing.
pub fn announcements(
    news: &RoomNews,
    listeners: &Listeners,
    viewers: &HashSet<UserId>,
    now: Timestamp,
) -> Vec<Announcement> {
    let mut shares: BTreeMap<Share, Vec<UserId>> = BTreeMap::new();
    for member in listeners.members.iter().filter(|member| !viewers.contains(&member.user_id)) {
        if let Some(share) = share(news, member, now) {
            shares.entry(share).or_default().push(member.user_id);
        }
    }
    let announcement = |(share, recipients)| {
        Some(Announcement { notification: news.notification(share, listeners.direct)?, recipients })
    };
    shares.into_iter().filter_map(announcement).collect()
}

/// What of the news is for a member.
fn share(news: &RoomNews, member: &Listener, now: Timestamp) -> Option<Share> {
    let mut share: Option<Share> = None;
    for message in news.messages().filter(|message| is_for(message, member, now)) {
        let mention = message.mentions.contains(&member.user_id);
        let before = share.map_or((0, false), |share| (share.count, share.mention));
        share = Some(Share { seq: message.entry.seq, count: before.0 + 1, mention: before.1 || mention });
    }
    share
}

fn is_for(message: &Message, member: &Listener, now: Timestamp) -> bool {
    let (seq, mentioned) = (message.entry.seq, || message.mentions.contains(&member.user_id));
    message.entry.sender_id != member.user_id
        && seq > member.joined_seq
        && seq > member.read_seq
        && is_wanted(&member.wants, mentioned, now)
}

/// Whether a member wants to be told of a message.
pub fn is_wanted(wants: &RoomNotifications, mentioned: impl FnOnce() -> bool, now: Timestamp) -> bool {
    let muted = wants.muted_until.is_some_and(|until| until > now);
    !muted
        && match wants.level {
            NotifyLevel::All => true,
            NotifyLevel::Mentions => mentioned(),
            NotifyLevel::None => false,
        }
}

/// What is pushed to the devices of those who have no session: of each room the newest message.
pub fn for_devices(
    announcements: &[Announcement],
    with_devices: &HashSet<UserId>,
    online: &HashSet<UserId>,
    ttl: SignedDuration,
) -> Vec<NewPush> {
    let push = |told: &Notification, user_id| NewPush {
        user_id,
        room_id: told.room_id,
        seq: told.seq,
        expires_at: told.at.saturating_add(ttl).unwrap_or(told.at),
    };
    let reached = |user: &UserId| with_devices.contains(user) && !online.contains(user);
    announcements
        .iter()
        .flat_map(|told| told.recipients.iter().copied().filter(reached).map(|user| push(&told.notification, user)))
        .collect()
}

#[cfg(test)]
#[path = "audience_tests.rs"]
mod tests;
