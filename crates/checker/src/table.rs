//! The report for people.

use std::fmt::Display;

use crate::{
    Finding, Report,
    report::{Status, Verdict},
};

const RED: u8 = 31;
const GREEN: u8 = 32;
const YELLOW: u8 = 33;
const DIM: u8 = 2;

/// Rooms shown; the others are in the JSON.
const ROOMS: usize = 30;

/// Aligned columns.
struct Table {
    rows: Vec<Vec<(String, Option<u8>)>>,
    /// Columns whose text begins at the left; the others end at the right.
    left: usize,
}

impl Table {
    fn new(left: usize, head: &[&str]) -> Self {
        Self { rows: vec![head.iter().map(|cell| ((*cell).to_owned(), Some(DIM))).collect()], left }
    }

    fn row(&mut self, cells: Vec<(String, Option<u8>)>) {
        self.rows.push(cells);
    }

    fn render(&self, colours: bool) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            self.rows.iter().filter_map(|row| row.get(column)).map(|(text, _)| text.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for (column, (cell, colour)) in row.iter().enumerate() {
                let fill = " ".repeat(widths[column] - cell.chars().count());
                let cell = paint(cell, colour.filter(|_| colours));
                let (before, after) = if column < self.left { ("", &*fill) } else { (&*fill, "") };
                line = line + "  " + before + &cell + after;
            }
            text = text + line.trim_end() + "\n";
        }
        text + "\n"
    }
}

fn paint(text: &str, colour: Option<u8>) -> String {
    colour.map_or_else(|| text.to_owned(), |colour| format!("\x1b[{colour}m{text}\x1b[0m"))
}

fn plain(value: impl Display) -> (String, Option<u8>) {
    (value.to_string(), None)
}

/// A count of something that should not be.
fn bad(count: u64) -> (String, Option<u8>) {
    (count.to_string(), (count > 0).then_some(RED))
}

fn ms(value: Option<u64>) -> (String, Option<u8>) {
    plain(value.map_or_else(|| "–".to_owned(), |ms| format!("{ms} ms")))
}

/// The report as text; with `colours` for a terminal.
pub fn render(report: &Report, colours: bool) -> String {
    let colour = match report.verdict {
        Verdict::Valid => GREEN,
        Verdict::Invalid => RED,
        Verdict::Unknown => YELLOW,
    };
    let mut text = invariants(report).render(colours);
    if !report.rooms.is_empty() {
        text += &rooms(report).render(colours);
    }
    if report.rooms.len() > ROOMS {
        let more = report.rooms.len() - ROOMS;
        text = text.trim_end().to_owned() + &format!("\n  … and {more} rooms more, see --json\n\n");
    }
    if !report.faults.is_empty() {
        text += &faults(report).render(colours);
    }
    text += &sends(report);
    if let Some(finding) = &report.counter_example {
        text += &counter_example(finding, colours);
    }
    for doubt in &report.doubts {
        text = text + &paint("not proved:", colours.then_some(YELLOW)) + " " + doubt + "\n";
    }
    let run = report.run.as_deref().map(|run| format!(" {run}")).unwrap_or_default();
    let seed = report.seed.map(|seed| format!(", seed {seed}")).unwrap_or_default();
    let verdict = paint(report.verdict.as_str(), colours.then_some(colour));
    text + &format!("run{run}{seed}, {} records: {verdict}\n", report.records)
}

fn counter_example(finding: &Finding, colours: bool) -> String {
    let title = format!("{} {}: {}", finding.invariant, finding.clause, finding.message);
    let place = [
        Some(format!("at {}:{}", finding.file, finding.line)),
        finding.room.map(|room| format!("room {room}")),
        finding.seq.map(|seq| format!("seq {seq}")),
        finding.key.as_ref().map(|key| format!("key {key}")),
    ];
    let place: Vec<String> = place.into_iter().flatten().collect();
    let mut lines = vec![paint(&title, colours.then_some(RED)), format!("  {}", place.join(", "))];
    lines.extend(finding.context.iter().map(|line| paint(line, (colours && !line.starts_with('>')).then_some(DIM))));
    lines.join("\n") + "\n\n"
}

fn invariants(report: &Report) -> Table {
    let mut table = Table::new(3, &["", "invariant", "", "cases", "violations"]);
    for it in &report.invariants {
        let (status, colour) = match it.status {
            Status::Holds => ("holds", GREEN),
            Status::Broken => ("BROKEN", RED),
            Status::NotChecked => ("not checked", YELLOW),
        };
        let title = it.note.as_ref().map_or_else(|| it.title.to_owned(), |note| format!("{} ({note})", it.title));
        let state = (status.to_owned(), Some(colour));
        table.row(vec![plain(it.invariant), plain(title), state, plain(it.cases), bad(it.violations)]);
    }
    table
}

fn rooms(report: &Report) -> Table {
    let head = ["room", "head", "expected", "unique", "missing", "duplicate", "unexpected"];
    let mut table = Table::new(1, &head);
    for it in report.rooms.iter().take(ROOMS) {
        let counts = vec![bad(it.missing), bad(it.duplicate), bad(it.unexpected)];
        let mut row = vec![plain(it.room), plain(it.head), plain(it.expected), plain(it.unique)];
        row.extend(counts);
        table.row(row);
    }
    table
}

fn faults(report: &Report) -> Table {
    let mut table = Table::new(4, &["fault", "", "target", "happened", "first ok", "caught up", "budgets", "met"]);
    for it in &report.faults {
        let yes = |yes: bool| if yes { ("yes".to_owned(), None) } else { ("NO".to_owned(), Some(RED)) };
        let budget = it.budget_ms.map_or_else(|| "–".to_owned(), |(first, caught)| format!("{first} / {caught} ms"));
        table.row(vec![
            plain(&it.id),
            plain(format!("{:?}", it.fault).to_lowercase()),
            plain(&it.target),
            yes(it.happened),
            ms(it.first_ok_ms),
            ms(it.caught_up_ms),
            plain(budget),
            it.met.map_or_else(|| plain("–"), yes),
        ]);
    }
    table
}

fn sends(report: &Report) -> String {
    let it = &report.sends;
    let lag = &report.lag;
    format!(
        "sends {}: persisted {}, accepted {}, rejected {}, busy {}, unknown {}, unanswered {}; {} repeated\n\
         slowest delivery {} ms, {} ms around faults; read marks excused {}\n\n",
        it.sent,
        it.persisted,
        it.accepted,
        it.rejected,
        it.busy,
        it.unknown,
        it.unanswered,
        it.retried,
        lag.steady_ms,
        lag.shaken_ms,
        report.excused_marks
    )
}
