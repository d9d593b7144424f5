//! Sizes that every part agrees on. All are configuration-free: a client can rely on them.

/// Longest message, in characters (Unicode scalar values).
pub const CONTENT_CHARS: usize = 5_000;
/// Longest message, in UTF-8 bytes.
pub const CONTENT_BYTES: usize = 20_000;
/// Longest room name, in characters.
pub const ROOM_NAME_CHARS: usize = 100;
/// Longest nickname, in characters.
pub const NICKNAME_CHARS: usize = 50;
/// Longest e-mail address, in bytes (RFC 5321 section 4.5.3.1).
pub const EMAIL_BYTES: usize = 254;
/// Shortest and longest password, in characters.
pub const PASSWORD_CHARS: std::ops::RangeInclusive<usize> = 8..=128;
/// Most users named in one create or invite.
pub const USERS_PER_COMMAND: usize = 2_000;
/// Most members of a room.
pub const ROOM_MEMBERS: usize = 5_000;
/// Largest WebSocket message, in bytes.
pub const WS_MESSAGE_BYTES: usize = 65_536;
/// Largest REST body, in bytes: 2,000 user ids fit.
pub const REST_BODY_BYTES: usize = 131_072;
/// Most of a request's address and headers together, in bytes.
pub const REQUEST_HEAD_BYTES: usize = 32_768;
/// Most rooms in one subscribe.
pub const ROOMS_PER_SUBSCRIBE: usize = 500;
/// Most rooms one session may be subscribed to.
pub const ROOMS_PER_SESSION: usize = 1_000;
/// Most rooms in a room list, the latest.
pub const ROOMS_LISTED: usize = 1_000;
/// Longest emoji of a reaction, in bytes: the longest joined sequences of the Unicode emoji list fit.
pub const EMOJI_BYTES: usize = 64;
/// Most different emojis under one message.
pub const REACTIONS_PER_MESSAGE: usize = 50;
/// Users named with a reaction.
pub const REACTION_USERS: usize = 20;
/// Default and largest page of history.
pub const PAGE_DEFAULT: u32 = 50;
/// Largest page of history; more is clamped.
pub const PAGE_MAX: u32 = 200;
/// Most positions in a summary of read marks; what is older counts with the last one.
pub const READ_POSITIONS: usize = 100;
/// Longest search text, in characters.
pub const SEARCH_CHARS: usize = 100;
/// Default page of a search.
pub const SEARCH_PAGE_DEFAULT: u32 = 20;
/// Largest page of a search; more is clamped.
pub const SEARCH_PAGE_MAX: u32 = 50;
/// A client that said it types says so again within this, or counts as having stopped.
pub const TYPING_ENDS_SECS: u64 = 6;
/// Characters of a message shown in a notification.
pub const PREVIEW_CHARS: usize = 100;
