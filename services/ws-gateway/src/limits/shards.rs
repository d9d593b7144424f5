//! Where rates keep their numbers: one per key, in a bounded number of places.

use std::{
    collections::HashMap,
    hash::{BuildHasher, Hash, RandomState},
    sync::{Mutex, PoisonError},
};

use governor::{nanos::Nanos, state::StateStore};

/// Locks; threads that count at the same time seldom meet.
const SHARDS: usize = 32;

/// The state of a rate per key. A full shard first forgets those that have nothing more to wait for; when nobody is such, all of it: under a
/// flood of addresses some are forgiven rather than memory spent.
pub struct Shards<K> {
    hasher: RandomState,
    locked: [Mutex<HashMap<K, Nanos, RandomState>>; SHARDS],
    most: usize,
}

impl<K: Hash + Eq> Shards<K> {
    /// For about `keys` of them.
    pub fn new(keys: usize) -> Self {
        let hasher = RandomState::new();
        let locked = std::array::from_fn(|_| Mutex::new(HashMap::with_hasher(hasher.clone())));
        Self { hasher, locked, most: keys.div_ceil(SHARDS) }
    }

    #[cfg(test)]
    pub fn count(&self) -> usize {
        self.locked.iter().map(|shard| shard.lock().unwrap_or_else(PoisonError::into_inner).len()).sum()
    }
}

impl<K: Hash + Eq + Clone> StateStore for Shards<K> {
    type Key = K;

    fn measure_and_replace<T, F, E>(&self, key: &K, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let shard = usize::try_from(self.hasher.hash_one(key)).unwrap_or_default() % SHARDS;
        let mut states = self.locked[shard].lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(state) = states.get_mut(key) {
            let (answer, next) = decide(Some(*state))?;
            *state = next;
            return Ok(answer);
        }
        let (answer, next) = decide(None)?;
        if states.len() >= self.most {
            // A state is when the next would be due: one behind that of a newcomer has been used up by time.
            states.retain(|_, state| *state >= next);
            if states.len() >= self.most {
                states.clear();
            }
        }
        states.insert(key.clone(), next);
        Ok(answer)
    }
}
