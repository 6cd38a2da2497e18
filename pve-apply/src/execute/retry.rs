//! DOOR: waits. Which errors are worth another try, and how long to wait before it.

use super::{Stop, Work};
use crate::finding;
use pve_client::{Error, Finished, Upid};
use std::time::Duration;

/// Tries in all. With the pauses below they span half a minute: PVE's own locks are held for 10 s at most.
const TRIES: u32 = 7;
/// The first pause; each is twice the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// What another try of a write would do.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeat {
    /// The same again, or nothing: it may be tried also when its outcome is not known.
    Harmless,
    /// Something else: it is tried again only when PVE says that nothing was done.
    Harmful,
}

impl Work<'_> {
    /// Sends a write and waits for its task; tries again what is worth it.
    pub(super) fn write(
        &self,
        repeat: Repeat,
        mut send: impl FnMut() -> Result<Option<Upid>, Error>,
    ) -> Result<(), Failed> {
        let mut maybe = false;
        for attempt in 1.. {
            let error = match send() {
                Ok(None) => return Ok(()),
                Ok(Some(upid)) => match self.wait(&upid) {
                    Ok(()) => return Ok(()),
                    Err(error) => {
                        maybe = true;
                        error
                    }
                },
                Err(error) => {
                    maybe |= error.is_outcome_unknown();
                    error
                }
            };
            let again = is_refused_for_now(&error)
                || repeat == Repeat::Harmless && error.is_outcome_unknown();
            if !again || attempt == TRIES || self.runner.interrupt.is_asked() {
                return Err(Failed { error: Box::new(error), maybe });
            }
            pause(backoff(attempt));
        }
        Ok(())
    }

    /// Waits for a task and judges it. A warning is said and stops nothing.
    pub(super) fn wait(&self, upid: &Upid) -> Result<(), Error> {
        self.tell_task(upid, self.doing(upid));
        let finished = self.runner.client.wait(upid, self.runner.task_limit, &mut |_| ())?;
        if let Finished::WithWarnings { lines, .. } = finished {
            let lines = lines.join("; ");
            self.tell(
                "warning",
                &format!("task {} ended with warnings: {lines}", upid.kind()),
                None,
            );
        }
        Ok(())
    }

    /// Turns a failure into a finding.
    pub(super) fn stop(&self, what: &str, failed: &Failed) -> Stop {
        let entry = match &*failed.error {
            Error::TaskFailed(_) => {
                let fact = format!("{what} \"{}\" ended with an error", self.plan.name);
                finding::says(stage::Entry::error(self.place(), fact), &failed.error)
            }
            Error::MaybeSent { .. } | Error::BadAnswer { .. } => {
                let fact =
                    format!("{what} \"{}\": whether it was done is not known", self.plan.name);
                stage::Entry::error(self.place(), fact)
                    .cause(&*failed.error)
                    .hint("run again: what is done is recognised by its mark")
            }
            error => {
                let mut entry = finding::of_error(self.place(), error);
                entry.fact = format!("{what} \"{}\": {}", self.plan.name, entry.fact);
                entry
            }
        };
        Stop { entry: Box::new(entry), maybe: failed.maybe }
    }

    fn doing(&self, upid: &Upid) -> &'static str {
        match upid.kind() {
            "imgcopy" => "uploading the seed",
            "imgdel" => "deleting the uploaded seed",
            "qmcreate" => "creating",
            "resize" => "growing the disk",
            "qmstart" => "starting",
            "qmshutdown" | "qmstop" => "shutting down",
            "qmreboot" => "rebooting",
            "qmdestroy" => "destroying",
            _ => "changing the config",
        }
    }
}

/// A write that failed for good.
pub(super) struct Failed {
    pub(super) error: Box<Error>,
    /// The world may have changed.
    pub(super) maybe: bool,
}

/// PVE says that nothing was done and that a later try may work.
pub(super) fn is_refused_for_now(error: &Error) -> bool {
    // PVE: reference 4, the table of retries. Never "already exists".
    let unreachable = matches!(error, Error::NeverSent { .. }) && error.certificate().is_none();
    unreachable
        || error.is_lock_timeout()
        || error.is_worker_start_failure()
        || error.is_no_quorum()
}

/// How long to wait before the next try: doubled each time, with a random part so that workers spread.
pub(super) fn backoff(attempt: u32) -> Duration {
    let base = FIRST_PAUSE * 2u32.saturating_pow(attempt.saturating_sub(1)).min(16);
    let mut byte = [0u8];
    // Without randomness the pause is only less spread.
    let _ = getrandom::fill(&mut byte);
    base / 2 + base * u32::from(byte[0]) / 512
}

/// Waits.
#[expect(clippy::disallowed_methods, reason = "door: the wait between two tries")]
pub(crate) fn pause(duration: Duration) {
    std::thread::sleep(duration);
}
