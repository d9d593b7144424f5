//! How many connections there are: of the node, from an address. The older ones stay.

use std::{
    collections::{HashMap, hash_map::Entry},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use prometheus::IntGauge;

use crate::config::WsConfig;

/// The connections of this gateway; clones share them.
#[derive(Clone)]
pub struct Sessions(Arc<Inner>);

struct Inner {
    per_node: usize,
    per_address: usize,
    counts: Mutex<Counts>,
    sockets: IntGauge,
}

/// Keys with a count of 0 are not kept.
#[derive(Default)]
struct Counts {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// Which limit is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// That of the gateway.
    Node,
    /// That of the address.
    Address,
}

/// A connection's place; dropping it makes room.
pub struct Place {
    sessions: Sessions,
    address: IpAddr,
}

impl Sessions {
    /// None yet; `sockets` shows how many there are.
    pub fn new(ws: &WsConfig, sockets: IntGauge) -> Self {
        let (per_node, per_address) = (ws.max_sessions, ws.max_sessions_per_ip);
        Self(Arc::new(Inner { per_node, per_address, counts: Mutex::default(), sockets }))
    }

    /// A place for a connection from `address`.
    pub fn enter(&self, address: IpAddr) -> Result<Place, Full> {
        let mut counts = self.lock();
        if counts.all >= self.0.per_node {
            return Err(Full::Node);
        }
        if !take(&mut counts.by_address, address, self.0.per_address) {
            return Err(Full::Address);
        }
        counts.all += 1;
        self.0.sockets.inc();
        Ok(Place { sessions: self.clone(), address })
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.sessions.lock();
        counts.all = counts.all.saturating_sub(1);
        give_back(&mut counts.by_address, self.address);
        self.sessions.0.sockets.dec();
    }
}

fn take(counts: &mut HashMap<IpAddr, usize>, key: IpAddr, limit: usize) -> bool {
    let count = counts.entry(key).or_default();
    let free = *count < limit;
    *count += usize::from(free);
    free
}

fn give_back(counts: &mut HashMap<IpAddr, usize>, key: IpAddr) {
    if let Entry::Occupied(mut count) = counts.entry(key) {
        *count.get_mut() -= 1;
        if *count.get() == 0 {
            count.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sessions(per_node: usize, per_address: usize) -> Sessions {
        let sockets = IntGauge::new("sockets", "Sockets").unwrap();
        Sessions(Arc::new(Inner { per_node, per_address, counts: Mutex::default(), sockets }))
    }

    fn address(last: u8) -> IpAddr {
        [192, 0, 2, last].into()
    }

    #[test]
    fn the_older_connections_stay_and_a_place_given_up_is_free() {
        let sessions = sessions(3, 2);
        let first = sessions.enter(address(1)).ok().unwrap();
        let second = sessions.enter(address(1)).ok().unwrap();
        assert_eq!(sessions.enter(address(1)).err(), Some(Full::Address));
        let third = sessions.enter(address(2)).ok().unwrap();
        assert_eq!(sessions.enter(address(3)).err(), Some(Full::Node));
        assert_eq!(sessions.0.sockets.get(), 3);
        drop(first);
        let again = sessions.enter(address(1)).ok().unwrap();
        drop((second, third, again));
        assert_eq!((sessions.0.sockets.get(), sessions.lock().all), (0, 0));
        assert!(sessions.lock().by_address.is_empty(), "addresses that are gone are not remembered");
    }
}
