//! The REST interface, typed.

mod error;
mod model;
mod rooms;

use std::time::Duration;

use chat_protocol::{ClientMessageId, EntryType, RoomId, UserId};
use chat_service::Backoff;
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url, header};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::json;

pub use self::error::{Problem, RestError};
pub use self::model::{
    Changed, Events, MemberMark, MemberPresence, MemberStatus, Page, PageQuery, Profile, Room, RoomEvent, RoomMember,
    RoomType, Sent, Session, User,
};

/// Longest single answer is awaited this long: a send by REST answers when it is stored, at most 5 s later.
const TIMEOUT: Duration = Duration::from_secs(15);
/// Never wait longer than this between two tries, whatever the server asks for.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// A REST client. Cheap to clone; clones share their TCP connections.
#[derive(Debug, Clone)]
pub struct RestClient {
    http: reqwest::Client,
    base: String,
    token: Option<String>,
    retries: u32,
}

impl RestClient {
    /// A client of the server at `base`, for example `http://127.0.0.1:8080`.
    pub fn new(base: &str) -> Result<Self, RestError> {
        let address = || RestError::Address(base.to_owned());
        let url = Url::parse(base).map_err(|_| address())?;
        if !url.scheme().starts_with("http") || !url.has_host() {
            return Err(address());
        }
        // No proxy from the environment: the WebSocket would not use it either.
        let http = reqwest::Client::builder().no_proxy().timeout(TIMEOUT).build().map_err(RestError::Transport)?;
        Ok(Self { http, base: base.trim_end_matches('/').to_owned(), token: None, retries: 4 })
    }

    /// The same, with an access token.
    pub fn with_token(&self, token: impl Into<String>) -> Self {
        Self { token: Some(token.into()), ..self.clone() }
    }

    /// The same, repeating calls that the server was too busy for (429, 503) at most this often (default 4).
    pub fn with_retries(&self, retries: u32) -> Self {
        Self { retries, ..self.clone() }
    }

    /// The server's base address.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Creates an account.
    pub async fn signup(&self, email: &str, password: &str, nickname: &str) -> Result<Session, RestError> {
        self.post("/auth/signup", &json!({"email": email, "password": password, "nickname": nickname})).await
    }

    /// Logs in.
    pub async fn login(&self, email: &str, password: &str) -> Result<Session, RestError> {
        self.post("/auth/login", &json!({"email": email, "password": password})).await
    }

    /// Exchanges a refresh token for a new session; it works once.
    pub async fn refresh(&self, refresh_token: &str) -> Result<Session, RestError> {
        self.post("/auth/refresh", &json!({"refreshToken": refresh_token})).await
    }

    /// Ends the log-in of a refresh token.
    pub async fn logout(&self, refresh_token: &str) -> Result<(), RestError> {
        let body = json!({"refreshToken": refresh_token});
        self.send(Method::POST, "/auth/logout", &[], Some(&body)).await.map(drop)
    }

    /// Ends all log-ins of the caller, this one too.
    pub async fn logout_all(&self) -> Result<(), RestError> {
        self.send::<()>(Method::POST, "/auth/logout-all", &[], None).await.map(drop)
    }

    /// Changes the caller's password; their other log-ins end.
    pub async fn change_password(&self, current: &str, new: &str) -> Result<(), RestError> {
        let body = json!({"currentPassword": current, "newPassword": new});
        self.send(Method::PATCH, "/users/me/password", &[], Some(&body)).await.map(drop)
    }

    /// Changes the name that others see.
    pub async fn update_profile(&self, nickname: &str) -> Result<Profile, RestError> {
        let body = json!({"nickname": nickname});
        json(self.send(Method::PATCH, "/users/me", &[], Some(&body)).await?).await
    }

    /// The caller's profile.
    pub async fn me(&self) -> Result<Profile, RestError> {
        self.get("/users/me", &[]).await
    }

    /// Users whose nickname starts with `prefix`.
    pub async fn users(&self, prefix: &str) -> Result<Vec<User>, RestError> {
        Ok(self.get::<model::Users>("/users", &[("query", prefix.to_owned())]).await?.users)
    }

    /// The caller's rooms, latest first.
    pub async fn rooms(&self) -> Result<Vec<Room>, RestError> {
        Ok(self.get::<model::Rooms>("/chat/rooms", &[]).await?.rooms)
    }

    /// One room.
    pub async fn room(&self, room: RoomId) -> Result<Room, RestError> {
        self.get(&format!("/chat/rooms/{room}"), &[]).await
    }

    /// The direct room with a user, created if need be.
    pub async fn direct_room(&self, user: UserId) -> Result<RoomId, RestError> {
        Ok(self.post::<CreatedRoom>("/chat/rooms", &json!({"targetUserId": user})).await?.room_id)
    }

