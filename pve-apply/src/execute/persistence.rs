//! Decides how long a write that was refused temporarily is retried. Does no I/O.

use pve_client::Error;
use std::time::Duration;

/// How long a VM's lock file is worth waiting for.
///
/// PVE: qemu-server 9.2.6, CLI/qm.pm, cleanup: after a stop it waits 60 s for the lock file, and when
/// the VM runs again by then, it holds the file for another 30 s.
const LOCK_FILE: Duration = Duration::from_secs(120);
/// How long other refusals are worth waiting for: pveproxy starting, a cluster that is regaining
/// quorum.
const PASSING: Duration = Duration::from_secs(30);
/// How often a write is sent that is harmless to repeat after a lost answer.
const LOST: u32 = 7;

/// Why a write may be retried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Something holds a lock file. PVE itself waited 10 s for it.
    LockFile,
    /// Another temporary cause, about which PVE answered at once.
    Passing,
    /// The answer was lost, and repeating the write does no harm.
    Lost,
}

impl Cause {
    /// Classifies an error of a write; `None` when a retry would not help, or would do harm.
    pub(crate) fn of(error: &Error, is_over: bool, is_harmless: bool) -> Option<Self> {
        if is_over && error.is_lock_file_timeout() {
            Some(Self::LockFile)
        } else if is_over && is_refused_for_now(error) {
            Some(Self::Passing)
        } else {
            (is_harmless && error.is_outcome_unknown()).then_some(Self::Lost)
        }
    }

    /// The first and the longest pause; each is twice the one before.
    fn pauses(self) -> (Duration, Duration) {
        match self {
            // PVE's own wait sets the pace.
            Self::LockFile => (Duration::from_millis(250), Duration::from_millis(500)),
            Self::Passing | Self::Lost => (Duration::from_millis(500), Duration::from_secs(8)),
        }
    }
}

/// PVE says that nothing was done and that a later try may work.
pub(super) fn is_refused_for_now(error: &Error) -> bool {
    // PVE: reference 4, the table of retries. Never "already exists".
    error.is_unreachable()
        || error.is_lock_timeout()
        || error.is_worker_start_failure()
        || error.lacks_quorum()
}

/// How long one write is retried.
#[derive(Debug)]
pub(crate) struct Persistence {
    /// The longest wait.
    limit: Duration,
    attempts: u32,
}

impl Persistence {
    /// Retries until `limit` at most, the time that one task may take.
    pub(crate) fn new(limit: Duration) -> Self {
        Self { limit, attempts: 0 }
    }

    /// Returns how long to wait before the next try, `waited` after the first one began; `None` when it is time to give up.
    pub(crate) fn next(&mut self, cause: Cause, waited: Duration) -> Option<Duration> {
        self.attempts += 1;
        let is_over = match cause {
            Cause::LockFile => waited >= LOCK_FILE.min(self.limit),
            Cause::Passing => waited >= PASSING.min(self.limit),
            Cause::Lost => self.attempts >= LOST,
        };
        (!is_over).then(|| self.pause(cause))
    }

    /// Returns how long to wait before whatever comes next.
    pub(super) fn pause(&self, cause: Cause) -> Duration {
        let (first, last) = cause.pauses();
        last.min(first * 2u32.saturating_pow(self.attempts.saturating_sub(1)).min(64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pve_client::{Call, TaskFailure};

    /// Sends a write to something that is free after `free` seconds; each try takes `takes`;
    /// returns whether it succeeded, and when that was.
    fn send(cause: Cause, free: u64, takes: u64, limit: u64) -> (bool, u64) {
        let mut persistence = Persistence::new(Duration::from_secs(limit));
        let mut now = Duration::ZERO;
        loop {
            if now + Duration::from_secs(takes) >= Duration::from_secs(free) {
                return (true, now.as_secs());
            }
            now += Duration::from_secs(takes);
            match persistence.next(cause, now) {
                Some(pause) => now += pause,
                None => return (false, now.as_secs()),
            }
        }
    }

    fn failed(text: &str) -> Error {
        let upid = "UPID:pve1:00001001:00100064:69000001:qmstart:101:root@pam:".parse().unwrap();
        let exitstatus = text.to_owned();
        Error::TaskFailed(Box::new(TaskFailure { upid, exitstatus, log: Vec::new() }))
    }

    #[test]
    fn only_what_was_not_done_or_does_no_harm_is_sent_again() {
        let held = "can't lock file '/var/lock/qemu-server/lock-101.conf' - got timeout";
        let lost = || {
            let call = Call { method: "POST", path: "/x".to_owned() };
            Error::MaybeSent { call, source: std::io::ErrorKind::TimedOut.into() }
        };
        for (error, is_over, is_harmless, expected) in [
            (failed(held), true, false, Some(Cause::LockFile)),
            (
                failed("cfs-lock 'x' error: got lock request timeout"),
                true,
                false,
                Some(Cause::LockFile),
            ),
            (failed("VM is locked (backup)"), true, false, Some(Cause::Passing)),
            (failed("got no worker upid - start worker failed"), true, false, Some(Cause::Passing)),
            (failed("VM quit/powerdown failed - got timeout"), true, true, None),
            // Its task may still be at work.
            (failed(held), false, true, None),
            (lost(), true, true, Some(Cause::Lost)),
            (lost(), true, false, None),
        ] {
            assert_eq!(Cause::of(&error, is_over, is_harmless), expected, "{error}");
        }
    }

    #[test]
    fn the_cleanup_of_pve_is_outlasted() {
        let (is_done, at) = send(Cause::LockFile, 90, 10, 1800);
        assert!(is_done && at <= 90, "{at}");
    }

    #[test]
    fn every_wait_ends() {
        for (cause, takes, limit, expected) in [
            (Cause::LockFile, 10, 1800, 120..=131),
            (Cause::LockFile, 10, 30, 30..=41),
            (Cause::LockFile, 0, 1800, 120..=121),
            (Cause::Passing, 0, 1800, 30..=38),
            (Cause::Passing, 0, 5, 5..=8),
            (Cause::Lost, 30, 1800, 210..=240),
        ] {
            let (is_done, at) = send(cause, 10_000, takes, limit);
            assert!(!is_done && expected.contains(&at), "{cause:?} {limit}: {at}");
        }
    }
}
