//! `/auth`: accounts and tokens.

use std::net::IpAddr;

use actix_web::{HttpRequest, HttpResponse, http::header, post, web};
use chat_protocol::{ErrorCode, Rejection, UserId, limits, redis_key::TICKET_TTL, validate};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Problem, ProblemBody};
use crate::{accounts::Login, app::Gateway, auth::Identity, error::Refusal};

/// A new account.
#[derive(Deserialize, ToSchema)]
#[schema(example = json!({ "email": "alice@example.com", "password": "correct horse battery", "nickname": "alice" }))]
#[serde(deny_unknown_fields)]
pub struct SignUp {
    /// Address, case ignored.
    #[schema(
        pattern = r"^[^@\s\x00-\x1f\x7f-\x9f]+@[^@\s\x00-\x1f\x7f-\x9f]*\.[^@\s\x00-\x1f\x7f-\x9f]*$",
        max_length = 254
    )]
    email: String,
    /// 8 to 128 characters.
    #[schema(min_length = 8, max_length = 128)]
    password: String,
    /// The name shown.
    #[schema(min_length = 1, max_length = 50, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    nickname: String,
}

/// Who one is.
#[derive(Deserialize, ToSchema)]
#[schema(example = json!({ "email": "alice@example.com", "password": "correct horse battery" }))]
#[serde(deny_unknown_fields)]
pub struct LogIn {
    /// Address, case ignored.
    #[schema(
        pattern = r"^[^@\s\x00-\x1f\x7f-\x9f]+@[^@\s\x00-\x1f\x7f-\x9f]*\.[^@\s\x00-\x1f\x7f-\x9f]*$",
        max_length = 254
    )]
    email: String,
    /// The password.
    #[schema(min_length = 8, max_length = 128)]
    password: String,
}

/// A refresh token.
#[derive(Deserialize, ToSchema)]
#[schema(example = json!({ "refreshToken": "9b2d3c0e7f5a4c1d8e6f0a1b2c3d4e5f1f2e3d4c5b6a79880716253443526170" }))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RefreshToken {
    /// As given by sign-up, log-in or the last refresh.
    #[schema(
        min_length = 1,
        max_length = 128,
        example = "5b1e7c539d3e0c1b6f0a7d110197a5f09d3e0c1b6f0a7d115b1e7c530197a5f0"
    )]
    refresh_token: String,
}

/// Tokens.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "userId": "01a1fdc7-2d30-7763-9e90-2a12c2c04065", "accessToken": "eyJ0eXAi…", "expiresIn": 900,
    "refreshToken": "9b2d3c0e7f5a4c1d8e6f0a1b2c3d4e5f1f2e3d4c5b6a79880716253443526170"
}))]
#[serde(rename_all = "camelCase")]
pub struct Tokens {
    /// Whose.
    user_id: UserId,
    /// For `Authorization: Bearer …` and the connect frame.
    access_token: String,
    /// For a new pair, once.
    refresh_token: String,
    /// Life of the access token, in seconds.
    expires_in: u64,
}

/// For one connection.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({ "ticket": "eyJ0eXAi…", "expiresIn": 30 }))]
#[serde(rename_all = "camelCase")]
pub struct Ticket {
    /// For `?ticket=`, once.
    ticket: String,
    /// Its life, in seconds.
    expires_in: u64,
}

impl From<Login> for Tokens {
    fn from(login: Login) -> Self {
        let Login { user_id, access_token, refresh_token, expires_in_secs } = login;
        Self { user_id, access_token, refresh_token, expires_in: expires_in_secs }
    }
}

/// Longest refresh token that is looked up.
const REFRESH_TOKEN_CHARS: usize = 128;

/// Neither short nor endless; `field` names it.
pub fn check_password(field: &str, password: &str) -> Result<(), Rejection> {
    if limits::PASSWORD_CHARS.contains(&password.chars().count()) {
        return Ok(());
    }
    let (min, max) = (limits::PASSWORD_CHARS.start(), limits::PASSWORD_CHARS.end());
    Err(Rejection::new(ErrorCode::BadRequest, format!("{field} must have {min} to {max} characters")))
}

/// Ours have 64 characters: what is much longer is none.
fn check_refresh_token(token: &str) -> Result<(), Rejection> {
    if (1..=REFRESH_TOKEN_CHARS).contains(&token.chars().count()) {
        return Ok(());
    }
    let message = format!("refreshToken must have 1 to {REFRESH_TOKEN_CHARS} characters");
    Err(Rejection::new(ErrorCode::BadRequest, message))
}

/// An address has something on both sides of an @; whether it exists only a mail can tell.
fn check_email(email: &str) -> Result<(), Rejection> {
    let plausible =
        email.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.') && !host.contains('@'));
    let storable = email.len() <= limits::EMAIL_BYTES && !email.chars().any(|c| c.is_control() || c.is_whitespace());
    if plausible && storable {
        return Ok(());
    }
    Err(Rejection::new(ErrorCode::BadRequest, "email must be an address like name@example.com"))
}

/// Create an account, and log in.
#[utoipa::path(tag = "auth", operation_id = "signUp", responses(
    (status = 201, description = "The account, logged in", body = Tokens),
    (status = 400, description = "bad_request, invalid_character: a field is not as it must be", body = ProblemBody),
    (status = 403, description = "forbidden: accounts are kept by an identity provider", body = ProblemBody),
    (status = 409, description = "email_taken: e-mail addresses are compared without case", body = ProblemBody),
    (status = 503, description = "unavailable: too many log-ins at once, or the database is away", body = ProblemBody),
))]
#[post("/signup")]
pub async fn sign_up(gateway: web::Data<Gateway>, body: web::Json<SignUp>) -> Result<HttpResponse, Problem> {
    let SignUp { email, password, nickname } = body.into_inner();
    Ok(HttpResponse::Created().json(Tokens::from(create_account(&gateway, &email, password, &nickname).await?)))
}

