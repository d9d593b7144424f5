//! What a gateway reads from the database to find and to fill what Redis did not bring.

use crate::{Chat, Purpose, System, room::Told};

/// What a gateway does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GatewayStep {
    /// Reads the room's head: the watermark.
    HearHead,
    /// Asks for a page; what it holds is what is stored now.
    ReadPage(Purpose),
    /// The page arrives.
    Page(Purpose),
    /// It does not.
    PageFails(Purpose),
}

pub(super) fn possible(chat: &Chat, now: &System, gateway: usize) -> impl Iterator<Item = GatewayStep> {
    let room = &now.gateways[gateway];
    let open = room.position.is_some() && !room.subscribers.is_empty();
    let watermark = chat.rules.watermark && open && room.head < now.database.head;
    let gap = chat.rules.gap_fill && room.wanted(Purpose::Gap).is_some();
    let catch_up = chat.rules.catch_up && room.wanted(Purpose::CatchUp).is_some();
    let (gap_page, catch_up_page) = (room.gap_page.is_some(), room.catch_up_page.is_some());
    [
        (watermark, GatewayStep::HearHead),
        (gap, GatewayStep::ReadPage(Purpose::Gap)),
        (catch_up, GatewayStep::ReadPage(Purpose::CatchUp)),
        (gap_page, GatewayStep::Page(Purpose::Gap)),
        (gap_page, GatewayStep::PageFails(Purpose::Gap)),
        (catch_up_page, GatewayStep::Page(Purpose::CatchUp)),
        (catch_up_page, GatewayStep::PageFails(Purpose::CatchUp)),
    ]
    .into_iter()
    .filter_map(|(possible, step)| possible.then_some(step))
}

pub(super) fn take(chat: &Chat, system: &mut System, gateway: usize, step: GatewayStep) {
    let room = &mut system.gateways[gateway];
    match step {
        GatewayStep::HearHead => room.head = system.database.head,
        GatewayStep::ReadPage(purpose) => {
            let after = room.wanted(purpose).unwrap_or(0);
            let rows = system.database.rows.iter().copied().filter(|row| row.seq > after);
            let page = rows.take(chat.bounds.page).collect();
            *room.page_mut(purpose) = Some(page);
        }
        GatewayStep::Page(purpose) => {
            let mut told = Told::default();
            let rows = room.page_mut(purpose).take().unwrap_or_default();
            room.page(rows, &chat.rules, &mut told);
            system.show(told);
        }
        GatewayStep::PageFails(purpose) => *room.page_mut(purpose) = None,
    }
}
