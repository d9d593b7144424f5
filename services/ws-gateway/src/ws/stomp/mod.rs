//! STOMP on the same core: frames to requests, replies and pushes to frames.

mod body;
mod words;

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;
use bytestring::ByteString;
use chat_protocol::{
    ClientMessageId, ErrorCode, OutcomeStatus, Rejection, RoomId, close::CloseCode, frame::RoomSubscription,
};
use chat_stomp::{
    Decoder, Frame, Item as Decoded, Limits, MessageTemplate, Negotiated, Request as Legal, ServerSettings, Session,
    Subscription, Version, encode_text, error, header, receipt,
};
use serde_json::json;

use super::{
    destination::{Destinations, Queue, StompConfig, SubscribeTo},
    outbox::Push,
    reply::Reply,
    request::{Request, RoomRequest, Tag},
};
use crate::{
    auth,
    hub::{Sink, SubscriptionKey},
};

/// The connection ends: the ERROR frame to send, and the close code after it.
#[derive(Debug)]
pub struct Fatal {
    pub frame: Option<ByteString>,
    pub close: CloseCode,
}

/// The STOMP side of a session.
pub struct Stomp {
    destinations: Arc<Destinations>,
    decoder: Decoder,
    session: Session,
    /// Room subscriptions by STOMP id.
    rooms: HashMap<ByteString, (RoomId, SubscriptionKey)>,
    /// Own queues by STOMP id.
    queues: HashMap<ByteString, (Queue, Subscription)>,
    next_key: SubscriptionKey,
    messages: u64,
    negotiated: Option<Negotiated>,
}

impl Stomp {
    /// A session before its CONNECT.
    pub fn new(destinations: Arc<Destinations>, config: &StompConfig) -> Self {
        let settings = ServerSettings {
            server: ByteString::from_static("realtime-chat"),
            send_every_ms: config.heart_beat_ms,
            expect_every_ms: config.heart_beat_ms,
            ..ServerSettings::default()
        };
        let limits = Limits {
            headers: config.max_headers,
            header_line: config.max_header_line_bytes,
            frame: config.max_frame_bytes,
            ..Limits::default()
        };
        Self {
            destinations,
            decoder: Decoder::new(limits, Version::V1_0),
            session: Session::new(settings),
            rooms: HashMap::new(),
            queues: HashMap::new(),
            next_key: 0,
            messages: 0,
            negotiated: None,
        }
    }

    /// Heart-beats agreed on: sent every … ms, expected every … ms; 0 for none.
    pub fn heart_beat_ms(&self) -> (u32, u32) {
        self.negotiated
            .map_or((0, 0), |agreed| (agreed.heart_beat.server_to_client_ms, agreed.heart_beat.client_to_server_ms))
    }

    /// Reads a WebSocket message: any number of frames, or a part of one.
    pub fn read(&mut self, mut bytes: Bytes, requests: &mut Vec<Request>) -> Result<(), Fatal> {
        loop {
            let frame = match self.decoder.decode(&mut bytes) {
                Ok(None) => return Ok(()),
                Ok(Some(Decoded::HeartBeat)) => continue,
                Ok(Some(Decoded::Frame(frame))) => frame,
                Err(broken) => {
                    let code = if broken.is_limit() { ErrorCode::TooLarge } else { ErrorCode::BadRequest };
                    let frame = error(code.as_str(), &broken.to_string(), self.decoder.failed_receipt(), "");
                    return Err(self.fatal(&frame, code.close_code().unwrap_or(CloseCode::PROTOCOL)));
                }
            };
            let legal = match self.session.accept(frame) {
                Ok(legal) => legal,
                Err(broken) => {
                    let frame = broken.to_frame(ErrorCode::BadRequest.as_str());
                    return Err(self.fatal(&frame, CloseCode::PROTOCOL));
                }
            };
            requests.push(self.request(legal)?);
        }
    }