    /// Creates a group room with the caller and `users`.
    pub async fn create_group_room(&self, name: &str, users: &[UserId]) -> Result<RoomId, RestError> {
        Ok(self.post::<CreatedRoom>("/chat/group-rooms", &json!({"name": name, "userIds": users})).await?.room_id)
    }

    /// The members of a room, longest standing first.
    pub async fn members(&self, room: RoomId) -> Result<Vec<RoomMember>, RestError> {
        Ok(self.get::<model::Members>(&format!("/chat/rooms/{room}/members"), &[]).await?.members)
    }

    /// Adds members to a group room.
    pub async fn invite(&self, room: RoomId, users: &[UserId]) -> Result<(), RestError> {
        let body = json!({"userIds": users});
        self.send(Method::POST, &format!("/chat/rooms/{room}/members"), &[], Some(&body)).await.map(drop)
    }

    /// Leaves a group room.
    pub async fn leave(&self, room: RoomId) -> Result<(), RestError> {
        self.send::<()>(Method::DELETE, &format!("/chat/rooms/{room}/members/me"), &[], None).await.map(drop)
    }

    /// A page of a room's timeline.
    pub async fn messages(&self, room: RoomId, page: PageQuery) -> Result<Page, RestError> {
        let number = |name, value: Option<i64>| value.map(|value| (name, value.to_string()));
        let query: Vec<_> =
            [number("before", page.before), number("after", page.after), number("limit", page.limit.map(i64::from))]
                .into_iter()
                .flatten()
                .collect();
        self.get(&format!("/chat/rooms/{room}/messages"), &query).await
    }

    /// Sends a text message; answers when it is stored.
    pub async fn send_message(&self, room: RoomId, id: &ClientMessageId, content: &str) -> Result<Sent, RestError> {
        let body = model::SendBody { client_message_id: id, content, message_type: EntryType::Text };
        self.post(&format!("/chat/rooms/{room}/messages"), &body).await
    }

    async fn get<T: DeserializeOwned>(&self, path: &str, query: &[(&str, String)]) -> Result<T, RestError> {
        json(self.send::<()>(Method::GET, path, query, None).await?).await
    }

    async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, RestError> {
        json(self.send(Method::POST, path, &[], Some(body)).await?).await
    }

    async fn patch<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, RestError> {
        json(self.send(Method::PATCH, path, &[], Some(body)).await?).await
    }

    /// Sends a request; repeats it while the server says that it did not take it (429, 503).
    async fn send<B: Serialize>(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, String)],
        body: Option<&B>,
    ) -> Result<Response, RestError> {
        let address = format!("{}/api/v1{path}", self.base);
        let mut url = Url::parse(&address).map_err(|_| RestError::Address(address))?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let mut backoff = Backoff::new(Duration::from_millis(250), LONGEST_WAIT);
        let mut retries_left = self.retries;
        loop {
            let mut request: RequestBuilder = self.http.request(method.clone(), url.clone());
            if let Some(token) = &self.token {
                request = request.bearer_auth(token);
            }
            if let Some(body) = body {
                request = request.json(body);
            }
            let response = request.send().await.map_err(RestError::Transport)?;
            let status = response.status();
            if status.is_success() {
                return Ok(response);
            }
            let told = retry_after_header(&response);
            let error = refusal(response).await;
            let busy = matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
            if !busy || retries_left == 0 {
                return Err(error);
            }
            retries_left -= 1;
            let precise = match &error {
                RestError::Refused(problem) => problem.retry_after_ms.map(Duration::from_millis),
                _ => None,
            };
            tokio::time::sleep(precise.or(told).unwrap_or_else(|| backoff.next_delay()).min(LONGEST_WAIT)).await;
        }
    }
}

/// Of a room that was created or found; other fields of the answer are not needed.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CreatedRoom {
    room_id: RoomId,
}

fn retry_after_header(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

async fn refusal(response: Response) -> RestError {
    let status = response.status().as_u16();
    let body = match response.text().await {
        Ok(body) => body,
        Err(error) => return RestError::Transport(error),
    };
    match serde_json::from_str(&body) {
        Ok(problem) => RestError::Refused(problem),
        Err(_) => RestError::Unexpected { status, body: body.chars().take(200).collect() },
    }
}

async fn json<T: DeserializeOwned>(response: Response) -> Result<T, RestError> {
    let status = response.status().as_u16();
    let body = response.text().await.map_err(RestError::Transport)?;
    serde_json::from_str(&body).map_err(|error| RestError::Unexpected {
        status,
        body: format!("{error} in {}", body.chars().take(200).collect::<String>()),
    })
}
