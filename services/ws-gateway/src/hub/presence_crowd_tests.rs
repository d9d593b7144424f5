//! Many members, many watchers, many hints: each costs as much as it must, and holds up nobody.

use super::*;

#[test]
fn a_member_who_reconnects_a_hundred_times_a_second_makes_no_push() {
    let ann = UserId::generate();
    let alice = session(10_000);
    let mut fixture = Fixture::known(&alice, &[(ann, true)]);
    told(&alice);
    let mut checks = 0;
    // Ten seconds, and hardly any check finds her.
    for _ in 0..200 {
        for _ in 0..10 {
            fixture.presences.hint(&[ann], fixture.now);
        }
        if let Some(scope) = fixture.after(ROUND) {
            checks += 1_u32;
            fixture.found(scope == Scope::All, &[(ann, checks % 5 == 0)]);
        }
    }
    assert!((8..=11).contains(&checks), "{checks}");
    assert!(told(&alice).is_empty());
}

#[test]
fn a_thousand_members_who_come_at_once_are_one_check_and_one_push_each_for_every_watcher() {
    let users: Vec<UserId> = (0..1_000).map(|_| UserId::generate()).collect();
    let status = |here| -> Vec<_> { users.iter().map(|user| (*user, here)).collect() };
    let watchers: Vec<_> = (0..50).map(|_| session(10_000_000)).collect();
    let mut fixture = Fixture::known(&watchers[0], &status(false));
    for watcher in &watchers[1..] {
        fixture.watch(watcher);
    }
    fixture.presences.hint(&users, fixture.now);
    let Some(Scope::Users(checked)) = fixture.after(CHECK_EVERY) else { panic!("{:?}", fixture.effects) };
    assert_eq!(checked.len(), 1_000);
    fixture.found(false, &status(true));
    let mut turns = 1;
    let mut heard: Vec<Vec<_>> = watchers.iter().map(|watcher| told(watcher)).collect();
    loop {
        let first = fixture.presences.take_delivered();
        assert!(first <= PAID_PER_TURN as u64, "{first} in one turn");
        if fixture.presences.owing.is_empty() {
            break;
        }
        // They get it at the same time, not one after the other.
        let counts = heard.iter().map(Vec::len);
        assert!(counts.clone().max().unwrap() - counts.min().unwrap() <= PAID_AT_ONCE);
        assert_eq!(fixture.after(ROUND), None);
        turns += 1;
        for (heard, watcher) in heard.iter_mut().zip(&watchers) {
            heard.extend(told(watcher));
        }
    }
    assert!((25..=28).contains(&turns), "50,000 pushes in {turns} turns");
    for mut heard in heard {
        assert_eq!(heard.len(), 1_000);
        heard.sort_by_key(|(user, _)| *user);
        heard.dedup();
        assert!(heard.len() == 1_000 && heard.iter().all(|(_, status)| *status == Online));
    }
}

#[test]
fn a_large_room_does_not_hold_up_a_small_one() {
    let crowd: Vec<_> = (0..5_000).map(|_| (UserId::generate(), true)).collect();
    let watchers: Vec<_> = (0..500).map(|_| session(10_000_000)).collect();
    let mut fixture = Fixture::known(&watchers[0], &crowd);
    for watcher in &watchers[1..] {
        fixture.watch(watcher);
    }
    let (small, alice, ann) = (RoomId::generate(), session(10_000), UserId::generate());
    fixture.presences.watch(small, &alice, 0, Sink::Native, fixture.now, &mut fixture.effects);
    let found = Ok(HashMap::from([(ann, Found::Here)]));
    fixture.presences.checked(Checked { room_id: small, all: true, found }, fixture.now);
    let mut turns = 0;
    while told(&alice).is_empty() {
        fixture.presences.tick(fixture.now, &mut fixture.effects);
        turns += 1;
    }
    assert!(turns <= 6, "{turns} turns; the large room needs {}", 500 * 5_000 / PAID_PER_TURN);
    assert!(fixture.presences.owing.len() >= 499);
}
