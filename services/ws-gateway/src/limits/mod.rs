//! How much at a time: rates per user, room, address and account. Each refusal says when to come back.
//!
//! All are kept in this gateway and cost a look-up; those of log-ins are counted in Redis besides, for all gateways together. Without Redis,
//! what this gateway counts remains.

mod config;
pub mod door;
mod rate;
mod shards;
mod shared;

use std::{net::IpAddr, time::Duration};

use chat_protocol::{CommandBody, ErrorCode, Rejection, RoomId, UserId};
use chat_redis::RedisPool;
use prometheus::IntCounterVec;

use self::shared::{Digest, Shared, digest};
pub use self::{config::LimitsConfig, rate::Rate};
use crate::pause::Pause;

/// All of them.
pub struct Limits {
    user_messages: Rate<UserId>,
    room_messages: Rate<RoomId>,
    user_marks: Rate<UserId>,
    address_connects: Rate<IpAddr>,
    user_requests: Rate<UserId>,
    address_requests: Rate<IpAddr>,
    address_sign_ups: Rate<IpAddr>,
    address_refreshes: Rate<IpAddr>,
    address_log_ins: Shared<IpAddr>,
    account_log_ins: Shared<Digest>,
    refused: IntCounterVec,
}

impl Limits {
    /// After the settings; those for all gateways are counted in this Redis, refusals by their limit.
    pub fn new(limits: &LimitsConfig, redis: &RedisPool, redis_within: Duration, refused: IntCounterVec) -> Self {
        let pause = || Pause::new(redis_within);
        Self {
            user_messages: Rate::per_second(limits.user_messages_per_second, limits.user_messages_burst),
            room_messages: Rate::per_second(limits.room_messages_per_second, limits.room_messages_burst),
            user_marks: Rate::per_second(limits.user_marks_per_second, limits.user_marks_burst),
            address_connects: Rate::per_second(limits.address_connects_per_second, limits.address_connects_burst),
            user_requests: Rate::per_second(limits.user_requests_per_second, limits.user_requests_burst),
            address_requests: Rate::per_second(limits.address_requests_per_second, limits.address_requests_burst),
            address_sign_ups: Rate::per_minute(limits.address_sign_ups_per_minute),
            address_refreshes: Rate::per_minute(limits.address_refreshes_per_minute),
            address_log_ins: Shared::new("address", limits.address_log_ins_per_minute, redis.clone(), pause()),
            account_log_ins: Shared::new("account", limits.account_log_ins_per_minute, redis.clone(), pause()),
            refused,
        }
    }

    /// A command of a user, before anything is looked at.
    pub fn command(&self, user: UserId) -> Result<(), Rejection> {
        self.judge("user_messages", self.user_messages.count(&user), "you send messages too fast")
    }

    /// A message or a change in a room, by one of its members: strangers must not use up what a room may take.
    pub fn in_room(&self, room: RoomId, body: &CommandBody) -> Result<(), Rejection> {
        if !is_of_timeline(body) {
            return Ok(());
        }
        self.judge("room_messages", self.room_messages.count(&room), "too much is sent in this room")
    }

    /// A read mark.
    pub fn mark(&self, user: UserId) -> Result<(), Rejection> {
        self.judge("user_marks", self.user_marks.count(&user), "you move read marks too fast")
    }

    /// A WebSocket connection.
    pub fn connect(&self, address: IpAddr) -> Result<(), Rejection> {
        let counted = self.address_connects.count(&address);
        self.judge("address_connects", counted, "too many connections come from this address at once")
    }

    /// A REST call with a valid token.
    pub fn request(&self, user: UserId) -> Result<(), Rejection> {
        self.judge("user_requests", self.user_requests.count(&user), "you call too often")
    }

    /// A REST call without one.
    pub fn anonymous_request(&self, address: IpAddr) -> Result<(), Rejection> {
        let counted = self.address_requests.count(&address);
        self.judge("address_requests", counted, "too many calls without a valid token come from this address")
    }

    /// A sign-up.
    pub fn sign_up(&self, address: IpAddr) -> Result<(), Rejection> {
        let counted = self.address_sign_ups.count(&address);
        self.judge("address_sign_ups", counted, "too many sign-ups come from this address")
    }

    /// A refresh.
    pub fn refresh(&self, address: IpAddr) -> Result<(), Rejection> {
        let counted = self.address_refreshes.count(&address);
        self.judge("address_refreshes", counted, "too many refreshes come from this address")
    }

    /// A log-in, before its body is read.
    pub async fn log_in(&self, address: IpAddr) -> Result<(), Rejection> {
        let counted = self.address_log_ins.count(&address, &address.to_string()).await;
        self.judge("address_log_ins", counted, "too many log-ins come from this address")
    }

    /// A log-in to an account, there or not, before its password is looked at.
    pub async fn log_in_to(&self, email: &str) -> Result<(), Rejection> {
        let email = email.to_lowercase();
        let counted = self.account_log_ins.count(&digest(&email), &email).await;
        self.judge("account_log_ins", counted, "too many log-ins to this account")
    }

    /// Another try at the password of whoever is logged in: whoever stole a token must not guess it.
    pub async fn password_of(&self, user: UserId) -> Result<(), Rejection> {
        let user = user.to_string();
        let counted = self.account_log_ins.count(&digest(&user), &user).await;
        self.judge("account_log_ins", counted, "too many tries at the password of this account")
    }

    fn judge(&self, limit: &str, counted: Result<(), Duration>, what: &str) -> Result<(), Rejection> {
        counted.map_err(|wait| {
            self.refused.with_label_values(&[limit]).inc();
            // Rounded up: who comes back at the time told is not refused again.
            let wait = Duration::from_millis(u64::try_from(wait.as_micros().div_ceil(1_000)).unwrap_or(u64::MAX));
            Rejection::new(ErrorCode::RateLimited, format!("{what}: wait for the time told")).retry_after(wait)
        })
    }
}

fn is_of_timeline(body: &CommandBody) -> bool {
    matches!(
        body,
        CommandBody::SendMessage { .. }
            | CommandBody::EditMessage { .. }
            | CommandBody::DeleteMessage { .. }
            | CommandBody::ReactToMessage { .. }
    )
}
