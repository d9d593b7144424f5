//! Membership that comes and goes: somebody leaves a room and is invited again by its owner, over REST.

use std::{sync::Arc, time::Duration};

use chat_checker::history::{Op, Outcome};
use chat_client::{RestClient, rest::RestError};
use chat_protocol::RoomId;
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use tokio::{sync::watch, time::timeout};

use super::{Person, client::Stage};
use crate::history::History;

/// An answer may take as long as an outage; who asks again then does no harm.
const ANSWER_WITHIN: Duration = Duration::from_secs(8);
const AGAIN_AFTER: Duration = Duration::from_millis(500);

/// One who comes and goes.
#[derive(Debug)]
pub struct Wandering {
    pub guest: Person,
    pub room: RoomId,
    pub owner: Person,
    pub inside: bool,
}

impl Wandering {
    /// Until everybody listens only; then the guest is inside, if that can be had.
    pub async fn run(
        mut self,
        addresses: Vec<String>,
        seed: u64,
        history: Arc<History>,
        mut stage: watch::Receiver<Stage>,
    ) {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut attempts = usize::try_from(seed).unwrap_or(0) % addresses.len();
        while *stage.borrow() < Stage::Listen {
            let finishing = *stage.borrow() > Stage::Talk;
            if finishing && self.inside {
                return;
            }
            let rest = if self.inside { 4000..9000 } else { 800..4000 };
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(rng.random_range(rest))), if !finishing => {}
                _ = stage.wait_for(|stage| *stage > Stage::Talk), if !finishing => continue,
                else => {}
            }
            attempts += 1;
            let address = &addresses[attempts % addresses.len()];
            match self.step(address, &history).await {
                // Refused: for want of what was to be changed, so an earlier attempt had happened after all.
                Outcome::Ok | Outcome::Fail => self.inside = !self.inside,
                _ => tokio::time::sleep(AGAIN_AFTER).await,
            }
        }
    }

    /// Leaves, or is invited; what came of it.
    async fn step(&self, address: &str, history: &History) -> Outcome {
        let (op, actor) = if self.inside { (Op::Leave, &self.guest) } else { (Op::Join, &self.owner) };
        let event = |outcome| {
            let event = history.event(&actor.process, "", outcome, op);
            chat_checker::history::Event { room: Some(self.room), sender: Some(actor.id), ..event }
        };
        history.put_event(event(Outcome::Invoke));
        let asking = async {
            let rest = RestClient::new(address)?.with_token(&actor.token).with_retries(0);
            if self.inside { rest.leave(self.room).await } else { rest.invite(self.room, &[self.guest.id]).await }
        };
        let (outcome, code) = match timeout(ANSWER_WITHIN, asking).await {
            Ok(Ok(())) => (Outcome::Ok, None),
            Ok(Err(error)) if is_final(&error) => (Outcome::Fail, error.code()),
            Ok(Err(error)) => (Outcome::Info, error.code()),
            Err(_) => (Outcome::Info, None),
        };
        let code = code.map(|code| code.as_str().to_owned());
        history.put_event(chat_checker::history::Event { code, ..event(outcome) });
        outcome
    }
}

/// Whether asking again can change nothing.
fn is_final(error: &RestError) -> bool {
    matches!(error.status(), Some(400..=499)) && error.status() != Some(429) && error.status() != Some(408)
}
