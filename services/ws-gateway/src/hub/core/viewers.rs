//! Who has which room open here: told when the first subscription begins and the last one ends.

use std::collections::{HashMap, hash_map::Entry};

use chat_protocol::{RoomId, UserId};

use crate::hub::effect::Effect;

pub fn view(viewers: &mut HashMap<(RoomId, UserId), u32>, room_id: RoomId, user_id: UserId, effects: &mut Vec<Effect>) {
    let count = viewers.entry((room_id, user_id)).or_default();
    *count += 1;
    if *count == 1 {
        effects.push(Effect::Viewer { room_id, user_id, viewing: true });
    }
}

pub fn unview(
    viewers: &mut HashMap<(RoomId, UserId), u32>,
    room_id: RoomId,
    user_id: UserId,
    effects: &mut Vec<Effect>,
) {
    if let Entry::Occupied(mut count) = viewers.entry((room_id, user_id)) {
        *count.get_mut() -= 1;
        if *count.get() == 0 {
            count.remove();
            effects.push(Effect::Viewer { room_id, user_id, viewing: false });
        }
    }
}
