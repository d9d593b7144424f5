//! The explorations: each small enough to be complete, each with the faults that matter to its part.

use chat_model::{
    Bounds, Chat,
    Command::{self, Kick, Message},
    Faults, Rules,
};

pub const NONE: Faults = Faults { crashes: 0, moves: 0, losses: 0, disconnects: 0, repeats: 0 };

fn bounds(script: &[Command], gateways: usize, clients: usize, faults: Faults) -> Bounds {
    Bounds { script: script.to_vec(), gateways, clients, page: 2, faults }
}

/// The writing side alone: crashes and zombies at every step, and a repeat.
pub fn writing() -> Bounds {
    bounds(&[Message(1), Message(2)], 0, 0, Faults { crashes: 2, moves: 2, repeats: 1, ..NONE })
}

/// From the sender to a screen: one crash and one zombie anywhere, and one event lost.
pub fn delivery() -> Bounds {
    bounds(&[Message(1), Message(2)], 1, 1, Faults { crashes: 1, moves: 1, losses: 1, ..NONE })
}

/// A client that goes from gateway to gateway, each of which lost something.
pub fn roaming() -> Bounds {
    bounds(&[Message(1), Message(2)], 2, 1, Faults { losses: 2, disconnects: 2, ..NONE })
}

/// Pages of one row: a gap takes several.
pub fn long_gap() -> Bounds {
    Bounds {
        page: 1,
        ..bounds(&[Message(1), Message(2), Message(3)], 1, 1, Faults { losses: 2, disconnects: 1, ..NONE })
    }
}

/// A kick while both clients subscribe, one event lost, and one connection.
pub fn kick() -> Bounds {
    bounds(&[Kick, Message(1)], 1, 2, Faults { losses: 1, disconnects: 1, ..NONE })
}

/// A kick told twice, or to a gateway that was started again.
pub fn kick_and_crash() -> Bounds {
    bounds(&[Kick, Message(1)], 1, 2, Faults { crashes: 1, ..NONE })
}

pub fn with(bounds: Bounds, change: impl FnOnce(&mut Rules)) -> Chat {
    let mut rules = Rules::real();
    change(&mut rules);
    Chat { rules, bounds }
}

pub fn real(bounds: Bounds) -> Chat {
    with(bounds, |_| {})
}
