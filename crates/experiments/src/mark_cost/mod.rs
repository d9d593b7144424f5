//! What does one read mark cost, from the client's command to the row in PostgreSQL?
//!
//! Members of a room are connected over WebSocket and mark entry after entry as read, each when the mark before was told to them. CPU time of
//! every process is read before and after, what the idle system uses is taken off, and the rest divided by the marks.

mod people;
mod reader;
mod report;

use std::{
    fmt,
    path::PathBuf,
    str::FromStr,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use chat_client::{Connection, ws_url};
use chat_protocol::{frame::RoomCursor, limits};
use chat_service::Secret;
use chat_store::{PostgresConfig, Store};
use chat_testkit::access_token;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::{
    sync::{Barrier, watch},
    task::JoinSet,
    time::sleep,
};

pub use self::report::markdown;
use self::{
    people::Readers,
    reader::{Heard, Made, Reader, Watching},
};
use crate::{
    cpu::{self, Processes, Used},
    figures::Times,
};

/// Until connecting has no consequences any more.
const SETTLE: Duration = Duration::from_secs(5);
/// Longest wait for the last mark to be stored.
const STORED_WITHIN: Duration = Duration::from_secs(30);
/// Connections opened at a time.
const OPENING: usize = 16;

/// The system that is measured, and how.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Its public address.
    pub url: String,
    /// Its PostgreSQL.
    pub postgres: String,
    /// What its gateways sign access tokens with.
    pub secret: String,
    /// Folder of its native stack.
    pub stack: PathBuf,
    /// Marks in each room, of all sessions together.
    pub marks: usize,
    /// How long the idle system is measured.
    pub idle: Duration,
}

/// A room to measure, written `members:sessions`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// How many are in it.
    pub members: usize,
    /// How many of them are connected, and read.
    pub sessions: usize,
}

impl FromStr for Room {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text.split_once(':').and_then(|(m, s)| Some((m.parse().ok()?, s.parse().ok()?)));
        match numbers {
            Some((members, sessions))
                if 1 <= sessions && sessions <= members && members <= limits::USERS_PER_COMMAND =>
            {
                Ok(Self { members, sessions })
            }
            _ => Err(format!(
                "give members:sessions, such as 1000:200; at most {} members, and no more sessions than members",
                limits::USERS_PER_COMMAND
            )),
        }
    }
}

impl fmt::Display for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} members, {} sessions", self.members, self.sessions)
    }
}

/// What the marks of one room cost.
#[derive(Debug, Default)]
pub struct Cost {
    /// All marks of all sessions.
    pub marks: usize,
    /// From the first command to the last told mark.
    pub took: Duration,
    /// From command to reply: the mark is in Kafka.
    pub accepted: Times,
    /// From command to the mark's push at the reader's own session.
    pub told: Times,
    /// From command to the mark's push at another session; where many read, some marks are told to others only together, as a number.
    pub others_told: Times,
    /// From the first command until PostgreSQL has every last mark.
    pub stored: Duration,
    /// Pushes that all sessions heard, by their kind.
    pub pushes: std::collections::BTreeMap<String, usize>,
    /// CPU time of every process, less what it uses idle.
    pub cpu: Used,
}