    fn request(&mut self, legal: Legal) -> Result<Request, Fatal> {
        Ok(match legal {
            Legal::Connect { negotiated, frame } => {
                self.negotiated = Some(negotiated);
                self.decoder.set_version(negotiated.version);
                let token =
                    frame.header(header::AUTHORIZATION).or(frame.header("authorization")).and_then(auth::bearer);
                Request::Connect { tag: Tag::Stomp(None), token: token.map(str::to_owned), rooms: Vec::new() }
            }
            Legal::Send { destination, frame } => self.send(&destination, &frame)?,
            Legal::Subscribe { subscription, frame } => self.subscribe(subscription, &frame)?,
            Legal::Unsubscribe { removed, frame } => {
                let tag = tag(&frame);
                let room = removed.and_then(|subscription| {
                    self.queues.remove(&subscription.id);
                    self.rooms.remove(&subscription.id)
                });
                Request::Unsubscribe { tag, rooms: room.into_iter().collect() }
            }
            Legal::Disconnect { frame } => Request::Disconnect { tag: tag(&frame) },
        })
    }

    fn send(&self, destination: &str, frame: &Frame) -> Result<Request, Fatal> {
        match self.destinations.send_to(destination) {
            Some((to, named)) => Ok(body::request(to, named, frame, tag(frame))),
            None => Err(self.refused(frame, ErrorCode::Forbidden, "nothing can be sent to this destination")),
        }
    }

    fn subscribe(&mut self, subscription: Subscription, frame: &Frame) -> Result<Request, Fatal> {
        let (room_id, feed) = match self.destinations.subscribe_to(&subscription.destination) {
            Err(Rejection { code, message, .. }) => return Err(self.refused(frame, code, &message)),
            Ok(SubscribeTo::Queue(queue)) => {
                self.queues.insert(subscription.id.clone(), (queue, subscription));
                return Ok(Request::Answer { tag: tag(frame) });
            }
            Ok(SubscribeTo::Room(room_id, feed)) => (room_id, feed),
        };
        let after = match frame.header("after").map(str::parse::<i64>) {
            None => None,
            Some(Ok(seq)) if seq >= 0 => Some(seq),
            Some(_) => return Err(self.refused(frame, ErrorCode::BadRequest, "header after must be a seq: 0 or more")),
        };
        self.next_key += 1;
        let key = self.next_key;
        let id = subscription.header().map(ByteString::from);
        let sink = Sink::Stomp { version: self.session.version(), id, destination: subscription.destination.clone() };
        self.rooms.insert(subscription.id, (room_id, key));
        let after = if feed.timeline() { after } else { None };
        Ok(Request::Subscribe { tag: tag(frame), rooms: vec![RoomRequest { room_id, after, key, sink, feed }] })
    }

    /// CONNECTED.
    pub fn connected(&self, session_id: &str, out: &mut Vec<ByteString>) {
        self.put(&self.session.connected(session_id), out);
    }

    /// Puts a reply into words.
    pub fn reply(
        &mut self,
        receipt_id: Option<&ByteString>,
        reply: Reply,
        out: &mut Vec<ByteString>,
    ) -> Result<(), Fatal> {
        match reply {
            Reply::Accepted { room_id, client_message_id, accepted_at, .. }
            | Reply::AcceptedLate { room_id, client_message_id, accepted_at } => {
                self.queue(Queue::Ack, &words::accepted(room_id, &client_message_id, accepted_at), out);
            }
            Reply::SendRefused { room_id, client_message_id, rejection } => {
                let id = Some((room_id, client_message_id));
                return self.refusal(receipt_id, &rejection, id, out);
            }
            Reply::Refused(rejection) => return self.refusal(receipt_id, &rejection, None, out),
            // STOMP has no frame for history: nothing asks for it here.
            Reply::History { .. }
            | Reply::Unsubscribed
            | Reply::Read
            | Reply::Typing
            | Reply::Refreshed { .. }
            | Reply::Done => {}
        }
        self.receipt(receipt_id, out);
        Ok(())
    }

    /// Authorization failures end the connection, all other refusals go to the error queue.
    fn refusal(
        &mut self,
        receipt_id: Option<&ByteString>,
        rejection: &Rejection,
        send: Option<(RoomId, ClientMessageId)>,
        out: &mut Vec<ByteString>,
    ) -> Result<(), Fatal> {
        let close = rejection.code.close_code();
        if matches!(rejection.code, ErrorCode::RoomNotFound | ErrorCode::Forbidden) || close.is_some() {
            let frame = error(rejection.code.as_str(), &rejection.message, receipt_id.map(|id| &**id), "");
            return Err(self.fatal(&frame, close.unwrap_or(CloseCode::POLICY)));
        }
        self.queue(Queue::Errors, &words::refused(rejection, send), out);
        Ok(())
    }

