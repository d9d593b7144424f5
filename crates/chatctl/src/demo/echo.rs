//! The bot: answers every message in its rooms, also in rooms it is invited to later.

use std::{process::ExitCode, sync::Arc};

use anyhow::{Context, Result, bail};
use chat_client::{Account, Client, ClientOptions, Event, SendState, TokenProvider, ws_url};
use chat_protocol::{ClientMessageId, Entry, EntryType, UserId, limits};
use tokio::signal::unix::{SignalKind, signal};

/// What every answer starts with; bots recognise each other by it and stay silent.
const PREFIX: &str = "echo: ";

pub async fn run(url: &str, account: Account) -> Result<ExitCode> {
    let me = account.user_id();
    let rooms = account.rest().await?.rooms().await.context("list echo's rooms")?;
    let mut options = ClientOptions::new(ws_url(url));
    options.rooms = rooms.iter().map(|room| (room.room_id, None)).collect();
    let mut client = Client::start(options, Arc::new(account) as Arc<dyn TokenProvider>);
    let handle = client.handle();
    let mut terminate = signal(SignalKind::terminate())?;
    loop {
        let event = tokio::select! {
            event = client.next_event() => event,
            _ = tokio::signal::ctrl_c() => return Ok(ExitCode::SUCCESS),
            _ = terminate.recv() => return Ok(ExitCode::SUCCESS),
        };
        match event.context("the client has ended")? {
            Event::Entry(entry) => {
                if let Some(answer) = answer(&entry, me) {
                    // The id follows from the message: answering it twice, after a restart for example, is one answer.
                    let id = ClientMessageId::parse(&format!("echo-{}", entry.message_id))?;
                    handle.send_with_id(entry.room_id, id, answer).await?;
                } else if entry.sender_id != me {
                    handle.read(entry.room_id, entry.seq).await?;
                }
            }
            // A room that echo was invited to: join, beginning with the message that the news is about.
            Event::Notification(news) => handle.subscribe(news.room_id, Some(news.seq - 1)).await?,
            Event::Send { state: SendState::Rejected(error), .. } => {
                eprintln!("an answer was refused: {}", error.message);
            }
            Event::Disconnected { closed, retry_in } => {
                eprintln!("disconnected: {closed}; next attempt in {:.1} s", retry_in.as_secs_f32());
            }
            Event::Connected { .. } => println!("connected, {} rooms", rooms.len()),
            Event::Gap { room_id, expected, got } => {
                eprintln!("fault of the server: room {room_id} skipped from {expected} to {got}; loading it again");
            }
            Event::Failed(closed) => bail!("{closed}"),
            Event::Subscribed { .. }
            | Event::Change(_)
            | Event::Send { .. }
            | Event::Read(_)
            | Event::ReadSummary(_)
            | Event::Typing(_)
            | Event::Presence(_)
            | Event::RoomEnded { .. } => {}
        }
    }
}

/// What to say to an entry; nothing to system entries, to oneself and to other echoes.
fn answer(entry: &Entry, me: UserId) -> Option<String> {
    if entry.sender_id == me || entry.entry_type != EntryType::Text || entry.content.starts_with(PREFIX) {
        return None;
    }
    let mut answer = PREFIX.to_owned();
    for c in entry.content.chars().take(limits::CONTENT_CHARS - PREFIX.len()) {
        if answer.len() + c.len_utf8() > limits::CONTENT_BYTES {
            break;
        }
        answer.push(c);
    }
    Some(answer)
}

#[cfg(test)]
mod tests {
    use chat_protocol::{MessageId, RoomId, validate};
    use jiff::Timestamp;

    use super::*;

    fn entry(sender_id: UserId, entry_type: EntryType, content: &str) -> Entry {
        Entry {
            message_id: MessageId::generate(),
            room_id: RoomId::generate(),
            seq: 1,
            number: 1,
            sender_id,
            sender_nickname: "n".into(),
            client_message_id: ClientMessageId::generate(),
            entry_type,
            content: content.into(),
            members: vec![],
            sent_at: Timestamp::UNIX_EPOCH,
            reply_to: None,
            edited_at: None,
            deleted_at: None,
            reactions: Vec::new(),
        }
    }

    #[test]
    fn people_are_answered_and_bots_are_not() {
        let (me, other) = (UserId::generate(), UserId::generate());
        assert_eq!(answer(&entry(other, EntryType::Text, "hi"), me).as_deref(), Some("echo: hi"));
        assert_eq!(answer(&entry(me, EntryType::Text, "hi"), me), None);
        assert_eq!(answer(&entry(other, EntryType::Text, "echo: hi"), me), None);
        assert_eq!(answer(&entry(other, EntryType::SystemInvite, ""), me), None);
    }

    #[test]
    fn the_answer_to_the_longest_message_is_not_too_long() {
        let other = UserId::generate();
        for longest in ["가".repeat(5_000), "👩".repeat(5_000)] {
            let answer = answer(&entry(other, EntryType::Text, &longest), UserId::generate()).unwrap();
            assert_eq!(validate::content(&answer), Ok(()));
        }
    }
}
