//! The chat: what lines and events do.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Result;
use chat_client::{
    Account, ClientHandle, Event, RestClient, RestError, SendState,
    rest::{PageQuery, Room},
};
use chat_protocol::{ClientMessageId, Entry, RoomId, UserId};

use super::{
    command::{HELP, Line},
    console::Console,
    view::{Mark, View},
};
use crate::terminal;

/// Entries shown when a room is opened, and by /history.
const PAGE: u32 = 20;
/// A message that is accepted but not stored after this long is worth a line.
const SLOW: Duration = Duration::from_secs(1);

pub struct App {
    pub account: Arc<Account>,
    pub handle: ClientHandle,
    pub console: Console,
    pub view: View,
    pub rooms: Vec<Room>,
    pub open: Option<Open>,
    /// One's own messages that are not on the screen yet, in their place in the room.
    pub unanswered: HashMap<ClientMessageId, Unanswered>,
}

/// The room on the screen.
pub struct Open {
    room: RoomId,
    name: String,
    /// Lowest and highest seq shown.
    oldest: i64,
    newest: i64,
}

/// A message on its way.
pub struct Unanswered {
    text: String,
    accepted: Option<Instant>,
    /// The delay was told.
    told: bool,
}

impl App {
    pub fn prompt(&self) -> String {
        self.open.as_ref().map_or_else(|| "> ".to_owned(), |open| format!("{}> ", terminal::line(&open.name)))
    }

    fn me(&self) -> UserId {
        self.account.user_id()
    }

    fn print(&mut self, line: &str) {
        self.console.print(line);
    }

    fn note(&mut self, text: &str) {
        let line = self.view.style.dim(&format!("  {text}"));
        self.print(&line);
    }

    async fn rest(&self) -> Result<RestClient, RestError> {
        self.account.rest().await
    }

    /// Does what a line says; false ends the chat.
    pub async fn line(&mut self, line: &str) -> Result<bool> {
        let done = match Line::parse(line) {
            Line::Quit => return Ok(false),
            Line::Empty => Ok(()),
            Line::Text(text) => return self.send(text).await.map(|()| true),
            Line::Rooms => self.list_rooms().await,
            Line::Join(name) => self.join(&name).await,
            Line::Who => self.who().await,
            Line::History => self.older().await,
            Line::Invite(nick) => self.invite(&nick).await,
            Line::Leave => self.leave().await,
            Line::Help => {
                self.print(HELP);
                Ok(())
            }
            Line::Wrong(text) => {
                self.note(&terminal::line(&text));
                Ok(())
            }
        };
        if let Err(error) = done {
            self.note(&terminal::line(&format!("that did not work: {error:#}")));
        }
        Ok(true)
    }

    async fn send(&mut self, text: String) -> Result<()> {
        let Some(open) = &self.open else {
            self.note("no room is open: /rooms lists yours, /join NAME opens one");
            return Ok(());
        };
        let id = self.handle.send(open.room, text.clone()).await?;
        self.unanswered.insert(id, Unanswered { text, accepted: None, told: false });
        Ok(())
    }

    async fn list_rooms(&mut self) -> Result<()> {
        self.rooms = self.rest().await?.rooms().await?;
        let open = self.open.as_ref().map(|open| open.room);
        let lines: Vec<String> =
            self.rooms.iter().map(|room| self.view.room(room, Some(room.room_id) == open)).collect();
        let text = if lines.is_empty() { "  no rooms yet".to_owned() } else { lines.join("\n") };
        self.print(&text);
        Ok(())
    }

    async fn join(&mut self, name: &str) -> Result<()> {
        self.rooms = self.rest().await?.rooms().await?;
        let found = find(&self.rooms, name).map(|room| (room.room_id, room.name.clone()));
        let Some((room, name)) = found else {
            let names: Vec<String> = self.rooms.iter().map(|room| terminal::line(&room.name)).collect();
            self.note(&format!("no room {}; yours are: {}", terminal::line(name), names.join(", ")));
            return Ok(());
        };
        self.open(room, name).await
    }

    /// Shows a room's newest entries, then everything after them as it comes.
    pub async fn open(&mut self, room: RoomId, name: String) -> Result<()> {
        let query = PageQuery { limit: Some(PAGE), ..PageQuery::default() };
        let page = self.rest().await?.messages(room, query).await?;
        if let Some(open) = self.open.take() {
            self.handle.unsubscribe(open.room).await?;
        }
        let newest = page.messages.first().map_or(0, |entry| entry.seq);
        let oldest = page.messages.last().map_or(1, |entry| entry.seq);
        self.note(&format!("— {} —", terminal::line(&name)));
        for entry in page.messages.iter().rev() {
            self.show(entry);
        }
        self.open = Some(Open { room, name, oldest, newest });
        self.handle.subscribe(room, Some(newest)).await?;
        self.read(room, newest).await
    }

    async fn older(&mut self) -> Result<()> {
        let Some((room, oldest)) = self.open.as_ref().map(|open| (open.room, open.oldest)) else { return Ok(()) };
        let query = PageQuery { before: Some(oldest), limit: Some(PAGE), ..PageQuery::default() };
        let page = self.rest().await?.messages(room, query).await?;
        let Some(last) = page.messages.last() else {
            self.note("that is the beginning of the room");
            return Ok(());
        };
        if let Some(open) = &mut self.open {
            open.oldest = last.seq;
        }
        for entry in page.messages.iter().rev() {
            self.show(entry);
        }
        self.note("— up to here: older messages —");
        Ok(())
    }

