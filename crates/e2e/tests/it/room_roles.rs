//! Who may do what, seen from outside: every operation in every role, and what the room is told.

use chat_client::{RestClient, rest::RestError};
use chat_e2e::{Person, System, Talk};
use chat_protocol::{
    EntryType, ErrorCode,
    Role::{self, Admin, Member, Owner},
    RoomId,
    frame::ServerPush,
};

/// A group with an owner, an admin and two members, and somebody who is none.
struct Stage {
    system: std::sync::Arc<System>,
    people: [Person; 5],
}

const OWNER: usize = 0;
const ADMIN: usize = 1;
const MEMBER: usize = 2;
const OTHER: usize = 3;
const STRANGER: usize = 4;

impl Stage {
    async fn new() -> Self {
        let system = System::shared().await;
        let people = [
            system.person("owner").await,
            system.person("admin").await,
            system.person("member").await,
            system.person("other").await,
            system.person("stranger").await,
        ];
        Self { system, people }
    }

    async fn room(&self) -> RoomId {
        let room = self.system.group(&self.people.iter().take(STRANGER).collect::<Vec<_>>()).await;
        self.rest(OWNER).change_role(room, self.people[ADMIN].id, Admin).await.unwrap();
        room
    }

    /// On either gateway.
    fn rest(&self, person: usize) -> RestClient {
        self.system.rest(person % 2, &self.people[person])
    }

    async fn role(&self, room: RoomId, person: usize) -> Option<String> {
        let members = self.rest(OTHER).members(room).await.unwrap();
        members.into_iter().find(|member| member.user_id == self.people[person].id).map(|member| member.role)
    }
}

fn code<T>(result: Result<T, RestError>) -> Option<ErrorCode> {
    result.err().map(|error| error.code().unwrap_or_else(|| panic!("{error}")))
}

const FORBIDDEN: Option<ErrorCode> = Some(ErrorCode::Forbidden);
const NOT_THERE: Option<ErrorCode> = Some(ErrorCode::RoomNotFound);

#[tokio::test]
async fn each_operation_is_for_the_roles_of_the_policy() {
    let stage = Stage::new().await;
    let room = stage.room().await;
    let at_other = stage.system.connect(0, &stage.people[OTHER], &[]).await;
    at_other.say(room, "hello").await;
    let id = |person: usize| stage.people[person].id;

    for (person, expected) in [(MEMBER, FORBIDDEN), (ADMIN, None), (OWNER, None), (STRANGER, NOT_THERE)] {
        let name = format!("named by {person}");
        assert_eq!(code(stage.rest(person).rename(room, &name).await), expected, "rename by {person}");
    }
    for (person, expected) in [(MEMBER, FORBIDDEN), (ADMIN, FORBIDDEN), (OWNER, None), (STRANGER, NOT_THERE)] {
        assert_eq!(code(stage.rest(person).set_open(room, true).await), expected, "open by {person}");
    }
    for (person, target, expected) in [
        (MEMBER, OTHER, FORBIDDEN),
        (ADMIN, OTHER, FORBIDDEN),
        (STRANGER, OTHER, NOT_THERE),
        (OWNER, STRANGER, Some(ErrorCode::UserNotFound)),
        (OWNER, OWNER, FORBIDDEN),
        (OWNER, OTHER, None),
    ] {
        let changed = stage.rest(person).change_role(room, id(target), Admin).await;
        assert_eq!(code(changed), expected, "role of {target} by {person}");
    }
    for (person, target, expected) in [
        (MEMBER, OWNER, FORBIDDEN),
        (MEMBER, MEMBER, FORBIDDEN),
        (MEMBER, STRANGER, FORBIDDEN),
        (ADMIN, OWNER, FORBIDDEN),
        (ADMIN, ADMIN, FORBIDDEN),
        (ADMIN, OTHER, FORBIDDEN), // an admin by now
        (OWNER, OWNER, FORBIDDEN),
        (STRANGER, MEMBER, NOT_THERE),
        (ADMIN, STRANGER, Some(ErrorCode::UserNotFound)),
        (ADMIN, MEMBER, None),
        (OWNER, ADMIN, None),
    ] {
        assert_eq!(code(stage.rest(person).kick(room, id(target)).await), expected, "kick of {target} by {person}");
    }
    assert_eq!(code(stage.rest(MEMBER).rename(room, "back").await), NOT_THERE, "the kicked are strangers");
    let nowhere = RoomId::generate();
    assert_eq!(code(stage.rest(OWNER).kick(nowhere, id(OTHER)).await), NOT_THERE);
    assert_eq!(code(stage.rest(OWNER).join(nowhere).await), NOT_THERE);
}

