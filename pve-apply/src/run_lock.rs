//! DOOR: the lock that keeps two runs of one deployment on one machine apart.
//!
//! A convenience, not what safety rests on: runs on two machines know nothing of it (they meet at the
//! vmid and at the fence). The file also says which run held it last: that one has ended, and nobody
//! needs to wait for it.

use crate::ask::Deadline;
use crate::desired::Desired;
use crate::execute::pause;
use crate::interrupt::Interrupt;
use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};
use stage::{Console, Entry, Event, Failure, Place};
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

const LOOK_PAUSE: Duration = Duration::from_millis(250);
/// A nonce has 16 characters; what is longer is none of ours.
const LONGEST: u64 = 64;

/// The lock, held until it is dropped. Without a folder to keep it in there is none.
pub(crate) struct RunLock {
    /// Released when it is closed.
    _file: Option<File>,
    /// The run that held the lock before.
    last: String,
}

impl RunLock {
    /// Takes the lock of a deployment at an endpoint; waits for a run that has it.
    ///
    /// # Errors
    /// The other run does not end within the limit, or the user ends the wait.
    pub(crate) fn take(
        folder: Option<&Path>,
        endpoint: &str,
        desired: &Desired,
        limit: Duration,
        interrupt: &Interrupt,
        console: &Console,
    ) -> Result<Self, Failure> {
        let none = Self { _file: None, last: String::new() };
        // A folder that cannot be written is no reason not to work.
        let Some(mut file) = folder.and_then(|folder| open(folder, endpoint, desired)) else {
            return Ok(none);
        };
        let deadline = Deadline::after(limit);
        let mut told = false;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) => {}
                // A file system without locks.
                Err(TryLockError::Error(_)) => return Ok(none),
            }
            if !told {
                let text = "waiting for another run of this deployment on this machine";
                console.event(&Event::new("wait", &desired.deployment, text));
                told = true;
            }
            if deadline.is_over() || interrupt.is_asked() {
                let fact = "another run of this deployment works on this machine";
                return Err(Entry::error(Place::Run, fact)
                    .hint("run again when it has ended")
                    .into());
            }
            pause(LOOK_PAUSE);
        }
        let last = replace(&mut file, &desired.run).unwrap_or_default();
        Ok(Self { _file: Some(file), last })
    }

    /// Returns whether a run is known to have ended: it held this lock before us.
    pub(crate) fn has_ended(&self, run: &str) -> bool {
        !run.is_empty() && self.last == run
    }
}

/// Opens the file of a deployment, without following a link that somebody has put there.
fn open(folder: &Path, endpoint: &str, desired: &Desired) -> Option<File> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder).ok()?;
    let path = folder.join(file_name(endpoint, desired));
    if fs::symlink_metadata(&path).is_ok_and(|there| !there.is_file()) {
        return None;
    }
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .ok()
}

fn file_name(endpoint: &str, desired: &Desired) -> PathBuf {
    let text = format!("{endpoint}\n{}\n{}", desired.site, desired.deployment);
    let digest = Sha256::digest(text);
    PathBuf::from(format!("{}.lock", HEXLOWER.encode(digest.get(..12).unwrap_or_default())))
}

/// Writes this run's nonce in the place of the last one's, which it returns.
fn replace(file: &mut File, run: &str) -> std::io::Result<String> {
    let mut last = String::new();
    Read::by_ref(file).take(LONGEST).read_to_string(&mut last)?;
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(run.as_bytes())?;
    Ok(last.trim().to_owned())
}
