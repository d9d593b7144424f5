//! Asks before something is done.

use std::io::{BufRead, IsTerminal, Write};

use anyhow::{Result, bail};

/// True with `--yes` or when the terminal says so. Without a terminal there is nobody to ask.
pub fn confirmed(question: &str, yes: bool) -> Result<bool> {
    if yes {
        return Ok(true);
    }
    let input = std::io::stdin();
    if !input.is_terminal() {
        bail!("not a terminal, so nobody can be asked: add --yes");
    }
    eprint!("{question} [y/N] ");
    std::io::stderr().flush()?;
    let mut answer = String::new();
    input.lock().read_line(&mut answer)?;
    let agreed = matches!(answer.trim().to_lowercase().as_str(), "y" | "yes");
    if !agreed {
        eprintln!("nothing was done");
    }
    Ok(agreed)
}
