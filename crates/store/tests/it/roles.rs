//! What the database permits is what the policy says, for each role and command.

use chat_protocol::{
    Action, ClientMessageId, EntryType, ErrorCode,
    Role::{self, Admin, Member, Owner},
    RoomId, RoomType, UserId, policy,
};
use chat_store::Applied;

use crate::{DELETE, Db, code, room_command, seq};

/// A room and a member of each role, and two more members.
struct Stage {
    db: Db,
    owner: UserId,
    admin: UserId,
    member: UserId,
    other_admin: UserId,
    other_member: UserId,
}

impl Stage {
    async fn new() -> Self {
        let db = Db::new().await;
        let [owner, admin, member, other_admin, other_member] = [
            db.user("owner").await,
            db.user("admin").await,
            db.user("member").await,
            db.user("other admin").await,
            db.user("other member").await,
        ];
        Self { db, owner, admin, member, other_admin, other_member }
    }

    async fn room(&self) -> RoomId {
        let others = [self.admin, self.member, self.other_admin, self.other_member];
        let room = self.db.group(self.owner, &others).await;
        self.db.make_admin(room, self.admin).await;
        self.db.make_admin(room, self.other_admin).await;
        room
    }

    fn actor(&self, role: Role) -> UserId {
        match role {
            Owner => self.owner,
            Admin => self.admin,
            Member => self.member,
        }
    }

    /// Somebody else of that role; there is only one owner.
    fn target(&self, role: Role) -> UserId {
        match role {
            Owner => self.owner,
            Admin => self.other_admin,
            Member => self.other_member,
        }
    }

    /// Does it, with whatever it needs; a role is changed to another one.
    async fn act(&self, room: RoomId, actor: UserId, action: Action) -> Applied {
        let id = ClientMessageId::generate();
        let (store, command) = (&self.db.store, &room_command(room, actor, &id));
        match action {
            Action::Invite => store.invite_members(command, &[self.db.user("guest").await]).await.unwrap(),
            Action::Leave => store.leave_room(command).await.unwrap(),
            Action::Rename => store.update_room(command, Some("renamed"), None).await.unwrap(),
            Action::Open => store.update_room(command, None, Some(true)).await.unwrap(),
            Action::DeleteOthers => {
                let said = self.db.say(room, self.other_member, "hello").await;
                self.db.change(room, actor, said.message_id, DELETE).await
            }
            Action::Kick(target) => store.kick_member(command, self.target(target)).await.unwrap(),
            Action::ChangeRole(target) => {
                let role = if target == Member { Admin } else { Member };
                store.change_role(command, self.target(target), role).await.unwrap()
            }
        }
    }
}

fn done(applied: &Applied) -> bool {
    match applied {
        Applied::Committed { duplicate, .. } | Applied::Changed { duplicate, .. } => !duplicate,
        Applied::Rejected(_) => false,
        Applied::Unchanged { .. } => panic!("{applied:?}"),
    }
}

#[tokio::test]
async fn every_role_may_what_the_policy_says_and_nothing_else() {
    let stage = Stage::new().await;
    for action in Action::ALL {
        for role in Role::ALL {
            let room = stage.room().await;
            let applied = stage.act(room, stage.actor(role), action).await;
            // The owner may change every role but his own: that ends in a hand-over only.
            let last_owner = action == Action::ChangeRole(Owner);
            let expected = policy::may(action, RoomType::Group, role) && !last_owner;
            assert_eq!(done(&applied), expected, "{role:?} {action:?}: {applied:?}");
            if !expected {
                assert_eq!(code(&applied), ErrorCode::Forbidden, "{role:?} {action:?}");
            }
        }
    }
    stage.db.drop().await;
}

#[tokio::test]
async fn to_strangers_and_former_members_the_room_is_not_there() {
    let stage = Stage::new().await;
    let (room, stranger) = (stage.room().await, stage.db.user("stranger").await);
    assert!(done(&stage.act(room, stage.other_member, Action::Leave).await));
    stage.db.say(room, stage.member, "something").await;
    for action in
        [Action::Invite, Action::Leave, Action::Rename, Action::Open, Action::Kick(Admin), Action::ChangeRole(Admin)]
    {
        for actor in [stranger, stage.other_member] {
            assert_eq!(code(&stage.act(room, actor, action).await), ErrorCode::RoomNotFound, "{action:?}");
        }
        let nowhere = stage.act(RoomId::generate(), stranger, action).await;
        assert_eq!(nowhere, stage.act(room, stranger, action).await, "one answer: {action:?}");
    }
    stage.db.drop().await;
}

