//! What can go wrong with a REST call.

use chat_protocol::ErrorCode;
use serde::Deserialize;

/// An `application/problem+json` answer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// HTTP status.
    pub status: u16,
    /// From the table in [`chat_protocol::error_code`].
    pub code: String,
    /// The status in words.
    #[serde(default)]
    pub title: String,
    /// What is wrong and what to do.
    #[serde(default)]
    pub detail: String,
    /// Not before this long.
    #[serde(default)]
    pub retry_after_ms: Option<u64>,
}

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum RestError {
    /// The server refused.
    #[error("{} ({})", if .0.detail.is_empty() { &.0.title } else { &.0.detail }, .0.code)]
    Refused(Problem),
    /// No answer.
    #[error("no answer from the server")]
    Transport(#[source] reqwest::Error),
    /// An answer that is not of this interface, for example a proxy's error page.
    #[error("unexpected answer with status {status}: {body}")]
    Unexpected {
        /// HTTP status.
        status: u16,
        /// The beginning of the body.
        body: String,
    },
    /// The base address is not one.
    #[error("not an http address: {0}")]
    Address(String),
}

impl RestError {
    /// HTTP status, when there was an answer.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused(problem) => Some(problem.status),
            Self::Unexpected { status, .. } => Some(*status),
            Self::Transport(_) | Self::Address(_) => None,
        }
    }

    /// The error code, when the server named a known one.
    pub fn code(&self) -> Option<ErrorCode> {
        let Self::Refused(problem) = self else { return None };
        ErrorCode::ALL.iter().copied().find(|code| code.as_str() == problem.code)
    }

    /// Whether the access token is the reason.
    pub fn is_unauthorized(&self) -> bool {
        self.status() == Some(401)
    }
}
