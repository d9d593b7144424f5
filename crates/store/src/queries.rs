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
    CREATE_EXTERNAL_USER = "accounts/create_external_user.sql";
    SET_NICKNAME = "accounts/set_nickname.sql";
    OPEN_LOGIN = "accounts/open_login.sql";
    ROTATE_REFRESH_TOKEN = "accounts/rotate_refresh_token.sql";
    END_LOGIN = "accounts/end_login.sql";
    END_LOGINS = "accounts/end_logins.sql";
    CHANGE_PASSWORD = "accounts/change_password.sql";
    STANDING = "accounts/standing.sql";
    ENDED_LOGINS = "accounts/ended_logins.sql";
    SWEEP_REFRESH_TOKENS = "accounts/sweep_refresh_tokens.sql";
    SWEEP_ENDED_LOGINS = "accounts/sweep_ended_logins.sql";
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
    SEARCH = "messages/search.sql";
    LIST_MEMBERS = "members/list_members.sql";
    MEMBERS_OF = "members/members_of.sql";
    LISTENERS_OF = "members/listeners_of.sql";
    ROOM_NOTIFICATIONS = "members/room_notifications.sql";
    SET_ROOM_NOTIFICATIONS = "members/set_room_notifications.sql";
    REGISTER_DEVICE = "devices/register_device.sql";
    LIST_DEVICES = "devices/list_devices.sql";
    REMOVE_DEVICE = "devices/remove_device.sql";
    DROP_GONE_DEVICE = "devices/drop_gone_device.sql";
    USERS_WITH_DEVICES = "devices/users_with_devices.sql";
    ENQUEUE_PUSHES = "push/enqueue_pushes.sql";
    CLAIM_PUSHES = "push/claim_pushes.sql";
    PUSH_TARGETS = "push/push_targets.sql";
    SETTLE_PUSH = "push/settle_push.sql";
    DROP_PUSH = "push/drop_push.sql";
    READ_PUSHES = "push/read_pushes.sql";
    SWEEP_PUSHES = "push/sweep_pushes.sql";
    PUSHES_WAITING = "push/pushes_waiting.sql";
    APPEND_MESSAGES = "commands/append_messages.sql";
    CHANGE_MESSAGE = "commands/change_message.sql";
    CREATE_ROOM = "commands/create_room.sql";
    INVITE_MEMBERS = "commands/invite_members.sql";
    LEAVE_ROOM = "commands/leave_room.sql";
    JOIN_ROOM = "commands/join_room.sql";
    UPDATE_ROOM = "commands/update_room.sql";
    KICK_MEMBER = "commands/kick_member.sql";
    CHANGE_ROLE = "commands/change_role.sql";
    STORED_OUTCOME = "commands/stored_outcome.sql";
    READ_PLACE = "read_marks/read_place.sql";
    LIST_READ_MARKS = "read_marks/list_read_marks.sql";
    PLACED_MARKS = "read_marks/placed_marks.sql";
    RAISE_LAST_SEEN = "presence/raise_last_seen.sql";
    LAST_SEEN = "presence/last_seen.sql";
    LAST_SEEN_OF_MEMBERS = "presence/last_seen_of_members.sql";
    APPLY_READ_MARKS = "read_marks/apply_read_marks.sql";
    CREATE_WEBHOOK = "webhooks/create_webhook.sql";
    WEBHOOKS = "webhooks/webhooks.sql";
    WEBHOOK_STATE = "webhooks/webhook_state.sql";
    UPDATE_WEBHOOK = "webhooks/update_webhook.sql";
    DELETE_WEBHOOK = "webhooks/delete_webhook.sql";
    ROTATE_WEBHOOK_SECRET = "webhooks/rotate_webhook_secret.sql";
    ADD_WEBHOOK_TEST = "webhooks/add_webhook_test.sql";
    REPLAY_WEBHOOK = "webhooks/replay_webhook.sql";
    QUEUE_WEBHOOKS = "webhooks/queue_webhooks.sql";
    FORGET_WEBHOOK_TEXTS = "webhooks/forget_webhook_texts.sql";
    DUE_WEBHOOKS = "webhooks/due_webhooks.sql";
    WEBHOOK_CALL = "webhooks/webhook_call.sql";
    CLAIM_WEBHOOKS = "webhooks/claim_webhooks.sql";
    SETTLE_WEBHOOKS = "webhooks/settle_webhooks.sql";
    WEBHOOK_SUCCEEDED = "webhooks/webhook_succeeded.sql";
    WEBHOOK_FAILED = "webhooks/webhook_failed.sql";
    DISABLE_WEBHOOK = "webhooks/disable_webhook.sql";
    WEBHOOK_LOADS = "webhooks/webhook_loads.sql";
    SWEEP_WEBHOOKS = "webhooks/sweep_webhooks.sql";
    SWEEP_DELETED_WEBHOOKS = "webhooks/sweep_deleted_webhooks.sql";
    FORGET_DELETED_WEBHOOKS = "webhooks/forget_deleted_webhooks.sql";
    DUMP_TIMELINE = "dump/timeline.sql";
    DUMP_MEMBERS = "dump/members.sql";
}
