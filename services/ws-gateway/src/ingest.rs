//! Commands into Kafka: validated, the sender set by the server, keyed by room, acknowledged by all replicas.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use chat_kafka::{Delivery, OutRecord, Producer, SendError};
use chat_protocol::{
    ClientMessageId, Command, CommandBody, ErrorCode, GatewayId, MarkPlace, MarkRead, Origin, Outcome, OutcomeStatus,
    Rejection, RoomId, SCHEMA_VERSION, SessionId, TraceContext, UserId, header, limits, topic::Topics, validate,
};
use chat_service::Clock;
use chat_store::{ReadPlace, Store};
use uuid::Uuid;

use crate::{
    error::Refusal, limits::Limits, marks::places::Places, membership::Memberships, room_lists::RoomLists,
    waiters::Waiters, ws::request::SendRequest,
};

/// No answer for this long and the state of a send is `unknown`: repeating it with the same id is safe.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// A waiting REST call looks into the database this often, in case the outcome got lost on its way.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Who gives a probe.
const NOBODY: UserId = UserId(Uuid::nil());

/// The way into Kafka.
pub struct Ingest {
    /// This gateway, where outcomes are sent to.
    pub gateway_id: GatewayId,
    /// Kafka.
    pub producer: Producer,
    /// Records in the producer's queue beyond which sends are refused as `busy`.
    pub busy_above: usize,
    /// Names.
    pub topics: Topics,
    /// Who may speak where.
    pub memberships: Memberships,
    /// For calls that wait.
    pub waiters: Waiters,
    /// Where marks stand.
    pub places: Places,
    /// How much users and rooms may send.
    pub limits: Arc<Limits>,
    /// For outcomes that got lost.
    pub store: Store,
    /// Told before whoever waits is told what was found in the database.
    pub room_lists: Arc<RoomLists>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

impl Ingest {
    /// Gives a command on behalf of a session: checked, enqueued; the delivery resolves when it is durable.
    pub async fn send(&self, user_id: UserId, session_id: SessionId, send: SendRequest) -> Result<Delivery, Refusal> {
        self.limits.command(user_id)?;
        check(&send.body)?;
        self.memberships.check(send.room_id, user_id).await?;
        self.limits.in_room(send.room_id, &send.body)?;
        let trace = trace(send.traceparent.as_deref());
        let command = self.command(send.room_id, user_id, send.client_message_id, session_id, send.body);
        Ok(self.produce(&command, trace)?)
    }

    /// Executes a command and waits until it is committed or refused. Who may change a room's messages is checked before: what is refused by
    /// the room's writer only would count for the room.
    pub async fn execute(
        &self,
        room_id: RoomId,
        user_id: UserId,
        client_message_id: ClientMessageId,
        body: CommandBody,
    ) -> Result<Outcome, Refusal> {
        self.limits.command(user_id)?;
        self.limits.in_room(room_id, &body)?;
        let deadline = Instant::now() + ANSWER_WITHIN;
        let mut waiter = self.waiters.wait();
        let command = self.command(room_id, user_id, client_message_id.clone(), waiter.id, body);
        let delivery = self.produce(&command, TraceContext::generate())?;
        let unknown = || {
            Rejection::new(
                ErrorCode::Unknown,
                "no answer in time; it may still happen: repeat with the same clientMessageId",
            )
        };
        match tokio::time::timeout_at(deadline.into(), delivery).await {
            Ok(Ok(_)) => {}
            Ok(Err(_)) | Err(_) => return Err(unknown().into()),
        }
        loop {
            let look_at = (Instant::now() + LOOK_EVERY).min(deadline);
            match tokio::time::timeout_at(look_at.into(), &mut waiter.outcome).await {
                Ok(Ok(outcome)) => return judged(outcome),
                Ok(Err(_)) => return Err(unknown().into()),
                Err(_) => {}
            }
            // Outcomes travel over Pub/Sub, at most once: the database knows.
            match self.store.stored_outcome(room_id, user_id, &client_message_id).await {
                Ok(Some(stored)) => {
                    let concerned = command.body.named().iter().copied().chain([user_id]);
                    self.room_lists.telling(room_id, stored.seq, concerned).await;
                    return Ok(Outcome {
                        origin: command.origin,
                        room_id,
                        client_message_id,
                        status: OutcomeStatus::Persisted,
                        message_id: Some(stored.message_id),
                        seq: Some(stored.seq),
                        duplicate: false,
                        persisted_at: Some(stored.at),
                        code: None,
                        reason: None,
                    });
                }
                Ok(None) => {}
                Err(error) => tracing::warn!(%error, "outcome not found out"),
            }
            if Instant::now() >= deadline {
                return Err(unknown().into());
            }
        }
    }

