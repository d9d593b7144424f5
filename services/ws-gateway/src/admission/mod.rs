//! Who may come in, decided before a WebSocket exists and before a password is looked at.

mod arrivals;
mod client_addr;
mod failures;
mod origin;
mod sessions;
mod tickets;
mod user_sessions;

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use actix_web::HttpRequest;
use chat_protocol::GatewayId;
use chat_redis::{RedisPool, SessionRegistry, UsedTickets};
use chat_service::{Clock, ConfigError};
use prometheus::IntGauge;

pub use self::{
    arrivals::Arrivals,
    client_addr::TrustedProxies,
    failures::Failures,
    origin::Origins,
    sessions::{Full, Place, Sessions},
    tickets::Tickets,
    user_sessions::{UserPlace, UserSessions},
};
use crate::{config::Config, pause::Pause};

/// Everything that is asked at the door.
pub struct Admission {
    /// Web pages that may connect.
    pub origins: Origins,
    /// Connections that come.
    pub arrivals: Arrivals,
    /// Connections that are there.
    pub sessions: Sessions,
    /// Sessions of each user, on all gateways.
    pub user_sessions: UserSessions,
    /// Wrong passwords and tokens, by address.
    pub failures: Failures,
    /// Wrong admin tokens, by address.
    pub admin_failures: Failures,
    /// Tickets for the upgrade.
    pub tickets: Tickets,
    proxies: TrustedProxies,
}

impl Admission {
    /// After the settings; `sockets` shows the number of connections.
    pub fn new(
        config: &Config,
        gateway_id: GatewayId,
        clock: Arc<dyn Clock>,
        redis: RedisPool,
        sockets: IntGauge,
    ) -> Result<Self, ConfigError> {
        let (registry, pause) = (SessionRegistry::new(redis.clone()), Pause::new(config.delivery.redis_within()));
        Ok(Self {
            origins: Origins::new(&config.http)?,
            arrivals: Arrivals::new(config.ws.connects_per_second, config.ws.connects_burst),
            sessions: Sessions::new(&config.ws, sockets),
            user_sessions: UserSessions::new(&config.ws, gateway_id, registry, clock, pause),
            failures: Failures::new(config.auth.failures_per_minute),
            admin_failures: Failures::new(config.webhooks.failures_per_minute),
            tickets: Tickets::new(UsedTickets::new(redis)),
            proxies: TrustedProxies::new(&config.http.trusted_proxies)?,
        })
    }

    /// The address that a request is counted for: the client's, as far as those in between are trusted to tell it.
    pub fn client(&self, request: &HttpRequest) -> IpAddr {
        // Only connections over something else than TCP have no address, and there are none.
        let peer = request.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |addr| addr.ip());
        let values = request.headers().get_all("x-forwarded-for").filter_map(|value| value.to_str().ok());
        client_addr::counted(self.proxies.client(peer, values))
    }
}
