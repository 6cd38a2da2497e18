//! DOOR: a lock between runs on one machine: an advisory lock on a file named after what it guards.
//!
//! A convenience that safety does not depend on: runs on other machines, or with another folder, do not
//! see it.

use std::convert::Infallible;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use data_encoding::HEXLOWER;
use rustix::fs::OFlags;
use sha2::{Digest as _, Sha256};

use crate::wait::{Deadline, Poll, Wait, WaitError};

/// How long to wait before the next attempt.
const PAUSE: Duration = Duration::from_millis(250);
/// How many times in a row a file may disappear once it is locked. On a file system with unstable inode
/// numbers, the file never looks the same.
const MAX_REMOVED: u32 = 20;
/// The text in the file is short; a longer one is not ours.
const MAX_LENGTH: u64 = 64;
/// The suffix of lock files.
pub const SUFFIX: &str = ".lock";

/// A lock, held until it is dropped.
#[derive(Debug)]
pub struct MachineLock {
    file: File,
    path: PathBuf,
}

/// The outcome of an attempt to take a lock.
#[derive(Debug)]
pub enum LockAttempt {
    /// This run holds it.
    Held(MachineLock),
    /// The folder is not writable, or its file system does not support locks.
    Unavailable,
    /// Another run holds it until the end of the wait.
    Busy,
}

impl MachineLock {
    /// Takes the lock for `key` in `folder`; the name of its file starts with `prefix`.
    ///
    /// While another run holds it, this run tries again four times a second, until the deadline or until
    /// `is_stopping`; before each of these pauses `report` is called.
    pub fn take(
        folder: &Path,
        prefix: &str,
        key: &str,
        deadline: &Deadline,
        is_stopping: &dyn Fn() -> bool,
        report: &mut dyn FnMut(),
    ) -> LockAttempt {
        let digest = Sha256::digest(key);
        let name = HEXLOWER.encode(digest.get(..12).unwrap_or_default());
        let path = folder.join(format!("{prefix}{name}{SUFFIX}"));
        let wait = Wait { deadline, pauses: (PAUSE, PAUSE), is_stopping };
        let mut removed = 0;
        let look = |_: &mut _| {
            let file = open(folder, &path);
            Ok(Poll::Ready(match file.map(|file| (hold(&file, &path), file)) {
                Some((Hold::Ours, file)) => LockAttempt::Held(Self { file, path: path.clone() }),
                Some((Hold::Removed, _)) if removed < MAX_REMOVED => {
                    removed += 1;
                    return Ok(Poll::Again);
                }
                Some((Hold::Busy, _)) => {
                    removed = 0;
                    return Ok(Poll::NotYet(LockAttempt::Busy));
                }
                // Without a writable folder, work without the lock.
                None | Some((Hold::Removed | Hold::Unavailable, _)) => LockAttempt::Unavailable,
            }))
        };
        let end = wait.until_with(report, look, |report, _, _| report());
        let Ok(attempt): Result<_, Infallible> = end.or_else(WaitError::last);
        attempt
    }

    /// Writes a text into the file and returns the one that the last holder wrote.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn replace(&mut self, text: &str) -> std::io::Result<String> {
        let mut last = String::new();
        Read::by_ref(&mut self.file).take(MAX_LENGTH).read_to_string(&mut last)?;
        self.file.set_len(0)?;
        self.file.rewind()?;
        self.file.write_all(text.as_bytes())?;
        Ok(last.trim().to_owned())
    }

    /// Releases the lock and removes its file; waiting runs create a new one.
    #[expect(clippy::disallowed_methods, reason = "door: the lock's file")]
    pub fn remove(self) {
        // If it cannot be removed, the next holder uses it.
        let _ = fs::remove_file(&self.path);
    }
}

/// Opens the file of a lock without following symbolic links.
fn open(folder: &Path, path: &Path) -> Option<File> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder).ok()?;
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
        .open(path)
        .ok()?;
    file.metadata().is_ok_and(|opened| opened.is_file()).then_some(file)
}

/// The outcome of locking a file.
#[derive(Debug, PartialEq, Eq)]
enum Hold {
    Ours,
    /// The holder removed the file: the next run would open another one.
    Removed,
    Busy,
    Unavailable,
}

/// Locks a file that was opened at a path.
fn hold(file: &File, path: &Path) -> Hold {
    match file.try_lock() {
        Ok(()) if is_file_at(file, path) => Hold::Ours,
        Ok(()) => Hold::Removed,
        Err(TryLockError::WouldBlock) => Hold::Busy,
        Err(TryLockError::Error(_)) => Hold::Unavailable,
    }
}

/// Returns whether the path still refers to this file. A symbolic link does not, whatever its target.
pub fn is_file_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), path.symlink_metadata()) {
        (Ok(ours), Ok(there)) => ours.ino() == there.ino() && ours.dev() == there.dev(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(folder: &Path, key: &str) -> LockAttempt {
        let at_once = Deadline::after(Duration::ZERO);
        MachineLock::take(folder, "x-", key, &at_once, &|| false, &mut || {})
    }

    #[test]
    fn one_holder_for_each_key() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("made/by/it");
        let LockAttempt::Held(first) = take(&folder, "a") else { panic!("free") };
        assert!(matches!(take(&folder, "a"), LockAttempt::Busy));
        assert!(matches!(take(&folder, "b"), LockAttempt::Held(_)));
        drop(first);
        assert!(matches!(take(&folder, "a"), LockAttempt::Held(_)));
    }

    #[test]
    fn the_text_of_the_last_holder_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        for (text, last) in [("one", ""), ("three", "one"), ("two", "three")] {
            let LockAttempt::Held(mut lock) = take(folder.path(), "a") else { panic!("free") };
            assert_eq!(lock.replace(text).unwrap(), last);
        }
    }

    #[test]
    fn a_file_removed_by_its_holder_is_not_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        let LockAttempt::Held(first) = take(folder.path(), "a") else { panic!("free") };
        let mut first = Some(first);
        let mut remove = || first.take().into_iter().for_each(MachineLock::remove);
        let (folder, never) = (folder.path(), Deadline::never());
        let second = MachineLock::take(folder, "x-", "a", &never, &|| false, &mut remove);
        let LockAttempt::Held(second) = second else { panic!("free") };
        assert!(matches!(take(folder, "a"), LockAttempt::Busy));
        second.remove();
        assert_eq!(folder.read_dir().unwrap().count(), 0);
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test removes a file")]
    fn a_lock_on_a_removed_file_does_not_count() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.lock");
        let first = open(folder.path(), &path).unwrap();
        fs::remove_file(&path).unwrap();
        assert_eq!(hold(&first, &path), Hold::Removed);
        let second = open(folder.path(), &path).unwrap();
        assert_eq!(hold(&first, &path), Hold::Removed);
        assert_eq!(hold(&second, &path), Hold::Ours);
    }

    #[test]
    fn a_link_that_replaces_the_file_is_not_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        let (path, victim) = (folder.path().join("x.lock"), folder.path().join("victim"));
        let file = open(folder.path(), &victim).unwrap();
        std::os::unix::fs::symlink(&victim, &path).unwrap();
        assert_eq!(hold(&file, &path), Hold::Removed);
    }

    #[test]
    fn a_link_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let LockAttempt::Held(lock) = take(folder.path(), "a") else { panic!("free") };
        let path = lock.path.clone();
        lock.remove();
        std::os::unix::fs::symlink(folder.path().join("elsewhere"), path).unwrap();
        assert!(matches!(take(folder.path(), "a"), LockAttempt::Unavailable));
        assert!(!folder.path().join("elsewhere").exists());
    }
}
