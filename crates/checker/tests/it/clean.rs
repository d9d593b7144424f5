//! Sound runs are valid.

use chat_checker::{
    Invariant, Record, Status, Verdict,
    history::{Op, Section},
};

use crate::story::{Story, everyday, judge, room, user};

#[test]
fn a_sound_run_is_valid() {
    let report = judge(&everyday().ends());
    assert_eq!(report.verdict, Verdict::Valid, "{}", chat_checker::render(&report, false));
    assert!(report.rooms.iter().all(|room| room.expected > 0 && room.missing == 0 && room.duplicate == 0));
    let checked = report.invariants.iter().filter(|it| it.status == Status::Holds && it.cases > 0).count();
    assert_eq!(checked, 14, "all but the notifications, which were not recorded");
    assert_eq!((report.sends.retried, report.sends.rejected), (1, 2));
}

#[test]
fn notifications_that_were_not_recorded_are_not_valid_but_not_checked() {
    let report = judge(&everyday().ends());
    let notifications = &report.invariants[13];
    assert_eq!((notifications.invariant, notifications.status), (Invariant::I14, Status::NotChecked));
}

/// Alice's send is accepted, and refused by the persister; nobody tells her.
fn refused_in_silence() -> Vec<Record> {
    let mut story = Story::begins();
    story.connects("alice");
    story.founds("alice", "lobby", &[]);
    story.says("alice", "lobby", "one");
    story.is_accepted_only("alice", "lobby", "two");
    story.ends()
}

#[test]
fn a_refusal_that_could_not_be_shown_is_an_answer_when_the_topic_has_it() {
    let mut records = refused_in_silence();
    assert!(judge(&records).breaks(Invariant::I1));
    let command = |record: &Record| if let Record::Topic(it) = record { it.key.clone() } else { None };
    let key = records.iter().filter_map(command).next_back();
    let at = records.iter().position(|record| matches!(record, Record::Topic(_))).expect("a topic");
    let Record::Topic(mut refusal) = records[at].clone() else { unreachable!() };
    (refusal.topic, refusal.key, refusal.refused) = ("chat-events".into(), key, true);
    records.insert(at, Record::Topic(refusal));
    for record in &mut records {
        if let Record::Dump(dump) = record
            && dump.section == Section::Topics
        {
            dump.count += 1;
        }
    }
    let report = judge(&records);
    assert_eq!(report.verdict, Verdict::Valid, "{}", chat_checker::render(&report, false));
}

#[test]
fn whoever_reads_an_old_place_late_may_see_the_text_of_today() {
    let mut story = Story::begins();
    story.connects("alice");
    story.founds("alice", "lobby", &["bob"]);
    let first = story.says("alice", "lobby", "one");
    story.edits("alice", "lobby", first, "two");
    story.edits("alice", "lobby", first, "three");
    story.connects("bob");
    story.deletes("alice", "lobby", first);
    assert_eq!(judge(&story.ends()).verdict, Verdict::Valid);
}

/// Bob's mark is acknowledged and shown to the room, then Redis is killed; in the end it is not stored.
fn mark_lost_with_redis() -> Vec<Record> {
    let mut story = Story::begins();
    story.connects("alice");
    story.connects("bob");
    story.founds("alice", "lobby", &["bob"]);
    story.says("alice", "lobby", "one");
    story.reads("bob", "lobby", 2);
    story.is_killed("redis", None);
    story.says("alice", "lobby", "two");
    let mut records = story.ends();
    for record in &mut records {
        if let Record::Mark(mark) = record
            && (mark.room, mark.user) == (room("lobby"), user("bob"))
        {
            (mark.seq, mark.unread) = (1, Some(2));
        }
    }
    records
}

#[test]
fn a_mark_lost_in_the_declared_window_before_a_fault_of_redis_is_excused_and_counted_unless_it_was_told() {
    let mut records = mark_lost_with_redis();
    let told: Vec<_> = judge(&records).findings().map(|it| (it.invariant, it.clause)).collect();
    assert_eq!(told, [(Invariant::I11, "told_mark_lost"); 2], "alice saw it, and so did bob");
    records.retain(|record| !matches!(record, Record::Event(event) if event.op == Op::Receipt));
    let report = judge(&records);
    assert_eq!((report.verdict, report.excused_marks), (Verdict::Valid, 1), "{}", chat_checker::render(&report, false));
}
