//! DOOR: locks. The turn to publish an image: one run at a time on this machine, for each storage and volume.
//!
//! The second run finds the image when its turn comes, and has not read, fetched or sent it. Runs of
//! another user, with another `--cache-dir` or on another machine do not see the lock; for them the
//! storage is checked again right before sending.

use pve_stage::machine_lock::{LockAttempt, MachineLock};
use pve_stage::wait::Deadline;
use stage::Entry;

use crate::interrupt;
use crate::left_over::LOCK;
use crate::target::Target;
use crate::work::Work;

/// The turn; it ends when dropped, and leaves nothing behind.
#[must_use]
pub(crate) struct Turn(Vec<MachineLock>);

impl Turn {
    /// Waits for the turn. Without a cache directory, or without file locks, there is no wait.
    ///
    /// # Errors
    /// A signal ended the wait.
    pub(crate) fn take(
        work: &Work<'_>,
        target: &Target,
        name: &str,
        file: &str,
    ) -> Result<Self, Entry> {
        let mut turn = Self(Vec::new());
        let Some(folder) = work.folder() else { return Ok(turn) };
        let volid = target.volid(file);
        let mut waiting =
            work.waiting(name, format!("another run on this machine to publish {volid}"));
        let mut report = || waiting.still();
        let (never, stops) = (Deadline::never(), &interrupt::is_requested);
        for key in target.lock_keys(&volid) {
            match MachineLock::take(folder, LOCK, &key, &never, stops, &mut report) {
                LockAttempt::Held(lock) => turn.0.push(lock),
                LockAttempt::Unavailable => {}
                LockAttempt::Busy => {
                    let fact = format!("image \"{name}\" was not published");
                    let entry = Entry::error("not-started", work.place(), fact);
                    return Err(entry.cause(&interrupt::error()));
                }
            }
        }
        Ok(turn)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        while let Some(lock) = self.0.pop() {
            lock.remove();
        }
    }
}
