//! What the marks cost, as Markdown.

use std::time::Duration;

use super::{Cost, Room};
use crate::{
    figures::{grouped, ms, number, short},
    table::table,
};

/// Processes in the order of the flow.
const PROCESSES: [&str; 9] =
    ["haproxy", "ws-gateway", "kafka", "read-receipt", "redis", "postgres", "persister", "broadcaster", "notifier"];

/// One table of what was seen, one of what was used.
pub fn markdown(costs: &[(Room, Cost)]) -> String {
    let seen: Vec<Vec<String>> = costs.iter().map(|(room, cost)| seen(*room, cost)).collect();
    let names: Vec<String> = costs.iter().map(|(room, _)| room.to_string()).collect();
    let mut head = vec!["CPU-µs per mark"];
    head.extend(names.iter().map(String::as_str));
    let line = |name: &str, value: &dyn Fn(&Cost) -> f64| {
        std::iter::once(name.to_owned()).chain(costs.iter().map(|(_, cost)| short(value(cost)))).collect::<Vec<_>>()
    };
    let mut used: Vec<Vec<String>> =
        PROCESSES.iter().map(|name| line(name, &|cost| per_mark(cost, &|process| process == *name))).collect();
    used.push(line("**all of them**", &|cost| per_mark(cost, &|process| process != "client")));
    used.push(line("the clients themselves", &|cost| per_mark(cost, &|process| process == "client")));
    format!("{}\n{}", table(&SEEN, 0, &seen), table(&head, 1, &used))
}

const SEEN: [&str; 13] = [
    "members",
    "sessions",
    "marks",
    "marks/s",
    "accepted p50 (ms)",
    "told p50 (ms)",
    "told p99 (ms)",
    "others told p50 (ms)",
    "others told p99 (ms)",
    "stored after the last was told (ms)",
    "`read` pushes per mark",
    "`readSummary` pushes per mark",
    "pushes to a session per second",
];

fn seen(room: Room, cost: &Cost) -> Vec<String> {
    let pushes = |kind: &str| number(cost.pushes.get(kind).copied().unwrap_or_default());
    let [told, told_late] = cost.told.percentiles([50, 99]);
    let others = cost.others_told.percentiles([50, 99]);
    let others = others.map(|time| if cost.others_told.count() == 0 { "–".to_owned() } else { short(ms(time)) });
    let [others_told, others_late] = others;
    let [accepted] = cost.accepted.percentiles([50]);
    let seconds = cost.took.as_secs_f64().max(0.001);
    vec![
        grouped(number(room.members)),
        room.sessions.to_string(),
        grouped(number(cost.marks)),
        grouped(number(cost.marks) / seconds),
        short(ms(accepted)),
        short(ms(told)),
        short(ms(told_late)),
        others_told,
        others_late,
        short(ms(cost.stored.saturating_sub(cost.took))),
        short(pushes("read") / number(cost.marks.max(1))),
        short(pushes("readSummary") / number(cost.marks.max(1))),
        short((pushes("read") + pushes("readSummary")) / number(room.sessions.max(1)) / seconds),
    ]
}

fn per_mark(cost: &Cost, which: &dyn Fn(&str) -> bool) -> f64 {
    let used: Duration = cost.cpu.iter().filter(|(name, _)| which(name)).map(|(_, used)| *used).sum();
    used.as_secs_f64() * 1e6 / number(cost.marks.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_divided_by_the_marks() {
        let cpu = [("kafka", 200), ("redis", 100), ("client", 50)];
        let cost = Cost {
            marks: 1_000,
            took: Duration::from_secs(2),
            pushes: [("read".to_owned(), 10_000), ("readSummary".to_owned(), 500)].into(),
            cpu: cpu.map(|(name, ms)| (name.to_owned(), Duration::from_millis(ms))).into(),
            ..Cost::default()
        };
        let room = Room { members: 10, sessions: 10 };
        let line = seen(room, &cost);
        let shown = [3, 7, 10, 11, 12].map(|column: usize| line[column].as_str());
        assert_eq!(shown, ["500", "–", "10.0", "0.50", "525"]);
        let text = markdown(&[(room, cost)]);
        let all = text.lines().find(|line| line.contains("all of them")).unwrap();
        assert!(all.contains(" 300 "), "{all}");
    }
}
