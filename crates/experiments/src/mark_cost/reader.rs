//! One connected member.

use std::{
    collections::{BTreeMap, HashMap},
    ops::RangeInclusive,
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use chat_client::{Connection, Incoming};
use chat_protocol::{
    RoomId, UserId,
    frame::{ClientCommand, ReplyResult, ServerPush},
};
use serde_json::Value;
use tokio::{
    sync::{Barrier, watch},
    time::{MissedTickBehavior, interval, sleep, timeout},
};

use crate::figures::Times;

/// Longest wait for anything to be heard while a mark is awaited.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two marks of a session, at least: half of what a gateway lets a user make.
const APART: Duration = Duration::from_millis(10);
/// Wait after a refusal that does not say how long.
const AGAIN: Duration = Duration::from_millis(100);

/// A member with a connection that receives the room.
pub struct Reader {
    /// Nothing was read from it yet.
    pub connection: Connection,
    /// Who.
    pub user: UserId,
    /// Where.
    pub room: RoomId,
    /// What is known of the others' marks.
    pub watching: Watching,
}

/// One reader watches when it hears of the others' marks.
#[derive(Debug, Clone)]
pub struct Watching {
    /// Whether it is this one.
    pub is_on: bool,
    /// Who it is.
    pub user: UserId,
    /// When marks were made, by all readers.
    pub made: Made,
}

/// When each mark was made.
#[derive(Debug, Clone, Default)]
pub struct Made(Arc<Mutex<HashMap<(UserId, i64), Instant>>>);

impl Made {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<(UserId, i64), Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a member heard.
#[derive(Debug, Default)]
pub struct Heard {
    /// From command to reply.
    pub accepted: Times,
    /// From command to push, at the reader's own session.
    pub told: Times,
    /// From command to push, at the session that watches the others.
    pub others_told: Times,
    /// Pushes by kind.
    pub pushes: BTreeMap<String, usize>,
}

impl Reader {
    /// Marks one entry after the other, each when the one before was told, and not at once; then says so, and listens until it is over.
    pub async fn read(
        mut self,
        seqs: RangeInclusive<i64>,
        all_told: Arc<Barrier>,
        mut is_over: watch::Receiver<bool>,
    ) -> anyhow::Result<Heard> {
        let mut heard = Heard::default();
        let mut pace = interval(APART);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for seq in seqs {
            let due = async {
                pace.tick().await;
            };
            self.listen_until(due, &mut heard).await?;
            self.mark(seq, &mut heard).await?;
        }
        let ending = async {
            all_told.wait().await;
            // An end of the sender is an end, too.
            drop(is_over.wait_for(|over| *over).await);
        };
        self.listen_until(ending, &mut heard).await?;
        Ok(heard)
    }

    async fn listen_until(&mut self, until: impl Future<Output = ()>, heard: &mut Heard) -> anyhow::Result<()> {
        let mut until = pin!(until);
        loop {
            let incoming = tokio::select! {
                () = &mut until => return Ok(()),
                incoming = self.connection.next() => incoming,
            };
            self.watching.hear(&incoming.context("the connection ended")?, heard);
        }
    }

    async fn mark(&mut self, seq: i64, heard: &mut Heard) -> anyhow::Result<()> {
        let (caller, room_id) = (self.connection.caller(), self.room);
        let command = || ClientCommand::Read { room_id, seq };
        let mut asked = Instant::now();
        self.watching.made.lock().insert((self.user, seq), asked);
        let mut id = caller.post(command()).await?;
        let (mut accepted, mut told) = (false, false);
        while !(accepted && told) {
            let incoming = timeout(PATIENCE, self.connection.next()).await;
            let incoming =
                incoming.with_context(|| format!("mark {seq} was not told within {} s", PATIENCE.as_secs()))?;
            let incoming = incoming.context("the connection ended")?;
            self.watching.hear(&incoming, heard);
            match incoming {
                Incoming::Reply(reply) if reply.id == id => match reply.result {
                    ReplyResult::Ok(_) => {
                        heard.accepted.add(asked.elapsed());
                        accepted = true;
                    }
                    ReplyResult::Error(error) if error.retry => {
                        sleep(error.retry_after_ms.map_or(AGAIN, Duration::from_millis)).await;
                        asked = Instant::now();
                        id = caller.post(command()).await?;
                    }
                    ReplyResult::Error(error) => bail!("mark {seq} was refused: {} ({})", error.message, error.code),
                },
                Incoming::Push(push) => {
                    if let ServerPush::Read(receipt) = *push
                        && (receipt.room_id, receipt.user_id) == (room_id, self.user)
                        && receipt.last_read_seq >= seq
                        && !told
                    {
                        heard.told.add(asked.elapsed());
                        told = true;
                    }
                }
                Incoming::Reply(_) | Incoming::Other(_) => {}
            }
        }
        Ok(())
    }
}

impl Watching {
    fn hear(&self, incoming: &Incoming, heard: &mut Heard) {
        heard.count(incoming);
        if let Incoming::Push(push) = incoming
            && let ServerPush::Read(receipt) = &**push
            && self.is_on
            && receipt.user_id != self.user
            && let Some(made) = self.made.lock().get(&(receipt.user_id, receipt.last_read_seq))
        {
            heard.others_told.add(made.elapsed());
        }
    }
}

impl Heard {
    fn count(&mut self, incoming: &Incoming) {
        let kind = match incoming {
            Incoming::Push(push) if matches!(**push, ServerPush::Read(_)) => "read".to_owned(),
            // Rare, or so new that the client does not know them: named by their own word.
            Incoming::Push(push) => serde_json::to_value(push).map_or_else(|_| String::new(), |push| kind(&push)),
            Incoming::Other(text) => serde_json::from_str(text).map_or_else(|_| String::new(), |push| kind(&push)),
            Incoming::Reply(_) => return,
        };
        *self.pushes.entry(kind).or_default() += 1;
    }
}

fn kind(push: &Value) -> String {
    push.get("push").and_then(Value::as_str).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pushes_are_counted_by_their_kind_known_or_not() {
        let mut heard = Heard::default();
        heard.count(&Incoming::Other(r#"{"push":"readSummary","roomId":"x"}"#.to_owned()));
        heard.count(&Incoming::Push(Box::new(ServerPush::Ping { heads: BTreeMap::new() })));
        heard.count(&Incoming::Other("?".to_owned()));
        let counted: Vec<_> = heard.pushes.iter().map(|(kind, count)| (kind.as_str(), *count)).collect();
        assert_eq!(counted, [("", 1), ("ping", 1), ("readSummary", 1)]);
    }
}