    /// The answer to a SUBSCRIBE: active, or not allowed.
    pub fn subscribed(
        &self,
        receipt_id: Option<&ByteString>,
        rooms: Vec<RoomSubscription>,
        out: &mut Vec<ByteString>,
    ) -> Result<(), Fatal> {
        if let Some(refused) = rooms.into_iter().find_map(|room| room.error) {
            let frame = error(refused.code.as_str(), &refused.message, receipt_id.map(|id| &**id), "");
            // A store that is away is no reason to stay away.
            let close = if refused.retry { CloseCode::OVERLOADED } else { CloseCode::POLICY };
            return Err(self.fatal(&frame, close));
        }
        self.receipt(receipt_id, out);
        Ok(())
    }

    /// Puts a push into words.
    pub fn push(&mut self, push: Push, out: &mut Vec<ByteString>) {
        match push {
            Push::Outcome(outcome) if outcome.status == OutcomeStatus::Persisted => {
                self.queue(Queue::Persisted, &words::persisted(&outcome), out);
            }
            Push::Outcome(outcome) => self.queue(Queue::Errors, &words::rejected(&outcome), out),
            Push::Notification(notification) => self.queue(Queue::Notifications, &json!(notification), out),
            Push::Read(receipt) => self.queue(Queue::Read, &json!(receipt), out),
            Push::Unsubscribed { room_id, code } => self.queue(Queue::Errors, &words::unsubscribed(room_id, code), out),
            // The pause ends by itself; heads are for clients that keep cursors.
            Push::Lagging { .. } | Push::Ping(_) => {}
        }
    }

    /// The last words before a close.
    pub fn closing(&mut self, reason: &str, retry_after_ms: Option<u64>, out: &mut Vec<ByteString>) {
        self.queue(Queue::Session, &words::closing(reason, retry_after_ms), out);
    }

    /// One unreadable body too many: what was wrong with it is the ERROR's message, whether or not the error queue is subscribed.
    pub fn struck_out(&self, receipt_id: Option<&ByteString>, rejection: &Rejection) -> Fatal {
        let frame = error(rejection.code.as_str(), &rejection.message, receipt_id.map(|id| &**id), "");
        self.fatal(&frame, CloseCode::POLICY)
    }

    /// Nothing was heard for twice the heart-beat agreed on.
    pub fn silent(&self) -> Fatal {
        let message = "nothing heard for twice the heart-beat agreed on";
        self.fatal(&error(ErrorCode::BadRequest.as_str(), message, None, ""), CloseCode::TIMEOUT)
    }

    fn queue(&mut self, queue: Queue, body: &serde_json::Value, out: &mut Vec<ByteString>) {
        let body = body.to_string();
        for (wanted, subscription) in self.queues.values() {
            if *wanted == queue {
                self.messages += 1;
                let template =
                    MessageTemplate::new(self.session.version(), &format!("q-{}", self.messages), &[], &body);
                out.push(template.render(subscription.header(), &subscription.destination));
            }
        }
    }

    fn receipt(&self, receipt_id: Option<&ByteString>, out: &mut Vec<ByteString>) {
        if let Some(id) = receipt_id {
            self.put(&receipt(id), out);
        }
    }

    fn put(&self, frame: &Frame, out: &mut Vec<ByteString>) {
        out.extend(encode_text(frame, self.session.version()));
    }

    fn refused(&self, frame: &Frame, code: ErrorCode, message: &str) -> Fatal {
        self.fatal(&error(code.as_str(), message, frame.receipt(), ""), CloseCode::POLICY)
    }

    fn fatal(&self, frame: &Frame, close: CloseCode) -> Fatal {
        Fatal { frame: encode_text(frame, self.session.version()), close }
    }
}

fn tag(frame: &Frame) -> Tag {
    Tag::Stomp(frame.receipt().map(ByteString::from))
}
