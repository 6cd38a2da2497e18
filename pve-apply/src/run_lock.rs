//! The lock between two runs of one deployment on one machine.
//!
//! A convenience, not a safety measure: runs on two machines do not share it (they meet at the
//! vmid and at the fence). The file also names the run that held it last: that run has ended, and no run
//! needs to wait for it.

use crate::desired::Desired;
use crate::interrupt::Interrupt;
use pve_stage::machine_lock::{LockAttempt, MachineLock};
use pve_stage::wait::{Deadline, once};
use stage::{Console, Entry, Event, Failure, Place};
use std::path::Path;
use std::time::Duration;

/// The lock, held until it is dropped; none without a directory to keep it in.
pub(crate) struct RunLock {
    /// Released when it is dropped.
    _lock: Option<MachineLock>,
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
        let none = Self { _lock: None, last: String::new() };
        let Some(folder) = folder else { return Ok(none) };
        let key = format!("{endpoint}\n{}\n{}", desired.site, desired.deployment);
        let deadline = Deadline::after(limit);
        let is_stopping = || interrupt.is_stopping();
        let text = "waiting for another run of this deployment on this machine";
        let mut report = once(|| console.event(&Event::new("wait", &desired.deployment, text)));
        match MachineLock::take(folder, "", &key, &deadline, &is_stopping, &mut report) {
            LockAttempt::Held(mut lock) => {
                let last = lock.replace(&desired.run).unwrap_or_default();
                Ok(Self { _lock: Some(lock), last })
            }
            LockAttempt::Unavailable => Ok(none),
            LockAttempt::Busy => {
                let fact = "another run of this deployment is active on this machine";
                let entry = Entry::error("another-run", Place::Run, fact)
                    .hint("run again when it has finished");
                Err(entry.into())
            }
        }
    }

    /// Returns whether a run is known to have ended: it held this lock before us.
    pub(crate) fn has_ended(&self, run: &str) -> bool {
        !run.is_empty() && self.last == run
    }
}