    async fn who(&mut self) -> Result<()> {
        let Some(room) = self.open.as_ref().map(|open| open.room) else { return Ok(()) };
        let members = self.rest().await?.members(room).await?;
        let names: Vec<String> =
            members.iter().map(|member| self.view.style.name(member.user_id, &member.nickname)).collect();
        self.print(&format!("  {}", names.join(", ")));
        Ok(())
    }

    async fn invite(&mut self, nick: &str) -> Result<()> {
        let Some(room) = self.open.as_ref().map(|open| open.room) else { return Ok(()) };
        let rest = self.rest().await?;
        let users = rest.users(nick).await?;
        match users.iter().filter(|user| user.nickname == nick).collect::<Vec<_>>()[..] {
            [user] => rest.invite(room, &[user.user_id]).await?,
            [] => self.note(&format!("no user {}", terminal::line(nick))),
            _ => self.note("several users have this nickname; invite by id with the REST interface"),
        }
        Ok(())
    }

    async fn leave(&mut self) -> Result<()> {
        let Some(room) = self.open.as_ref().map(|open| open.room) else { return Ok(()) };
        self.rest().await?.leave(room).await?;
        self.open = None;
        self.handle.unsubscribe(room).await?;
        self.note("you left the room; /rooms lists the others");
        Ok(())
    }

    fn show(&mut self, entry: &Entry) {
        let own = entry.sender_id == self.me() && entry.entry_type.is_message();
        let line = self.view.entry(entry, if own { Mark::Persisted } else { Mark::None });
        self.print(&line);
    }

    async fn read(&self, room: RoomId, seq: i64) -> Result<()> {
        if seq > 0 {
            self.handle.read(room, seq).await?;
        }
        Ok(())
    }

    /// Shows what happened; the text of the last event ends the chat.
    pub async fn event(&mut self, event: Event) -> Option<String> {
        match event {
            Event::Entry(entry) => {
                if self.open.as_ref().is_some_and(|open| open.room == entry.room_id) {
                    self.show(&entry);
                    if let Some(open) = &mut self.open {
                        open.newest = entry.seq;
                    }
                    self.unanswered.remove(&entry.client_message_id);
                    if let Err(error) = self.read(entry.room_id, entry.seq).await {
                        return Some(error.to_string());
                    }
                }
            }
            Event::Change(change) => {
                if let Some(open) = self.open.as_mut().filter(|open| open.room == change.room_id) {
                    open.newest = change.seq;
                    let line = self.view.change(&change);
                    self.print(&line);
                }
            }
            Event::Send { room_id, client_message_id, state } => self.sent(room_id, &client_message_id, state),
            Event::Notification(news) => {
                let room = self.rooms.iter().find(|room| room.room_id == news.room_id);
                let room = room.map_or_else(|| "a new room".to_owned(), |room| terminal::line(&room.name));
                let (who, text) = (terminal::line(&news.sender_nickname), terminal::line(&news.preview));
                self.note(&format!("({room}) {who}: {text}"));
            }
            Event::RoomEnded { room_id, message, .. } => {
                if self.open.as_ref().is_some_and(|open| open.room == room_id) {
                    self.open = None;
                    self.note(&format!("the room was closed: {}", terminal::line(&message)));
                }
            }
            Event::Disconnected { closed, retry_in } => {
                let reason = terminal::line(&closed.to_string());
                self.note(&format!("disconnected: {reason}; next attempt in {:.1} s", retry_in.as_secs_f32()));
            }
            Event::Connected { .. } => self.note("connected"),
            Event::Gap { expected, got, .. } => {
                self.note(&format!("fault of the server: it skipped from {expected} to {got}; loading it again"));
            }
            Event::Failed(closed) => return Some(closed.to_string()),
            Event::Subscribed { .. }
            | Event::Read(_)
            | Event::ReadSummary(_)
            | Event::Typing(_)
            | Event::Presence(_) => {}
        }
        None
    }

    fn sent(&mut self, room: RoomId, id: &ClientMessageId, state: SendState) {
        match state {
            SendState::Accepted => {
                if let Some(message) = self.unanswered.get_mut(id) {
                    message.accepted.get_or_insert_with(Instant::now);
                }
            }
            SendState::Persisted { seq, .. } => {
                let to_come = self.open.as_ref().is_some_and(|open| open.room == room && open.newest < seq);
                match self.unanswered.get_mut(id) {
                    Some(message) if to_come => message.told = true, // the entry itself says so, with ✓✓
                    _ => drop(self.unanswered.remove(id)),
                }
            }
            SendState::Rejected(error) => {
                let text = self.unanswered.remove(id).map(|message| message.text).unwrap_or_default();
                self.note(&terminal::line(&format!("✗ not sent: {} ({text})", error.message)));
            }
            SendState::Unknown => {} // the client repeats it
        }
    }

    /// Says once of every message that is accepted, but not yet stored.
    pub fn tell_delays(&mut self) {
        let mut slow = Vec::new();
        for message in self.unanswered.values_mut() {
            if !message.told && message.accepted.is_some_and(|at| at.elapsed() > SLOW) {
                message.told = true;
                slow.push(format!(
                    "✓ {}  (accepted: it is safe, and will be delivered)",
                    terminal::line(&message.text)
                ));
            }
        }
        for line in slow {
            self.note(&line);
        }
    }
}

/// A room by id or name; a group before a direct room of the same name.
pub fn find<'a>(rooms: &'a [Room], name: &str) -> Option<&'a Room> {
    rooms
        .iter()
        .find(|room| room.room_id.to_string() == name)
        .or_else(|| rooms.iter().filter(|room| room.name == name).max_by_key(|room| room.member_count))
}
