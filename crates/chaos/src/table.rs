//! The end: component × fault, and what came of each.

use std::{fs::File, io::Write as _, path::Path};

use anyhow::Context as _;
use chat_checker::{Report, Verdict};
use serde_json::{Map, Value};

use crate::{plan::Cell, run::Outcome};

/// One run, told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    cells: Vec<String>,
    pub good: bool,
}

pub const HEAD: [&str; 12] = [
    "component",
    "fault",
    "seed",
    "verdict",
    "first ok",
    "caught up",
    "budget",
    "sent",
    "expected",
    "unique",
    "missing",
    "duplicate",
];

impl Line {
    /// A run that came to its end.
    pub fn of(cell: Cell, seed: u64, outcome: &Outcome) -> Self {
        let Report { verdict, faults, rooms, sends, .. } = &outcome.report;
        let good = *verdict == Verdict::Valid && outcome.remarks.is_empty();
        // Of several at once, the one that was over last: the others waited for it.
        let fault = faults.last();
        let ms = |value: Option<u64>| value.map_or_else(|| "–".to_owned(), |ms| format!("{ms} ms"));
        let sum = |count: fn(&chat_checker::RoomReport) -> u64| rooms.iter().map(count).sum::<u64>().to_string();
        let verdict = if *verdict == Verdict::Valid && !good { "not well" } else { verdict.as_str() };
        let cells = vec![
            cell.subject.to_string(),
            cell.what(),
            seed.to_string(),
            verdict.to_owned(),
            ms(fault.and_then(|fault| fault.first_ok_ms)),
            ms(fault.and_then(|fault| fault.caught_up_ms)),
            ms(fault.and_then(|fault| fault.budget_ms).map(|(first_ok, _)| first_ok)),
            sends.sent.to_string(),
            sum(|room| room.expected),
            sum(|room| room.unique),
            sum(|room| room.missing),
            sum(|room| room.duplicate),
        ];
        Self { cells, good }
    }

    /// One that did not.
    pub fn broken(cell: Cell, seed: u64) -> Self {
        Self::without(cell, seed, "no verdict")
    }

    /// One that cannot be done here.
    pub fn impossible(cell: Cell, seed: u64) -> Self {
        Self::without(cell, seed, "not possible here")
    }

    fn without(cell: Cell, seed: u64, verdict: &str) -> Self {
        let mut cells = vec![cell.subject.to_string(), cell.what(), seed.to_string(), verdict.to_owned()];
        cells.resize(HEAD.len(), "–".to_owned());
        Self { cells, good: false }
    }
}

/// Adds a line to a file of JSON lines, so that several invocations can be joined.
pub fn append(path: &Path, line: &Line) -> anyhow::Result<()> {
    let fields = HEAD.iter().zip(&line.cells).map(|(name, cell)| ((*name).to_owned(), Value::from(cell.as_str())));
    let mut object: Map<String, Value> = fields.collect();
    object.insert("good".to_owned(), line.good.into());
    let mut file = File::options().create(true).append(true).open(path).with_context(|| path.display().to_string())?;
    writeln!(file, "{}", Value::from(object))?;
    Ok(())
}

/// Everything in such a file, as a table of Markdown.
pub fn markdown(text: &str) -> anyhow::Result<String> {
    let row = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let mut table = row(HEAD.map(str::to_owned).to_vec()) + "|" + &" --- |".repeat(HEAD.len()) + "\n";
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let object: Map<String, Value> = serde_json::from_str(line)?;
        let cell = |name: &&str| object.get(*name).and_then(Value::as_str).unwrap_or("–").to_owned();
        table += &row(HEAD.iter().map(cell).collect());
    }
    Ok(table)
}

/// Aligned columns; words to the left, numbers to the right.
pub fn render(lines: &[Line], colours: bool) -> String {
    let width = |column: usize| {
        let cells = lines.iter().filter_map(|line| line.cells.get(column)).map(|cell| cell.chars().count());
        cells.chain([HEAD[column].len()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..HEAD.len()).map(width).collect();
    let row = |cells: &mut dyn Iterator<Item = &str>, colour: &str| {
        let mut text = String::new();
        for (column, (cell, width)) in cells.zip(&widths).enumerate() {
            let fill = " ".repeat(width - cell.chars().count());
            let cell = if column == 3 && colours { format!("\x1b[{colour}m{cell}\x1b[0m") } else { cell.to_owned() };
            text = if column < 4 { text + "  " + &cell + &fill } else { text + "  " + &fill + &cell };
        }
        text.trim_end().to_owned() + "\n"
    };
    let mut text = row(&mut HEAD.into_iter(), "2");
    for line in lines {
        text += &row(&mut line.cells.iter().map(String::as_str), if line.good { "32" } else { "31" });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Component, FaultName, Subject};

    fn broken(fault: FaultName) -> Line {
        Line::broken(Cell { subject: Subject::One(Component::Kafka), fault, link: None }, 7)
    }

    #[test]
    fn several_invocations_make_one_table() {
        let path = std::env::temp_dir().join(format!("chat-chaos-{}.jsonl", std::process::id()));
        append(&path, &broken(FaultName::Stop5)).unwrap();
        append(&path, &broken(FaultName::Reset)).unwrap();
        let table = markdown(&std::fs::read_to_string(&path).unwrap()).unwrap();
        std::fs::remove_file(path).unwrap();
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines.len(), 4);
        assert!(lines[3].starts_with("| kafka | reset | 7 | no verdict | – |"), "{table}");
        assert!(lines.iter().all(|line| line.matches('|').count() == HEAD.len() + 1), "{table}");
    }

    #[test]
    fn columns_are_aligned_and_a_run_without_an_end_is_bad() {
        let line = broken(FaultName::Stop5);
        assert!(!line.good);
        let text = render(&[line], false);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0].find("verdict"), lines[1].find("no verdict"));
        assert!(!text.contains('\x1b'));
        assert!(render(&[broken(FaultName::Kill)], true).contains("\x1b[31m"));
    }
}