    /// Takes a read mark; the delivery resolves when it is durable.
    pub async fn mark_read(&self, room_id: RoomId, user_id: UserId, seq: i64) -> Result<Delivery, Refusal> {
        if seq < 0 {
            return Err(Rejection::new(ErrorCode::BadRequest, "seq must not be negative").into());
        }
        self.limits.mark(user_id)?;
        self.memberships.check(room_id, user_id).await?;
        let now = self.clock.now();
        let mark = match self.places.find(room_id, seq).await {
            Some(ReadPlace { seq, number, message_id }) => {
                MarkRead::new(room_id, user_id, seq, now).at_place(MarkPlace { number, message_id })
            }
            None => MarkRead::new(room_id, user_id, seq, now),
        };
        let payload = serde_json::to_vec(&mark).map_err(|_| internal())?;
        Ok(self.enqueue(&self.topics.read_events(), room_id, "MarkRead", &payload, TraceContext::generate())?)
    }

    /// Sends a probe on behalf of whoever waits for its outcome. Its room is made up, so that the partitions take turns.
    pub fn probe(&self, waiter: SessionId) -> Result<Delivery, Rejection> {
        let id = ClientMessageId::generate();
        let command = self.command(RoomId::generate(), NOBODY, id, waiter, CommandBody::Probe {});
        self.produce(&command, TraceContext::generate())
    }

    fn command(
        &self,
        room_id: RoomId,
        user_id: UserId,
        client_message_id: ClientMessageId,
        session_id: SessionId,
        body: CommandBody,
    ) -> Command {
        let origin = Origin { gateway_id: self.gateway_id, session_id };
        Command::new(room_id, user_id, client_message_id, self.clock.now(), origin, body)
    }

    fn produce(&self, command: &Command, trace: TraceContext) -> Result<Delivery, Rejection> {
        let payload = serde_json::to_vec(command).map_err(|_| internal())?;
        self.enqueue(&self.topics.messages(), command.room_id, command.body.type_name(), &payload, trace)
    }

    fn enqueue(
        &self,
        topic: &str,
        room_id: RoomId,
        type_name: &str,
        payload: &[u8],
        trace: TraceContext,
    ) -> Result<Delivery, Rejection> {
        let busy =
            || Rejection::new(ErrorCode::Busy, "not taken, too much is waiting: repeat with the same clientMessageId");
        if self.producer.queued() > self.busy_above {
            return Err(busy());
        }
        let (key, version, traceparent) = (room_id.to_string(), SCHEMA_VERSION.to_string(), trace.to_string());
        let headers = [(header::TYPE, type_name), (header::VERSION, &*version), (header::TRACEPARENT, &*traceparent)];
        self.producer.send(&OutRecord { topic, key: &key, payload, headers: &headers }).map_err(|error| match error {
            SendError::Busy => busy(),
            SendError::TooLarge => {
                Rejection::new(ErrorCode::TooLarge, "the request is larger than Kafka takes: send less")
            }
            SendError::Failed(cause) => {
                tracing::error!(cause, "record refused by the producer");
                internal()
            }
        })
    }
}

/// What people typed, before anything reaches Kafka.
pub fn check(body: &CommandBody) -> Result<(), Rejection> {
    match body {
        CommandBody::SendMessage { message_type, .. } if !message_type.is_message() => {
            let message = "type must be TEXT or IMAGE: SYSTEM entries are the server's";
            Err(Rejection::new(ErrorCode::BadRequest, message))
        }
        CommandBody::SendMessage { content, .. } | CommandBody::EditMessage { content, .. } => {
            validate::content(content)
        }
        CommandBody::ReactToMessage { emoji, .. } => validate::emoji(emoji),
        CommandBody::UpdateRoom { name: None, open: None } => {
            Err(Rejection::new(ErrorCode::BadRequest, "name and open are missing: give at least one"))
        }
        CommandBody::UpdateRoom { name: Some(name), .. } => validate::line("name", name, limits::ROOM_NAME_CHARS),
        _ => Ok(()),
    }
}

/// Rejected outcomes are errors to whoever waits.
fn judged(outcome: Outcome) -> Result<Outcome, Refusal> {
    match outcome.status {
        OutcomeStatus::Persisted => Ok(outcome),
        OutcomeStatus::Rejected => {
            let code = outcome.code.unwrap_or(ErrorCode::Internal);
            Err(Rejection::new(code, outcome.reason.unwrap_or_else(|| code.client_action().to_owned())).into())
        }
    }
}

fn trace(traceparent: Option<&str>) -> TraceContext {
    traceparent.and_then(|text| text.parse().ok()).map_or_else(TraceContext::generate, TraceContext::child)
}

fn internal() -> Rejection {
    Rejection::new(ErrorCode::Internal, "the request could not be passed on")
}
