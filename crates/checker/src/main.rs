//! `chat-checker`: reads histories and dumps, prints the verdict.

use std::{
    io::{self, IsTerminal, Write},
    path::PathBuf,
    process::ExitCode,
};

use chat_checker::{Reader, Report, attach_context, check, render};
use clap::Parser;

/// Exit code for input that cannot be judged (`EX_USAGE`).
const UNUSABLE: u8 = 64;

/// Verifies recorded client histories and final dumps against the guarantees
#[derive(Debug, Parser)]
#[command(
    name = "chat-checker",
    version,
    after_help = "\
All files together are one run: its plan, what clients did and saw, the faults, and the dumps of the stores.
The format and the invariants I1 to I15 are described in docs/CHECKER.md.

Exit code:
  0   valid: every invariant holds, and enough happened to say so
  1   invalid: an invariant is broken; the first counter-example is shown
  2   unknown: nothing was found, but the run proves nothing; the reasons are shown
  64  unusable input: the file, the line and what is wrong with it are shown

Examples:
  chat-checker runs/kill-persister-7               every *.jsonl of a directory
  chat-checker clients.jsonl dumps.jsonl           these files
  chat-checker --json runs/kill-persister-7 | jq .counterExample"
)]
struct Cli {
    /// Directories with *.jsonl files, or files
    #[arg(required = true, value_name = "DIR|FILE")]
    paths: Vec<PathBuf>,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // A wrong call is unusable input; clap's own code would say that the verdict is unknown.
        Err(error) => {
            let printed = error.print().is_ok();
            return if printed && !error.use_stderr() { ExitCode::SUCCESS } else { ExitCode::from(UNUSABLE) };
        }
    };
    match judge(&cli.paths).and_then(|report| print(&report, cli.json).map(|()| report)) {
        Ok(report) => ExitCode::from(report.verdict.exit_code()),
        Err(error) => {
            eprintln!("chat-checker: {error}");
            ExitCode::from(UNUSABLE)
        }
    }
}

type Failure = Box<dyn std::error::Error>;

fn judge(paths: &[PathBuf]) -> Result<Report, Failure> {
    let mut reader = Reader::default();
    for path in paths {
        reader.read_path(path)?;
    }
    let mut report = check(&reader.finish());
    attach_context(&mut report)?;
    Ok(report)
}

fn print(report: &Report, json: bool) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    if json {
        serde_json::to_writer_pretty(&mut out, report)?;
        writeln!(out)?;
    } else {
        write!(out, "{}", render(report, out.is_terminal()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
