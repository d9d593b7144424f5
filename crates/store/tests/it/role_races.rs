//! Commands of several members at the same instant: the room's lock decides, and what it must always be it is.

use chat_protocol::{
    ClientMessageId,
    Role::{self, Admin, Owner},
    RoomId, UserId,
};
use chat_store::Applied;

use crate::{Db, room_command};

async fn roles(db: &Db, room: RoomId) -> Vec<(UserId, Role)> {
    db.store.list_members(room).await.unwrap().iter().map(|member| (member.user_id, member.role)).collect()
}

fn owners(roles: &[(UserId, Role)]) -> Vec<UserId> {
    roles.iter().filter(|(_, role)| *role == Owner).map(|(user, _)| *user).collect()
}

fn committed(applied: &Applied) -> bool {
    matches!(applied, Applied::Committed { duplicate: false, .. })
}

/// Seqs 1, 2, 3 … and as many members as the room says.
async fn assert_sound(db: &Db, room: RoomId, witness: UserId) {
    let page = db.store.page_after(room, 0, 1_000).await.unwrap();
    let seqs: Vec<i64> = page.entries.iter().map(|entry| entry.seq).collect();
    assert_eq!(seqs, (1..).take(seqs.len()).collect::<Vec<_>>());
    let summary = db.store.room(witness, room).await.unwrap().unwrap();
    assert_eq!(summary.head_seq, *seqs.last().unwrap());
    assert_eq!(usize::try_from(summary.member_count).unwrap(), db.store.list_members(room).await.unwrap().len());
}

#[tokio::test]
async fn of_two_who_hand_over_and_kick_each_other_the_first_wins() {
    let db = Db::new().await;
    let (alice, bob) = (db.user("alice").await, db.user("bob").await);
    for turn in 0..30 {
        // Alice owns the room and bob is an admin; whether bob owns it when he kicks alice is for the lock to say.
        let room = db.group(alice, &[bob]).await;
        db.make_admin(room, bob).await;
        let ids = [0; 3].map(|_| ClientMessageId::generate());
        let hand_over = room_command(room, alice, &ids[0]);
        let (kick_bob, kick_alice) = (room_command(room, alice, &ids[1]), room_command(room, bob, &ids[2]));
        let (handed, by_alice, by_bob) = tokio::join!(
            db.store.change_role(&hand_over, bob, Owner),
            db.store.kick_member(&kick_bob, bob),
            db.store.kick_member(&kick_alice, alice),
        );
        let done = [&handed.unwrap(), &by_alice.unwrap(), &by_bob.unwrap()].map(committed);
        let roles = roles(&db, room).await;
        assert_eq!(owners(&roles).len(), 1, "turn {turn}: {roles:?}");
        assert!(!(done[1] && done[2]), "turn {turn}: both kicked each other");
        assert_eq!(roles.len(), if done[1] || done[2] { 1 } else { 2 }, "turn {turn}: {done:?}");
        assert_sound(&db, room, owners(&roles)[0]).await;
    }
    db.drop().await;
}

#[tokio::test]
async fn two_admins_who_kick_each_other_at_once_both_stay() {
    let db = Db::new().await;
    let (alice, bob, carol) = (db.user("alice").await, db.user("bob").await, db.user("carol").await);
    for _ in 0..20 {
        let room = db.group(alice, &[bob, carol]).await;
        db.make_admin(room, bob).await;
        db.make_admin(room, carol).await;
        let ids = [0; 2].map(|_| ClientMessageId::generate());
        let (a, b) = (room_command(room, bob, &ids[0]), room_command(room, carol, &ids[1]));
        let (first, second) = tokio::join!(db.store.kick_member(&a, carol), db.store.kick_member(&b, bob));
        assert_eq!([committed(&first.unwrap()), committed(&second.unwrap())], [false, false]);
        assert_eq!(roles(&db, room).await.len(), 3);
    }
    db.drop().await;
}

