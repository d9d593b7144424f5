//! CPU time of processes, from `/proc/<pid>/stat`.

use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use anyhow::Context as _;

/// How long a tick of `/proc/<pid>/stat` is: always this for programs, whatever the kernel counts with.
const TICK: Duration = Duration::from_millis(10);

/// CPU time by the name of who used it.
pub type Used = BTreeMap<String, Duration>;

/// Processes by name; several may share one.
#[derive(Debug, Clone, Default)]
pub struct Processes(Vec<(String, u32)>);

impl Processes {
    /// Everything that runs in a native stack, by the files in its folder `pids`; gateways count together. And this process, as `client`.
    pub fn of_stack(folder: &Path) -> anyhow::Result<Self> {
        let folder = folder.join("pids");
        let mut processes = Self::own();
        for file in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let path = file?.path();
            let (Some(name), Some("pid")) =
                (path.file_stem().and_then(|name| name.to_str()), path.extension().and_then(|name| name.to_str()))
            else {
                continue;
            };
            let text = fs::read_to_string(&path)?;
            let (pid, started) = text.trim().split_once(' ').with_context(|| format!("{text:?} is no pid"))?;
            let pid = pid.parse().with_context(|| format!("{pid:?} is no pid"))?;
            // The start time tells our process from a later one with the same pid.
            if stat(pid).is_some_and(|stat| field(&stat, 20) == Some(started)) {
                let name = name.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches('-');
                processes.0.push((name.to_owned(), pid));
            }
        }
        Ok(processes)
    }

    /// Only this process, as `client`.
    pub fn own() -> Self {
        Self(vec![("client".to_owned(), std::process::id())])
    }

    /// What each has used since it was started, with all processes below it, those that have ended too.
    pub fn used(&self) -> Used {
        let children = children();
        let mut used = Used::new();
        for (name, pid) in &self.0 {
            let mut pids = vec![*pid];
            let mut ticks = 0;
            while let Some(pid) = pids.pop() {
                ticks += stat(pid).as_deref().and_then(ticks_of).unwrap_or_default();
                pids.extend(children.get(&pid).into_iter().flatten());
            }
            *used.entry(name.clone()).or_default() += TICK * ticks;
        }
        used
    }
}

/// What was used from one reading to the next.
pub fn between(before: &Used, after: &Used) -> Used {
    let difference = |(name, used): (&String, &Duration)| {
        (name.clone(), used.saturating_sub(before.get(name).copied().unwrap_or_default()))
    };
    after.iter().map(difference).collect()
}

fn children() -> BTreeMap<u32, Vec<u32>> {
    let mut children = BTreeMap::<u32, Vec<u32>>::new();
    let Ok(entries) = fs::read_dir("/proc") else { return children };
    for pid in entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()) {
        if let Some(parent) = stat(pid).as_deref().and_then(|stat| field(stat, 2)?.parse().ok()) {
            children.entry(parent).or_default().push(pid);
        }
    }
    children
}

fn stat(pid: u32) -> Option<String> {
    fs::read_to_string(format!("/proc/{pid}/stat")).ok()
}

/// User and system time of the process, and of those below it that have ended.
fn ticks_of(stat: &str) -> Option<u32> {
    (12..=15).map(|number| field(stat, number)?.parse::<u32>().ok()).sum()
}

/// A field of `/proc/<pid>/stat`, counted after the command's name, which may hold anything.
fn field(stat: &str, number: usize) -> Option<&str> {
    stat.rsplit_once(") ")?.1.split(' ').nth(number - 1)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn the_four_times_are_added_up_after_a_name_that_may_hold_anything() {
        let stat = "12 (a) 9 (b) S 7 12 12 0 -1 4194560 1 2 3 4 10 20 300 4000 20 0 1";
        assert_eq!(ticks_of(stat), Some(4_330));
        assert_eq!(field(stat, 2), Some("7"));
        assert_eq!(ticks_of("12"), None);
    }

    #[test]
    fn a_busy_process_uses_time() {
        let processes = Processes::own();
        let before = processes.used();
        let started = Instant::now();
        while between(&before, &processes.used())["client"] < TICK * 3 {
            assert!(started.elapsed() < Duration::from_mins(1), "no time used");
        }
    }
}
