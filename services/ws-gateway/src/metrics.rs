//! Metrics of this service. Labels are bounded: never a user or a room.

use chat_service::metrics::LATENCY_SECONDS_BUCKETS;
use prometheus::{
    Histogram, IntCounter, IntCounterVec, IntGauge, Registry, register_histogram_with_registry,
    register_int_counter_vec_with_registry, register_int_counter_with_registry, register_int_gauge_with_registry,
};

use crate::hub::Tally;

/// Canaries also tell how long a failover took, which is seconds.
const CANARY_SECONDS_BUCKETS: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0];

/// All of them.
#[derive(Debug, Clone)]
pub struct Metrics {
    sessions: IntGauge,
    rooms: IntGauge,
    /// Those of members' presence.
    pub presence: PresenceMetrics,
    delivered: IntCounter,
    parked: IntCounter,
    gap_pages: IntCounter,
    catch_up_pages: IntCounter,
    ring_catch_ups: IntCounter,
    ring_bytes: IntGauge,
    malformed: IntCounter,
    /// Sends by what they ended with: accepted, unknown, or the error code.
    pub sends: IntCounterVec,
    /// From the receipt of a send to Kafka's acknowledgement.
    pub accept_seconds: Histogram,
    /// Connections closed, by close code.
    pub closes: IntCounterVec,
    /// Open WebSockets, with or without a session yet.
    pub sockets: IntGauge,
    /// Upgrades refused, by reason.
    pub upgrades_refused: IntCounterVec,
    /// Passwords hashed, to be checked or to be stored.
    pub password_hashes: IntCounter,
    /// Readings of the identity provider's keys, by result.
    pub jwks_fetches: IntCounterVec,
    /// Refused for a rate, by limit.
    pub rate_limited: IntCounterVec,
}

/// Those of the canary.
#[derive(Debug, Clone)]
pub struct CanaryMetrics {
    /// From sending a canary to its coming back.
    pub seconds: Histogram,
    /// Canaries that did not come back, or could not be sent.
    pub lost: IntCounter,
}

/// Those of the room lists.
#[derive(Debug, Clone)]
pub struct RoomListMetrics {
    /// Lists by where they came from: hit (Redis alone), miss (a part was read from PostgreSQL, and kept), fallback (PostgreSQL alone).
    pub lists: IntCounterVec,
    /// From the call to the list.
    pub seconds: Histogram,
}

impl RoomListMetrics {
    /// Registers them.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        Ok(Self {
            lists: register_int_counter_vec_with_registry!(
                "chat_gateway_room_lists_total",
                "Room lists put together: hit (from Redis alone), miss (a part was read from PostgreSQL and kept), fallback (from PostgreSQL alone)",
                &["result"],
                registry
            )?,
            seconds: register_histogram_with_registry!(
                "chat_gateway_room_list_seconds",
                "From a call for a room list to the list",
                LATENCY_SECONDS_BUCKETS.to_vec(),
                registry
            )?,
        })
    }
}

/// Those of members' presence.
#[derive(Debug, Clone)]
pub struct PresenceMetrics {
    rooms: IntGauge,
    pushes: IntCounter,
    /// Users whose last time here was to be written, by result: written, failed (and tried again), shed.
    pub last_seen: IntCounterVec,
}

impl PresenceMetrics {
    fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        Ok(Self {
            rooms: register_int_gauge_with_registry!(
                "chat_gateway_presence_rooms",
                "Rooms whose members' presence is watched on this gateway",
                registry
            )?,
            pushes: register_int_counter_with_registry!(
                "chat_gateway_presence_pushes_total",
                "Members' presence queued to sessions",
                registry
            )?,
            last_seen: register_int_counter_vec_with_registry!(
                "chat_gateway_last_seen_total",
                "Users whose last time here was to be written: written, failed (and tried again), shed",
                &["result"],
                registry
            )?,
        })
    }
}

impl CanaryMetrics {
    /// Registers them.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        Ok(Self {
            seconds: register_histogram_with_registry!(
                "chat_gateway_canary_seconds",
                "From sending a canary through all services to its coming back",
                CANARY_SECONDS_BUCKETS.to_vec(),
                registry
            )?,
            lost: register_int_counter_with_registry!(
                "chat_gateway_canaries_lost_total",
                "Canaries that did not come back, or could not be sent",
                registry
            )?,
        })
    }
}