#[tokio::test]
async fn two_admins_of_whom_one_is_demoted_while_both_kick_the_same_member_kick_once() {
    let db = Db::new().await;
    let people = [db.user("alice").await, db.user("bob").await, db.user("carol").await, db.user("dan").await];
    let [alice, bob, carol, dan] = people;
    for _ in 0..20 {
        let room = db.group(alice, &people[1..]).await;
        db.make_admin(room, bob).await;
        db.make_admin(room, carol).await;
        let ids = [0; 3].map(|_| ClientMessageId::generate());
        let commands =
            [room_command(room, alice, &ids[0]), room_command(room, bob, &ids[1]), room_command(room, carol, &ids[2])];
        let (demoted, by_bob, by_carol) = tokio::join!(
            db.store.change_role(&commands[0], bob, Role::Member),
            db.store.kick_member(&commands[1], dan),
            db.store.kick_member(&commands[2], dan),
        );
        assert!(committed(&demoted.unwrap()));
        let kicks = [committed(&by_bob.unwrap()), committed(&by_carol.unwrap())];
        assert_eq!(kicks.iter().filter(|kicked| **kicked).count(), 1);
        assert_sound(&db, room, alice).await;
    }
    db.drop().await;
}

#[tokio::test]
async fn an_owner_who_leaves_while_handing_over_leaves_one_owner_behind() {
    let db = Db::new().await;
    let (alice, bob, carol) = (db.user("alice").await, db.user("bob").await, db.user("carol").await);
    for turn in 0..30 {
        let room = db.group(alice, &[bob, carol]).await;
        db.make_admin(room, carol).await;
        let ids = [0; 3].map(|_| ClientMessageId::generate());
        let (hand_over, leave, leave_too) =
            (room_command(room, alice, &ids[0]), room_command(room, alice, &ids[1]), room_command(room, bob, &ids[2]));
        let (handed, left, bob_left) =
            tokio::join!(db.store.change_role(&hand_over, bob, Owner), db.store.leave_room(&leave), async {
                if turn % 2 == 0 { Some(db.store.leave_room(&leave_too).await) } else { None }
            },);
        assert!(committed(&left.unwrap()), "whoever owns it may leave");
        assert!(bob_left.is_none_or(|left| committed(&left.unwrap())));
        handed.unwrap();
        let roles = roles(&db, room).await;
        assert_eq!(owners(&roles).len(), 1, "turn {turn}: {roles:?}");
        assert!(roles.iter().all(|(user, _)| *user != alice));
        assert_sound(&db, room, owners(&roles)[0]).await;
    }
    db.drop().await;
}

#[tokio::test]
async fn two_who_create_their_direct_room_at_once_get_one_a_hundred_times() {
    let db = Db::new().await;
    for turn in 0..100 {
        let (alice, bob) = (db.user("alice").await, db.user("bob").await);
        let room = RoomId::direct(alice, bob);
        let ids = [0; 2].map(|_| ClientMessageId::generate());
        let (a, b) = (room_command(room, alice, &ids[0]), room_command(room, bob, &ids[1]));
        let (first, second) =
            tokio::join!(db.store.create_direct_room(&a, bob), db.store.create_direct_room(&b, alice));
        let new = [committed(&first.unwrap()), committed(&second.unwrap())];
        assert_eq!(new.iter().filter(|new| **new).count(), 1, "turn {turn}");
        assert_eq!(roles(&db, room).await, [(alice, Role::Member), (bob, Role::Member)], "turn {turn}");
        assert_sound(&db, room, alice).await;
    }
    db.drop().await;
}

#[tokio::test]
async fn an_invitation_and_a_kick_of_the_same_person_end_in_one_of_both() {
    let db = Db::new().await;
    let (alice, bob) = (db.user("alice").await, db.user("bob").await);
    let (room, whom) = (db.group(alice, &[bob]).await, [bob]);
    db.make_admin(room, bob).await;
    for _ in 0..30 {
        let ids = [0; 2].map(|_| ClientMessageId::generate());
        let (kick, invite) = (room_command(room, alice, &ids[0]), room_command(room, alice, &ids[1]));
        let (kicked, invited) = tokio::join!(db.store.kick_member(&kick, bob), db.store.invite_members(&invite, &whom));
        kicked.unwrap();
        invited.unwrap();
        assert_sound(&db, room, alice).await;
    }
    // Whoever comes back has no role of before.
    let roles = roles(&db, room).await;
    assert!(roles.iter().all(|(_, role)| *role != Admin), "{roles:?}");
    db.drop().await;
}
