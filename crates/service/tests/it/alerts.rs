//! `deploy/prometheus/alerts.yaml`: every alert can fire, and every alert has its place in the runbook.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;

const RUNBOOK: &str = include_str!("../../../../docs/OPERATIONS.md");
const RULES: &str = include_str!("../../../../deploy/prometheus/alerts.yaml");

#[derive(Deserialize)]
struct Rules {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
struct Rule {
    alert: String,
    expr: String,
    labels: Labels,
    annotations: Annotations,
}

#[derive(Deserialize)]
struct Labels {
    severity: String,
}

#[derive(Deserialize)]
struct Annotations {
    summary: String,
}

fn rules() -> Vec<Rule> {
    let rules: Rules = serde_saphyr::from_str(RULES).unwrap();
    rules.groups.into_iter().flat_map(|group| group.rules).collect()
}

#[test]
fn every_alert_is_in_the_runbook_and_every_alert_of_the_runbook_exists() {
    let of_the_rules: BTreeSet<String> =
        rules().into_iter().map(|rule| format!("{} ({})", rule.alert, rule.labels.severity)).collect();
    let (_, section) = RUNBOOK.split_once("\n## Alerts\n").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let of_the_runbook: BTreeSet<String> = section
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once(" | "))
        .map(|(alert, _)| alert.replace('`', ""))
        .collect();
    assert_eq!(of_the_rules, of_the_runbook);
    assert!(of_the_rules.len() > 10);
}

#[test]
fn every_alert_looks_at_metrics_that_exist() {
    let sources = sources();
    for rule in rules() {
        assert!(!rule.annotations.summary.is_empty(), "{}", rule.alert);
        for metric in metrics_of(&rule.expr) {
            let name = ["_bucket", "_sum", "_count"].iter().fold(metric, |name, part| name.trim_end_matches(part));
            let known = sources.iter().any(|source| source.contains(&format!("\"{name}\"")));
            assert!(known, "{} looks at {metric}, which no service has", rule.alert);
        }
    }
}

/// Metrics of ours that an expression names.
fn metrics_of(expression: &str) -> impl Iterator<Item = &str> {
    expression
        .split(|character: char| !(character.is_ascii_alphanumeric() || character == '_'))
        .filter(|word| word.starts_with("chat_"))
}

/// All Rust sources that are not tests.
fn sources() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut directories: Vec<PathBuf> = ["crates", "services"].iter().map(|name| root.join(name)).collect();
    let mut sources = Vec::new();
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !["tests", "target", "node_modules"].iter().any(|name| path.ends_with(name)) {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                sources.push(fs::read_to_string(path).unwrap());
            }
        }
    }
    sources
}
