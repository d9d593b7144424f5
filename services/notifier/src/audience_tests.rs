use chat_protocol::{Entry, RoomId};

use super::*;
use crate::news::{by_room, tests::message};

const ALICE: UserId = user(1);
const BOB: UserId = user(2);
const CAROL: UserId = user(3);
const DAVE: UserId = user(4);

const fn user(n: u128) -> UserId {
    UserId(uuid::Uuid::from_u128(n))
}

fn member(user_id: UserId) -> Listener {
    Listener { user_id, joined_seq: 0, read_seq: 0, wants: RoomNotifications::default() }
}

fn group(members: &[Listener]) -> Listeners {
    Listeners { direct: false, members: members.to_vec() }
}

/// Recipients, newest seq and count of each announcement.
fn short(told: &[Announcement]) -> Vec<(&[UserId], i64, u32)> {
    told.iter().map(|told| (&told.recipients[..], told.notification.seq, told.notification.count)).collect()
}

#[test]
fn members_who_do_not_look_are_told_what_others_wrote() {
    type Users = &'static [UserId];
    // Case; who wrote seq 1, 2 …; members; viewers; what is told as recipients, newest seq and count.
    type Case = (&'static str, Users, Users, Users, &'static [(Users, i64, u32)]);
    let table: [Case; 8] = [
        ("nobody looks", &[ALICE], &[ALICE, BOB, CAROL], &[], &[(&[BOB, CAROL], 1, 1)]),
        ("one looks", &[ALICE], &[ALICE, BOB, CAROL], &[ALICE, BOB], &[(&[CAROL], 1, 1)]),
        ("everybody looks", &[ALICE], &[ALICE, BOB], &[ALICE, BOB], &[]),
        ("alone in the room", &[ALICE], &[ALICE], &[], &[]),
        (
            "a conversation",
            &[ALICE, BOB, ALICE],
            &[ALICE, BOB, CAROL, DAVE],
            &[],
            &[(&[ALICE], 2, 1), (&[BOB], 3, 2), (&[CAROL, DAVE], 3, 3)],
        ),
        ("a conversation of two who look", &[ALICE, BOB], &[ALICE, BOB], &[ALICE, BOB], &[]),
        ("the sender has left", &[ALICE], &[BOB], &[], &[(&[BOB], 1, 1)]),
        ("a viewer who is no member", &[ALICE], &[ALICE, BOB], &[DAVE], &[(&[BOB], 1, 1)]),
    ];
    for (case, senders, members, viewers, expected) in table {
        let room = RoomId::generate();
        let messages = (1..).zip(senders).map(|(seq, sender)| message(room, seq, *sender));
        let members: Vec<_> = members.iter().map(|user| member(*user)).collect();
        let viewers = viewers.iter().copied().collect();
        let told = announcements(&by_room(messages)[0], &group(&members), &viewers, Timestamp::UNIX_EPOCH);
        assert_eq!(short(&told), expected, "{case}");
    }
}

#[test]
fn a_member_is_told_what_came_later_was_not_read_and_is_wanted() {
    // Of the messages 1, 2 and 3 by alice the second mentions bob. Case; bob's joined_seq, read_seq and wishes; seq, count, mention.
    type Case = (&'static str, i64, i64, RoomNotifications, Option<(i64, u32, bool)>);
    let now = Timestamp::from_second(1_000).unwrap();
    let (past, future) = (Timestamp::from_second(999).unwrap(), Timestamp::from_second(1_001).unwrap());
    let wants = |level, muted_until| RoomNotifications { level, muted_until };
    let [everything, mentions, nothing] = NotifyLevel::ALL.map(|level| wants(level, None));
    let table: [Case; 12] = [
        ("everything", 0, 0, everything, Some((3, 3, true))),
        ("joined by the first", 1, 0, everything, Some((3, 2, true))),
        ("joined after the second", 2, 2, everything, Some((3, 1, false))),
        ("joined later", 4, 4, everything, None),
        ("read the second", 0, 2, everything, Some((3, 1, false))),
        ("read all", 0, 3, everything, None),
        ("mentions", 0, 0, mentions, Some((2, 1, true))),
        ("mentions, read", 0, 2, mentions, None),
        ("nothing", 0, 0, nothing, None),
        ("muted for now", 0, 0, wants(NotifyLevel::All, Some(future)), None),
        ("muted for now, and mentioned", 0, 0, wants(NotifyLevel::Mentions, Some(future)), None),
        ("muted until lately", 0, 0, wants(NotifyLevel::All, Some(past)), Some((3, 3, true))),
    ];
    for (case, joined_seq, read_seq, wants, expected) in table {
        let room = RoomId::generate();
        let mention = Entry { content: format!("<@{BOB}> look"), ..message(room, 2, ALICE) };
        let news = by_room([message(room, 1, ALICE), mention, message(room, 3, ALICE)]);
        let bob = Listener { joined_seq, read_seq, wants, ..member(BOB) };
        let told = announcements(&news[0], &group(&[bob]), &HashSet::new(), now);
        let told: Vec<_> =
            told.iter().map(|t| (t.notification.seq, t.notification.count, t.notification.mention)).collect();
        assert_eq!(told, Vec::from_iter(expected), "{case}");
    }
}

#[test]
fn a_direct_room_is_one() {
    let news = by_room([message(RoomId::generate(), 1, ALICE)]);
    let pair = Listeners { direct: true, members: vec![member(ALICE), member(BOB)] };
    let told = announcements(&news[0], &pair, &HashSet::new(), Timestamp::UNIX_EPOCH);
    assert!(told[0].notification.direct);
}

#[test]
fn devices_are_for_those_who_have_no_session() {
    let room = RoomId::generate();
    let news = by_room([message(room, 7, ALICE)]);
    let members: Vec<_> = [ALICE, BOB, CAROL, DAVE].map(member).to_vec();
    let told = announcements(&news[0], &group(&members), &HashSet::new(), Timestamp::UNIX_EPOCH);
    let (with_devices, online) = (HashSet::from([ALICE, BOB, CAROL]), HashSet::from([BOB, DAVE]));
    let pushes = for_devices(&told, &with_devices, &online, SignedDuration::from_secs(60));
    let expires_at = Timestamp::from_second(67).unwrap();
    assert_eq!(pushes, [NewPush { user_id: CAROL, room_id: room, seq: 7, expires_at }]);
}
