//! Sign-up, log-in, refresh and log-out. What else a sign-up form asks for is passed over.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use chat_protocol::UserId;
use serde::{Deserialize, Serialize};

use super::envelope;
use crate::{
    accounts::Login,
    app::Gateway,
    rest::{Problem, auth},
};

#[derive(Deserialize)]
pub struct SignUp {
    email: String,
    password: String,
    nickname: String,
}

#[derive(Deserialize)]
pub struct LogIn {
    email: String,
    password: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RefreshToken {
    refresh_token: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Account {
    user_id: UserId,
    email: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Tokens {
    user_id: UserId,
    access_token: String,
    refresh_token: String,
    /// Steps after a log-in that this server does not have count as done: a front end must not wait for them.
    email_verified: bool,
    has_agreed_all_mandatory: bool,
    has_birth_date: bool,
}

impl From<Login> for Tokens {
    fn from(login: Login) -> Self {
        Self {
            user_id: login.user_id,
            access_token: login.access_token,
            refresh_token: login.refresh_token,
            email_verified: true,
            has_agreed_all_mandatory: true,
            has_birth_date: true,
        }
    }
}

pub async fn sign_up(gateway: web::Data<Gateway>, body: web::Json<SignUp>) -> Result<HttpResponse, Problem> {
    let SignUp { email, password, nickname } = body.into_inner();
    let login = auth::create_account(&gateway, &email, password, &nickname).await?;
    Ok(envelope::with(StatusCode::CREATED, Account { user_id: login.user_id, email }))
}

pub async fn log_in(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    body: web::Json<LogIn>,
) -> Result<HttpResponse, Problem> {
    let LogIn { email, password } = body.into_inner();
    let login = auth::check_account(&gateway, gateway.admission.client(&request), &email, password).await?;
    Ok(envelope::with(StatusCode::OK, Tokens::from(login)))
}

pub async fn refresh(gateway: web::Data<Gateway>, body: web::Json<RefreshToken>) -> Result<HttpResponse, Problem> {
    let login = gateway.accounts.refresh(&body.refresh_token).await?;
    Ok(envelope::with(StatusCode::OK, Tokens::from(login)))
}

pub async fn log_out(gateway: web::Data<Gateway>, body: web::Json<RefreshToken>) -> Result<HttpResponse, Problem> {
    gateway.accounts.log_out(&body.refresh_token).await?;
    Ok(envelope::done())
}
