//! Every query of the services with the indexes its file names: what PostgreSQL really does with it on a big database.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context as _;
use chat_store::QUERIES;
use tokio_postgres::SimpleQueryMessage;

use crate::{database::Database, explain::Plan};

/// Room 1 has a tenth of all messages; user 4903 is in 500 rooms.
const ROOM: &str = "md5('room1')::UUID";
const USER: &str = "md5('user4903')::UUID";
const MESSAGE: &str = "bench_message_id()";
/// A statement is planned anew five times before PostgreSQL may keep one plan for all values.
const PLANNED: usize = 7;

/// File, arguments, indexes.
type Case = (&'static str, &'static str, &'static [&'static str]);

/// Plans that EXPLAIN shows.
const SHOWN: &[Case] = &[
    ("accounts/user_by_email.sql", "'user7@example.com'", &["users_email"]),
    ("accounts/user_by_id.sql", "{user}", &["users_pkey"]),
    ("accounts/users_by_prefix.sql", "'user49', 20", &["users_nickname_prefix"]),
    ("accounts/set_nickname.sql", "{user}, 'new'", &["users_pkey"]),
    ("accounts/standing.sql", "{user}", &["users_pkey"]),
    ("rooms/list_rooms.sql", "{user}, NULL", &["room_members_of_user", "messages_entries"]),
    ("rooms/list_rooms.sql", "{user}, {room}", &["messages_entries"]),
    ("rooms/own_rooms.sql", "{user}, 1001", &["room_members_of_user"]),
    ("rooms/room_lines.sql", "ARRAY[{room}]", &["rooms_pkey", "messages_entries"]),
    ("rooms/memberships.sql", "ARRAY[{room}], ARRAY[{user}]", &["room_members_pkey", "rooms_pkey"]),
    ("rooms/heads.sql", "ARRAY[{room}]", &["rooms_pkey"]),
    ("messages/page_before.sql", "{room}, 9223372036854775807, 1, 51", &["messages_entries"]),
    ("messages/page_after.sql", "{room}, 1000, 51", &["messages_entries"]),
    ("messages/page_at_offset.sql", "{room}, 1, 1000, 51", &["messages_entries"]),
    ("messages/items_after.sql", "{room}, 1000, 200", &["messages_entries", "messages_changes"]),
    ("messages/entries_at.sql", "ARRAY[{room}], ARRAY[7]", &["messages_entries"]),
    ("messages/seq_of_message.sql", "{room}, {message}", &["messages_id"]),
    ("messages/by_client_message_id.sql", "{room}, {user}, 'c7'", &["messages_idempotency"]),
    ("commands/stored_outcome.sql", "{room}, {user}, 'c7'", &["messages_idempotency"]),
    ("read_marks/read_place.sql", "{room}, 7", &["rooms_pkey", "messages_entries"]),
    ("read_marks/list_read_marks.sql", "{room}", &["room_members_pkey"]),
    ("read_marks/placed_marks.sql", "ARRAY[{room}], ARRAY[{user}]", &["room_members_pkey", "messages_entries"]),
    ("members/list_members.sql", "{room}", &["room_members_pkey"]),
    ("members/members_of.sql", "ARRAY[{room}]", &["room_members_pkey"]),
];

/// Functions of the database: EXPLAIN does not look into them, so they are run, and the indexes they read are counted.
const RUN: &[Case] = &[
    ("messages/search.sql", "{user}, NULL, '뛴년', NULL, 21, 5000", &["messages_search", "messages_pkey"]),
    ("messages/search.sql", "{user}, {room}, '뛴', {message}, 21, 5000", &["messages_search", "messages_id"]),
    (
        "commands/append_messages.sql",
        "ARRAY[{room}], ARRAY[{user}], ARRAY['new'], ARRAY[gen_random_uuid()], ARRAY['TEXT'], ARRAY['hello'], ARRAY[gen_random_uuid()], ARRAY[{message}]",
        &["rooms_pkey", "room_members_pkey", "messages_idempotency", "messages_id"],
    ),
    (
        "commands/change_message.sql",
        "{room}, {user}, 'new', gen_random_uuid(), gen_random_uuid(), 'REACT', {message}, NULL, '🎉', FALSE, 50, ARRAY['GROUP OWNER']",
        &["rooms_pkey", "room_members_pkey", "messages_idempotency", "messages_id", "messages_changes"],
    ),
    (
        "read_marks/apply_read_marks.sql",
        "ARRAY[{room}], ARRAY[{user}], ARRAY[9223372036854775807], ARRAY[now()]",
        &["room_members_pkey", "messages_pkey"],
    ),
];

