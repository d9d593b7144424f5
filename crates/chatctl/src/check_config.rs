//! `chatctl check-config`: asks every service's binary about its configuration.

use std::{
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use anyhow::{Context, Result};

use crate::{cli::CheckConfigArguments, config};

/// `EX_USAGE` of sysexits.h: wrong configuration or usage, also the services' exit code for it.
pub const EX_USAGE: u8 = 64;

const SERVICES: [&str; 5] = ["ws-gateway", "persister", "broadcaster", "notifier", "read-receipt"];

pub fn run(file: Option<&Path>, arguments: &CheckConfigArguments) -> Result<ExitCode> {
    let directory = std::env::current_exe().context("find chatctl's own folder")?;
    let directory = directory.parent().map(PathBuf::from).unwrap_or_default();
    let mut results = Vec::new();
    if arguments.services.is_empty() {
        results.extend(SERVICES.map(|service| (service.to_owned(), check_service(&directory, service))));
        results.push(("chatctl".to_owned(), config::load(file).map(drop).map_err(|error| error.to_string())));
    } else {
        results.extend(arguments.services.iter().map(|service| (service.clone(), check_service(&directory, service))));
    }
    print!("{}", table(&results));
    let all_well = results.iter().all(|(_, result)| result.is_ok());
    Ok(if all_well { ExitCode::SUCCESS } else { ExitCode::from(EX_USAGE) })
}

fn check_service(directory: &Path, service: &str) -> Result<(), String> {
    if !SERVICES.contains(&service) {
        return Err(format!("no such service: give {}", SERVICES.join(", ")));
    }
    let binary = directory.join(service);
    // A file given by --config is chatctl's; the services have CHAT_CONFIG, which they inherit, or their own.
    let output = Command::new(&binary)
        .arg("--check-config")
        .output()
        .map_err(|error| format!("cannot run {}: {error}; build it with `make build`", binary.display()))?;
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()) }
}

fn table(results: &[(String, Result<(), String>)]) -> String {
    let width = results.iter().map(|(service, _)| service.len()).max().unwrap_or_default();
    let line = |(service, result): &(String, Result<(), String>)| {
        let text = result.as_ref().err().map_or("ok", String::as_str);
        // The lines of a longer error stay in their column.
        format!("{service:width$}  {}\n", text.replace('\n', &format!("\n{:width$}  ", "")))
    };
    results.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_shows_what_is_wrong() {
        let results = [("persister".to_owned(), Ok(())), ("notifier".to_owned(), Err("bad\nkey".to_owned()))];
        assert_eq!(table(&results), "persister  ok\nnotifier   bad\n           key\n");
    }

    #[test]
    fn a_name_that_is_no_service_is_not_run() {
        assert!(check_service(Path::new("/bin"), "sh").unwrap_err().starts_with("no such service"));
    }
}
