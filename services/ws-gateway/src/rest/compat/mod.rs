//! The calls of a common Spring chat backend, for front ends written for it: other paths, names and an envelope around the same functions
//! that serve the API. Only what both have; ids are strings here as everywhere.

mod accounts;
mod envelope;
mod members;
mod messages;
mod rooms;

use actix_web::{HttpResponse, Scope, body::MessageBody, dev, middleware::from_fn, web};
use chat_protocol::{ErrorCode, Rejection};

use super::Problem;
use crate::limits::door;

/// All calls, below `base`.
pub fn scope(
    base: &str,
) -> Scope<
    impl dev::ServiceFactory<
        dev::ServiceRequest,
        Config = (),
        Response = dev::ServiceResponse<impl MessageBody>,
        Error = actix_web::Error,
        InitError = (),
    >,
> {
    web::scope(base)
        .wrap(from_fn(door::check))
        .wrap(from_fn(envelope::wrap_problems))
        .route("/auth/signup", web::post().to(accounts::sign_up))
        .route("/auth/login", web::post().to(accounts::log_in))
        .route("/auth/refresh", web::post().to(accounts::refresh))
        .route("/auth/logout", web::post().to(accounts::log_out))
        .route("/devices/fcm-token", web::post().to(not_offered))
        .route("/chat/rooms", web::get().to(rooms::list))
        .route("/chat/rooms", web::post().to(rooms::open_direct))
        .route("/chat/rooms/{room_id}", web::delete().to(members::leave))
        .route("/chat/rooms/{room_id}/messages", web::get().to(messages::history))
        .route("/chat/rooms/{room_id}/messages/{message_id}", web::delete().to(not_offered))
        .route("/chat/rooms/{room_id}/read", web::patch().to(messages::mark_read))
        .route("/chat/group-rooms", web::post().to(rooms::create_group))
        .route("/chat/group-rooms/{room_id}", web::patch().to(rooms::rename_group))
        .route("/chat/group-rooms/{room_id}/members", web::get().to(members::list))
        .route("/chat/group-rooms/{room_id}/members/{user_id}", web::delete().to(members::kick))
        .route("/chat/group-rooms/{room_id}/invite", web::post().to(members::invite))
}

/// Calls that such front ends know and this server does not have.
async fn not_offered() -> Result<HttpResponse, Problem> {
    Err(Rejection::new(ErrorCode::NotFound, "this server does not offer this call: do without it").into())
}
