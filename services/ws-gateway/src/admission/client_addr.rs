//! Where a client is, seen through load balancers.

use std::net::{IpAddr, Ipv6Addr};

use chat_service::ConfigError;
use ipnet::IpNet;

/// Load balancers whose `X-Forwarded-For` is believed.
#[derive(Debug, Clone)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// Reads addresses and networks.
    pub fn new(entries: &[String]) -> Result<Self, ConfigError> {
        let read = |entry: &String| {
            let network = entry.parse::<IpNet>().or_else(|_| entry.parse::<IpAddr>().map(IpNet::from));
            network.map_err(|_| {
                let why = format!("must hold addresses or networks such as \"10.0.0.0/8\", not {entry:?}");
                ConfigError::invalid("http.trusted_proxies", why)
            })
        };
        entries.iter().map(read).collect::<Result<_, _>>().map(Self)
    }

    /// The client of a request that came from `peer` with these `X-Forwarded-For` values: the last address that no trusted proxy vouches
    /// for with its own name. Every proxy appends whom it saw, so what stands left of an untrusted address is only what that one says.
    pub fn client<'v>(&self, peer: IpAddr, forwarded_for: impl DoubleEndedIterator<Item = &'v str>) -> IpAddr {
        let mut client = peer.to_canonical();
        for hop in forwarded_for.rev().flat_map(|value| value.rsplit(',')) {
            if !self.trusts(client) {
                break;
            }
            let Ok(address) = hop.trim().parse::<IpAddr>() else { break };
            client = address.to_canonical();
        }
        client
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// What is counted as one address: whoever has an IPv6 address has the whole /64 network.
pub fn counted(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, forwarded_for: &[&str]) -> String {
        let trusted = ["127.0.0.1", "10.0.0.0/8", "::1"].map(str::to_owned);
        let proxies = TrustedProxies::new(&trusted).unwrap();
        proxies.client(peer.parse().unwrap(), forwarded_for.iter().copied()).to_string()
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        assert_eq!(client("203.0.113.9", &["198.51.100.1"]), "203.0.113.9", "a client that claims to be another");
        assert_eq!(client("127.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(client("::ffff:127.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(client("127.0.0.1", &[]), "127.0.0.1");
    }

    #[test]
    fn what_a_client_wrote_itself_is_left_of_what_the_proxy_saw() {
        assert_eq!(client("127.0.0.1", &["192.0.2.7, 198.51.100.1"]), "198.51.100.1");
        assert_eq!(
            client("127.0.0.1", &["192.0.2.7", "198.51.100.1"]),
            "198.51.100.1",
            "appended as a header of its own"
        );
        assert_eq!(client("127.0.0.1", &["192.0.2.7, 198.51.100.1, 10.1.2.3"]), "198.51.100.1", "two proxies");
        assert_eq!(client("127.0.0.1", &["192.0.2.7, nonsense"]), "127.0.0.1");
        assert_eq!(client("127.0.0.1", &["10.0.0.1"]), "10.0.0.1", "nobody but proxies");
    }

    #[test]
    fn an_ipv6_network_counts_as_one_address() {
        let counted = |text: &str| counted(text.parse().unwrap()).to_string();
        assert_eq!(counted("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(counted("203.0.113.9"), "203.0.113.9");
    }

    #[test]
    fn a_proxy_that_is_no_address_is_refused_at_the_start() {
        assert!(TrustedProxies::new(&["balancer.example.com".to_owned()]).is_err());
    }
}
