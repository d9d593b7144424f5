use uuid::Uuid;

use super::*;

fn checked(fixture: &mut Fixture) -> Vec<UserId> {
    let of = |effect| if let Effect::CheckLogins(users) = effect { users } else { Vec::new() };
    let mut users: Vec<UserId> = fixture.effects.drain(..).flat_map(of).collect();
    users.sort();
    users
}

#[tokio::test]
async fn log_ins_are_checked_when_a_session_is_new_when_redis_tells_and_all_of_them_now_and_then() {
    let mut fixture = Fixture::new();
    let (alice, bob) = (fixture.session(), fixture.session());
    let mut both = [alice.user_id, bob.user_id];
    both.sort();
    let tick = |fixture: &mut Fixture, after: Duration| {
        fixture.now += after;
        fixture.hub.tick(fixture.now, &mut fixture.effects);
        checked(fixture)
    };
    assert_eq!(tick(&mut fixture, Duration::from_millis(50)), both, "new sessions");
    assert_eq!(tick(&mut fixture, Duration::from_secs(2)), [], "not new any more");
    let payload = serde_json::to_vec(&UserPush::LoginsEnded).unwrap();
    fixture.hub.message(Channel::User(alice.user_id), &payload, fixture.now, &mut fixture.effects);
    assert_eq!(checked(&mut fixture), [alice.user_id], "told");
    assert_eq!(tick(&mut fixture, Duration::from_secs(20)), both, "all, although nothing was told");
    assert_eq!(tick(&mut fixture, Duration::from_secs(1)), []);
    fixture.hub.connected(fixture.now, &mut fixture.effects);
    assert_eq!(tick(&mut fixture, Duration::from_millis(50)), both, "all, after a new connection to redis");
}

#[tokio::test]
async fn what_was_read_of_a_user_goes_to_their_sessions_alone() {
    let mut fixture = Fixture::new();
    let (alice, bob) = (fixture.session(), fixture.session());
    let standing = Arc::new(chat_store::Standing { tokens_valid_after: None, ended: vec![Uuid::now_v7()] });
    let nobody = UserId::generate();
    fixture.tell(Input::Standings(vec![(alice.user_id, Arc::clone(&standing)), (nobody, standing)]));
    assert!(matches!(items(&alice).await[..], [Item::Standing(_)]));
    assert!(items(&bob).await.is_empty());
}
