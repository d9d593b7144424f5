//! Every query, for the test that prepares each of them.

macro_rules! queries {
    ($($name:ident = $file:literal;)*) => {
        $(pub(crate) const $name: &str = include_str!(concat!("../queries/", $file));)*
        /// File and text of every query.
        pub const QUERIES: &[(&str, &str)] = &[$(($file, $name),)*];
    };
}

queries! {
    CREATE_USER = "accounts/create_user.sql";
    USER_BY_EMAIL = "accounts/user_by_email.sql";
    USER_BY_ID = "accounts/user_by_id.sql";
    USERS_BY_PREFIX = "accounts/users_by_prefix.sql";
    ADD_REFRESH_TOKEN = "accounts/add_refresh_token.sql";
    USE_REFRESH_TOKEN = "accounts/use_refresh_token.sql";
    REVOKE_REFRESH_FAMILY = "accounts/revoke_refresh_family.sql";
    LIST_ROOMS = "rooms/list_rooms.sql";
    OWN_ROOMS = "rooms/own_rooms.sql";
    ROOM_LINES = "rooms/room_lines.sql";
    MEMBERSHIPS = "rooms/memberships.sql";
    HEADS = "rooms/heads.sql";
    PAGE_BEFORE = "messages/page_before.sql";
    PAGE_AFTER = "messages/page_after.sql";
    PAGE_AT_OFFSET = "messages/page_at_offset.sql";
    SEQ_OF_MESSAGE = "messages/seq_of_message.sql";
    ITEMS_AFTER = "messages/items_after.sql";
    ENTRIES_AT = "messages/entries_at.sql";
    BY_CLIENT_MESSAGE_ID = "messages/by_client_message_id.sql";
    LIST_MEMBERS = "members/list_members.sql";
    MEMBERS_OF = "members/members_of.sql";
    APPEND_MESSAGES = "commands/append_messages.sql";
    CHANGE_MESSAGE = "commands/change_message.sql";
    CREATE_ROOM = "commands/create_room.sql";
    INVITE_MEMBERS = "commands/invite_members.sql";
    LEAVE_ROOM = "commands/leave_room.sql";
    APPLY_READ_MARKS = "read_marks/apply_read_marks.sql";
    DUMP_TIMELINE = "dump/timeline.sql";
    DUMP_MEMBERS = "dump/members.sql";
}
