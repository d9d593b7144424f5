//! Errors as problem documents (RFC 9457), with a stable `code`.

use std::fmt;

use actix_web::{HttpResponse, ResponseError, http::StatusCode};
use chat_protocol::{ErrorCode, Rejection};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::Refusal;

/// A refusal on its way out.
#[derive(Debug)]
pub struct Problem(pub Rejection);

/// What the client gets, as `application/problem+json`.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProblemBody {
    /// Always `about:blank`: the code says it all.
    #[serde(rename = "type")]
    pub problem_type: String,
    /// The status in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// Stable, for programs.
    pub code: ErrorCode,
    /// For people: what is wrong, and the remedy.
    pub detail: String,
    /// Whether the same request may succeed later.
    pub retry: bool,
    /// Not before so many milliseconds; without it, a moment later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

/// Told to clients that may try again when nothing better is known, in seconds.
const RETRY_AFTER_SECS: u64 = 1;

impl Problem {
    /// What the client gets.
    pub fn body(&self) -> ProblemBody {
        let (status, code) = (self.status_code(), self.0.code);
        ProblemBody {
            problem_type: "about:blank".to_owned(),
            title: status.canonical_reason().unwrap_or("Error").to_owned(),
            status: status.as_u16(),
            code,
            detail: self.0.message.clone(),
            retry: code.retry(),
            retry_after_ms: self.0.retry_after_ms,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self(refusal.into_rejection())
    }
}

impl From<Rejection> for Problem {
    fn from(rejection: Rejection) -> Self {
        Self(rejection)
    }
}

impl From<chat_store::StoreError> for Problem {
    fn from(error: chat_store::StoreError) -> Self {
        Refusal::from(error).into()
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.0.code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let (status, code) = (self.status_code(), self.0.code);
        let mut response = HttpResponse::build(status);
        response.content_type("application/problem+json");
        if code.retry() {
            let secs = self.0.retry_after_ms.map_or(RETRY_AFTER_SECS, |wait| wait.div_ceil(1_000).max(1));
            response.insert_header(("Retry-After", secs.to_string()));
        }
        if status == StatusCode::UNAUTHORIZED {
            response.insert_header(("WWW-Authenticate", "Bearer"));
        }
        response.body(serde_json::to_string(&self.body()).unwrap_or_default())
    }
}
