//! Each defect, planted into a sound history, is caught by the invariant it breaks, and named.

use chat_checker::{Verdict, render};

use crate::{
    defects,
    story::{everyday, judge},
};

#[test]
fn every_planted_defect_is_caught_and_named() {
    for defect in defects::ALL {
        let mut records = defects::History(everyday().ends());
        assert!((defect.plant)(&mut records, 1), "{} finds no place in the story", defect.name);
        let report = judge(&records);
        let finding = report.findings().find(|it| (it.invariant, it.clause) == (defect.invariant, defect.clause));
        let Some(finding) = finding else {
            panic!("{} breaks {} {}:\n{}", defect.name, defect.invariant, defect.clause, render(&report, false));
        };
        assert_eq!(report.verdict, Verdict::Invalid, "{}", defect.name);
        assert!(
            report.counter_example.is_some() && finding.line > 0 && finding.file == "story.jsonl",
            "{}",
            defect.name
        );
        let named = finding.room.is_some() && (finding.seq.is_some() || finding.key.is_some());
        let without_place = ["headers_missing", "poison_lost", "slow_recovery", "unbounded"];
        assert!(named || without_place.contains(&finding.clause), "{}: {finding:?}", defect.name);
    }
}

/// The same at other places of the story, where it offers them.
#[test]
fn every_planted_defect_is_caught_wherever_it_is() {
    for defect in defects::ALL {
        for pick in 0..12 {
            let mut records = defects::History(everyday().ends());
            if !(defect.plant)(&mut records, pick) {
                continue;
            }
            let report = judge(&records);
            assert!(report.breaks(defect.invariant), "{} at {pick}:\n{}", defect.name, render(&report, false));
        }
    }
}