/// Makes a room, and has it read. Tells what it does.
pub async fn run(settings: &Settings, room: Room, tell: impl Fn(&str)) -> anyhow::Result<Cost> {
    let postgres =
        PostgresConfig { url: Secret::new(settings.postgres.clone()), schema: "public".to_owned(), pool_size: 4 };
    let store = Store::new(&postgres)?;
    let each = (settings.marks / room.sessions).max(1);
    tell("making people and messages …");
    let readers = people::make(&store, room.members, each).await?;
    tell("connecting …");
    let readers_connected = connect(settings, &readers, room.sessions).await?;

    let processes = Processes::of_stack(&settings.stack)?;
    sleep(SETTLE).await;
    tell("measuring the idle system …");
    let before = processes.used();
    let started = Instant::now();
    sleep(settings.idle).await;
    let idle = (cpu::between(&before, &processes.used()), started.elapsed());

    tell("reading …");
    let (over, is_over) = watch::channel(false);
    let last_told = Arc::new(Barrier::new(room.sessions + 1));
    let before = processes.used();
    let started = Instant::now();
    let mut reading = JoinSet::new();
    for reader in readers_connected {
        reading.spawn(reader.read(readers.seqs.clone(), Arc::clone(&last_told), is_over.clone()));
    }
    let mut cost = Cost { marks: room.sessions * each, ..Cost::default() };
    // A reader that fails never comes to the barrier.
    tokio::select! {
        _ = last_told.wait() => {}
        Some(failed) = reading.join_next() => anyhow::bail!("a reader stopped: {:?}", failed?.err()),
    }
    cost.took = started.elapsed();
    cost.stored = stored(&store, &readers, room.sessions, started).await?;
    let (used, span) = (cpu::between(&before, &processes.used()), started.elapsed());
    over.send_replace(true);
    while let Some(heard) = reading.join_next().await {
        cost.add(heard??);
    }
    cost.cpu = less(&used, span, &idle);
    Ok(cost)
}

impl Cost {
    fn add(&mut self, heard: Heard) {
        self.accepted.extend(heard.accepted);
        self.told.extend(heard.told);
        self.others_told.extend(heard.others_told);
        for (kind, count) in heard.pushes {
            *self.pushes.entry(kind).or_default() += count;
        }
    }
}

async fn connect(settings: &Settings, readers: &Readers, sessions: usize) -> anyhow::Result<Vec<Reader>> {
    let url = ws_url(&settings.url);
    let rooms = || vec![RoomCursor { room_id: readers.room, after: None, presence: false }];
    let made = Made::default();
    let open = |(number, user)| {
        let watching = Watching { is_on: number == 0, user, made: made.clone() };
        let (url, token) = (url.clone(), access_token(&settings.secret, user, Duration::from_hours(1)));
        async move {
            let (connection, _) = Connection::connect(&url, &token, rooms()).await.context("connect")?;
            anyhow::Ok(Reader { connection, user, room: readers.room, watching })
        }
    };
    stream::iter(readers.members.iter().take(sessions).copied().enumerate().map(open))
        .buffer_unordered(OPENING)
        .try_collect()
        .await
}

/// When PostgreSQL had every last mark.
async fn stored(store: &Store, readers: &Readers, sessions: usize, started: Instant) -> anyhow::Result<Duration> {
    let last = *readers.seqs.end();
    loop {
        let marks = store.list_read_marks(readers.room).await?;
        let missing = sessions - marks.iter().filter(|mark| mark.read_seq >= last).count().min(sessions);
        if missing == 0 {
            return Ok(started.elapsed());
        }
        ensure!(started.elapsed() < STORED_WITHIN * 10, "{missing} marks were told and are not stored");
        sleep(Duration::from_millis(20)).await;
    }
}

/// What was used in a span, less what the idle system uses in as long.
fn less(used: &Used, span: Duration, (idle, idle_span): &(Used, Duration)) -> Used {
    let share = span.as_secs_f64() / idle_span.as_secs_f64().max(0.001);
    let rest = |(name, used): (&String, &Duration)| {
        let idle = idle.get(name).copied().unwrap_or_default().mul_f64(share);
        (name.clone(), used.saturating_sub(idle))
    };
    used.iter().map(rest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_is_members_and_no_more_sessions() {
        assert_eq!("1000:200".parse(), Ok(Room { members: 1_000, sessions: 200 }));
        for wrong in ["10", "10:0", "10:11", "a:b", "2001:1"] {
            assert!(wrong.parse::<Room>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_the_idle_system_uses_is_taken_off_in_proportion() {
        let used = |ms| Used::from([("kafka".to_owned(), Duration::from_millis(ms))]);
        let rest = less(&used(500), Duration::from_secs(2), &(used(1_000), Duration::from_secs(10)));
        assert_eq!(rest, used(300));
        assert_eq!(less(&used(10), Duration::from_secs(2), &(used(1_000), Duration::from_secs(10))), used(0));
    }
}
