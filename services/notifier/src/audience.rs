//! Who is told: the members, without those who have the room open, each about what others wrote.

use std::collections::HashSet;

use chat_protocol::{UserId, push::Notification};

use crate::news::RoomNews;

/// One notification and everybody who gets it.
#[derive(Debug, PartialEq, Eq)]
pub struct Announcement {
    /// What is told.
    pub notification: Notification,
    /// Whom.
    pub recipients: Vec<UserId>,
}

/// What is told to whom; a member comes with the seq by which they joined. Nearly all get the same; only those who wrote themselves, or came
/// while the others were writing, get their own view, or nothing.
pub fn announcements(news: &RoomNews, members: &[(UserId, i64)], viewers: &HashSet<UserId>) -> Vec<Announcement> {
    let (senders, first_seq) = (news.senders(), news.first_seq());
    let concerned = members.iter().copied().filter(|(member, _)| !viewers.contains(member));
    let (special, readers): (Vec<_>, Vec<_>) =
        concerned.partition(|(member, joined_seq)| senders.contains(member) || *joined_seq > first_seq);
    let readers = readers.into_iter().map(|(member, _)| member).collect();
    let own_views = special.into_iter().map(|(member, joined_seq)| (news.for_member(member, joined_seq), vec![member]));
    std::iter::once((news.for_readers(), readers))
        .chain(own_views)
        .filter(|(_, recipients)| !recipients.is_empty())
        .filter_map(|(notification, recipients)| Some(Announcement { notification: notification?, recipients }))
        .collect()
}

#[cfg(test)]
mod tests {
    use chat_protocol::RoomId;

    use super::*;
    use crate::news::{by_room, tests::message};

    const ALICE: UserId = user(1);
    const BOB: UserId = user(2);
    const CAROL: UserId = user(3);
    const DAVE: UserId = user(4);

    const fn user(n: u128) -> UserId {
        UserId(uuid::Uuid::from_u128(n))
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
                &[(&[CAROL, DAVE], 3, 3), (&[ALICE], 2, 1), (&[BOB], 3, 2)],
            ),
            ("a conversation of two who look", &[ALICE, BOB], &[ALICE, BOB], &[ALICE, BOB], &[]),
            ("the sender has left", &[ALICE], &[BOB], &[], &[(&[BOB], 1, 1)]),
            ("a viewer who is no member", &[ALICE], &[ALICE, BOB], &[DAVE], &[(&[BOB], 1, 1)]),
        ];
        for (case, senders, members, viewers, expected) in table {
            let room = RoomId::generate();
            let messages = (1..).zip(senders).map(|(seq, sender)| message(room, seq, *sender));
            let news = &by_room(messages)[0];
            let members: Vec<_> = members.iter().map(|member| (*member, 0)).collect();
            let told = announcements(news, &members, &viewers.iter().copied().collect());
            let told: Vec<_> =
                told.iter().map(|a| (&a.recipients[..], a.notification.seq, a.notification.count)).collect();
            assert_eq!(told, expected, "{case}");
        }
    }

    #[test]
    fn whoever_came_later_is_told_nothing_from_before() {
        let room = RoomId::generate();
        let messages = (1..=3).map(|seq| message(room, seq, ALICE));
        let news = &by_room(messages)[0];
        let told = announcements(news, &[(ALICE, 0), (BOB, 0), (CAROL, 2), (DAVE, 3)], &HashSet::new());
        let told: Vec<_> = told.iter().map(|a| (&a.recipients[..], a.notification.seq, a.notification.count)).collect();
        assert_eq!(told, [(&[BOB][..], 3, 3), (&[CAROL][..], 3, 1)]);
    }
}
