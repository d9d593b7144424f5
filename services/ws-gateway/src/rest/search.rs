//! `/chat/search`: messages by their words.

use actix_web::{HttpResponse, get, web};
use chat_protocol::{Entry, ErrorCode, MessageId, Rejection, RoomId, limits, validate};
use chat_store::{FoundMessage, SearchOutcome, SearchQuery};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Problem, ProblemBody, samples};
use crate::{app::Gateway, auth::Identity};

/// What to look for.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
pub struct Search {
    /// Words, all of which must occur in the message, in any order and inside longer words too. Case and width do not matter; every
    /// character, `%` and quotes included, stands for itself.
    #[param(example = "안녕 lunch", min_length = 1, max_length = 100)]
    query: String,
    /// Only this room; all rooms of the user without it.
    room_id: Option<RoomId>,
    /// Only messages older than this one: `next` of the page before.
    before: Option<MessageId>,
    /// How many: 20 unless told. More than 50 gives 50.
    #[param(minimum = 1, maximum = 4_294_967_295_u64)]
    limit: Option<u32>,
}

/// A message found.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SearchResult {
    room_id: RoomId,
    /// The room's name; absent for a direct one.
    #[schema(example = "Lobby")]
    #[serde(skip_serializing_if = "Option::is_none")]
    room_name: Option<String>,
    message: Entry,
}

impl From<FoundMessage> for SearchResult {
    fn from(found: FoundMessage) -> Self {
        let room_name = (!found.room_name.is_empty()).then_some(found.room_name);
        Self { room_id: found.entry.room_id, room_name, message: found.entry }
    }
}

/// A page of messages found.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({ "results": [{ "roomId": "2501ce54-9bbf-52d2-9009-46db5de7d7bc", "roomName": "Lobby", "message": samples::message() }], "more": false }))]
pub struct SearchPage {
    /// Newest first.
    results: Vec<SearchResult>,
    /// Whether there are older ones.
    more: bool,
    /// Give it as `before` to get them; absent when there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<MessageId>,
}

/// Messages with all the words, in my rooms, newest first: as they read now, since I joined.
///
/// The first 500 characters of a message count.
#[utoipa::path(tag = "messages", operation_id = "searchMessages", params(Search), security(("bearer" = [])), responses(
    (status = 200, body = SearchPage),
    (status = 400, description = "bad_request (also when there is too much to look through: give roomId or a longer word), invalid_character", body = ProblemBody),
    (status = 404, description = "room_not_found", body = ProblemBody),
))]
#[get("/search")]
pub async fn search(
    gateway: web::Data<Gateway>,
    identity: Identity,
    search: web::Query<Search>,
) -> Result<HttpResponse, Problem> {
    let Search { query, room_id, before, limit } = search.into_inner();
    let text = query.trim();
    validate::line("query", text, limits::SEARCH_CHARS)?;
    let limit = limit.unwrap_or(limits::SEARCH_PAGE_DEFAULT);
    if limit < 1 {
        return Err(Rejection::new(ErrorCode::BadRequest, "limit must be at least 1").into());
    }
    if let Some(room_id) = room_id {
        let membership = gateway.store.membership(room_id, identity.user_id).await?;
        membership.ok_or_else(Rejection::room_not_found)?;
    }
    let limit = limit.min(limits::SEARCH_PAGE_MAX);
    let query = SearchQuery { user_id: identity.user_id, room_id, text, before, limit };
    let (messages, more) = match gateway.store.search(query).await? {
        SearchOutcome::Found { messages, more } => (messages, more),
        SearchOutcome::UnknownBefore => {
            return Err(Rejection::new(ErrorCode::BadRequest, "before is no message: give next of a page").into());
        }
        SearchOutcome::TooBroad => {
            let message = "query: there is too much to look through: give roomId, or longer or more words";
            return Err(Rejection::new(ErrorCode::BadRequest, message).into());
        }
    };
    let next = messages.last().filter(|_| more).map(|last| last.entry.message_id);
    let results = messages.into_iter().map(SearchResult::from).collect();
    Ok(HttpResponse::Ok().json(SearchPage { results, more, next }))
}