#[tokio::test]
async fn nothing_of_it_is_for_direct_rooms() {
    let db = Db::new().await;
    let (alice, bob) = (db.user("alice").await, db.user("bob").await);
    let room = RoomId::direct(alice, bob);
    let id = ClientMessageId::generate();
    db.store.create_direct_room(&room_command(room, alice, &id), bob).await.unwrap();
    let id = ClientMessageId::generate();
    let (store, command) = (&db.store, &room_command(room, alice, &id));
    for refused in [
        store.invite_members(command, &[bob]).await,
        store.leave_room(command).await,
        store.join_room(command).await,
        store.update_room(command, Some("x"), None).await,
        store.update_room(command, None, Some(true)).await,
        store.kick_member(command, bob).await,
        store.change_role(command, bob, Owner).await,
    ] {
        assert_eq!(code(&refused.unwrap()), ErrorCode::Forbidden);
    }
    let said = db.say(room, bob, "mine").await;
    assert_eq!(code(&db.change(room, alice, said.message_id, DELETE).await), ErrorCode::Forbidden);
    let stranger = db.user("stranger").await;
    assert_eq!(code(&store.join_room(&room_command(room, stranger, &id)).await.unwrap()), ErrorCode::RoomNotFound);
    db.drop().await;
}

#[tokio::test]
async fn a_new_owner_takes_the_old_ones_place() {
    let stage = Stage::new().await;
    let room = stage.room().await;
    let id = ClientMessageId::generate();
    let command = room_command(room, stage.owner, &id);
    let applied = stage.db.store.change_role(&command, stage.member, Owner).await.unwrap();
    let Applied::Committed { entry, .. } = &applied else { panic!("{applied:?}") };
    assert_eq!((entry.entry_type, &*entry.content), (EntryType::SystemRole, "OWNER"));
    assert_eq!(entry.members.iter().map(|member| member.user_id).collect::<Vec<_>>(), [stage.member]);
    let members = stage.db.store.list_members(room).await.unwrap();
    let role = |user| members.iter().find(|member| member.user_id == user).unwrap().role;
    assert_eq!((role(stage.member), role(stage.owner)), (Owner, Admin));
    // He was the owner when he asked: a repeat is told what became of it, and changes nothing.
    let again = stage.db.store.change_role(&command, stage.member, Owner).await.unwrap();
    assert_eq!(seq(&again), (entry.seq, true));
    let other = ClientMessageId::generate();
    let refused =
        stage.db.store.change_role(&room_command(room, stage.owner, &other), stage.owner, Owner).await.unwrap();
    assert_eq!(code(&refused), ErrorCode::Forbidden);
    stage.db.drop().await;
}

#[tokio::test]
async fn what_is_so_already_takes_no_place() {
    let stage = Stage::new().await;
    let room = stage.room().await;
    let head = stage.db.store.membership(room, stage.owner).await.unwrap().unwrap().head;
    let id = ClientMessageId::generate();
    let (store, command) = (&stage.db.store, &room_command(room, stage.owner, &id));
    for unchanged in [
        store.update_room(command, Some("team"), Some(false)).await,
        store.change_role(command, stage.admin, Admin).await,
        store.change_role(command, stage.owner, Owner).await,
        store.join_room(command).await,
    ] {
        assert_eq!(unchanged.unwrap(), Applied::Unchanged { head, message_id: None });
    }
    let nobody = store.kick_member(command, UserId::generate()).await.unwrap();
    assert_eq!(code(&nobody), ErrorCode::UserNotFound);
    stage.db.drop().await;
}

