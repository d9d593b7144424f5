//! The HTTP side of a WebSocket: token, sub-protocol, the guard in front of the decoder.

use std::{
    cell::Cell,
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll},
};

use actix_web::{FromRequest, HttpRequest, HttpResponse, dev, error::PayloadError, http::header, web};
use bytes::Bytes;
use chat_protocol::{ErrorCode, Rejection, frame::SUBPROTOCOL, limits};
use chat_websocket::{FrameGuard, FrameLimits, Violation};
use futures_util::Stream;
use serde::Deserialize;

use super::{
    native::Native,
    protocol::Protocol,
    session::{self, Connection},
    stomp::Stomp,
};
use crate::{
    app::Gateway,
    auth::{self, Identity},
    rest::Problem,
};

/// Sub-protocols in our order; the client's order decides.
const PROTOCOLS: &[&str] = &[SUBPROTOCOL, "v12.stomp", "v11.stomp", "v10.stomp"];

/// What the guard lets through. Clients that split messages do so above 16 KiB; 1,024 fragments are far more than any needs.
const FRAME_LIMITS: FrameLimits = FrameLimits { message_bytes: limits::WS_MESSAGE_BYTES as u64, fragments: 1_024 };

#[derive(Deserialize)]
pub struct UpgradeQuery {
    token: Option<String>,
}

/// `GET /ws/v1/chat`
pub async fn upgrade(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    query: web::Query<UpgradeQuery>,
    body: web::Payload,
) -> actix_web::Result<HttpResponse> {
    if gateway.lifecycle.is_draining() {
        return Err(Problem(Rejection::new(ErrorCode::Unavailable, "this gateway restarts: connect again")).into());
    }
    let identity = identity(&gateway, &request, query.token.as_deref()).map_err(Problem)?;
    let native = match chosen_protocol(&request) {
        Chosen::Native => true,
        Chosen::Stomp => false,
        Chosen::Unsupported => {
            let message =
                format!("none of the sub-protocols offered is supported: offer one of {}", PROTOCOLS.join(", "));
            return Err(Problem(Rejection::new(ErrorCode::BadRequest, message)).into());
        }
    };
    let violation = Rc::new(Cell::new(None));
    let guarded =
        Guarded { inner: body.into_inner(), guard: FrameGuard::new(FRAME_LIMITS), violation: violation.clone() };
    let mut payload: dev::Payload = dev::Payload::Stream { payload: Box::pin(guarded) };
    let body = web::Payload::from_request(&request, &mut payload).await?;
    let (response, socket, stream) = actix_ws::handle_with_protocols(&request, body, PROTOCOLS)?;
    let stream = stream
        .max_frame_size(limits::WS_MESSAGE_BYTES)
        .aggregate_continuations()
        .max_continuation_size(limits::WS_MESSAGE_BYTES);
    let protocol = if native {
        Protocol::Native(Native::default())
    } else {
        Protocol::Stomp(Box::new(Stomp::new(gateway.stomp.clone(), &gateway.config.stomp)))
    };
    let gateway: Arc<Gateway> = gateway.into_inner();
    let connections = gateway.connections.clone();
    let connection = Connection { gateway, socket, stream, protocol, identity, violation };
    actix_web::rt::spawn(connections.track_future(session::run(connection)));
    Ok(response)
}

/// A token in the upgrade is optional, but a wrong one is refused here.
fn identity(
    gateway: &Gateway,
    request: &HttpRequest,
    query_token: Option<&str>,
) -> Result<Option<Identity>, Rejection> {
    let header = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = match (header, query_token) {
        (Some(value), _) => {
            let wrong = || Rejection::new(ErrorCode::Unauthorized, "Authorization must be: Bearer <access token>");
            Some(auth::bearer(value).ok_or_else(wrong)?)
        }
        (None, Some(_)) if !gateway.config.auth.query_token => {
            let message =
                "tokens in the query are switched off: send it in the connect frame or the Authorization header";
            return Err(Rejection::new(ErrorCode::Unauthorized, message));
        }
        (None, token) => token,
    };
    token.map(|token| gateway.tokens.verify(token)).transpose()
}

enum Chosen {
    Native,
    Stomp,
    Unsupported,
}

/// The client's first offer that is supported; STOMP when it offers nothing.
fn chosen_protocol(request: &HttpRequest) -> Chosen {
    let mut offered = request
        .headers()
        .get_all(header::SEC_WEBSOCKET_PROTOCOL)
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .peekable();
    if offered.peek().is_none() {
        return Chosen::Stomp;
    }
    match offered.find(|name| PROTOCOLS.contains(name)) {
        Some(SUBPROTOCOL) => Chosen::Native,
        Some(_) => Chosen::Stomp,
        None => Chosen::Unsupported,
    }
}

/// The request's body with the guard in front.
struct Guarded {
    inner: dev::Payload,
    guard: FrameGuard,
    violation: Rc<Cell<Option<Violation>>>,
}

impl Stream for Guarded {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.violation.get().is_some() {
            return Poll::Ready(None);
        }
        let polled = Pin::new(&mut this.inner).poll_next(context);
        if let Poll::Ready(Some(Ok(bytes))) = &polled
            && let Err(violation) = this.guard.feed(bytes)
        {
            this.violation.set(Some(violation));
            return Poll::Ready(Some(Err(PayloadError::Overflow)));
        }
        polled
    }
}
