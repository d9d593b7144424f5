//! Demo data. Everything has a fixed identity, so that seeding again finds it instead of repeating it.

use std::fmt::Write;

use anyhow::{Context, Result};
use chat_client::{
    Account, RestClient,
    rest::{Room, RoomType},
};
use chat_protocol::{ClientMessageId, RoomId};

use crate::sign_in::{demo_account, demo_credentials, explain};

const USERS: [&str; 4] = ["alice", "bob", "carol", "echo"];
pub const LOBBY: &str = "lobby";

/// Room, sender, text. The place in the list is the message's id: append only.
const HISTORY: [(Place, &str, &str); 7] = [
    (Place::Lobby, "alice", "Welcome to the lobby!"),
    (Place::Lobby, "bob", "Hi alice. Is this thing on?"),
    (Place::Lobby, "carol", "Looks like it. 👋"),
    (Place::AliceBob, "alice", "Lunch at twelve?"),
    (Place::AliceBob, "bob", "Half past is better for me."),
    (Place::AliceBob, "alice", "Half past it is."),
    (Place::AliceEcho, "alice", "Do you answer everything I write?"),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Lobby,
    AliceBob,
    AliceEcho,
}

/// What there is now.
pub struct Demo {
    lobby: RoomId,
    alice_bob: RoomId,
    alice_echo: RoomId,
    pub echo: Account,
}

pub async fn seed(rest: &RestClient) -> Result<Demo> {
    let mut accounts = Vec::with_capacity(USERS.len());
    for name in USERS {
        accounts.push(demo_account(rest, name).await.with_context(|| format!("sign in as {name}"))?);
    }
    let account = |name: &str| &accounts[USERS.iter().position(|user| *user == name).unwrap_or_default()];
    let explain = |error| explain(rest, error);

    let alice = account("alice").rest().await.map_err(explain)?;
    let known = alice.rooms().await.map_err(explain)?;
    let is_lobby = |room: &&Room| room.room_type == RoomType::Group && room.name == LOBBY;
    let lobby = if let Some(room) = known.iter().find(is_lobby) {
        room.room_id
    } else {
        let others = ["bob", "carol", "echo"].map(|name| account(name).user_id());
        alice.create_group_room(LOBBY, &others).await.context("create the lobby")?
    };
    let alice_bob = alice.direct_room(account("bob").user_id()).await.context("create the room alice-bob")?;
    let alice_echo = alice.direct_room(account("echo").user_id()).await.context("create the room alice-echo")?;

    for (number, (place, sender, text)) in HISTORY.iter().enumerate() {
        let room = match place {
            Place::Lobby => lobby,
            Place::AliceBob => alice_bob,
            Place::AliceEcho => alice_echo,
        };
        let id = ClientMessageId::parse(&format!("demo-{number}"))?;
        let sender = account(sender).rest().await.map_err(explain)?;
        sender.send_message(room, &id, text).await.context("send the demo history")?;
    }
    let echo = accounts.pop().context("echo is the last user")?;
    Ok(Demo { lobby, alice_bob, alice_echo, echo })
}

impl Demo {
    /// What there is, and what to try.
    pub fn table(&self, url: &str) -> String {
        let mut text = String::from("user    e-mail              password\n");
        for name in USERS {
            let (email, password) = demo_credentials(name);
            // Writing to a String does not fail.
            writeln!(text, "{name:7} {email:19} {password}").unwrap_or_default();
        }
        text.push_str("\nroom         id                                    members\n");
        for (name, id, members) in [
            (LOBBY, self.lobby, "alice, bob, carol, echo"),
            ("alice-bob", self.alice_bob, "alice, bob"),
            ("alice-echo", self.alice_echo, "alice, echo"),
        ] {
            writeln!(text, "{name:12} {id}  {members}").unwrap_or_default();
        }
        let at = if url == "http://127.0.0.1:8080" { String::new() } else { format!(" --url {url}") };
        write!(text, "\nTry, in two terminals:\n  chatctl chat --as alice{at}\n  chatctl chat --as bob{at}\n")
            .unwrap_or_default();
        text
    }
}
