//! Section `[limits]`.

use serde::{Deserialize, Serialize};

/// Rates; 0 switches one off. Each holds per gateway, but for those that say otherwise.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitsConfig {
    /// Messages, changes and room commands of a user: per second …
    pub user_messages_per_second: u32,
    /// … and at once.
    pub user_messages_burst: u32,
    /// Messages and changes in a room: per second …
    pub room_messages_per_second: u32,
    /// … and at once.
    pub room_messages_burst: u32,
    /// Read marks of a user: per second …
    pub user_marks_per_second: u32,
    /// … and at once.
    pub user_marks_burst: u32,
    /// New WebSocket connections from an address: per second …
    pub address_connects_per_second: u32,
    /// … and at once.
    pub address_connects_burst: u32,
    /// REST calls of a user: per second …
    pub user_requests_per_second: u32,
    /// … and at once.
    pub user_requests_burst: u32,
    /// REST calls without a valid token, from an address: per second …
    pub address_requests_per_second: u32,
    /// … and at once.
    pub address_requests_burst: u32,
    /// Sign-ups from an address.
    pub address_sign_ups_per_minute: u32,
    /// Log-ins from an address, on all gateways together.
    pub address_log_ins_per_minute: u32,
    /// Log-ins to an account, and apart from them tries at its present password, on all gateways together.
    pub account_log_ins_per_minute: u32,
    /// Refreshed tokens for an address.
    pub address_refreshes_per_minute: u32,
}
