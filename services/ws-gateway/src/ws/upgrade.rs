//! From an HTTP request to a session: everything that can be refused is refused here, with an HTTP status.

use std::sync::Arc;

use actix_web::{FromRequest, HttpRequest, HttpResponse, dev, http::header, web};
use chat_protocol::{ErrorCode, Rejection, limits};
use serde::Deserialize;

use super::{
    endpoints::with_headers,
    guarded::Guarded,
    handshake::{self, PROTOCOLS, Refused},
    inbound::Inbound,
    native::Native,
    protocol::Protocol,
    session::{self, Connection},
    stomp::Stomp,
    transport::{Framing, Socket},
};
use crate::{
    admission::{Full, Place},
    app::Gateway,
    auth::{self, Identity, Presented},
    error::Refusal,
    rest::Problem,
};

#[derive(Deserialize)]
pub struct UpgradeQuery {
    token: Option<String>,
    ticket: Option<String>,
}

/// What an upgrade that is granted starts with.
struct Granted {
    native: bool,
    identity: Option<Identity>,
    place: Place,
}

/// `GET /ws/v1/chat`, `GET /ws/v1/chat/websocket`
pub async fn plain(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    query: web::Query<UpgradeQuery>,
    body: web::Payload,
) -> actix_web::Result<HttpResponse> {
    upgrade(gateway, request, query.into_inner(), body, Framing::Plain).await
}

/// `GET /ws/v1/chat/{server}/{session}/websocket`
pub async fn sockjs(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    query: web::Query<UpgradeQuery>,
    body: web::Payload,
) -> actix_web::Result<HttpResponse> {
    upgrade(gateway, request, query.into_inner(), body, Framing::SockJs).await
}

async fn upgrade(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    query: UpgradeQuery,
    body: web::Payload,
    framing: Framing,
) -> actix_web::Result<HttpResponse> {
    let granted = match admit(&gateway, &request, query, framing).await {
        Ok(granted) => granted,
        Err(refused) => {
            gateway.metrics.upgrades_refused.with_label_values(&[refused.reason]).inc();
            return Ok(answer(refused));
        }
    };
    let (guarded, seen) = Guarded::new(body.into_inner());
    let mut payload: dev::Payload = dev::Payload::Stream { payload: Box::pin(guarded) };
    let body = web::Payload::from_request(&request, &mut payload).await?;
    // SockJS clients offer no sub-protocol; the STOMP version is agreed on in CONNECT.
    let protocols = if framing == Framing::Plain { PROTOCOLS } else { &[] };
    let (response, socket, stream) = actix_ws::handle_with_protocols(&request, body, protocols)?;
    let stream = stream
        .max_frame_size(limits::WS_MESSAGE_BYTES)
        .aggregate_continuations()
        .max_continuation_size(limits::WS_MESSAGE_BYTES);
    let gateway: Arc<Gateway> = gateway.into_inner();
    let connections = gateway.connections.clone();
    let running = async move {
        let ws = &gateway.config.ws;
        let inbound = Inbound::new(stream, seen, framing, ws);
        let protocol = if granted.native {
            Protocol::Native(Native::default())
        } else {
            Protocol::Stomp(Box::new(Stomp::new(gateway.stomp.clone(), &gateway.config.stomp)))
        };
        let Granted { identity, place, .. } = granted;
        if let Ok(socket) = Socket::open(socket, framing, ws).await {
            session::run(Connection { gateway, socket, inbound, protocol, identity, place }).await;
        }
    };
    actix_web::rt::spawn(connections.track_future(running));
    Ok(response)
}

/// The questions at the door, cheap ones first; a ticket is used up only by an upgrade that nothing else refuses.
async fn admit(
    gateway: &Gateway,
    request: &HttpRequest,
    query: UpgradeQuery,
    framing: Framing,
) -> Result<Granted, Refused> {
    let admission = &gateway.admission;
    admission.origins.check(request.headers()).map_err(|why| Refused::new("origin", ErrorCode::Forbidden, why))?;
    handshake::check(request)?;
    if gateway.lifecycle.is_draining() {
        let message = "this gateway restarts: connect again";
        return Err(Refused::new("draining", ErrorCode::Unavailable, message));
    }
    let native = framing == Framing::Plain && handshake::wants_native(request)?;
    // Before a token is looked at: a refusal must be cheap when everybody comes at once.
    admission.arrivals.enter().map_err(|rejection| Refused { reason: "rate", rejection })?;
    let address = admission.client(request);
    gateway.limits.connect(address).map_err(|rejection| Refused { reason: "address_rate", rejection })?;
    let presented = presented(gateway, request, &query).await.map_err(|rejection| {
        // A provider or a database that is away is nobody's failure.
        let failed = rejection.code.http_status() == 401;
        let counted = if failed { admission.failures.count(address).err() } else { None };
        Refused { reason: "token", rejection: counted.unwrap_or(rejection) }
    })?;
    let place = admission.sessions.enter(address).map_err(|full| match full {
        Full::Node => Refused::new(
            "node_limit",
            ErrorCode::Unavailable,
            "this gateway has as many connections as it may: try again later",
        ),
        Full::Address => {
            let message = "there are too many connections from this address: close some, or try again later";
            Refused::new("address_limit", ErrorCode::RateLimited, message)
        }
    })?;
    let identity = match presented {
        None => None,
        Some(Presented::Access(identity)) => Some(identity),
        Some(Presented::Ticket(id, identity)) => {
            let redeemed = admission.tickets.redeem(id).await;
            redeemed.map_err(|rejection| Refused { reason: "ticket", rejection })?;
            Some(identity)
        }
    };
    Ok(Granted { native, identity, place })
}

/// A token in the upgrade is optional, but a wrong one is refused here.
async fn presented(
    gateway: &Gateway,
    request: &HttpRequest,
    query: &UpgradeQuery,
) -> Result<Option<Presented>, Rejection> {
    let wrong = |message| Rejection::new(ErrorCode::Unauthorized, message);
    if let Some(value) = request.headers().get(header::AUTHORIZATION) {
        let token = value.to_str().ok().and_then(auth::bearer);
        let token = token.ok_or_else(|| wrong("Authorization must be: Bearer <access token>"))?;
        let identity = gateway.auth.access(token).await.map_err(Refusal::into_rejection)?;
        return Ok(Some(Presented::Access(identity)));
    }
    let Some(token) = query.ticket.as_deref().or(query.token.as_deref()) else { return Ok(None) };
    let presented = gateway.auth.read(token).await.map_err(Refusal::into_rejection)?;
    if matches!(presented, Presented::Access(_)) {
        if query.ticket.is_some() {
            return Err(wrong("ticket must be one from POST /api/v1/auth/ticket"));
        }
        if !gateway.config.auth.query_token {
            return Err(wrong(
                "access tokens in the address are switched off: send it in the connect frame or the Authorization header, or get a \
                 ticket from POST /api/v1/auth/ticket",
            ));
        }
    }
    Ok(Some(presented))
}

fn answer(refused: Refused) -> HttpResponse {
    let headers: &[_] = match refused.reason {
        "version" => &[(header::SEC_WEBSOCKET_VERSION, "13"), (header::UPGRADE, "websocket")],
        "no_upgrade" => &[(header::UPGRADE, "websocket")],
        _ => &[],
    };
    with_headers(&Problem(refused.rejection), headers)
}
