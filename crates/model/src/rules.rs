//! What the system does, each rule of it breakable; and how much may happen.

/// When the persister looks whether a command was executed before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dedupe {
    /// Under the room's row lock, in a statement of its own (`migrations/V0004__create_append_messages.sql`).
    AfterLock,
    /// With what was visible before it waited for the lock; the unique index then skips the row.
    BeforeLock,
    /// Not at all.
    Never,
}

/// The rules of the system. A test breaks one and names the promise that falls.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a rule that a test breaks by itself")]
pub struct Rules {
    /// When repeats are recognised.
    pub dedupe: Dedupe,
    /// Offsets are committed after the database commit and the produced event, not before.
    pub commit_last: bool,
    /// The coordinator refuses an offset from a persister or broadcaster that lost the partition.
    pub fenced_commits: bool,
    /// A persister produces the event of a repeated command again, with the seq of the first.
    pub reemit: bool,
    /// Events are produced after the database commit, not before.
    pub produce_stored: bool,
    /// A gateway reads the heads of its rooms from the database.
    pub watermark: bool,
    /// A gateway reads what its room missed from the database.
    pub gap_fill: bool,
    /// A gateway reads what a subscriber behind the room missed from the database.
    pub catch_up: bool,
    /// A subscriber gets an event only if its cursor is the seq before.
    pub in_order: bool,
    /// The head read with a membership counts: a gateway that lags does not call a cursor from another one wrong.
    pub believe_checked_head: bool,
    /// The event that ends a membership ends the subscriptions, too.
    pub expel: bool,
    /// A subscription starts no later than the head with which its membership was checked.
    pub start_at_checked_head: bool,
}

impl Rules {
    /// As the system is.
    pub fn real() -> Self {
        Self {
            dedupe: Dedupe::AfterLock,
            commit_last: true,
            fenced_commits: true,
            reemit: true,
            produce_stored: true,
            watermark: true,
            gap_fill: true,
            catch_up: true,
            in_order: true,
            believe_checked_head: true,
            expel: true,
            start_at_checked_head: true,
        }
    }
}

/// How often each kind of fault may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Faults {
    /// A process loses what it has in hand.
    pub crashes: u8,
    /// A partition goes to the other process, and the first does not know.
    pub moves: u8,
    /// Redis does not bring a published event to one gateway.
    pub losses: u8,
    /// A client loses its connection, and with it the last frames sent to it.
    pub disconnects: u8,
    /// The sender sends a command again, with the same id.
    pub repeats: u8,
}

/// How large the model is.
#[derive(Debug, Clone)]
pub struct Bounds {
    /// What is sent, in this order.
    pub script: Vec<crate::Command>,
    /// Gateways; none: only the writing side is explored.
    pub gateways: usize,
    /// Clients that read. The second is the one that [`crate::Command::Kick`] removes.
    pub clients: usize,
    /// Most rows of a page.
    pub page: usize,
    /// The faults.
    pub faults: Faults,
}