#[tokio::test]
async fn a_direct_room_stays_as_it_is() {
    let stage = Stage::new().await;
    let (owner, other) = (stage.rest(OWNER), stage.people[OTHER].id);
    let room = owner.direct_room(other).await.unwrap();
    assert_eq!(code(owner.rename(room, "us").await), FORBIDDEN);
    assert_eq!(code(owner.set_open(room, true).await), FORBIDDEN);
    assert_eq!(code(owner.kick(room, other).await), FORBIDDEN);
    assert_eq!(code(owner.change_role(room, other, Owner).await), FORBIDDEN);
    assert_eq!(code(owner.join(room).await), FORBIDDEN);
    assert_eq!(code(owner.leave(room).await), FORBIDDEN);
    assert_eq!(code(stage.rest(STRANGER).join(room).await), NOT_THERE);
}

#[tokio::test]
async fn the_room_is_told_of_names_roles_joins_and_kicks_in_order() {
    let stage = Stage::new().await;
    let room = stage.system.group(&[&stage.people[OWNER], &stage.people[OTHER]]).await;
    let mut watching = stage.system.connect(1, &stage.people[OTHER], &[(room, Some(0))]).await;
    let owner = stage.rest(OWNER);
    assert_eq!(owner.rename(room, "open house").await.unwrap().name, "open house");
    assert!(owner.set_open(room, true).await.unwrap().open);
    let joined = stage.rest(STRANGER).join(room).await.unwrap();
    assert_eq!((joined.name.as_str(), joined.member_count, joined.unread_count), ("open house", 3, 0));
    owner.change_role(room, stage.people[STRANGER].id, Role::Admin).await.unwrap();
    owner.kick(room, stage.people[STRANGER].id).await.unwrap();
    owner.rename(room, "open house").await.unwrap();
    owner.change_role(room, stage.people[OTHER].id, Owner).await.unwrap();

    let entries = watching.entries(room, 7).await;
    chat_e2e::assert_gapless(&entries, 1);
    let told: Vec<_> = entries[1..]
        .iter()
        .map(|entry| {
            let members: Vec<&str> = entry.members.iter().map(|member| member.nickname.as_str()).collect();
            (entry.entry_type, entry.sender_nickname.as_str(), entry.content.as_str(), members.join(","))
        })
        .collect();
    let expected = [
        (EntryType::SystemRename, "owner", "open house", ""),
        (EntryType::SystemRename, "owner", "open house", ""),
        (EntryType::SystemJoin, "stranger", "", "stranger"),
        (EntryType::SystemRole, "owner", "ADMIN", "stranger"),
        (EntryType::SystemKick, "owner", "", "stranger"),
        (EntryType::SystemRole, "owner", "OWNER", "other"),
    ];
    assert_eq!(told, expected.map(|(kind, who, content, members)| (kind, who, content, members.to_owned())));
    assert_eq!(stage.role(room, OWNER).await.as_deref(), Some("ADMIN"), "there is one owner");
    assert_eq!(stage.role(room, OTHER).await.as_deref(), Some("OWNER"));
    assert_eq!(code(owner.change_role(room, stage.people[OTHER].id, Member).await), FORBIDDEN);
}

#[tokio::test]
async fn an_open_room_takes_whoever_knows_its_id_but_nobody_who_was_kicked() {
    let stage = Stage::new().await;
    let owner = stage.rest(OWNER);
    let room = owner.create_open_room("market").await.unwrap();
    assert!(room.open);
    let (room, at_owner) = (room.room_id, stage.system.connect(0, &stage.people[OWNER], &[]).await);
    at_owner.say(room, "before").await;
    let joined = stage.rest(MEMBER).join(room).await.unwrap();
    assert_eq!((joined.head_seq, joined.member_count), (3, 2));
    assert_eq!(stage.rest(MEMBER).join(room).await.unwrap().head_seq, 3, "a member already: no place taken");
    let seen = stage.rest(MEMBER).events(room, 0, 50).await.unwrap();
    assert_eq!(
        seen.events.iter().map(chat_client::rest::RoomEvent::seq).collect::<Vec<_>>(),
        [3],
        "nothing from before"
    );

    let mut at_member = stage.system.connect(1, &stage.people[MEMBER], &[(room, None)]).await;
    owner.kick(room, stage.people[MEMBER].id).await.unwrap();
    let ends = |push: &ServerPush| matches!(push, ServerPush::Unsubscribed { room_id, .. } if *room_id == room);
    at_member.hear_until("the end of the subscription", ends).await;
    assert_eq!(code(stage.rest(MEMBER).join(room).await), NOT_THERE);
    owner.invite(room, &[stage.people[MEMBER].id]).await.unwrap();
    assert_eq!(stage.rest(MEMBER).room(room).await.unwrap().head_seq, 5);
    stage.rest(MEMBER).leave(room).await.unwrap();
    stage.rest(MEMBER).join(room).await.unwrap();
    owner.set_open(room, false).await.unwrap();
    assert_eq!(code(stage.rest(OTHER).join(room).await), NOT_THERE);
}
