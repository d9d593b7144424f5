//! Who may do what in a room: the one table. The persister hands the rows to the database, which judges under the room's lock.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use self::{
    Action::{ChangeRole, DeleteOthers, Invite, Kick, Leave, Open, Rename},
    Role::{Admin, Member, Owner},
};

/// Kind of a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum RoomType {
    /// Two people, one room per pair, for ever.
    Direct,
    /// Any number.
    Group,
}

impl RoomType {
    /// The name on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Direct => "DIRECT",
            Self::Group => "GROUP",
        }
    }
}

/// What a member may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Role {
    /// Made the group or inherited it. Every group that has members has exactly one.
    Owner,
    /// Helps the owner.
    Admin,
    /// Talks.
    Member,
}

impl Role {
    /// Every role, the mightiest first.
    pub const ALL: [Self; 3] = [Owner, Admin, Member];

    /// The name on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Owner => "OWNER",
            Admin => "ADMIN",
            Member => "MEMBER",
        }
    }

    /// The inverse of [`Self::as_str`].
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == name)
    }
}

/// What not every member of every room may do. Everything else (sending, reacting, changing one's own messages, reading) every member may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Add members.
    Invite,
    /// End one's own membership.
    Leave,
    /// Give the room another name.
    Rename,
    /// Let everybody join who knows the room's id, or no longer.
    Open,
    /// Delete somebody else's message.
    DeleteOthers,
    /// End the membership of a member of that role.
    Kick(Role),
    /// Change the role of a member of that role. A new owner takes the old one's place, who becomes admin; there is no other way to
    /// change the owner's role.
    ChangeRole(Role),
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 11] = [
        Invite,
        Leave,
        Rename,
        Open,
        DeleteOthers,
        Kick(Owner),
        Kick(Admin),
        Kick(Member),
        ChangeRole(Owner),
        ChangeRole(Admin),
        ChangeRole(Member),
    ];
}

/// Who may, in a group. In a direct room nobody may do any of it: it has its two members for ever.
///
/// To join needs no role: an open group may be joined by everybody but those who were kicked; any other room is not there for strangers.
fn in_a_group(action: Action) -> &'static [Role] {
    match action {
        Invite | Leave => &[Owner, Admin, Member],
        Rename | DeleteOthers | Kick(Member) => &[Owner, Admin],
        Open | Kick(Admin) | ChangeRole(_) => &[Owner],
        // Which includes oneself: an owner leaves, or makes somebody else owner.
        Kick(Owner) => &[],
    }
}

/// Whether a member of this role may do it in a room of this type.
pub fn may(action: Action, room_type: RoomType, role: Role) -> bool {
    room_type == RoomType::Group && in_a_group(action).contains(&role)
}

/// The rows of the table for whoever does all of `actions` at once, as the database reads them: `GROUP ADMIN`.
pub fn grants(actions: &[Action]) -> Vec<String> {
    let mut grants = Vec::new();
    for room_type in [RoomType::Direct, RoomType::Group] {
        let all = |role: &Role| actions.iter().all(|action| may(*action, room_type, *role));
        grants.extend(Role::ALL.iter().filter(|role| all(role)).map(|role| grant(room_type, *role)));
    }
    grants
}

/// The rows for an action on another member, with the other's role: `GROUP ADMIN MEMBER`.
pub fn grants_on(action: fn(Role) -> Action) -> Vec<String> {
    let on =
        |target: Role| grants(&[action(target)]).into_iter().map(move |grant| format!("{grant} {}", target.as_str()));
    Role::ALL.into_iter().flat_map(on).collect()
}

fn grant(room_type: RoomType, role: Role) -> String {
    format!("{} {}", room_type.as_str(), role.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_may_do_any_of_it_in_a_direct_room_and_owners_nearly_all_in_a_group() {
        for action in Action::ALL {
            assert!(Role::ALL.iter().all(|role| !may(action, RoomType::Direct, *role)), "{action:?}");
            assert_eq!(may(action, RoomType::Group, Owner), action != Kick(Owner), "{action:?}");
        }
    }

    #[test]
    fn who_may_less_may_nothing_more() {
        for action in Action::ALL {
            let allowed = Role::ALL.map(|role| may(action, RoomType::Group, role));
            assert!(action == Kick(Owner) || allowed.is_sorted_by(|mightier, weaker| mightier >= weaker), "{action:?}");
        }
    }

    #[test]
    fn the_database_reads_rows() {
        assert_eq!(grants(&[Rename]), ["GROUP OWNER", "GROUP ADMIN"]);
        assert_eq!(grants(&[Rename, Open]), ["GROUP OWNER"]);
        assert_eq!(grants_on(Kick), ["GROUP OWNER ADMIN", "GROUP OWNER MEMBER", "GROUP ADMIN MEMBER"]);
    }

    #[test]
    fn names_of_roles_are_read_again() {
        for role in Role::ALL {
            assert_eq!(Role::parse(role.as_str()), Some(role));
            assert_eq!(serde_json::to_value(role).unwrap(), role.as_str());
        }
        assert_eq!(Role::parse("KING"), None);
    }
}
