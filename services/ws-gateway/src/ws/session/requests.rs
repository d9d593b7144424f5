//! What a client asks for, and what is done.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use chat_protocol::{ErrorCode, Rejection, SessionId, close::CloseCode, limits};
use jiff::Timestamp;

use super::{Session, SessionInfo, Step, end::End};
use crate::{
    error::Refusal,
    hub::{Input, SessionHandle},
    ws::{
        native,
        outbox::Outbox,
        protocol::Protocol,
        reply::Reply,
        request::{Request, RoomRequest, SendRequest, Tag},
        send_window::{Action, Sent, What},
    },
};

impl Session {
    pub(super) async fn request(&mut self, request: Request) -> Step {
        let Some(handle) = self.handle.clone() else {
            return match request {
                Request::Connect { tag, token, rooms } => {
                    let rooms = rooms.into_iter().map(native::room_request).collect();
                    self.connect(tag, token.as_deref(), rooms).await
                }
                Request::Unreadable { tag, rejection } => self.unreadable(&tag, rejection),
                Request::Refused { tag, rejection } => self.answer(&tag, Reply::Refused(rejection)),
                Request::Subscribe { tag, .. }
                | Request::Unsubscribe { tag, .. }
                | Request::Send { tag, .. }
                | Request::Refresh { tag, .. }
                | Request::Typing { tag, .. }
                | Request::History { tag, .. }
                | Request::Read { tag, .. }
                | Request::Answer { tag }
                | Request::Disconnect { tag } => self.answer(&tag, Reply::Refused(Protocol::not_connected())),
            };
        };
        match request {
            Request::Connect { tag, .. } => {
                let rejection = Rejection::new(ErrorCode::BadRequest, "already connected");
                self.answer(&tag, Reply::Refused(rejection))
            }
            Request::Subscribe { tag, rooms } if rooms.is_empty() || rooms.len() > limits::ROOMS_PER_SUBSCRIBE => {
                self.answer(&tag, Reply::Refused(rooms_limit()))
            }
            Request::Subscribe { tag, rooms } => {
                self.held.opening(Instant::now());
                self.gateway.hub.tell(Input::Subscribe { session: handle.id, tag, rooms }).await;
                Ok(())
            }
            Request::Unsubscribe { tag, rooms } => {
                self.gateway.hub.tell(Input::Unsubscribe { session: handle.id, rooms }).await;
                self.answer(&tag, Reply::Unsubscribed)
            }
            Request::Send { tag, send } if self.leaving => {
                self.gateway.metrics.sends.with_label_values(&[ErrorCode::Busy.as_str()]).inc();
                let (room_id, client_message_id) = (send.room_id, send.client_message_id);
                self.answer(&tag, Reply::SendRefused { room_id, client_message_id, rejection: leaving() })
            }
            Request::Read { tag, .. } if self.leaving => self.answer(&tag, Reply::Refused(leaving())),
            Request::Send { tag, send } => self.send(&handle, tag, send).await,
            Request::Refresh { tag, token } => self.refresh(&handle, &tag, &token).await,
            Request::Typing { tag, room_id, typing } => {
                let told = self.gateway.typing.tell(&mut self.typing, handle.user_id, room_id, typing).await;
                self.answer(
                    &tag,
                    told.map_or_else(|refusal| Reply::Refused(refusal.into_rejection()), |()| Reply::Typing),
                )
            }
            Request::History { tag, room_id, before, after, limit } => {
                let user_id = handle.user_id;
                let page = self.gateway.history(user_id, room_id, before, after, limit).await;
                let reply = match page {
                    Ok(page) => Reply::History { room_id, messages: page.messages, more: page.more, head: page.head },
                    Err(refusal) => Reply::Refused(refusal.into_rejection()),
                };
                self.answer(&tag, reply)
            }
            Request::Read { tag, room_id, seq } => {
                match self.gateway.ingest.mark_read(room_id, handle.user_id, seq).await {
                    Ok(delivery) => {
                        self.window.push(Sent { tag, since: Instant::now(), what: What::ReadMark }, delivery);
                        Ok(())
                    }
                    Err(refusal) => self.answer(&tag, Reply::Refused(refusal.into_rejection())),
                }
            }
            Request::Answer { tag } => self.answer(&tag, Reply::Done),
            Request::Unreadable { tag, rejection } => self.unreadable(&tag, rejection),
            Request::Refused { tag, rejection } => self.answer(&tag, Reply::Refused(rejection)),
            Request::Disconnect { tag } => {
                self.answer(&tag, Reply::Done)?;
                Err(Some(End::new(CloseCode::NORMAL, "")))
            }
        }
    }