impl Metrics {
    /// Registers all of them.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        Ok(Self {
            sessions: register_int_gauge_with_registry!(
                "chat_gateway_sessions",
                "Authenticated WebSocket sessions",
                registry
            )?,
            rooms: register_int_gauge_with_registry!("chat_gateway_rooms", "Rooms open on this gateway", registry)?,
            presence: PresenceMetrics::register(registry)?,
            delivered: register_int_counter_with_registry!(
                "chat_gateway_frames_delivered_total",
                "Room frames queued to sessions",
                registry
            )?,
            parked: register_int_counter_with_registry!(
                "chat_gateway_subscribers_parked_total",
                "Times a subscription paused because its session's queue was full",
                registry
            )?,
            gap_pages: register_int_counter_with_registry!(
                "chat_gateway_gap_pages_total",
                "Pages read from PostgreSQL because live events were missing",
                registry
            )?,
            catch_up_pages: register_int_counter_with_registry!(
                "chat_gateway_catch_up_pages_total",
                "Pages read from PostgreSQL because subscribers were behind",
                registry
            )?,
            ring_catch_ups: register_int_counter_with_registry!(
                "chat_gateway_ring_catch_ups_total",
                "Times a subscription was brought forward from what the room keeps in memory",
                registry
            )?,
            ring_bytes: register_int_gauge_with_registry!(
                "chat_gateway_ring_bytes",
                "Bytes of events kept in memory for subscribers that come back",
                registry
            )?,
            malformed: register_int_counter_with_registry!(
                "chat_gateway_malformed_pushes_total",
                "Redis documents that were not understood",
                registry
            )?,
            sends: register_int_counter_vec_with_registry!(
                "chat_gateway_sends_total",
                "Messages sent by clients, by result",
                &["result"],
                registry
            )?,
            accept_seconds: register_histogram_with_registry!(
                "chat_gateway_accept_seconds",
                "From the receipt of a send to Kafka's acknowledgement",
                LATENCY_SECONDS_BUCKETS.to_vec(),
                registry
            )?,
            closes: register_int_counter_vec_with_registry!(
                "chat_gateway_closes_total",
                "Connections closed by the server, by close code",
                &["code"],
                registry
            )?,
            sockets: register_int_gauge_with_registry!(
                "chat_gateway_sockets",
                "Open WebSockets, with or without a session yet",
                registry
            )?,
            upgrades_refused: register_int_counter_vec_with_registry!(
                "chat_gateway_upgrades_refused_total",
                "WebSocket upgrades refused, by reason",
                &["reason"],
                registry
            )?,
            password_hashes: register_int_counter_with_registry!(
                "chat_gateway_password_hashes_total",
                "Passwords hashed, to be checked or to be stored",
                registry
            )?,
            jwks_fetches: register_int_counter_vec_with_registry!(
                "chat_gateway_jwks_fetches_total",
                "Readings of the identity provider's keys, by result",
                &["result"],
                registry
            )?,
            rate_limited: register_int_counter_vec_with_registry!(
                "chat_gateway_rate_limited_total",
                "Commands, calls and connections refused for a rate, by limit",
                &["limit"],
                registry
            )?,
        })
    }

    /// Rooms whose members' presence is watched.
    pub fn presence_rooms(&self, rooms: usize) {
        self.presence.rooms.set(i64::try_from(rooms).unwrap_or(i64::MAX));
    }

    /// Bytes kept for those who come back.
    pub fn ring_bytes(&self, bytes: usize) {
        self.ring_bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    /// What the hub counted since the last call.
    pub fn hub(&self, (sessions, rooms): (usize, usize), tally: Tally) {
        self.sessions.set(i64::try_from(sessions).unwrap_or(i64::MAX));
        self.rooms.set(i64::try_from(rooms).unwrap_or(i64::MAX));
        self.presence.pushes.inc_by(tally.presence_pushes);
        self.delivered.inc_by(tally.delivered);
        self.parked.inc_by(tally.parked);
        self.gap_pages.inc_by(tally.gaps);
        self.catch_up_pages.inc_by(tally.catch_up_pages);
        self.ring_catch_ups.inc_by(tally.ring_catch_ups);
        self.malformed.inc_by(tally.malformed);
    }
}
