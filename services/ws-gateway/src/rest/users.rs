//! `/users`: people.

use actix_web::{HttpRequest, HttpResponse, get, patch, web};
use chat_protocol::{ErrorCode, UserId, limits, validate};
use chat_store::Account;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Problem, ProblemBody, auth::check_password};
use crate::{accounts::no_such_user, app::Gateway, auth::Identity, error::Refusal};

/// Oneself.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({ "userId": "01a1fdc7-2d30-7763-9e90-2a12c2c04065", "email": "alice@example.com", "nickname": "alice" }))]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    user_id: UserId,
    /// Null for an account of an identity provider.
    #[schema(example = "alice@example.com")]
    email: Option<String>,
    /// The name shown.
    #[schema(example = "alice")]
    nickname: String,
}

impl From<Account> for Profile {
    fn from(account: Account) -> Self {
        Self { user_id: account.id, email: account.email, nickname: account.nickname }
    }
}

/// What changes of one's profile.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProfileChange {
    /// The name shown from now on, also beside earlier messages.
    #[schema(example = "alice", min_length = 1, max_length = 50, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    nickname: String,
}

/// A new password.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PasswordChange {
    /// The present one.
    #[schema(example = "correct horse battery", min_length = 8, max_length = 128)]
    current_password: String,
    /// 8 to 128 characters.
    #[schema(example = "staple horse correct", min_length = 8, max_length = 128)]
    new_password: String,
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
    let account = gateway.store.user_by_id(identity.user_id).await?.ok_or_else(no_such_user)?;
    Ok(HttpResponse::Ok().json(Profile::from(account)))
}

/// Change my profile.
///
/// The new name is shown beside earlier messages too.
#[utoipa::path(tag = "users", operation_id = "changeProfile", security(("bearer" = [])), responses(
    (status = 200, body = Profile),
    (status = 400, description = "bad_request, invalid_character", body = ProblemBody),
    (status = 404, description = "user_not_found", body = ProblemBody),
    (status = 503, description = "unavailable: the database is away", body = ProblemBody),
))]
#[patch("/me")]
pub async fn change_profile(
    gateway: web::Data<Gateway>,
    identity: Identity,
    change: web::Json<ProfileChange>,
) -> Result<HttpResponse, Problem> {
    validate::line("nickname", &change.nickname, limits::NICKNAME_CHARS)?;
    let account = gateway.store.set_nickname(identity.user_id, &change.nickname).await?.ok_or_else(no_such_user)?;
    gateway.room_lists.renamed(identity.user_id).await?;
    Ok(HttpResponse::Ok().json(Profile::from(account)))
}

/// Change my password.
///
/// My other log-ins end, with their access tokens and connections (close 4401); this one goes on.
#[utoipa::path(tag = "users", operation_id = "changePassword", security(("bearer" = [])), responses(
    (status = 204),
    (status = 400, description = "bad_request: a password is too short or too long", body = ProblemBody),
    (status = 401, description = "unauthorized, token_expired; invalid_credentials: currentPassword is wrong", body = ProblemBody),
    (status = 403, description = "forbidden: the account has no password here", body = ProblemBody),
    (status = 404, description = "user_not_found", body = ProblemBody),
    (status = 429, description = "rate_limited: too many wrong passwords from this address, or for this account", body = ProblemBody),
    (status = 503, description = "unavailable: too many log-ins at once, or the database is away", body = ProblemBody),
))]
#[patch("/me/password")]
pub async fn change_password(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    identity: Identity,
    change: web::Json<PasswordChange>,
) -> Result<HttpResponse, Problem> {
    let PasswordChange { current_password, new_password } = change.into_inner();
    check_password("currentPassword", &current_password)?;
    check_password("newPassword", &new_password)?;
    let address = gateway.admission.client(&request);
    gateway.admission.failures.check(address)?;
    gateway.limits.password_of(identity.user_id).await?;
    let changed = gateway.accounts.change_password(identity, current_password, new_password).await;
    let changed = changed.map_err(Refusal::into_rejection);
    if changed.as_ref().is_err_and(|rejection| rejection.code == ErrorCode::InvalidCredentials) {
        gateway.admission.failures.count(address)?;
    }
    changed?;
    Ok(HttpResponse::NoContent().finish())
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
