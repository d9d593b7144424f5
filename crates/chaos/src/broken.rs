//! Broken on purpose: services that miss one of the rules, and the invariants that must notice it.

use std::process::Stdio;

use anyhow::{Context as _, ensure};
use chat_checker::{Invariant, Report, Verdict};
use chat_store::PostgresConfig;
use clap::ValueEnum;
use tokio::process::Command;

use crate::{
    plan::{Cell, Component, FaultName, Subject},
    progress::Progress,
};

/// A rule that is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Broken {
    /// The persister commits its offsets before the database
    CommitFirst,
    /// A message that comes again is stored again
    NoDedupe,
    /// Gateways never compare heads
    NoWatermark,
}

impl Broken {
    pub fn name(self) -> &'static str {
        match self {
            Self::CommitFirst => "commit-first",
            Self::NoDedupe => "no-dedupe",
            Self::NoWatermark => "no-watermark",
        }
    }

    /// As a run's directory is called after its seed.
    pub fn run_name(self) -> String {
        format!("broken-{}", self.name())
    }

    /// What brings it to light.
    pub fn cell(self) -> Cell {
        let component = if self == Self::NoWatermark { Component::Redis } else { Component::Persister };
        Cell { subject: Subject::One(component), fault: FaultName::Kill, link: None }
    }

    /// `FAILPOINTS` of every service, see docs/TESTING.md.
    pub fn fail_points(self) -> &'static str {
        match self {
            // The window is a few milliseconds long; a kill is to hit it, also on a machine that is slow. Two batches of this length (a canary's,
            // and the one behind it) still fit into the time that a call has: the rooms are made through the same persister.
            Self::CommitFirst => "commit-first=return;persister.before-database=sleep(1500)",
            Self::NoDedupe => "",
            // Redis loses what a dying connection held; this is the same, often enough to hit the last message of a room.
            Self::NoWatermark => "no-watermark=return;lossy-pub-sub=50%return",
        }
    }

    /// Those that must be broken.
    pub fn invariants(self) -> &'static [Invariant] {
        match self {
            Self::CommitFirst => &[Invariant::I1, Invariant::I12],
            Self::NoDedupe => &[Invariant::I1, Invariant::I4],
            Self::NoWatermark => &[Invariant::I7],
        }
    }

    /// What has to be changed in the database.
    pub async fn prepare(self, postgres: &PostgresConfig) -> anyhow::Result<()> {
        if self != Self::NoDedupe {
            return Ok(());
        }
        let mut psql = Command::new("psql");
        psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", postgres.url.expose()]);
        psql.arg("-c").arg(format!("SET search_path = {}; {NO_DEDUPE}", postgres.schema));
        let output = psql.stdin(Stdio::null()).kill_on_drop(true).output().await.context("psql")?;
        ensure!(output.status.success(), "psql: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    /// Whether the verdict convicts the broken system, and says so.
    pub fn caught(self, report: &Report, progress: Progress) -> bool {
        let convicts =
            |wanted: Invariant| report.invariants.iter().any(|it| it.invariant == wanted && it.violations > 0);
        let silent: Vec<String> =
            self.invariants().iter().filter(|wanted| !convicts(**wanted)).map(ToString::to_string).collect();
        let caught = report.verdict == Verdict::Invalid && silent.is_empty();
        if caught {
            progress.step(&format!("{} was caught", self.name()));
        } else {
            let (name, verdict, silent) = (self.name(), report.verdict.as_str(), silent.join(", "));
            progress.step(&format!("{name} was NOT caught: {verdict}, nothing broken of {silent}; `make chaos-broken` builds the services that can be broken"));
        }
        if let Some(first) = &report.counter_example {
            progress.step(&format!("first counter-example: {}, {}: {}", first.invariant, first.clause, first.message));
        }
        caught
    }
}

/// Nothing keeps a message from being stored twice, and nobody looks for the first one.
const NO_DEDUPE: &str = "
DROP INDEX messages_idempotency;
DO $$
DECLARE v_function REGPROCEDURE; v_broken TEXT; v_found INT := 0;
BEGIN
    FOR v_function IN SELECT oid FROM pg_proc WHERE proname = 'append_messages' AND pronamespace = current_schema()::regnamespace LOOP
        v_broken := replace(pg_get_functiondef(v_function), 'old.client_message_id = i.client_message_id', 'FALSE');
        IF v_broken <> pg_get_functiondef(v_function) THEN
            v_found := v_found + 1;
            EXECUTE v_broken;
        END IF;
    END LOOP;
    IF v_found = 0 THEN
        RAISE EXCEPTION 'append_messages looks for repeats in another way than it did';
    END IF;
END $$;";
