//! Random sound histories are valid; with one random defect they are invalid.

use chat_checker::{Verdict, render};
use proptest::prelude::*;

use crate::{
    defects,
    story::{Story, judge},
};

const PEOPLE: [&str; 4] = ["alice", "bob", "carol", "dave"];
const ROOMS: [&str; 2] = ["lobby", "garden"];

/// One thing that somebody does: who, where, what.
type Deed = (usize, usize, u8, usize);

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    prop::collection::vec((0..PEOPLE.len(), 0..ROOMS.len(), 0_u8..24, 0_usize..100), 0..40)
}

fn told(deeds: &[Deed]) -> Story {
    let mut story = Story::begins();
    for who in PEOPLE {
        story.connects(who);
    }
    story.founds("alice", "lobby", &["bob", "carol"]);
    story.founds("bob", "garden", &["alice", "dave"]);
    story.says("alice", "lobby", "first");
    story.says("bob", "garden", "first");
    for &(who, name, deed, pick) in deeds {
        happens(&mut story, PEOPLE[who], ROOMS[name], deed, pick);
    }
    story.is_killed("persister-1", Some("persister"));
    story.says("alice", "lobby", "last");
    story
}

fn happens(story: &mut Story, who: &'static str, name: &'static str, deed: u8, pick: usize) {
    let member = story.is_member(who, name);
    // The owners stay, so that there is always somebody who can do things.
    let owner = if name == "lobby" { "alice" } else { "bob" };
    let text = format!("text {pick}");
    let own = if member { story.messages_of(who, name) } else { Vec::new() };
    let target = (!own.is_empty()).then(|| own[pick % own.len()]);
    match (deed, target) {
        (0..=8, _) if member => {
            story.connects(who);
            story.says(who, name, &text);
        }
        (9, _) if member => {
            story.says_again(who, name, &text);
        }
        (10, Some(target)) => {
            story.edits(who, name, target, &text);
        }
        (11, Some(target)) => {
            story.deletes(who, name, target);
        }
        (12, Some(target)) => {
            story.reacts(who, name, target);
        }
        (13, _) if member => story.is_rejected(who, name, &text),
        (14, _) if member => story.sends_poison(who, name),
        (15 | 16, _) if member => {
            let seq = 1 + i64::try_from(pick).expect("small") % story.head(name);
            story.reads(who, name, seq);
        }
        (17 | 18, _) => story.loses_connection(who),
        (19, _) => story.connects(who),
        (20, _) if member && who != owner => story.kicks(owner, name, who),
        (21, _) if member && who != owner => story.leaves(who, name),
        (20..=22, _) if !member => story.invites(owner, name, who),
        (23, _) => story.is_killed("ws-gateway-1", None),
        _ => story.time_passes(50),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn a_random_sound_run_is_valid(deeds in deeds()) {
        let report = judge(&told(&deeds).ends());
        prop_assert_eq!(report.verdict, Verdict::Valid, "{}", render(&report, false));
    }

    #[test]
    fn a_random_run_with_one_random_defect_is_invalid(deeds in deeds(), defect in 0..defects::ALL.len(), pick in 0_usize..1000) {
        let defect = &defects::ALL[defect];
        let mut records = defects::History(told(&deeds).ends());
        if (defect.plant)(&mut records, pick) {
            let report = judge(&records);
            prop_assert_eq!(report.verdict, Verdict::Invalid, "{}", defect.name);
            prop_assert!(report.breaks(defect.invariant), "{}: {}", defect.name, render(&report, false));
        }
    }
}
