//! The end: component × fault, and what came of each.

use chat_checker::{Report, Verdict};

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
        let fault = faults.first();
        let ms = |value: Option<u64>| value.map_or_else(|| "–".to_owned(), |ms| format!("{ms} ms"));
        let sum = |count: fn(&chat_checker::RoomReport) -> u64| rooms.iter().map(count).sum::<u64>().to_string();
        let verdict = if *verdict == Verdict::Valid && !good { "not well" } else { verdict.as_str() };
        let cells = vec![
            cell.component.name().to_owned(),
            cell.spec().name.to_owned(),
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
        let mut cells = vec![cell.component.name().to_owned(), cell.spec().name.to_owned(), seed.to_string()];
        cells.push("no verdict".to_owned());
        cells.resize(HEAD.len(), "–".to_owned());
        Self { cells, good: false }
    }
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
    use crate::plan::{Component, FaultName};

    #[test]
    fn columns_are_aligned_and_a_run_without_an_end_is_bad() {
        let line = Line::broken(Cell { component: Component::Kafka, fault: FaultName::Stop5 }, 7);
        assert!(!line.good);
        let text = render(&[line], false);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0].find("verdict"), lines[1].find("no verdict"));
        assert!(!text.contains('\x1b'));
        assert!(
            render(&[Line::broken(Cell { component: Component::Kafka, fault: FaultName::Kill }, 7)], true)
                .contains("\x1b[31m")
        );
    }
}
