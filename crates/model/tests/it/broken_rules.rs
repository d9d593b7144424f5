//! Each rule taken away makes a promise fall: the model can fail, and no rule is idle.

use std::collections::BTreeSet;

use chat_model::{
    Bounds, Chat, Dedupe, Faults,
    properties::{COMPLETE, IN_ORDER, MEMBERS, OFFSETS, RESUMES, SAME_SEQ, SEQUENCE, STORED},
};
use stateright::{Checker, HasDiscoveries, Model};

use crate::scenario::{self, NONE, with};

/// Asserts that there is a way to break the promise.
#[track_caller]
fn breaks(chat: Chat, promise: &'static str) {
    let found = HasDiscoveries::AnyOf(BTreeSet::from([promise]));
    let checker = chat.checker().finish_when(found).spawn_bfs().join();
    let path = checker.discovery(promise).unwrap_or_else(|| panic!("nothing breaks: {promise}"));
    println!("{promise}\n{:#?}", path.into_actions());
}

#[test]
fn an_offset_committed_before_the_database_loses_a_command() {
    breaks(with(scenario::writing(), |rules| rules.commit_last = false), OFFSETS);
    breaks(with(scenario::writing(), |rules| rules.commit_last = false), COMPLETE);
}

#[test]
fn without_dedupe_a_repeat_is_stored_twice_and_told_two_seqs() {
    breaks(with(scenario::writing(), |rules| rules.dedupe = Dedupe::Never), SEQUENCE);
    breaks(with(scenario::writing(), |rules| rules.dedupe = Dedupe::Never), SAME_SEQ);
}

#[test]
fn a_repeat_looked_for_before_the_lock_tears_a_gap() {
    breaks(with(scenario::writing(), |rules| rules.dedupe = Dedupe::BeforeLock), SEQUENCE);
}

#[test]
fn an_event_produced_before_the_commit_shows_what_is_not_stored() {
    breaks(with(scenario::writing(), |rules| rules.produce_stored = false), STORED);
}

#[test]
fn neither_told_again_nor_looked_for_an_event_is_missing_for_ever() {
    let bounds = Bounds { faults: Faults { crashes: 1, ..NONE }, ..scenario::delivery() };
    let neither = |rules: &mut chat_model::Rules| (rules.reemit, rules.watermark) = (false, false);
    breaks(with(bounds, neither), COMPLETE);
}

#[test]
fn without_the_watermark_the_last_message_of_a_quiet_room_is_missing() {
    let bounds = Bounds { faults: Faults { losses: 1, ..NONE }, ..scenario::delivery() };
    breaks(with(bounds, |rules| rules.watermark = false), COMPLETE);
}

#[test]
fn a_gap_that_is_not_read_from_the_database_stays() {
    breaks(with(scenario::delivery(), |rules| rules.gap_fill = false), COMPLETE);
}

#[test]
fn a_client_that_is_not_brought_forward_stays_behind() {
    breaks(with(scenario::roaming(), |rules| rules.catch_up = false), COMPLETE);
}

#[test]
fn an_event_shown_when_it_comes_skips_the_one_before() {
    breaks(with(scenario::delivery(), |rules| rules.in_order = false), IN_ORDER);
}

#[test]
fn a_lagging_gateway_that_trusts_only_itself_refuses_an_honest_cursor() {
    breaks(with(scenario::roaming(), |rules| rules.believe_checked_head = false), RESUMES);
}

#[test]
fn a_kick_that_is_not_applied_with_its_event_lets_later_messages_through() {
    breaks(with(scenario::kick(), |rules| rules.expel = false), MEMBERS);
}

#[test]
fn a_subscription_that_starts_beyond_its_membership_check_passes_over_the_kick() {
    breaks(with(scenario::kick(), |rules| rules.start_at_checked_head = false), MEMBERS);
}
