//! The network between services and stores, and between clients and a gateway: through a proxy where it is to be cut, else direct.

use std::time::Duration;

use anyhow::Context as _;
use chat_checker::history::Evidence;
use chat_testkit::TcpProxy;
use tokio::{net::TcpStream, time::timeout};

use crate::{
    infra::Infra,
    plan::{Action, Cell, Link, Subject},
};

/// Where a service finds the stores.
#[derive(Debug, Clone)]
pub struct Addresses {
    pub kafka: String,
    pub redis: String,
    pub postgres: String,
}

/// Dropping it ends what still runs through it.
#[derive(Debug)]
pub struct Network {
    direct: Addresses,
    /// What a cell cuts.
    cut: Option<Cut>,
}

#[derive(Debug)]
struct Cut {
    link: Link,
    /// The process whose link it is; none: everybody's.
    of: Option<String>,
    /// None until the gateway has a port.
    proxy: Option<TcpProxy>,
}

impl Network {
    /// With a proxy on the link that the cell cuts.
    pub async fn start(infra: &Infra, cell: Cell) -> anyhow::Result<Self> {
        let direct = Addresses {
            kafka: infra.kafka_brokers()?.to_owned(),
            redis: infra.redis_url()?.to_owned(),
            postgres: infra.postgres_url()?.to_owned(),
        };
        let mut network = Self { direct, cut: None };
        if !cell.action().is_cut() {
            return Ok(network);
        }
        let Subject::One(component) = cell.subject else { return Ok(network) };
        let of = cell.link.and_then(|_| cell.targets().into_iter().map(|(_, name)| name).next());
        let Some(link) = cell.link.or_else(|| Link::to(component)) else { return Ok(network) };
        let proxy = match link {
            Link::Kafka => Some(kafka_proxy(infra).await?),
            Link::Redis => Some(TcpProxy::bind("127.0.0.1:0", authority(&network.direct.redis)).await?),
            Link::Postgres => Some(TcpProxy::bind("127.0.0.1:0", authority(&network.direct.postgres)).await?),
            Link::Clients => None,
        };
        network.cut = Some(Cut { link, of, proxy });
        Ok(network)
    }

    /// Where a process finds the stores.
    pub fn addresses(&self, process: &str) -> Addresses {
        let mut addresses = self.direct.clone();
        let Some(Cut { link, of, proxy: Some(proxy) }) = &self.cut else { return addresses };
        if of.as_ref().is_some_and(|of| of != process) {
            return addresses;
        }
        let at = proxy.addr().to_string();
        match link {
            Link::Kafka => addresses.kafka = at,
            Link::Redis => addresses.redis = addresses.redis.replacen(authority(&self.direct.redis), &at, 1),
            Link::Postgres => {
                addresses.postgres = addresses.postgres.replacen(authority(&self.direct.postgres), &at, 1);
            }
            Link::Clients => {}
        }
        addresses
    }

    /// Where clients find a gateway that listens at `address`.
    pub async fn front(&mut self, process: &str, address: &str) -> anyhow::Result<String> {
        match &mut self.cut {
            Some(Cut { link: Link::Clients, of: Some(of), proxy }) if of == process => {
                let front = TcpProxy::bind("127.0.0.1:0", address).await?;
                let at = front.addr().to_string();
                *proxy = Some(front);
                Ok(at)
            }
            _ => Ok(address.to_owned()),
        }
    }

    /// Cuts what the cell cuts.
    pub fn cut(&self, action: Action) {
        if let Some(proxy) = self.proxy() {
            match action {
                Action::Lose { requests, answers } => proxy.lose(requests, answers),
                _ => proxy.reset(),
            }
        }
    }

    /// Heals it; what shows that it was cut.
    pub fn heal(&self) -> Vec<Evidence> {
        let Some(proxy) = self.proxy() else { return Vec::new() };
        let evidence =
            [Evidence::WithheldBytes(proxy.withheld_bytes()), Evidence::CutConnections(proxy.cut_connections())];
        proxy.heal();
        let counted = |it: &Evidence| !matches!(it, Evidence::WithheldBytes(0) | Evidence::CutConnections(0));
        evidence.into_iter().filter(counted).collect()
    }

    fn proxy(&self) -> Option<&TcpProxy> {
        self.cut.as_ref()?.proxy.as_ref()
    }
}

/// Kafka tells its clients where to connect: only its second listener names the proxy.
async fn kafka_proxy(infra: &Infra) -> anyhow::Result<TcpProxy> {
    let (listener, advertised) = infra.kafka_proxied_ports();
    let upstream = format!("127.0.0.1:{listener}");
    let reached = timeout(Duration::from_secs(2), TcpStream::connect(&upstream)).await;
    reached.ok().and_then(Result::ok).with_context(|| {
        format!("Kafka of this stack was started without a second listener on {upstream}: stop it, so that it is started with one")
    })?;
    TcpProxy::bind(("127.0.0.1", advertised), upstream).await.with_context(|| format!("port {advertised}"))
}

/// `host:port` of a URL.
fn authority(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.split_once(['/', '?']).map_or(rest, |(authority, _)| authority);
    rest.rsplit_once('@').map_or(rest, |(_, authority)| authority)
}

#[cfg(test)]
mod tests {
    use super::authority;

    #[test]
    fn the_authority_is_host_and_port() {
        assert_eq!(authority("postgres://u:p@h:1/d?x=1"), "h:1");
        assert_eq!(authority("redis://h:2"), "h:2");
    }
}