#[tokio::test]
async fn whoever_is_kicked_is_out_until_invited_even_of_an_open_room() {
    let stage = Stage::new().await;
    let (room, store) = (stage.room().await, &stage.db.store);
    let ids: Vec<ClientMessageId> = (0..9).map(|_| ClientMessageId::generate()).collect();
    store.update_room(&room_command(room, stage.owner, &ids[0]), Some("open house"), Some(true)).await.unwrap();
    let kick = store.kick_member(&room_command(room, stage.admin, &ids[1]), stage.member).await.unwrap();
    let Applied::Committed { entry, .. } = &kick else { panic!("{kick:?}") };
    assert_eq!((entry.entry_type, entry.removed()), (EntryType::SystemKick, vec![stage.member]));
    assert_eq!(store.membership(room, stage.member).await.unwrap(), None);
    assert_eq!(store.room(stage.owner, room).await.unwrap().unwrap().member_count, 4);
    let back = store.join_room(&room_command(room, stage.member, &ids[2])).await.unwrap();
    assert_eq!(code(&back), ErrorCode::RoomNotFound);

    // Whoever left by himself comes back, and sees from there on.
    store.leave_room(&room_command(room, stage.other_member, &ids[3])).await.unwrap();
    let back = store.join_room(&room_command(room, stage.other_member, &ids[4])).await.unwrap();
    let Applied::Committed { entry, .. } = &back else { panic!("{back:?}") };
    assert_eq!((entry.entry_type, entry.members.len()), (EntryType::SystemJoin, 1));
    assert_eq!(store.membership(room, stage.other_member).await.unwrap().unwrap().joined_seq, entry.seq);
    let stranger = stage.db.user("stranger").await;
    assert!(done(&store.join_room(&room_command(room, stranger, &ids[5])).await.unwrap()));

    store.invite_members(&room_command(room, stage.owner, &ids[6]), &[stage.member]).await.unwrap();
    assert!(store.membership(room, stage.member).await.unwrap().is_some());
    store.update_room(&room_command(room, stage.owner, &ids[7]), None, Some(false)).await.unwrap();
    let late = stage.db.user("late").await;
    assert_eq!(code(&store.join_room(&room_command(room, late, &ids[8])).await.unwrap()), ErrorCode::RoomNotFound);
    stage.db.drop().await;
}

#[tokio::test]
async fn whoever_comes_into_an_open_room_that_everybody_left_owns_it() {
    let db = Db::new().await;
    let (alice, bob) = (db.user("alice").await, db.user("bob").await);
    let (room, ids) = (RoomId::generate(), [0; 3].map(|_| ClientMessageId::generate()));
    db.store.create_group_room(&room_command(room, alice, &ids[0]), "square", &[], true).await.unwrap();
    db.store.leave_room(&room_command(room, alice, &ids[1])).await.unwrap();
    assert_eq!(seq(&db.store.join_room(&room_command(room, bob, &ids[2])).await.unwrap()), (3, false));
    let members = db.store.list_members(room).await.unwrap();
    assert_eq!(members.iter().map(|member| (member.user_id, member.role)).collect::<Vec<_>>(), [(bob, Owner)]);
    let seen = db.store.room(bob, room).await.unwrap().unwrap();
    assert_eq!((seen.open, seen.member_count), (true, 1));
    db.drop().await;
}

#[tokio::test]
async fn where_a_command_ended_up_is_found_changes_of_messages_included() {
    let db = Db::new().await;
    let alice = db.user("alice").await;
    let room = db.group(alice, &[]).await;
    let said = db.say(room, alice, "hello").await;
    let found = db.store.stored_outcome(room, alice, &said.client_message_id).await.unwrap().unwrap();
    assert_eq!((found.message_id, found.seq, found.at), (said.message_id, said.seq, said.sent_at));
    let id = ClientMessageId::generate();
    assert_eq!(db.store.stored_outcome(room, alice, &id).await.unwrap(), None);
    db.change_as(&id, room, alice, said.message_id, DELETE).await;
    let found = db.store.stored_outcome(room, alice, &id).await.unwrap().unwrap();
    assert_eq!((found.message_id, found.seq), (said.message_id, said.seq + 1), "the message, and the change's place");
    let marks = db.store.list_read_marks(room).await.unwrap();
    assert_eq!(marks.iter().map(|mark| (mark.user_id, mark.read_seq)).collect::<Vec<_>>(), [(alice, said.seq)]);
    db.drop().await;
}
