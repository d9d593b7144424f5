//! Time budgets, and notifications.

use chat_checker::{
    Invariant, Record, Report, Verdict,
    history::{Notifications, Op, Outcome, Pace},
};

use crate::story::{MS, Story, judge};

fn breaks(report: &Report, invariant: Invariant, clause: &str) {
    let found = report.findings().any(|it| (it.invariant, it.clause) == (invariant, clause));
    assert!(found, "{invariant} {clause}:\n{}", chat_checker::render(report, false));
}

fn two_people() -> Story {
    let mut story = Story::begins();
    story.connects("alice");
    story.connects("bob");
    story.founds("alice", "lobby", &["bob"]);
    story.says("alice", "lobby", "one");
    story
}

/// Bob gets the last message ten seconds late.
fn late() -> Vec<Record> {
    let mut records = two_people().ends();
    let mut last = None;
    for record in &mut records {
        if let Record::Event(event) = record
            && (event.op, &*event.process, event.via) == (Op::Recv, "bob", None)
        {
            last = Some(&mut event.mono_ns);
        }
    }
    *last.expect("a delivery") += 9000 * MS;
    records
}

#[test]
fn a_slow_delivery_is_caught() {
    breaks(&judge(&late()), Invariant::I15, "slow_delivery");
    assert_eq!(judge(&late()).lag.steady_ms, 9000);
}

#[test]
fn a_client_that_is_slow_on_purpose_is_not_judged_by_the_clock() {
    let mut records = late();
    for record in &mut records {
        if let Record::Client(client) = record
            && client.process == "bob"
        {
            client.pace = Pace::Slow;
        }
    }
    assert_eq!(judge(&records).verdict, Verdict::Valid);
}

#[test]
fn a_delivery_long_after_a_fault_is_caught() {
    let mut story = two_people();
    story.is_killed("broadcaster-1", None);
    story.says("alice", "lobby", "two");
    let mut records = story.ends();
    let fault =
        records.iter_mut().find_map(|it| if let Record::Fault(it) = it { Some(it) } else { None }).expect("a fault");
    (fault.start_ns, fault.budget_ms) = (Some(0), Some(1));
    let healed = fault.end_ns.expect("healed");
    let bob = |it: &&mut Record| matches!(it, Record::Event(it) if it.op == Op::Recv && it.process == "bob" && it.seq == Some(2) && it.via.is_none());
    if let Some(Record::Event(event)) = records.iter_mut().find(bob) {
        event.mono_ns = healed + 3000 * MS;
    }
    let report = judge(&records);
    breaks(&report, Invariant::I15, "slow_catch_up");
    assert_eq!((report.faults[0].caught_up_ms, report.faults[0].met), (Some(3000), Some(false)));
}

/// A kill is over in an instant, since the process is started again; what is sent afterwards waits for it all the same.
#[test]
fn a_delivery_that_waits_after_a_fault_of_an_instant_is_caught() {
    let mut story = two_people();
    story.is_killed("broadcaster-1", None);
    story.time_passes(500);
    story.says("alice", "lobby", "two");
    let delivered_after = |ms: u64| {
        let mut records = story.clone().ends();
        let fault = records
            .iter_mut()
            .find_map(|it| if let Record::Fault(it) = it { Some(it) } else { None })
            .expect("a fault");
        (fault.start_ns, fault.budget_ms) = (fault.end_ns, Some(4000));
        let healed = fault.end_ns.expect("healed");
        let bob = |it: &&mut Record| matches!(it, Record::Event(it) if it.op == Op::Recv && it.process == "bob" && it.seq == Some(3) && it.via.is_none());
        if let Some(Record::Event(event)) = records.iter_mut().find(bob) {
            event.mono_ns = healed + ms * MS;
        }
        judge(&records)
    };
    let report = delivered_after(5000);
    breaks(&report, Invariant::I15, "slow_catch_up");
    assert_eq!((report.faults[0].caught_up_ms, report.faults[0].met), (Some(5000), Some(false)));
    let report = delivered_after(3000);
    assert_eq!((report.faults[0].caught_up_ms, report.faults[0].met), (Some(3000), Some(true)));
}

#[test]
fn a_client_that_comes_back_late_or_never_is_caught() {
    for again in [true, false] {
        let mut story = two_people();
        story.loses_connection("bob");
        story.time_passes(40_000);
        if again {
            story.connects("bob");
        }
        breaks(&judge(&story.ends()), Invariant::I15, "slow_reconnect");
    }
}

#[test]
fn a_send_that_is_never_answered_is_caught() {
    let mut records = two_people().ends();
    records.retain(|it| !matches!(it, Record::Event(it) if matches!(it.op, Op::Send | Op::Status) && it.outcome != Outcome::Invoke));
    breaks(&judge(&records), Invariant::I15, "unanswered");
}

