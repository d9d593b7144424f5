//! Commands on groups that take a role, and joining, which takes none. Only the persister gives them.

use chat_protocol::{Action, Role, UserId, policy};

use crate::{Applied, RoomCommand, Store, StoreError, commands::room_limit, queries};

impl Store {
    /// Makes the actor a member of an open group.
    pub async fn join_room(&self, command: &RoomCommand<'_>) -> Result<Applied, StoreError> {
        self.room_command(queries::JOIN_ROOM, command, &[&room_limit()]).await
    }

    /// Changes a group's name, or whether it is open, or both.
    pub async fn update_room(
        &self,
        command: &RoomCommand<'_>,
        name: Option<&str>,
        open: Option<bool>,
    ) -> Result<Applied, StoreError> {
        let actions: Vec<Action> =
            [name.map(|_| Action::Rename), open.map(|_| Action::Open)].into_iter().flatten().collect();
        self.room_command(queries::UPDATE_ROOM, command, &[&name, &open, &policy::grants(&actions)]).await
    }

    /// Ends a member's membership of a group.
    pub async fn kick_member(&self, command: &RoomCommand<'_>, user_id: UserId) -> Result<Applied, StoreError> {
        let allowed = policy::grants_on(Action::Kick);
        self.room_command(queries::KICK_MEMBER, command, &[&user_id.0, &allowed]).await
    }

    /// Changes a member's role in a group; a new owner takes the actor's place.
    pub async fn change_role(
        &self,
        command: &RoomCommand<'_>,
        user_id: UserId,
        role: Role,
    ) -> Result<Applied, StoreError> {
        let allowed = policy::grants_on(Action::ChangeRole);
        self.room_command(queries::CHANGE_ROLE, command, &[&user_id.0, &role.as_str(), &allowed]).await
    }
}
