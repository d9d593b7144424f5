//! Under the real rules every promise holds in every state; and what should happen on the way does happen somewhere.

use chat_model::{
    Bounds, Chat, Faults, livelock,
    properties::{self, ALL_SHOWN, CATCH_UP, EXPELLED, GAP, HELD_BACK, RETOLD, STALE_CHECK, ZOMBIE},
};
use stateright::{Checker, Model};

use crate::scenario::{self, NONE, real, with};

/// Looks at every state, and asserts that all promises hold, and that what is named was met.
#[track_caller]
fn proves(chat: Chat, met: &[&'static str]) {
    let checker = chat.checker().spawn_bfs().join();
    let found = checker.discoveries();
    for promise in properties::promises() {
        if let Some(path) = found.get(promise.name) {
            panic!("{}: {:#?}", promise.name, path.clone().into_actions());
        }
    }
    for name in met {
        assert!(found.contains_key(name), "nowhere {name}");
    }
    assert!(checker.is_done());
    println!("{} states, {} steps deep", checker.unique_state_count(), checker.max_depth());
}

#[test]
fn crashes_and_zombies_at_any_step_leave_one_gapless_sequence() {
    proves(real(scenario::writing()), &[ZOMBIE, RETOLD]);
}

#[test]
fn a_crash_a_zombie_and_a_lost_event_leave_every_screen_complete() {
    proves(real(scenario::delivery()), &[ZOMBIE, RETOLD, HELD_BACK, GAP, CATCH_UP, ALL_SHOWN]);
}

#[test]
fn a_client_that_changes_gateways_gets_everything_once_and_in_order() {
    proves(real(scenario::roaming()), &[HELD_BACK, GAP, CATCH_UP, ALL_SHOWN]);
}

#[test]
fn a_gap_of_several_pages_is_filled() {
    proves(real(scenario::long_gap()), &[HELD_BACK, GAP, CATCH_UP, ALL_SHOWN]);
}

#[test]
fn a_kick_while_subscribing_lets_nothing_through() {
    proves(real(scenario::kick()), &[GAP, CATCH_UP, EXPELLED, STALE_CHECK]);
}

#[test]
fn a_kick_told_twice_or_to_a_restarted_gateway_lets_nothing_through() {
    proves(real(scenario::kick_and_crash()), &[RETOLD, GAP, CATCH_UP, EXPELLED, STALE_CHECK]);
}

#[test]
fn the_system_is_never_busy_for_ever() {
    let bounds: [fn() -> Bounds; 4] = [scenario::writing, scenario::roaming, scenario::long_gap, scenario::kick];
    for bounds in bounds {
        assert_eq!(livelock::circle(&real(bounds())), None);
    }
}

#[test]
fn the_watermark_makes_up_for_an_event_that_was_never_produced() {
    let faults = Faults { crashes: 1, moves: 1, ..NONE };
    proves(with(Bounds { faults, ..scenario::delivery() }, |rules| rules.reemit = false), &[GAP, ALL_SHOWN]);
}

#[test]
fn events_told_again_are_enough_while_redis_loses_nothing() {
    let faults = Faults { crashes: 1, moves: 1, ..NONE };
    proves(with(Bounds { faults, ..scenario::delivery() }, |rules| rules.watermark = false), &[RETOLD, ALL_SHOWN]);
}

#[test]
fn nothing_rests_on_the_offsets_of_a_zombie_being_refused() {
    proves(with(scenario::writing(), |rules| rules.fenced_commits = false), &[ZOMBIE, RETOLD]);
}
