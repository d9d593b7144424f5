//! The program: exit codes, the table, the JSON.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use chat_checker::Record;

use crate::{
    defects,
    recorded::directory,
    story::{Story, everyday},
};

fn write(directory: &Path, records: &[Record]) {
    let lines: Vec<String> = records.iter().map(|record| serde_json::to_string(record).expect("JSON")).collect();
    fs::write(directory.join("run.jsonl"), lines.join("\n")).expect("written");
}

fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } =
        Command::new(env!("CARGO_BIN_EXE_chat-checker")).args(arguments).output().expect("the program runs");
    (status.code(), String::from_utf8(stdout).expect("text"), String::from_utf8(stderr).expect("text"))
}

#[test]
fn the_exit_code_is_the_verdict() {
    let directory = directory("program");
    let path = directory.to_str().expect("a path");
    write(&directory, &everyday().ends());
    let (code, table, _) = run(&[path]);
    assert_eq!(code, Some(0), "{table}");
    assert!(table.contains("run story, seed 7") && table.ends_with("valid\n") && !table.contains('\x1b'), "{table}");

    write(&directory, &Story::begins().ends());
    let (code, table, _) = run(&[path]);
    assert_eq!(code, Some(2), "{table}");
    assert!(table.contains("not proved: 0 sends"), "{table}");

    let mut records = defects::History(everyday().ends());
    assert!(defects::ALL.iter().any(|defect| defect.name == "skipped_delivery" && (defect.plant)(&mut records, 3)));
    write(&directory, &records);
    let (code, json, _) = run(&["--json", path]);
    assert_eq!(code, Some(1));
    let report: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!((&report["schema"], &report["verdict"]), (&1.into(), &"invalid".into()));
    let example = &report["counterExample"];
    assert_eq!((&example["invariant"], &example["clause"]), (&"I6".into(), &"skip".into()));
    let context = example["context"].as_array().expect("lines");
    assert_eq!(context.len(), 21, "the line itself, ten before, ten after");
    let marked = context[10].as_str().expect("a line");
    assert!(marked.starts_with(&format!("> {}: ", example["line"])) && marked.contains("recv"), "{marked}");
    fs::remove_dir_all(&directory).expect("removed");
}

#[test]
fn unusable_input_is_64_and_says_what_is_wrong() {
    let directory = directory("unusable");
    let path = directory.to_str().expect("a path");
    let (code, _, error) = run(&[path]);
    assert!(code == Some(64) && error.contains(".jsonl"), "{code:?} {error}");
    fs::write(directory.join("run.jsonl"), "{}\n").expect("written");
    let (code, _, error) = run(&[path]);
    assert!(code == Some(64) && error.contains("run.jsonl:1: "), "{code:?} {error}");
    assert_eq!(run(&["no/such/file"]).0, Some(64));
    assert_eq!(run(&[]).0, Some(64));
    let (code, help, _) = run(&["--help"]);
    assert!(code == Some(0) && help.contains("Exit code") && help.contains("Examples"), "{help}");
    fs::remove_dir_all(&directory).expect("removed");
}
