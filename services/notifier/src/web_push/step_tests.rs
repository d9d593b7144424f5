use chat_protocol::{NotifyLevel, RoomId, UserId};
use chat_store::RoomNotifications;
use serde_json::json;
use uuid::Uuid;

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// Message 7, expiring at 100, not shown before.
fn job(state: PushState) -> ClaimedPush {
    ClaimedPush {
        device_id: Uuid::nil(),
        room_id: RoomId(Uuid::nil()),
        seq: 7,
        state,
        attempts: 1,
        origin: "https://push.example".into(),
        expires_at: at(100),
        shown_before: false,
        claim: Uuid::nil(),
    }
}

/// A member who joined by 1, has read up to 5 (number 3), and wants everything; message 7 has number 5.
fn target() -> PushTarget {
    let wants = RoomNotifications::default();
    PushTarget {
        endpoint: "https://push.example/1".into(),
        p256dh: Vec::new(),
        auth: Vec::new(),
        registered_at: at(1),
        user_id: UserId(Uuid::max()),
        direct: false,
        member: Some(PushMember { joined_seq: 1, read_seq: 5, read_number: 3, wants }),
        message: Some(PushMessage { number: 5, content: "hi".into(), sender_nickname: "bob".into() }),
    }
}

fn with(change: impl FnOnce(&mut PushTarget, &mut PushMember, &mut PushMessage)) -> PushTarget {
    let mut target = target();
    let (mut member, mut message) = (target.member.take().unwrap(), target.message.take().unwrap());
    change(&mut target, &mut member, &mut message);
    PushTarget { member: Some(member), message: Some(message), ..target }
}

fn urgent(target: &PushTarget) -> Option<bool> {
    match step(&job(PushState::Pending), target, at(10)) {
        Step::Send(Payload::Message { urgent, .. }) => Some(urgent),
        _ => None,
    }
}

#[test]
fn a_push_says_what_there_is_to_say() {
    let Step::Send(payload) = step(&job(PushState::Pending), &target(), at(10)) else { panic!("not sent") };
    let nil = "00000000-0000-0000-0000-000000000000";
    let expected = json!({
        "type": "message", "id": format!("{nil}:7"), "roomId": nil, "seq": 7, "senderNickname": "bob", "preview": "hi", "count": 2
    });
    assert_eq!(serde_json::to_value(&payload).unwrap(), expected);
    let shown = ClaimedPush { shown_before: true, ..job(PushState::Withdraw) };
    let Step::Send(payload) = step(&shown, &target(), at(10)) else { panic!("not sent") };
    let expected = json!({ "type": "withdraw", "id": format!("{nil}:7"), "roomId": nil, "seq": 7 });
    assert_eq!(serde_json::to_value(&payload).unwrap(), expected);
}

#[test]
fn the_longest_push_fits_into_one_record() {
    let long = with(|_, _, message| {
        message.content = "\u{1}".repeat(5_000);
        message.sender_nickname = "\u{1}".repeat(50);
    });
    let Step::Send(payload) = step(&job(PushState::Pending), &long, at(10)) else { panic!("not sent") };
    assert!(serde_json::to_vec(&payload).unwrap().len() < 3_000);
}

#[test]
fn what_is_no_longer_needed_is_not_sent_and_what_was_shown_is_taken_back() {
    let unneeded = [
        ("read meanwhile", with(|_, member, _| member.read_seq = 7)),
        ("joined anew", with(|_, member, _| member.joined_seq = 8)),
        ("muted", with(|_, member, _| member.wants.muted_until = Some(at(11)))),
        ("wants nothing", with(|_, member, _| member.wants.level = NotifyLevel::None)),
        ("not mentioned", with(|_, member, _| member.wants.level = NotifyLevel::Mentions)),
        ("gone", PushTarget { member: None, ..target() }),
        ("deleted, and nothing else unread", PushTarget { message: None, ..target() }),
    ];
    let fresh = job(PushState::Pending);
    let shown = ClaimedPush { shown_before: true, ..fresh.clone() };
    for (case, target) in unneeded {
        assert_eq!(step(&fresh, &target, at(10)), Step::Skip(Skip::Unneeded), "{case}");
        assert_eq!(step(&shown, &target, at(10)), Step::TakeBack, "{case}");
    }
    assert_eq!(step(&job(PushState::Withdraw), &target(), at(10)), Step::Skip(Skip::Unneeded), "was never shown");
    for state in [PushState::Pending, PushState::Withdraw] {
        let shown = ClaimedPush { shown_before: true, ..job(state) };
        assert_eq!(step(&shown, &target(), at(100)), Step::Skip(Skip::Expired));
    }
}

#[test]
fn a_mention_or_a_direct_room_is_urgent() {
    assert_eq!(urgent(&target()), Some(false));
    assert_eq!(urgent(&with(|target, _, _| target.direct = true)), Some(true));
    let mention = with(|target, member, message| {
        message.content = format!("<@{}>", target.user_id);
        member.wants.level = NotifyLevel::Mentions;
    });
    assert_eq!(urgent(&mention), Some(true));
    assert_eq!(urgent(&with(|_, member, _| member.wants.muted_until = Some(at(10)))), Some(false), "muted until now");
}