/// Checks what somebody signs up with, and makes the account.
pub async fn create_account(
    gateway: &Gateway,
    email: &str,
    password: String,
    nickname: &str,
) -> Result<Login, Problem> {
    check_email(email)?;
    check_password("password", &password)?;
    validate::line("nickname", nickname, limits::NICKNAME_CHARS)?;
    Ok(gateway.accounts.sign_up(email, nickname, password).await?)
}

/// Log in.
#[utoipa::path(tag = "auth", operation_id = "logIn", responses(
    (status = 200, description = "Tokens", body = Tokens),
    (status = 401, description = "invalid_credentials: no such address, or not its password", body = ProblemBody),
    (status = 403, description = "forbidden: accounts are kept by an identity provider", body = ProblemBody),
    (status = 429, description = "rate_limited: too many wrong passwords from this address", body = ProblemBody),
    (status = 503, description = "unavailable: too many log-ins at once, or the database is away", body = ProblemBody),
))]
#[post("/login")]
pub async fn log_in(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    body: web::Json<LogIn>,
) -> Result<HttpResponse, Problem> {
    let LogIn { email, password } = body.into_inner();
    let address = gateway.admission.client(&request);
    Ok(HttpResponse::Ok().json(Tokens::from(check_account(&gateway, address, &email, password).await?)))
}

/// Checks what somebody logs in with. Failures are counted by address, and too many of them are refused before a password is looked at.
pub async fn check_account(
    gateway: &Gateway,
    address: IpAddr,
    email: &str,
    password: String,
) -> Result<Login, Problem> {
    check_email(email)?;
    check_password("password", &password)?;
    gateway.admission.failures.check(address)?;
    gateway.limits.log_in_to(email).await?;
    let login = gateway.accounts.log_in(email, password).await.map_err(Refusal::into_rejection);
    if matches!(&login, Err(rejection) if rejection.code == ErrorCode::InvalidCredentials) {
        gateway.admission.failures.count(address)?;
    }
    Ok(login?)
}

/// Get a ticket for one WebSocket connection.
///
/// For clients that can send their token neither in a header nor in a first frame: connect to `/ws/v1/chat?ticket=…` within its life. It
/// can be used once; the session ends with the access token, not with the ticket.
#[utoipa::path(tag = "auth", operation_id = "getTicket", security(("bearer" = [])), responses(
    (status = 200, description = "A ticket", body = Ticket),
))]
#[post("/ticket")]
pub async fn ticket(gateway: web::Data<Gateway>, identity: Identity) -> Result<HttpResponse, Problem> {
    let ticket = gateway.tokens.issue_ticket(identity)?;
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(Ticket { ticket, expires_in: TICKET_TTL.as_secs() }))
}

/// Exchange a refresh token for a new pair.
///
/// A refresh token is good once: using one twice ends the whole log-in, with its access tokens and connections, because one of the two who used it has stolen it.
#[utoipa::path(tag = "auth", operation_id = "refreshTokens", responses(
    (status = 200, description = "A new pair", body = Tokens),
    (status = 401, description = "unauthorized: unknown, used before, or too old", body = ProblemBody),
    (status = 403, description = "forbidden: accounts are kept by an identity provider", body = ProblemBody),
    (status = 503, description = "unavailable: the database is away", body = ProblemBody),
))]
#[post("/refresh")]
pub async fn refresh(gateway: web::Data<Gateway>, body: web::Json<RefreshToken>) -> Result<HttpResponse, Problem> {
    check_refresh_token(&body.refresh_token)?;
    let login = gateway.accounts.refresh(&body.refresh_token).await?;
    Ok(HttpResponse::Ok().json(Tokens::from(login)))
}

/// Log out.
///
/// The log-in of this refresh token ends, with its access tokens and connections (close 4401); one that is not known is fine, too.
#[utoipa::path(tag = "auth", operation_id = "logOut", responses(
    (status = 204, description = "Logged out"),
    (status = 503, description = "unavailable: the database is away", body = ProblemBody),
))]
#[post("/logout")]
pub async fn log_out(gateway: web::Data<Gateway>, body: web::Json<RefreshToken>) -> Result<HttpResponse, Problem> {
    check_refresh_token(&body.refresh_token)?;
    gateway.accounts.log_out(&body.refresh_token).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Log out everywhere.
///
/// All log-ins of the user end, this one too, with their access tokens (within 5 s on every gateway) and connections (close 4401).
#[utoipa::path(tag = "auth", operation_id = "logOutEverywhere", security(("bearer" = [])), responses(
    (status = 204),
    (status = 503, description = "unavailable: the database is away", body = ProblemBody),
))]
#[post("/logout-all")]
pub async fn log_out_everywhere(gateway: web::Data<Gateway>, identity: Identity) -> Result<HttpResponse, Problem> {
    gateway.accounts.log_out_everywhere(identity.user_id).await?;
    Ok(HttpResponse::NoContent().finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_checked_for_their_shape_only() {
        for good in ["a@b.co", "first.last+tag@mail.example.com", "한글@예시.한국"] {
            assert!(check_email(good).is_ok(), "{good}");
        }
        for bad in ["", "a", "@b.co", "a@b", "a b@c.de", "a@b@c.de", "a\0@b.co"] {
            assert!(check_email(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn passwords_are_neither_short_nor_endless() {
        assert!(check_password("password", "1234567").is_err());
        assert!(check_password("password", "12345678").is_ok());
        assert!(check_password("password", &"x".repeat(129)).is_err());
    }
}
