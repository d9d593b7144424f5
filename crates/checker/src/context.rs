//! The lines around a counter-example, read again from its file.

use std::{
    fs::File,
    io::{self, BufRead, BufReader},
};

use crate::{Finding, Report};

/// Lines shown before and after.
const AROUND: usize = 10;

/// Puts the ten lines before and after into the counter-example; the line itself is marked with `>`.
pub fn attach_context(report: &mut Report) -> io::Result<()> {
    let Some(finding) = &mut report.counter_example else { return Ok(()) };
    let file = BufReader::new(File::open(&finding.file)?);
    finding.context = around(file, finding)?;
    Ok(())
}

fn around(lines: impl BufRead, finding: &Finding) -> io::Result<Vec<String>> {
    let here = finding.line as usize;
    let first = here.saturating_sub(AROUND).max(1);
    let shown = lines.lines().enumerate().skip(first - 1).take(here + AROUND + 1 - first);
    shown
        .map(|(index, line)| {
            let mark = if index + 1 == here { '>' } else { ' ' };
            line.map(|line| format!("{mark} {}: {line}", index + 1))
        })
        .collect()
}
