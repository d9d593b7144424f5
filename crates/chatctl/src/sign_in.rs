//! Logging in, with errors that say what to do.

use anyhow::{Error, Result, anyhow};
use chat_client::{Account, RestClient, RestError};
use chat_protocol::ErrorCode;

/// The demo users' addresses and passwords follow from their names.
pub fn demo_credentials(name: &str) -> (String, String) {
    (format!("{name}@demo.local"), format!("{name}-password"))
}

/// Logs in, or creates the account.
pub async fn demo_account(rest: &RestClient, name: &str) -> Result<Account> {
    let (email, password) = demo_credentials(name);
    let login = || Account::login(rest, &email, &password);
    let account = match login().await {
        Err(error) if error.code() == Some(ErrorCode::InvalidCredentials) => {
            match Account::signup(rest, &email, &password, name).await {
                // Somebody else was quicker: another demo, started at the same time.
                Err(error) if error.code() == Some(ErrorCode::EmailTaken) => login().await,
                account => account,
            }
        }
        account => account,
    };
    account.map_err(|error| explain(rest, error))
}

/// An error with the next step, in place of details that do not help with it.
pub fn explain(rest: &RestClient, error: RestError) -> Error {
    match &error {
        RestError::Transport(cause) if cause.is_connect() => {
            anyhow!("nothing answers at {}: is the stack up? try `make up`", rest.base())
        }
        RestError::Unexpected { status: 502..=504, .. } => {
            anyhow!("no gateway is ready behind {}: try again in a moment, or look at `make status`", rest.base())
        }
        _ if error.code() == Some(ErrorCode::InvalidCredentials) => {
            anyhow!("login refused: check e-mail address and password; demo users are created by `chatctl demo`")
        }
        _ => anyhow!(error),
    }
}
