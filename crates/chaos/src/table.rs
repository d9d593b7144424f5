//! The end: component × fault, and what came of each.

use std::{fs::File, io::Write as _, path::Path};

use anyhow::Context as _;
use chat_checker::{FaultReport, Report, Verdict};
use serde_json::{Map, Value};

use crate::{
    plan::Cell,
    run::Outcome,
    script::{Script, Step},
};

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
    /// A run that came to its end; of several faults, a line for each, and one for the whole.
    pub fn of(script: &Script, seed: u64, outcome: &Outcome) -> Vec<Self> {
        let Report { verdict, faults, rooms, sends, .. } = &outcome.report;
        let good = *verdict == Verdict::Valid && outcome.remarks.is_empty();
        let sum = |count: fn(&chat_checker::RoomReport) -> u64| rooms.iter().map(count).sum::<u64>().to_string();
        let verdict = if *verdict == Verdict::Valid && !good { "not well" } else { verdict.as_str() };
        let whole = [
            sends.sent.to_string(),
            sum(|room| room.expected),
            sum(|room| room.unique),
            sum(|room| room.missing),
            sum(|room| room.duplicate),
        ];
        if let [step] = &script.steps[..] {
            // Of several at once, the one that was over last: the others waited for it.
            let cells =
                first_cells(step.cell, seed, verdict).into_iter().chain(times(faults.last())).chain(whole).collect();
            return vec![Self { cells, good }];
        }
        let of_fault = |(step, fault): (&Step, &FaultReport)| {
            let in_time = fault.happened && fault.met == Some(true);
            let word = if in_time { "in time" } else { "not in time" };
            let mut cells: Vec<String> =
                first_cells(step.cell, seed, word).into_iter().chain(times(Some(fault))).collect();
            cells.resize(HEAD.len(), String::new());
            Self { cells, good: in_time }
        };
        let mut lines: Vec<Self> = script.steps.iter().zip(faults).map(of_fault).collect();
        let head = [script.name.clone(), format!("{} faults", faults.len()), seed.to_string(), verdict.to_owned()];
        lines.push(Self { cells: head.into_iter().chain(times(None)).chain(whole).collect(), good });
        lines
    }

    /// One that did not.
    pub fn broken(script: &Script, seed: u64) -> Self {
        match &script.steps[..] {
            [step] => Self::without(&first_cells(step.cell, seed, "no verdict")),
            steps => {
                let faults = format!("{} faults", steps.len());
                Self::without(&[script.name.clone(), faults, seed.to_string(), "no verdict".to_owned()])
            }
        }
    }

    /// One that cannot be done here.
    pub fn impossible(cell: Cell, seed: u64) -> Self {
        Self::without(&first_cells(cell, seed, "not possible here"))
    }

    fn without(cells: &[String; 4]) -> Self {
        let mut cells = cells.to_vec();
        cells.resize(HEAD.len(), "–".to_owned());
        Self { cells, good: false }
    }
}

fn first_cells(cell: Cell, seed: u64, verdict: &str) -> [String; 4] {
    [cell.subject.to_string(), cell.what(), seed.to_string(), verdict.to_owned()]
}

fn times(fault: Option<&FaultReport>) -> [String; 3] {
    let ms = |value: Option<u64>| value.map_or_else(|| "–".to_owned(), |ms| format!("{ms} ms"));
    [
        ms(fault.and_then(|fault| fault.first_ok_ms)),
        ms(fault.and_then(|fault| fault.caught_up_ms)),
        ms(fault.and_then(|fault| fault.budget_ms).map(|(first_ok, _)| first_ok)),
    ]
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
    use crate::{
        plan::{Component, FaultName, Subject},
        script::Timing,
    };

    fn broken(fault: FaultName) -> Line {
        let cell = Cell { subject: Subject::One(Component::Kafka), fault, link: None };
        Line::broken(&Script::of(cell, Timing::NORMAL), 7)
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
        let text = render(std::slice::from_ref(&line), false);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0].find("verdict"), lines[1].find("no verdict"));
        assert!(!text.contains('\x1b'));
        assert!(render(&[broken(FaultName::Kill)], true).contains("\x1b[31m"));
    }
}
