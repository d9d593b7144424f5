//! Signals to processes, and what `/proc` says about them.

use std::{fs, process::Stdio, time::Duration};

use anyhow::{Context as _, ensure};
use tokio::process::Command;

/// Sends a signal to a process, and to those that belong to it, some of which may have ended meanwhile.
pub async fn signal(name: &str, pid: u32, others: &[u32]) -> anyhow::Result<()> {
    let send = async |pids: &[u32]| {
        let mut command = Command::new("kill");
        command.arg(format!("-{name}")).args(pids.iter().map(u32::to_string));
        command.stdin(Stdio::null()).stderr(Stdio::null()).status().await.context("kill")
    };
    ensure!(send(&[pid]).await?.success(), "SIG{name} could not be sent to {pid}");
    if !others.is_empty() {
        send(others).await?;
    }
    Ok(())
}

/// The state letter of `/proc/<pid>/stat`: `T` is stopped, `Z` a zombie; nothing when there is no such process.
pub fn state(pid: u32) -> Option<char> {
    field(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?, 1)?.chars().next()
}

/// When it was started, in ticks since the machine was: tells a process from a later one with the same pid.
pub fn start_time(pid: u32) -> Option<String> {
    field(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?, 20).map(str::to_owned)
}

/// The processes whose parent is `pid`.
pub fn children(pid: u32) -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let parent = |pid: u32| field(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?, 2)?.parse::<u32>().ok();
    pids.filter(|child| parent(*child) == Some(pid)).collect()
}

/// Resident memory in bytes.
pub fn resident_bytes(pid: u32) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().trim_end_matches(" kB").parse::<f64>().ok().map(|kib| kib * 1024.0)
}

/// Memory in bytes, what is shared with others counted in proportion.
pub fn proportional_bytes(pid: u32) -> Option<f64> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    line.trim().trim_end_matches(" kB").parse::<f64>().ok().map(|kib| kib * 1024.0)
}

/// Files, sockets and pipes it has open.
pub fn open_descriptors(pid: u32) -> Option<f64> {
    let count = fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count();
    u32::try_from(count).ok().map(f64::from)
}

/// Waits until the process is stopped, and says in what state it was seen last.
pub async fn await_stopped(pid: u32) -> Option<char> {
    for _ in 0..100 {
        if state(pid) == Some('T') {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    state(pid)
}

/// A field of `/proc/<pid>/stat`, counted after the command's name, which may hold anything.
fn field(stat: &str, number: usize) -> Option<&str> {
    stat.rsplit_once(") ")?.1.split(' ').nth(number - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_counted_after_a_name_that_may_hold_anything() {
        let stat = "12 (a) T (b) S 7 12 12 0";
        assert_eq!((field(stat, 1), field(stat, 2)), (Some("S"), Some("7")));
        assert_eq!(field("12", 1), None);
    }

    #[test]
    fn a_process_is_seen_running() {
        assert!(matches!(state(std::process::id()), Some('R' | 'S')));
        assert!(resident_bytes(std::process::id()).unwrap() > 100_000.0);
        assert_eq!(state(u32::MAX), None);
    }
}
