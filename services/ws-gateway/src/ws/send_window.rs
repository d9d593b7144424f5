//! What a session has given to Kafka and waits for: bounded, in any order, each answered once (and once more when late).

use std::{
    pin::Pin,
    time::{Duration, Instant},
};

use chat_kafka::Delivery;
use chat_protocol::{ClientMessageId, CommandBody, RoomId};
use futures_util::{StreamExt, stream::FuturesUnordered};

use super::request::Tag;
use crate::ingest::ANSWER_WITHIN;

/// What was given to Kafka.
#[derive(Debug, Clone)]
pub struct Sent {
    /// Whom to answer.
    pub tag: Tag,
    /// Since when.
    pub since: Instant,
    /// The command, or a read mark.
    pub what: What,
}

/// What it was.
#[derive(Debug, Clone)]
pub enum What {
    /// A command on a room's timeline.
    Command(Action, RoomId, ClientMessageId),
    /// A read mark.
    ReadMark,
}

/// Which command, for the reply that names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Send,
    Edit,
    Delete,
    React,
}

impl From<&CommandBody> for Action {
    fn from(body: &CommandBody) -> Self {
        match body {
            CommandBody::EditMessage { .. } => Self::Edit,
            CommandBody::DeleteMessage { .. } => Self::Delete,
            CommandBody::ReactToMessage { .. } => Self::React,
            _ => Self::Send,
        }
    }
}

/// How it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Durable.
    Accepted,
    /// Durable, after `Unknown` had been told.
    AcceptedLate,
    /// No answer in time, or one that leaves it open.
    Unknown,
    /// Late and still open: nothing more to tell.
    Forgotten,
}

type Settling = Pin<Box<dyn Future<Output = (Sent, Standing, Option<Delivery>)> + Send>>;

/// The records under way.
#[derive(Default)]
pub struct SendWindow {
    settling: FuturesUnordered<Settling>,
    /// Under way and within their time: late ones do not hold up new ones.
    open: usize,
}

/// Most records of one session under way; beyond it the session reads no further frames.
const WINDOW: usize = 32;

impl SendWindow {
    /// Whether another one may be sent.
    pub fn has_space(&self) -> bool {
        self.open < WINDOW
    }

    /// Whether everything was answered.
    pub fn is_empty(&self) -> bool {
        self.open == 0
    }

    /// Waits for one more.
    pub fn push(&mut self, sent: Sent, delivery: Delivery) {
        self.open += 1;
        self.settling.push(Box::pin(settle(sent, delivery, ANSWER_WITHIN)));
    }

    /// The next one that is settled; pending for ever when nothing is under way. Cancel-safe.
    pub async fn next(&mut self) -> (Sent, Standing) {
        loop {
            let Some((sent, standing, rest)) = self.settling.next().await else { return std::future::pending().await };
            if matches!(standing, Standing::Accepted | Standing::Unknown) {
                self.open -= 1;
            }
            if let Some(delivery) = rest {
                self.settling.push(Box::pin(settle_late(sent.clone(), delivery)));
            }
            if standing != Standing::Forgotten {
                return (sent, standing);
            }
        }
    }
}

async fn settle(sent: Sent, mut delivery: Delivery, within: Duration) -> (Sent, Standing, Option<Delivery>) {
    match tokio::time::timeout(within, &mut delivery).await {
        Ok(Ok(_)) => (sent, Standing::Accepted, None),
        Ok(Err(_)) => (sent, Standing::Unknown, None),
        Err(_) => (sent, Standing::Unknown, Some(delivery)),
    }
}

async fn settle_late(sent: Sent, delivery: Delivery) -> (Sent, Standing, Option<Delivery>) {
    let standing = if delivery.await.is_ok() { Standing::AcceptedLate } else { Standing::Forgotten };
    (sent, standing, None)
}
