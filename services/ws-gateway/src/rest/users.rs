//! `/users`: people.

use actix_web::{HttpResponse, get, web};
use chat_protocol::{ErrorCode, Rejection, UserId, limits, validate};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Problem, ProblemBody};
use crate::{app::Gateway, auth::Identity};

/// Oneself.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({ "userId": "01a1fdc7-2d30-7763-9e90-2a12c2c04065", "email": "alice@example.com", "nickname": "alice" }))]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    user_id: UserId,
    email: String,
    nickname: String,
}

/// Somebody.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Person {
    user_id: UserId,
    nickname: String,
}

/// People found.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({ "users": [{ "userId": "01a1fdc7-2d30-7763-9e90-2a12c2c04065", "nickname": "alice" }] }))]
pub struct People {
    users: Vec<Person>,
}

/// What to look for.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Find {
    /// Beginning of the nickname, case ignored.
    #[param(example = "ali", min_length = 1, max_length = 50, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    query: String,
}

/// Most people found at once.
const FOUND_MAX: u32 = 20;

/// My profile.
#[utoipa::path(tag = "users", operation_id = "getMe", security(("bearer" = [])), responses(
    (status = 200, description = "The user of the token", body = Profile),
    (status = 404, description = "user_not_found: the token is good, its user is gone", body = ProblemBody),
))]
#[get("/me")]
pub async fn me(gateway: web::Data<Gateway>, identity: Identity) -> Result<HttpResponse, Problem> {
    let user = gateway.store.user_by_id(identity.user_id).await?;
    let user = user.ok_or_else(|| Rejection::new(ErrorCode::UserNotFound, "this token's user does not exist"))?;
    Ok(HttpResponse::Ok().json(Profile { user_id: user.id, email: user.email, nickname: user.nickname }))
}

/// Find people by the beginning of their nickname.
#[utoipa::path(tag = "users", operation_id = "findUsers", params(Find), security(("bearer" = [])), responses(
    (status = 200, description = "At most 20 people, by nickname", body = People),
    (status = 400, description = "bad_request, invalid_character: query is not the beginning of a nickname", body = ProblemBody),
))]
#[get("")]
pub async fn find(gateway: web::Data<Gateway>, _: Identity, find: web::Query<Find>) -> Result<HttpResponse, Problem> {
    validate::line("query", &find.query, limits::NICKNAME_CHARS)?;
    let found = gateway.store.users_by_prefix(&find.query, FOUND_MAX).await?;
    let users = found.into_iter().map(|user| Person { user_id: user.id, nickname: user.nickname }).collect();
    Ok(HttpResponse::Ok().json(People { users }))
}
