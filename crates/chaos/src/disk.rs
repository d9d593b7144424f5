//! A disk that is small enough to be filled: a tmpfs, mounted for one run.

use std::{
    fs::{self, File},
    io::{ErrorKind, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};

const MIB: u64 = 1024 * 1024;
/// How often it is looked whether there is room again.
const TOP_UP: Duration = Duration::from_millis(250);
const FILLER: &str = "filler";

/// Unmounted when it is dropped, also while files on it are open.
#[derive(Debug)]
pub struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Hides what lies in the directory.
    pub fn mount(directory: &Path, mib: u64) -> anyhow::Result<Self> {
        let directory = directory.canonicalize().with_context(|| directory.display().to_string())?;
        let size = format!("size={},mode=755", mib * MIB);
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(&directory).stdin(Stdio::null());
        let output = command.output().context("mount")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{} could not be mounted: {}", directory.display(), said.trim());
        Ok(Self(directory))
    }

    /// Takes all the room, also what becomes free meanwhile; how many writes of ours failed for want of space.
    pub async fn keep_full(&self, length: Duration) -> anyhow::Result<u64> {
        let mut filler = File::options().create(true).append(true).open(self.0.join(FILLER))?;
        let until = Instant::now() + length;
        let mut failed = 0;
        while Instant::now() < until {
            fill(&mut filler)?;
            failed += 1;
            tokio::time::sleep(TOP_UP).await;
        }
        Ok(failed)
    }

    /// Gives the room back.
    pub fn free(&self) -> anyhow::Result<()> {
        fs::remove_file(self.0.join(FILLER)).context("the filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        unmount(&self.0);
    }
}

/// Until a write fails for want of space.
fn fill(file: &mut File) -> anyhow::Result<()> {
    for size in [64 * 1024, 4096, 1] {
        let block = vec![b'.'; size];
        loop {
            match file.write(&block) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => break,
                Err(error) => return Err(error).context("filling the disk"),
            }
        }
    }
    Ok(())
}

/// Lazily: a process that ends later does not hold it.
fn unmount(directory: &Path) {
    let done = Command::new("umount").arg("-l").arg(directory).stdin(Stdio::null()).status();
    if !done.is_ok_and(|status| status.success()) {
        eprintln!("{} could not be unmounted: do it with umount -l", directory.display());
    }
}

/// Why no disk can be mounted here, if none can.
pub fn impossible(directory: &Path) -> Option<String> {
    let probe = directory.join(".mount-probe");
    let mounted = fs::create_dir_all(&probe).map_err(anyhow::Error::from).and_then(|()| SmallDisk::mount(&probe, 1));
    let why = mounted.err().map(|error| format!("{error:#}"));
    // Empty, and in nobody's way if it stays.
    drop(fs::remove_dir(&probe));
    why
}

/// Whether something is mounted on the directory: a runner that was killed leaves its disk.
pub fn is_mounted(directory: &Path) -> bool {
    directory.canonicalize().is_ok_and(|directory| mounts().contains(&directory))
}

/// Removes what a runner that was killed left mounted, on the directory or below.
pub fn unmount_left_over(directory: &Path) {
    let Ok(directory) = directory.canonicalize() else { return };
    for point in mounts().iter().filter(|point| point.starts_with(&directory)) {
        unmount(point);
    }
}

fn mounts() -> Vec<PathBuf> {
    let text = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    text.lines().filter_map(|line| line.split(' ').nth(1).map(PathBuf::from)).collect()
}

/// How many lines of a log say that there is no space, from a place on.
pub fn complaints(log: &Path, from: u64) -> u64 {
    let text = fs::read(log).unwrap_or_default();
    let new = text.get(usize::try_from(from).unwrap_or(usize::MAX)..).unwrap_or_default();
    let text = String::from_utf8_lossy(new);
    text.lines().filter(|line| line.contains("No space left") || line.contains("Short write")).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_new_complaints_count() {
        let path = std::env::temp_dir().join(format!("chat-chaos-{}.log", std::process::id()));
        fs::write(&path, "No space left on device\nfine\nwrite: No space left on device\n").unwrap();
        assert_eq!((complaints(&path, 0), complaints(&path, 24), complaints(&path, 99)), (2, 1, 0));
        fs::remove_file(path).unwrap();
    }

    #[test]
    fn the_root_is_mounted_and_a_file_is_not() {
        assert!(is_mounted(Path::new("/proc")));
        assert!(!is_mounted(Path::new("/proc/self/stat")));
    }
}
