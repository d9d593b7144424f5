//! `chatctl chat`: a chat client for the terminal.

mod app;
mod command;
mod console;
mod view;

use std::{collections::HashMap, process::ExitCode, sync::Arc, time::Duration};

use anyhow::{Result, bail};
use chat_client::{Account, Client, ClientOptions, RestClient, TokenProvider, ws_url};
use jiff::tz::TimeZone;
use tokio::time::{interval, timeout};

use self::{
    app::{App, find},
    console::Console,
    view::View,
};
use crate::{
    cli::ChatArguments,
    demo::LOBBY,
    sign_in::{demo_credentials, explain},
    terminal::{self, Style},
};

/// After the last line of a script, its messages may take this long to be stored.
const LAST_WORDS: Duration = Duration::from_secs(15);

pub async fn run(arguments: &ChatArguments) -> Result<ExitCode> {
    let url = &arguments.server.url;
    let rest = RestClient::new(url)?;
    let (email, password) = match (&arguments.demo_user, &arguments.email) {
        (Some(name), _) => demo_credentials(name),
        (None, Some(email)) => (email.clone(), arguments.password.clone().unwrap_or_default()),
        (None, None) => bail!("give --as NAME, or --email and --password"),
    };
    let account = Account::login(&rest, &email, &password).await.map_err(|error| explain(&rest, error))?;
    let account = Arc::new(account);
    let rooms = account.rest().await?.rooms().await.map_err(|error| explain(&rest, error))?;
    let first = match &arguments.room {
        Some(name) => {
            let room = find(&rooms, name);
            if room.is_none() {
                let names: Vec<String> = rooms.iter().map(|room| terminal::line(&room.name)).collect();
                bail!("no room {}; yours are: {}", terminal::line(name), names.join(", "));
            }
            room
        }
        None => find(&rooms, LOBBY).or(rooms.first()),
    };
    let first = first.map(|room| (room.room_id, room.name.clone()));

    let tokens = Arc::clone(&account) as Arc<dyn TokenProvider>;
    let client = Client::start(ClientOptions::new(ws_url(url)), tokens);
    let prompt = first.as_ref().map_or_else(|| "> ".to_owned(), |(_, name)| format!("{}> ", terminal::line(name)));
    let mut app = App {
        account,
        handle: client.handle(),
        console: Console::open(&prompt)?,
        view: View { style: Style::detect(), zone: TimeZone::system() },
        rooms,
        open: None,
        unanswered: HashMap::new(),
    };
    match first {
        Some((room, name)) => app.open(room, name).await?,
        None => app.console.print("  no rooms yet: somebody has to invite you, or create one with the REST interface"),
    }
    talk(app, client).await
}

/// lines and events, until the end of either
async fn talk(mut app: App, mut client: Client) -> Result<ExitCode> {
    let mut tick = interval(Duration::from_millis(500));
    let mut typing = true;
    while typing {
        tokio::select! {
            line = app.console.line() => match line {
                Some(line) => {
                    typing = app.line(&line).await?;
                    if typing {
                        app.console.handled(&app.prompt());
                    }
                }
                None => typing = false,
            },
            event = client.next_event() => {
                let Some(event) = event else { bail!("the connection has ended") };
                if let Some(reason) = app.event(event).await {
                    return failed(app, &reason).await;
                }
            }
            _ = tick.tick() => app.tell_delays(),
        }
    }
    let stored = timeout(LAST_WORDS, async {
        while !app.unanswered.is_empty() {
            let Some(event) = client.next_event().await else { return };
            app.event(event).await;
        }
    });
    if stored.await.is_err() || !app.unanswered.is_empty() {
        bail!("{} messages were not confirmed as stored within {} s", app.unanswered.len(), LAST_WORDS.as_secs());
    }
    Ok(ExitCode::SUCCESS)
}

/// The editor holds the terminal until the line ends: leaving before would leave the terminal unusable.
async fn failed(mut app: App, reason: &str) -> Result<ExitCode> {
    if app.console.is_interactive() {
        app.console.print(&format!("  the chat has ended: {} — press Enter", terminal::line(reason)));
        app.console.line().await;
    }
    bail!("the server ended the chat: {reason}")
}
