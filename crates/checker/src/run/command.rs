//! What became of each send, edit, deletion, reaction or change of membership, over all its attempts.

use std::{collections::HashMap, sync::Arc};

use crate::{
    history::{BodyHash, Event, Key, Op, Outcome, SendState},
    run::At,
};

/// Everything that was said about one key.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts that were seen")]
pub(crate) struct Command {
    pub key: Arc<Key>,
    pub op: Op,
    /// How often it was invoked; 0: somebody saw a key that nobody sent.
    pub attempts: u32,
    /// Attempts that were rejected.
    failed: u32,
    latest_failed: bool,
    /// Whether the latest attempt was answered somehow.
    pub answered: bool,
    pub hash: Option<BodyHash>,
    /// Bodies of attempts that were not those of the first.
    pub other_hashes: Vec<BodyHash>,
    pub connection: u32,
    pub invoke_at: At,
    pub first_invoke_ns: u64,
    pub last_invoke_ns: u64,
    pub ok: Option<(u64, At)>,
    pub persisted: bool,
    /// Places that clients were told.
    pub told: Option<(i64, At)>,
    pub told_other: Option<(i64, At)>,
    /// Code of the last rejection.
    pub refused: Option<(String, At)>,
    pub busy: bool,
    pub unknown: bool,
}

impl Command {
    fn new(key: Arc<Key>, op: Op, at: At) -> Self {
        Self {
            key,
            op,
            attempts: 0,
            failed: 0,
            latest_failed: false,
            answered: false,
            hash: None,
            other_hashes: Vec::new(),
            connection: 0,
            invoke_at: at,
            first_invoke_ns: 0,
            last_invoke_ns: 0,
            ok: None,
            persisted: false,
            told: None,
            told_other: None,
            refused: None,
            busy: false,
            unknown: false,
        }
    }

    /// Rejected in every attempt: it may not be seen anywhere. An attempt without an answer may still have happened.
    pub(crate) fn is_failed(&self) -> bool {
        self.attempts > 0 && self.failed >= self.attempts && self.ok.is_none()
    }

    pub(crate) fn sent(&self, hash: BodyHash) -> bool {
        self.hash == Some(hash) || self.other_hashes.contains(&hash)
    }

    fn invoked(&mut self, event: &Event, connection: u32, at: At) {
        if self.attempts == 0 {
            self.op = event.op;
            self.connection = connection;
            self.invoke_at = at;
            self.first_invoke_ns = event.mono_ns;
            self.hash = event.hash;
        } else if let Some(hash) = event.hash
            && !self.sent(hash)
        {
            self.other_hashes.push(hash);
        }
        self.attempts += 1;
        self.last_invoke_ns = event.mono_ns;
        self.latest_failed = false;
        self.answered = false;
    }

    fn answered(&mut self, event: &Event, at: At) {
        self.answered = true;
        match event.outcome {
            Outcome::Invoke => {}
            Outcome::Ok => {
                if self.ok.is_none_or(|(earlier, _)| event.mono_ns < earlier) {
                    self.ok = Some((event.mono_ns, at));
                }
                self.persisted |= event.state == Some(SendState::Persisted);
                match (event.seq, self.told) {
                    (Some(seq), None) => self.told = Some((seq, at)),
                    (Some(seq), Some((told, _))) if seq != told => self.told_other = Some((seq, at)),
                    _ => {}
                }
            }
            Outcome::Fail => {
                if !self.latest_failed {
                    self.failed += 1;
                    self.latest_failed = true;
                }
                self.refused = Some((event.code.clone().unwrap_or_default(), at));
            }
            Outcome::Info if event.code.as_deref() == Some("busy") => self.busy = true,
            Outcome::Info => self.unknown = true,
        }
    }
}

/// All commands by their keys.
#[derive(Debug, Default)]
pub(crate) struct Commands {
    pub(crate) all: Vec<Command>,
    by_key: HashMap<Arc<Key>, u32>,
}

impl Commands {
    /// The number of a key, a new one if nobody named it yet.
    pub(crate) fn id(&mut self, key: Key, op: Op, at: At) -> u32 {
        if let Some(id) = self.by_key.get(&key) {
            return *id;
        }
        let id = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        let key = Arc::new(key);
        self.all.push(Command::new(Arc::clone(&key), op, at));
        self.by_key.insert(key, id);
        id
    }

    pub(crate) fn find(&self, key: &Key) -> Option<u32> {
        self.by_key.get(key).copied()
    }

    pub(crate) fn observe(&mut self, key: Key, event: &Event, connection: u32, at: At) {
        let id = self.id(key, event.op, at);
        let command = &mut self.all[id as usize];
        if event.outcome == Outcome::Invoke {
            command.invoked(event, connection, at);
        } else {
            command.answered(event, at);
        }
    }
}
