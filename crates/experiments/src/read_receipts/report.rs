//! What was measured, as Markdown.

use super::{Case, Line, Strategy, cell::Cell};
use crate::{
    figures::{grouped, median, ms, number, short},
    table::table,
};

/// A table for each case.
pub fn markdown(lines: &[Line]) -> String {
    let mut cases: Vec<Case> = Vec::new();
    for line in lines {
        if !cases.contains(&line.case) {
            cases.push(line.case);
        }
    }
    let of = |case: Case| {
        let lines: Vec<Vec<String>> = lines.iter().filter(|line| line.case == case).map(cells).collect();
        format!("**{}**\n\n{}", capital(case.name()), table(&HEAD, 1, &lines))
    };
    cases.into_iter().map(of).collect::<Vec<_>>().join("\n")
}

/// What may not be: a protected strategy that lost a mark, or a control that lost none where several readers raise one mark.
pub fn faults(lines: &[Line]) -> Vec<String> {
    let mut faults = Vec::new();
    for line in lines.iter().filter(|line| line.strategy != Strategy::Control) {
        let lost: usize = line.cells.iter().map(Cell::lost).sum();
        if lost > 0 {
            let (name, case, readers) = (line.strategy.name(), line.case.name(), line.readers);
            faults.push(format!("{name} lost {lost} marks ({case}, {readers} readers)"));
        }
    }
    let mut contended = lines
        .iter()
        .filter(|line| line.strategy == Strategy::Control && line.case == Case::OneMark && line.readers > 1)
        .peekable();
    if contended.peek().is_some() && contended.flat_map(|line| &line.cells).all(|cell| cell.lost() == 0) {
        faults.push("the control lost nothing: that the others lost nothing proves nothing".to_owned());
    }
    faults
}

const HEAD: [&str; 12] = [
    "strategy",
    "readers",
    "marks/s",
    "p50 (ms)",
    "p99 (ms)",
    "retries per mark",
    "writes that went back",
    "seen going back",
    "behind at the end",
    "PostgreSQL (CPU-µs per mark)",
    "Redis (CPU-µs per mark)",
    "readers (CPU-µs per mark)",
];

fn cells(line: &Line) -> Vec<String> {
    let cells = &line.cells;
    let middle = |value: &dyn Fn(&Cell) -> f64| median(cells.iter().map(value).collect());
    let percentile = |percent: usize| middle(&|cell| ms(cell.times.percentiles([percent])[0]));
    let marks: usize = cells.iter().map(|cell| cell.times.count()).sum();
    let sum = |count: &dyn Fn(&Cell) -> usize| grouped(number(cells.iter().map(count).sum()));
    let retries: u64 = cells.iter().map(|cell| cell.retries).sum();
    let retries = number(usize::try_from(retries).unwrap_or(usize::MAX)) / number(marks.max(1));
    vec![
        line.strategy.name().to_owned(),
        line.readers.to_string(),
        grouped(middle(&|cell| number(cell.times.count()) / cell.took.as_secs_f64())),
        short(percentile(50)),
        short(percentile(99)),
        if retries > 0.0 { short(retries) } else { "–".to_owned() },
        sum(&|cell| cell.taken_back),
        sum(&|cell| cell.seen_going_down),
        sum(&|cell| cell.behind),
        cpu(cells, "postgres", marks),
        cpu(cells, "redis", marks),
        cpu(cells, "client", marks),
    ]
}

/// Over all rounds together: the kernel counts in steps of 10 ms.
fn cpu(cells: &[Cell], name: &str, marks: usize) -> String {
    let used: Option<Vec<f64>> =
        cells.iter().map(|cell| cell.cpu.get(name).map(std::time::Duration::as_secs_f64)).collect();
    used.map_or_else(|| "not measured".to_owned(), |used| short(used.iter().sum::<f64>() * 1e6 / number(marks.max(1))))
}

fn capital(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::figures::Times;

    #[test]
    fn rounds_become_medians_and_losses_sums() {
        let cell = |marks: u32| {
            let mut times = Times::default();
            (0..marks).for_each(|_| times.add(Duration::from_millis(2)));
            let cpu = [("postgres".to_owned(), Duration::from_millis(10))].into();
            Cell { times, took: Duration::from_secs(1), taken_back: 2, behind: 1, retries: 50, cpu, ..Cell::default() }
        };
        let cells = vec![cell(100), cell(300), cell(200)];
        assert_eq!(cells[0].lost(), 3);
        let line = Line { case: Case::OneMark, readers: 8, strategy: Strategy::Control, cells };
        let told = super::cells(&line);
        let expected = [
            "control: no protection",
            "8",
            "200",
            "2.0",
            "2.0",
            "0.25",
            "6",
            "0",
            "3",
            "50.0",
            "not measured",
            "not measured",
        ];
        assert_eq!(told, expected);
        assert_eq!(faults(std::slice::from_ref(&line)), Vec::<String>::new());
        assert!(markdown(&[line]).starts_with("**One mark**\n\n| strategy "));
    }

    #[test]
    fn a_protected_strategy_that_loses_and_a_control_that_does_not_are_faults() {
        let line = |strategy, taken_back| Line {
            case: Case::OneMark,
            readers: 8,
            strategy,
            cells: vec![Cell { taken_back, ..Cell::default() }],
        };
        assert!(faults(&[line(Strategy::Control, 1), line(Strategy::Redis, 0)]).is_empty());
        assert_eq!(faults(&[line(Strategy::Control, 0), line(Strategy::Redis, 1)]).len(), 2);
    }
}
