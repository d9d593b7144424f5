//! The invariants, a file per family. Each looks things up in the [`Run`](crate::Run) and tells what it finds.

mod commits;
mod completeness;
mod durability;
mod integrity;
mod liveness;
mod marks;
mod membership;
mod notifications;
mod order;
mod presence;

pub(crate) use liveness::{Recovery, recoveries};

use crate::{findings::Findings, report::Lag};

/// Holds the run against all of them; returns the worst delivery time.
pub(crate) fn check_all(findings: &mut Findings) -> Lag {
    durability::check(findings);
    integrity::check(findings);
    order::check(findings);
    completeness::check(findings);
    membership::check(findings);
    marks::check(findings);
    commits::check(findings);
    notifications::check(findings);
    liveness::check(findings)
}