/// What was found out about a query.
pub struct Checked {
    pub file: &'static str,
    pub indexes: BTreeSet<String>,
    /// What is wrong, with the plan.
    pub fault: Option<String>,
}

/// Checks every case.
pub async fn check(database: &Database) -> anyhow::Result<Vec<Checked>> {
    let sample = format!(
        "CREATE OR REPLACE FUNCTION bench_message_id() RETURNS UUID LANGUAGE sql IMMUTABLE AS $$ SELECT '{}'::UUID $$",
        database.value(&format!("SELECT message_id FROM messages WHERE room_id = {ROOM} AND seq = 88")).await?
    );
    database.client.batch_execute(&sample).await?;
    let mut checked = Vec::new();
    for (number, case) in SHOWN.iter().enumerate() {
        checked.push(shown(database, number, *case).await.with_context(|| case.0)?);
    }
    for case in RUN {
        checked.push(run(database, *case).await.with_context(|| case.0)?);
    }
    Ok(checked)
}

/// Queries that no case is about.
pub fn unchecked() -> Vec<&'static str> {
    let known: BTreeSet<&str> = SHOWN.iter().chain(RUN).map(|case| case.0).collect();
    QUERIES.iter().map(|(file, _)| *file).filter(|file| !known.contains(file)).collect()
}

fn query(file: &str) -> anyhow::Result<&'static str> {
    QUERIES.iter().find(|(name, _)| *name == file).map(|(_, text)| *text).context("no such query")
}

fn arguments(text: &str) -> String {
    text.replace("{room}", ROOM).replace("{user}", USER).replace("{message}", MESSAGE)
}

async fn shown(database: &Database, number: usize, (file, text, expected): Case) -> anyhow::Result<Checked> {
    let name = format!("q{number}");
    database.client.batch_execute(&format!("PREPARE {name} AS {}", query(file)?)).await?;
    let explain = format!("EXPLAIN (FORMAT JSON) EXECUTE {name} ({})", arguments(text));
    let mut checked = Checked { file, indexes: BTreeSet::new(), fault: None };
    for _ in 0..PLANNED {
        let messages = database.client.simple_query(&explain).await?;
        let json: String = messages
            .iter()
            .filter_map(|message| if let SimpleQueryMessage::Row(row) = message { row.get(0) } else { None })
            .collect();
        let explained: serde_json::Value = serde_json::from_str(&json)?;
        let plan = Plan::parse(&explained);
        if let Some(fault) = plan.fault(expected) {
            checked.fault = Some(format!("{file}: {fault}\n{explained:#}"));
        }
        checked.indexes = plan.indexes;
    }
    Ok(checked)
}

async fn run(database: &Database, (file, text, expected): Case) -> anyhow::Result<Checked> {
    let before = scans(database).await?;
    let text = arguments(text);
    let call = query(file)?;
    let call = format!("BEGIN; PREPARE run AS {call}; EXECUTE run ({text}); DEALLOCATE run; ROLLBACK");
    // Nothing may be left of it, and a failed one leaves its transaction open.
    if let Err(error) = database.client.batch_execute(&call).await {
        database.client.batch_execute("ROLLBACK").await?;
        return Err(error.into());
    }
    let after = scans(database).await?;
    let more = |name: &str| after.get(name) > before.get(name);
    let names = |prefix: &str| -> BTreeSet<String> {
        after.keys().filter(|name| more(name)).filter_map(|name| name.strip_prefix(prefix)).map(str::to_owned).collect()
    };
    let plan = Plan { indexes: names("index "), seq_scans: names("table ") };
    let fault = plan.fault(expected).map(|fault| format!("{file}: {fault}\n{plan:#?}"));
    Ok(Checked { file, indexes: plan.indexes, fault })
}

/// How often each index was used, and each table read as a whole, so far.
async fn scans(database: &Database) -> anyhow::Result<BTreeMap<String, i64>> {
    database.client.batch_execute("SELECT pg_stat_force_next_flush()").await?;
    let counted = "SELECT 'index ' || indexrelname, idx_scan FROM pg_stat_user_indexes WHERE schemaname = current_schema
                   UNION ALL SELECT 'table ' || relname, seq_scan FROM pg_stat_user_tables WHERE schemaname = current_schema";
    let rows = database.client.query(counted, &[]).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_is_about_a_query_of_the_services() {
        for (file, ..) in SHOWN.iter().chain(RUN) {
            assert!(query(file).is_ok(), "{file}");
        }
    }
}