#[test]
fn a_refusal_for_want_of_a_membership_that_never_ended_is_caught() {
    let mut records = two_people().ends();
    let persisted = |it: &&mut Record| matches!(it, Record::Event(it) if it.op == Op::Status);
    if let Some(Record::Event(event)) = records.iter_mut().find(persisted) {
        (event.outcome, event.seq, event.state, event.code) =
            (Outcome::Fail, None, None, Some("room_not_found".into()));
    }
    records.retain(|it| {
        !matches!(it, Record::Row(row) if row.seq == 2)
            && !matches!(it, Record::Event(it) if it.op == Op::Recv && it.seq == Some(2))
    });
    for it in &mut records {
        if let Record::Dump(dump) = it
            && dump.section == chat_checker::history::Section::Rows
        {
            dump.count -= 1;
        }
    }
    breaks(&judge(&records), Invariant::I1, "false_refusal");
}

/// Bob is away for long, and is told of what Alice says.
fn away(notify: impl FnOnce(&mut Story)) -> Report {
    let mut story = two_people();
    story.plan().notifications = Notifications::Offline;
    story.plan().budgets.reconnect_ms = 200_000;
    story.loses_connection("bob");
    story.time_passes(60_000);
    story.says("alice", "lobby", "are you there?");
    notify(&mut story);
    story.time_passes(60_000);
    story.connects("bob");
    judge(&story.ends())
}

#[test]
fn an_offline_member_is_notified_at_least_once_with_the_same_id() {
    let report = away(|story| {
        story.is_notified("bob", "lobby", 3, "n-3");
        story.is_notified("bob", "lobby", 3, "n-3");
    });
    assert_eq!(report.verdict, Verdict::Valid, "{}", chat_checker::render(&report, false));
    breaks(&away(|_| {}), Invariant::I14, "not_notified");
    let changed = away(|story| {
        story.is_notified("bob", "lobby", 3, "n-3");
        story.is_notified("bob", "lobby", 3, "n-4");
    });
    breaks(&changed, Invariant::I14, "id_changed");
}

#[test]
fn nobody_is_notified_who_is_online_or_no_member() {
    let mut story = Story::begins();
    story.plan().notifications = Notifications::Offline;
    story.connects("alice");
    story.connects("bob");
    story.founds("alice", "lobby", &["bob"]);
    story.time_passes(60_000);
    story.says("alice", "lobby", "one");
    story.is_notified("bob", "lobby", 2, "n-2");
    breaks(&judge(&story.ends()), Invariant::I14, "unwanted");

    let stranger = away(|story| {
        story.is_notified("bob", "lobby", 3, "n-3");
        story.is_notified("mallory", "lobby", 3, "n-3");
    });
    breaks(&stranger, Invariant::I14, "unwanted");
}

/// Bob is connected all the time and has not subscribed the lobby, where Alice says two things.
fn looks_elsewhere(notify: impl FnOnce(&mut Story)) -> Report {
    let mut story = Story::begins();
    story.plan().notifications = Notifications::NotViewing;
    story.plan().budgets.presence_ms = 5000;
    story.connects("alice");
    story.connects("bob");
    story.founds("alice", "lobby", &["bob"]);
    story.looks_away("bob", "lobby");
    story.time_passes(10_000);
    story.says("alice", "lobby", "one");
    story.says("alice", "lobby", "two");
    notify(&mut story);
    story.time_passes(10_000);
    judge(&story.ends())
}

#[test]
fn whoever_does_not_look_is_notified_of_everything_one_notification_standing_for_several() {
    let report = looks_elsewhere(|story| story.is_notified_of("bob", "lobby", 3, 2));
    assert_eq!(report.verdict, Verdict::Valid, "{}", chat_checker::render(&report, false));
    breaks(&looks_elsewhere(|story| story.is_notified_of("bob", "lobby", 3, 1)), Invariant::I14, "not_notified");
    breaks(&looks_elsewhere(|story| story.is_notified_of("bob", "lobby", 2, 1)), Invariant::I14, "not_notified");
    let own = looks_elsewhere(|story| {
        story.is_notified_of("bob", "lobby", 3, 2);
        story.is_notified_of("alice", "lobby", 3, 2);
    });
    breaks(&own, Invariant::I14, "unwanted");
}

#[test]
fn whoever_looks_is_not_notified() {
    let mut story = Story::begins();
    story.plan().notifications = Notifications::NotViewing;
    story.plan().budgets.presence_ms = 5000;
    story.connects("alice");
    story.connects("bob");
    story.founds("alice", "lobby", &["bob"]);
    story.time_passes(10_000);
    story.says("alice", "lobby", "one");
    story.is_notified_of("bob", "lobby", 2, 1);
    story.time_passes(10_000);
    breaks(&judge(&story.ends()), Invariant::I14, "unwanted");
}

#[test]
fn notifications_of_which_there_are_none_are_unknown() {
    let mut story = two_people();
    story.plan().notifications = Notifications::NotViewing;
    let report = judge(&story.ends());
    assert_eq!(report.verdict, Verdict::Unknown);
    assert!(
        report.doubts.iter().any(|doubt| doubt.contains("notifications were to be recorded")),
        "{:?}",
        report.doubts
    );
}
