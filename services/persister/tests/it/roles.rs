use chat_protocol::{Command, CommandBody, ErrorCode, Role};

use crate::{Setup, command, send};

#[tokio::test]
async fn a_kick_ends_the_membership_at_its_place_and_says_whose() {
    let mut setup = Setup::new().await;
    let (ann, bob) = (setup.user("ann").await, setup.user("bob").await);
    let persister = setup.start();
    let room = setup.group(ann).await;
    let kick = command(room, ann, CommandBody::KickMember { user_id: bob });
    let orders: [&Command; 6] = [
        &command(room, ann, CommandBody::InviteMembers { user_ids: vec![bob] }),
        &command(room, ann, CommandBody::ChangeRole { user_id: bob, role: Role::Admin }),
        &command(room, bob, CommandBody::UpdateRoom { name: Some("bob's".into()), open: None }),
        &send(room, bob, "before"),
        &kick,
        &send(room, bob, "after"),
    ];
    for order in orders {
        setup.command(order).await;
    }
    let told = setup.events(6).await;
    let types: Vec<&str> = told.iter().map(|told| told.event.event_type.as_str()).collect();
    let expected = ["MembersInvited", "RoleChanged", "RoomUpdated", "MessageSent", "MemberKicked", "CommandRejected"];
    assert_eq!(types, expected);
    assert_eq!((told[4].seq(), &told[4].event.removed), (6, &vec![bob]));
    assert!(told[..4].iter().all(|told| told.event.removed.is_empty()));
    assert_eq!(told[5].outcome.code, Some(ErrorCode::RoomNotFound));

    setup.command(&kick).await;
    let again = &setup.events(1).await[0];
    assert_eq!((again.seq(), again.outcome.duplicate), (6, true), "a redelivered kick is made once");
    assert_eq!(setup.stored(room).await.len(), 6);
    persister.stop().await;
}
