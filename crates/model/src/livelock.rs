//! That the system comes to rest. A promise "at rest" would be worth nothing if it could be busy for ever without getting anywhere.

use std::{
    collections::{HashMap, HashSet, hash_map::Entry},
    hash::{DefaultHasher, Hash, Hasher},
};

use stateright::Model;

use crate::{Action, Chat, System};

/// A state on the path that is being followed, and the steps from it still to be tried.
struct Visit {
    state: System,
    steps: Vec<Action>,
}

/// Looks at every state that can be reached for a circle of steps that the system takes by itself, and returns a state on one.
pub fn circle(chat: &Chat) -> Option<System> {
    let mut settled = HashMap::new();
    let mut reached = HashSet::new();
    let mut todo = chat.init_states();
    while let Some(state) = todo.pop() {
        if !reached.insert(fingerprint(&state)) {
            continue;
        }
        todo.extend(chat.next_states(&state));
        if !settled.contains_key(&fingerprint(&state))
            && let Some(on_circle) = follow(chat, state, &mut settled)
        {
            return Some(on_circle);
        }
    }
    None
}

/// Follows the system's own steps from a state, depth first. `settled` says of a state whether all that follows was looked at; one that is met
/// before that is on the path already.
fn follow(chat: &Chat, start: System, settled: &mut HashMap<u64, bool>) -> Option<System> {
    settled.insert(fingerprint(&start), false);
    let mut path = vec![Visit { steps: own_steps(chat, &start), state: start }];
    while let Some(visit) = path.last_mut() {
        let Some(step) = visit.steps.pop() else {
            settled.insert(fingerprint(&visit.state), true);
            path.pop();
            continue;
        };
        let Some(next) = chat.next_state(&visit.state, step) else { continue };
        match settled.entry(fingerprint(&next)) {
            Entry::Occupied(entry) if *entry.get() => {}
            Entry::Occupied(_) => return Some(next),
            Entry::Vacant(entry) => {
                entry.insert(false);
                path.push(Visit { steps: own_steps(chat, &next), state: next });
            }
        }
    }
    None
}

fn own_steps(chat: &Chat, state: &System) -> Vec<Action> {
    let mut actions = Vec::new();
    chat.actions(state, &mut actions);
    actions.retain(|action| action.progress());
    actions
}

fn fingerprint(state: &System) -> u64 {
    let mut hasher = DefaultHasher::new();
    state.hash(&mut hasher);
    hasher.finish()
}
