//! What was measured, as Markdown.

use std::time::Duration;

use crate::{
    latency::{ListLatency, SearchLatency},
    plans::Checked,
};

/// Everything, one table after the other.
pub fn markdown(head: &str, plans: &[Checked], lists: &[ListLatency], searches: &[SearchLatency]) -> String {
    let plans = plans.iter().map(|plan| {
        let indexes: Vec<&str> = plan.indexes.iter().map(String::as_str).collect();
        vec![plan.file.to_owned(), indexes.join(", "), if plan.fault.is_some() { "no" } else { "yes" }.to_owned()]
    });
    let lists = lists.iter().flat_map(|list| {
        let line = |way: &str, queries: usize, times: &crate::latency::Times| {
            vec![
                list.rooms.to_string(),
                way.to_owned(),
                queries.to_string(),
                ms(times.percentile(50)),
                ms(times.percentile(99)),
            ]
        };
        [line("a query per room", list.naive_queries, &list.naive), line("one query", 1, &list.one_query)]
    });
    let searches = searches.iter().map(|search| {
        vec![
            search.what.clone(),
            search.rooms.clone(),
            search.found.to_string(),
            ms(search.times.percentile(50)),
            ms(search.times.percentile(99)),
            search.too_broad.to_string(),
        ]
    });
    format!(
        "{head}\n\n## Plans\n\n{}\n## Room list\n\n{}\n## Search\n\n{}",
        table(&["query", "indexes", "as expected"], plans),
        table(&["rooms", "how", "queries", "p50 (ms)", "p99 (ms)"], lists),
        table(&["what", "rooms", "found (page of 20)", "p50 (ms)", "p99 (ms)", "too broad"], searches),
    )
}

fn ms(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1_000.0)
}

/// Columns as wide as their longest cell, so that it also reads well in a terminal.
fn table(head: &[&str], lines: impl Iterator<Item = Vec<String>>) -> String {
    let lines: Vec<Vec<String>> =
        std::iter::once(head.iter().map(ToString::to_string).collect()).chain(lines).collect();
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let mut text = String::new();
    for (number, line) in lines.iter().enumerate() {
        let cells: Vec<String> =
            line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}", width = *width)).collect();
        text += &["| ", &cells.join(" | "), " |\n"].concat();
        if number == 0 {
            let rules: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
            text += &["| ", &rules.join(" | "), " |\n"].concat();
        }
    }
    text
}
