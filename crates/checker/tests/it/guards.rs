//! A run that proves nothing is unknown, not valid.

use chat_checker::{
    Record, Verdict,
    history::{Evidence, PhaseName, Section, Via},
};

use crate::story::{Story, everyday, judge};

/// Unknown, for a reason with these words.
fn doubted(records: &[Record], words: &str) {
    let report = judge(records);
    assert_eq!(report.verdict, Verdict::Unknown, "{}", chat_checker::render(&report, false));
    assert!(report.doubts.iter().any(|doubt| doubt.contains(words)), "{words}: {:?}", report.doubts);
}

#[test]
fn an_empty_history_is_unknown() {
    doubted(&[], "no plan");
    doubted(&Story::begins().ends(), "0 sends were acknowledged");
}

#[test]
fn a_run_in_which_a_planned_fault_did_not_happen_is_unknown() {
    let mut records = everyday().ends();
    records.retain(|record| !matches!(record, Record::Fault(_)));
    doubted(&records, "never applied");

    for evidence in [vec![], vec![Evidence::Signal(15)], vec![Evidence::WithheldBytes(9)]] {
        let mut records = everyday().ends();
        for record in &mut records {
            if let Record::Fault(fault) = record {
                fault.evidence.clone_from(&evidence);
            }
        }
        doubted(&records, "nothing shows that it happened");
    }
}

#[test]
fn too_few_acknowledged_sends_are_unknown() {
    let mut story = everyday();
    story.plan().min_ok = 1000;
    doubted(&story.ends(), "the plan asks for 1000");
}

#[test]
fn repairs_that_were_not_exercised_are_unknown() {
    let mut story = everyday();
    story.plan().exercise.resumes = 100;
    doubted(&story.ends(), "subscriptions resumed");
    let mut story = everyday();
    story.plan().exercise.gap_fills = 100;
    doubted(&story.ends(), "gaps filled");
    let mut story = everyday();
    story.plan().exercise.rebalances = 100;
    doubted(&story.ends(), "rebalances");
}

#[test]
fn a_run_without_silence_or_final_reads_is_unknown() {
    for (phase, words) in [(PhaseName::SilentTail, "silent tail"), (PhaseName::FinalReads, "final reads")] {
        let mut records = everyday().ends();
        records.retain(|record| !matches!(record, Record::Phase(it) if it.phase == phase));
        doubted(&records, words);
    }
    let mut records = everyday().ends();
    records
        .retain(|record| !matches!(record, Record::Event(it) if it.via == Some(Via::Final) && it.process == "carol"));
    doubted(&records, "carol did not read room");
}

#[test]
fn a_dump_that_is_missing_or_cut_short_is_unknown_not_a_loss() {
    for section in Section::ALL {
        let mut records = everyday().ends();
        records.retain(|record| !matches!(record, Record::Dump(it) if it.section == section));
        doubted(&records, section.name());
    }
    let mut records = everyday().ends();
    let rows: Vec<_> =
        records.iter().enumerate().filter(|(_, it)| matches!(it, Record::Row(_))).map(|(index, _)| index).collect();
    records.drain(rows[4]..=rows[rows.len() - 1]);
    doubted(&records, "the dump of the rows has");
}

#[test]
fn a_kill_at_which_no_offsets_were_read_is_unknown() {
    let mut records = everyday().ends();
    for record in &mut records {
        if let Record::Offset(offset) = record {
            offset.fault = "another".into();
        }
    }
    doubted(&records, "no committed offsets were read at kill-1");
}

#[test]
fn a_kill_at_which_nobody_read_what_was_stored_is_unknown() {
    let mut records = everyday().ends();
    for record in &mut records {
        if let Record::Stored(stored) = record {
            stored.fault = "another".into();
        }
    }
    doubted(&records, "what was stored at kill-1 was not read");
}

#[test]
fn a_process_that_nobody_is_behind_is_unknown() {
    let mut records = everyday().ends();
    records.retain(|record| !matches!(record, Record::Client(it) if it.process == "carol"));
    doubted(&records, "process carol has no client line");
}
