//! Calls for the same thing share its computation, but never one that began before the call: what it read may be older than what the caller
//! was told. So one runs, and all who come meanwhile wait for one more.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{
        Arc, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::Mutex;

/// The computations under way, by key. Bounded by the number of calls.
#[derive(Debug)]
pub struct SingleFlight<K: Eq + Hash, V> {
    flights: std::sync::Mutex<HashMap<K, Arc<Flight<V>>>>,
    /// Orders arrivals and beginnings.
    time: AtomicU64,
}

/// The last result of a key, with when its computation began. Whoever holds the lock computes.
type Flight<V> = Mutex<Option<(u64, V)>>;

impl<K: Eq + Hash, V> Default for SingleFlight<K, V> {
    fn default() -> Self {
        Self { flights: std::sync::Mutex::default(), time: AtomicU64::default() }
    }
}

impl<K: Eq + Hash + Clone, V: Clone> SingleFlight<K, V> {
    /// The result of a computation that began after this call. A call that is given up computes no further; the next one waiting does.
    pub async fn run(&self, key: K, compute: impl AsyncFnOnce() -> V) -> V {
        let arrived = self.now();
        let place = Place { flights: self, flight: self.flight(&key), key };
        let mut last = place.flight.lock().await;
        if let Some((began, result)) = &*last
            && *began > arrived
        {
            return result.clone();
        }
        let began = self.now();
        let result = compute().await;
        *last = Some((began, result.clone()));
        result
    }

    fn flight(&self, key: &K) -> Arc<Flight<V>> {
        self.lock().entry(key.clone()).or_default().clone()
    }
}

impl<K: Eq + Hash, V> SingleFlight<K, V> {
    fn now(&self) -> u64 {
        self.time.fetch_add(1, Ordering::SeqCst)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<K, Arc<Flight<V>>>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call's part in a flight; the last one to leave forgets it, and its result.
struct Place<'a, K: Eq + Hash, V> {
    flights: &'a SingleFlight<K, V>,
    flight: Arc<Flight<V>>,
    key: K,
}

impl<K: Eq + Hash, V> Drop for Place<'_, K, V> {
    fn drop(&mut self) {
        let mut flights = self.flights.lock();
        // The map's and this one: places are taken under the same lock.
        if Arc::strong_count(&self.flight) <= 2 {
            flights.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{future::pending, time::Duration};

    use tokio::{
        sync::{Barrier, Semaphore},
        task::{JoinSet, yield_now},
    };

    use super::*;

    #[tokio::test]
    async fn all_who_come_during_a_computation_share_the_next_one() {
        let flights = Arc::new(SingleFlight::<u8, u64>::default());
        let (computations, may_end) = (Arc::new(AtomicU64::new(0)), Arc::new(Semaphore::new(0)));
        let mut calls = JoinSet::new();
        let mut call = || {
            let (flights, computations, may_end) = (flights.clone(), computations.clone(), may_end.clone());
            calls.spawn(async move {
                let compute = async || {
                    let number = computations.fetch_add(1, Ordering::SeqCst);
                    may_end.acquire().await.unwrap().forget();
                    number
                };
                flights.run(1, compute).await
            });
        };
        call();
        while computations.load(Ordering::SeqCst) == 0 {
            yield_now().await;
        }
        for _ in 0..50 {
            call();
        }
        // All have arrived.
        while Arc::strong_count(&flights.flight(&1)) < 2 + 51 {
            yield_now().await;
        }
        may_end.add_permits(100);
        let mut results = calls.join_all().await;
        results.sort_unstable();
        assert_eq!(results[..2], [0, 1], "the first computation is the first caller's alone");
        assert!(results[1..].iter().all(|result| *result == 1), "{results:?}");
        assert!(flights.lock().is_empty(), "nothing is kept");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn nobody_gets_a_result_that_began_before_the_call() {
        let flights = Arc::new(SingleFlight::<u8, u64>::default());
        let (told, start) = (Arc::new(AtomicU64::new(0)), Arc::new(Barrier::new(8)));
        let mut callers = JoinSet::new();
        for _ in 0..8 {
            let (flights, told, start) = (flights.clone(), told.clone(), start.clone());
            callers.spawn(async move {
                start.wait().await;
                for _ in 0..2_000 {
                    let known = told.fetch_add(1, Ordering::SeqCst) + 1;
                    let read = async || {
                        let read = told.load(Ordering::SeqCst);
                        yield_now().await;
                        read
                    };
                    let got = flights.run(1, read).await;
                    assert!(got >= known, "was told {known}, got {got}");
                }
            });
        }
        callers.join_all().await;
        assert!(flights.lock().is_empty());
    }

    #[tokio::test]
    async fn a_call_that_is_given_up_holds_up_nobody() {
        let flights = Arc::new(SingleFlight::<u8, u8>::default());
        let given_up = {
            let flights = flights.clone();
            tokio::spawn(async move { flights.run(1, async || pending().await).await })
        };
        while flights.lock().is_empty() {
            yield_now().await;
        }
        let next = flights.run(1, async || 2);
        given_up.abort();
        assert_eq!(tokio::time::timeout(Duration::from_secs(10), next).await, Ok(2));
        assert!(flights.lock().is_empty());
        assert_eq!(flights.run(2, async || 3).await, 3);
    }
}