    pub(super) async fn connect(&mut self, tag: Tag, token: Option<&str>, rooms: Vec<RoomRequest>) -> Step {
        if rooms.len() > limits::ROOMS_PER_SUBSCRIBE {
            return self.answer(&tag, Reply::Refused(rooms_limit()));
        }
        let auth = &self.gateway.auth;
        let checked = match (token, self.upgrade_identity) {
            (Some(token), _) => auth.access(token).await,
            (None, Some(identity)) => auth.stands(identity, None).await.map(|()| identity),
            (None, None) => Err(Protocol::not_connected().into()),
        };
        let identity = match checked {
            Ok(identity) => identity,
            Err(refusal) => return self.answer(&tag, Reply::Refused(refusal.into_rejection())),
        };
        let session_id = SessionId::generate();
        let to_close = match self.gateway.admission.user_sessions.admit(identity.user_id, session_id).await {
            Ok((place, to_close)) => {
                self.user_place = Some(place);
                to_close
            }
            Err(rejection) => return self.answer(&tag, Reply::Refused(rejection)),
        };
        for session in to_close {
            self.gateway.hub.tell(Input::CloseSession(session)).await;
        }
        self.deadlines.first_frame = None;
        self.token_ends(identity.expires_at);
        let ws = &self.gateway.config.ws;
        if let Protocol::Stomp(stomp) = &self.protocol {
            self.deadlines.agree(Instant::now(), stomp.heart_beat_ms());
        }
        let info = SessionInfo {
            id: session_id,
            identity,
            ping_interval_ms: u64::try_from(ws.ping_interval().as_millis()).unwrap_or(u64::MAX),
        };
        let outbox = Outbox::new(ws.outbox_bytes);
        let handle = Arc::new(SessionHandle { id: info.id, user_id: identity.user_id, outbox });
        self.gateway.hub.tell(Input::Attach(handle.clone())).await;
        if rooms.is_empty() {
            self.protocol.connected(&tag, &info, &mut self.out);
        } else {
            self.held.opening(Instant::now());
            self.gateway.hub.tell(Input::Subscribe { session: info.id, tag, rooms }).await;
        }
        (self.info, self.handle) = (Some(info), Some(handle));
        Ok(())
    }

    /// Told why; one too many ends the session.
    pub(super) fn unreadable(&mut self, tag: &Tag, rejection: Rejection) -> Step {
        if self.strikes.strike(Instant::now()) {
            let end = End::from(self.protocol.struck_out(tag, rejection));
            return Err(Some(End { reason: "too many frames that could not be read".to_owned(), ..end }));
        }
        self.answer(tag, Reply::Refused(rejection))
    }

    /// The same user goes on with a new token.
    pub(super) async fn refresh(&mut self, handle: &SessionHandle, tag: &Tag, token: &str) -> Step {
        let reply = match self.gateway.auth.access(token).await {
            Ok(identity) if identity.user_id == handle.user_id => {
                self.token_ends(identity.expires_at);
                self.info = self.info.take().map(|info| SessionInfo { identity, ..info });
                Reply::Refreshed { expires_at: identity.expires_at }
            }
            Ok(_) => {
                Reply::Refused(Rejection::new(ErrorCode::Forbidden, "token must be the same user's: connect anew"))
            }
            Err(refusal) => Reply::Refused(refusal.into_rejection()),
        };
        self.answer(tag, reply)
    }

    pub(super) fn token_ends(&mut self, at: Timestamp) {
        let left = Duration::try_from(at.duration_since(self.gateway.clock.now())).unwrap_or_default();
        self.deadlines.token_end = Some(Instant::now() + left);
    }

    pub(super) async fn send(&mut self, handle: &SessionHandle, tag: Tag, send: SendRequest) -> Step {
        let (room_id, client_message_id, since) = (send.room_id, send.client_message_id.clone(), Instant::now());
        let action = Action::from(&send.body);
        match self.gateway.ingest.send(handle.user_id, handle.id, send).await {
            Ok(delivery) => {
                self.window
                    .push(Sent { tag, since, what: What::Command(action, room_id, client_message_id) }, delivery);
                Ok(())
            }
            Err(refusal) => {
                let rejection = Refusal::into_rejection(refusal);
                self.gateway.metrics.sends.with_label_values(&[rejection.code.as_str()]).inc();
                self.answer(&tag, Reply::SendRefused { room_id, client_message_id, rejection })
            }
        }
    }
}

fn leaving() -> Rejection {
    Rejection::new(ErrorCode::Busy, "the server restarts: connect again and repeat with the same clientMessageId")
}

fn rooms_limit() -> Rejection {
    Rejection::new(ErrorCode::BadRequest, format!("rooms must name 1 to {} rooms", limits::ROOMS_PER_SUBSCRIBE))
}
