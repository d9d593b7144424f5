//! How many connections there are: of the node, from an address, of a user. The older ones stay.

use std::{
    collections::{HashMap, hash_map::Entry},
    hash::Hash,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chat_protocol::UserId;
use prometheus::IntGauge;

use crate::config::WsConfig;

/// The connections of this gateway; clones share them.
#[derive(Clone)]
pub struct Sessions(Arc<Inner>);

struct Inner {
    per_node: usize,
    per_address: usize,
    per_user: usize,
    counts: Mutex<Counts>,
    sockets: IntGauge,
}

/// Keys with a count of 0 are not kept.
#[derive(Default)]
struct Counts {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
    by_user: HashMap<UserId, usize>,
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

/// A session's place among those of its user; dropping it makes room.
pub struct UserPlace {
    sessions: Sessions,
    user: UserId,
}

impl Sessions {
    /// None yet; `sockets` shows how many there are.
    pub fn new(ws: &WsConfig, sockets: IntGauge) -> Self {
        let (per_node, per_address, per_user) = (ws.max_sessions, ws.max_sessions_per_ip, ws.max_sessions_per_user);
        Self(Arc::new(Inner { per_node, per_address, per_user, counts: Mutex::default(), sockets }))
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

    /// A place for a session of `user`; `None` when all are taken.
    pub fn of_user(&self, user: UserId) -> Option<UserPlace> {
        take(&mut self.lock().by_user, user, self.0.per_user).then(|| UserPlace { sessions: self.clone(), user })
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

impl Drop for UserPlace {
    fn drop(&mut self) {
        give_back(&mut self.sessions.lock().by_user, self.user);
    }
}

fn take<K: Eq + Hash>(counts: &mut HashMap<K, usize>, key: K, limit: usize) -> bool {
    let count = counts.entry(key).or_default();
    let free = *count < limit;
    *count += usize::from(free);
    free
}

fn give_back<K: Eq + Hash>(counts: &mut HashMap<K, usize>, key: K) {
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

    fn sessions(per_node: usize, per_address: usize, per_user: usize) -> Sessions {
        let sockets = IntGauge::new("sockets", "Sockets").unwrap();
        Sessions(Arc::new(Inner { per_node, per_address, per_user, counts: Mutex::default(), sockets }))
    }

    fn address(last: u8) -> IpAddr {
        [192, 0, 2, last].into()
    }

    #[test]
    fn the_older_connections_stay_and_a_place_given_up_is_free() {
        let sessions = sessions(3, 2, 9);
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

    #[test]
    fn a_user_has_so_many_sessions_and_others_have_theirs() {
        let sessions = sessions(9, 9, 1);
        let (alice, bob) = (UserId::generate(), UserId::generate());
        let place = sessions.of_user(alice).unwrap();
        assert!(sessions.of_user(alice).is_none());
        assert!(sessions.of_user(bob).is_some());
        drop(place);
        assert!(sessions.of_user(alice).is_some());
        assert!(sessions.lock().by_user.is_empty());
    }
}
