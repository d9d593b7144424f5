//! `chat-messages` → database → `chat-events` → offset.

use crate::{Chat, Command, Database, Dedupe, Entry, Persisting, Rules, System};

/// What a persister does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PersisterStep {
    /// Reads the next record.
    Take,
    /// Looks for a repeat without the lock ([`Dedupe::BeforeLock`]).
    Look,
    /// Produces what is not stored yet ([`Rules::produce_stored`]).
    Announce,
    /// Locks the room, looks for a repeat, stores, commits: one transaction.
    Store,
    /// Produces the event, and waits for Kafka's acknowledgement.
    Produce,
    /// Commits the offset.
    Commit,
}

pub(super) fn possible(chat: &Chat, now: &System, worker: usize) -> impl Iterator<Item = PersisterStep> {
    let step = match now.persisters.workers[worker].hand {
        None => now.persisters.may_take(worker, now.commands.len()).then_some(PersisterStep::Take),
        Some(Persisting::Taken) if chat.rules.dedupe == Dedupe::BeforeLock => Some(PersisterStep::Look),
        Some(Persisting::Taken) if !chat.rules.produce_stored => Some(PersisterStep::Announce),
        Some(Persisting::Taken | Persisting::Looked { .. }) => Some(PersisterStep::Store),
        Some(Persisting::Stored(_)) => Some(PersisterStep::Produce),
        Some(Persisting::Produced) => Some(PersisterStep::Commit),
    };
    step.into_iter()
}

pub(super) fn take(chat: &Chat, system: &mut System, worker: usize, step: PersisterStep) {
    let System { persisters, commands, database, events, .. } = system;
    let position = persisters.workers[worker].position;
    let hand = &mut persisters.workers[worker].hand;
    match step {
        PersisterStep::Take => {
            *hand = Some(Persisting::Taken);
            if !chat.rules.commit_last {
                persisters.commit_early(worker);
            }
        }
        PersisterStep::Look => {
            *hand = Some(Persisting::Looked { repeat: database.find(commands[position]).is_some() });
        }
        PersisterStep::Announce => {
            events.push(Entry { seq: database.head + 1, command: commands[position] });
            *hand = Some(Persisting::Looked { repeat: false });
        }
        PersisterStep::Store => {
            let looked = matches!(hand, Some(Persisting::Looked { repeat: true }));
            *hand = Some(Persisting::Stored(store(database, commands[position], looked, &chat.rules)));
        }
        PersisterStep::Produce => {
            if let Some(Persisting::Stored(Some(entry))) = *hand {
                events.push(entry);
            }
            *hand = Some(Persisting::Produced);
        }
        PersisterStep::Commit => persisters.commit(worker, chat.rules.fenced_commits),
    }
}

/// The transaction; returns the event to produce.
fn store(database: &mut Database, command: Command, looked: bool, rules: &Rules) -> Option<Entry> {
    let known = database.find(command);
    let repeat = match rules.dedupe {
        Dedupe::AfterLock => known.is_some(),
        Dedupe::BeforeLock => looked,
        Dedupe::Never => false,
    };
    if repeat {
        return known.filter(|_| rules.reemit);
    }
    database.head += 1;
    let entry = Entry { seq: database.head, command };
    if known.is_none() || rules.dedupe == Dedupe::Never {
        database.rows.push(entry);
    }
    Some(entry)
}
