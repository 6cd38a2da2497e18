//! DOOR: files that live as long as the run: a fetched image, an unpacked one, one on its way to its name.
//!
//! Each is locked while it lives, so that other runs, also on other machines that share the folder, can
//! tell it from what a killed run has left behind.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::interrupt;
use crate::source::parts::Files;

/// A file that nobody else writes; it goes when this goes, unless it was renamed.
#[derive(Debug)]
pub(crate) struct Temporary {
    path: PathBuf,
    file: File,
}

impl Temporary {
    /// Makes an empty file `PREFIX NAME.NUMBER` with this mode, and removes what runs have left behind.
    #[expect(clippy::disallowed_methods, reason = "door: temporary files")]
    pub(crate) fn create(folder: &Path, prefix: &str, name: &str, mode: u32) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        sweep(folder, prefix);
        let own = std::process::id();
        // In another container that shares the folder a run may have the same number.
        for number in own..own.saturating_add(1000) {
            let path = folder.join(format!("{prefix}{name}.{number}"));
            match OpenOptions::new().read(true).write(true).create_new(true).mode(mode).open(&path)
            {
                Ok(file) if is_locked_by_us(&file, &path) => return Ok(Self { path, file }),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// Fills the file from a reader; `on_progress` gets the bytes written so far.
    pub(crate) fn fill(
        &self,
        reader: &mut dyn Read,
        on_progress: &mut dyn FnMut(u64),
    ) -> io::Result<()> {
        let mut buffer = vec![0; 128 * 1024];
        let mut done = 0;
        loop {
            interrupt::check()?;
            let read = match reader.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            (&self.file).write_all(&buffer[..read])?;
            done += read as u64;
            on_progress(done);
        }
    }

    /// Waits until the bytes are on the disk.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    /// Gives the file its name, whole.
    #[expect(clippy::disallowed_methods, reason = "door: temporary files")]
    pub(crate) fn rename(self, target: &Path) -> io::Result<()> {
        std::fs::rename(&self.path, target)?;
        // The name itself is on the disk only when its folder is.
        match target.parent() {
            Some(folder) => File::open(folder)?.sync_all(),
            None => Ok(()),
        }
    }

    /// Gives the lock up while another program uses the file: network file systems take its lock for ours.
    pub(crate) fn lend<T>(&self, use_it: impl FnOnce(&Path) -> T) -> T {
        // Where there are no locks there is none to give up, nor to take again.
        let _ = self.file.unlock();
        let result = use_it(&self.path);
        let _ = self.file.try_lock();
        result
    }

    /// Returns the file as a source.
    pub(crate) fn files(&self) -> Files {
        Files { path: self.path.clone(), parts: vec![self.path.clone()] }
    }
}

impl Drop for Temporary {
    #[expect(clippy::disallowed_methods, reason = "door: temporary files")]
    fn drop(&mut self) {
        // After a rename there is nothing of this name any more; what cannot be removed is swept later.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Locks a new file; false when another run took it for a left-over in between.
fn is_locked_by_us(file: &File, path: &Path) -> bool {
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => false,
        // A file system without locks: nobody can take it there either.
        Err(TryLockError::Error(_)) => true,
        Ok(()) => match (file.metadata(), path.metadata()) {
            (Ok(ours), Ok(there)) => ours.ino() == there.ino(),
            _ => false,
        },
    }
}

/// Removes what killed runs have left behind: files `PREFIX….NUMBER` that nobody has locked and whose
/// process, should it be of this machine, is gone.
#[expect(clippy::disallowed_methods, reason = "door: left-over files")]
fn sweep(folder: &Path, prefix: &str) {
    let Ok(listing) = std::fs::read_dir(folder) else { return };
    for entry in listing.flatten() {
        let file = entry.file_name();
        let Some(file) = file.to_str().filter(|file| file.starts_with(prefix)) else { continue };
        let process = file.rsplit_once('.').and_then(|(_, pid)| pid.parse::<u32>().ok());
        let is_left = process.is_some_and(|pid| !is_other_process(pid));
        if is_left && entry.file_type().is_ok_and(|kind| kind.is_file()) {
            remove_unlocked(&entry.path());
        }
    }
}

/// Tells whether another process of this machine has this number.
fn is_other_process(pid: u32) -> bool {
    pid != std::process::id() && Path::new(&format!("/proc/{pid}")).exists()
}

/// Removes a file that nobody has locked, holding its lock meanwhile.
#[expect(clippy::disallowed_methods, reason = "door: left-over files")]
fn remove_unlocked(path: &Path) {
    // Open for writing: some network file systems lock nothing else.
    let Ok(file) = OpenOptions::new().write(true).open(path) else { return };
    if file.try_lock().is_ok() {
        let _ = std::fs::remove_file(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let files = folder.read_dir().unwrap();
        let mut names: Vec<String> =
            files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test writes files")]
    fn two_runs_with_one_number_do_not_meet_and_left_overs_go() {
        let folder = tempfile::tempdir().unwrap();
        let own = std::process::id();
        let folder = folder.path();
        // Above the largest number that Linux gives; and our own, from before a restart.
        for left in ["4194305".to_owned(), own.to_string()] {
            std::fs::write(folder.join(format!("spool-a.{left}")), "half").unwrap();
        }
        for other in ["spool-a.note", "a.4194305", "spool-b.1"] {
            std::fs::write(folder.join(other), "other").unwrap();
        }
        let one = Temporary::create(folder, "spool-", "a", 0o600).unwrap();
        let two = Temporary::create(folder, "spool-", "a", 0o600).unwrap();
        one.fill(&mut &b"one"[..], &mut |_| {}).unwrap();
        two.fill(&mut &b"two"[..], &mut |_| {}).unwrap();
        assert_eq!(std::fs::read(&one.path).unwrap(), b"one");
        let (first, second) = (format!("spool-a.{own}"), format!("spool-a.{}", own + 1));
        assert_eq!(names(folder), ["a.4194305", &first, &second, "spool-a.note", "spool-b.1"]);
        two.rename(&folder.join("two")).unwrap();
        drop(one);
        assert_eq!(names(folder), ["a.4194305", "spool-a.note", "spool-b.1", "two"]);
    }
}
