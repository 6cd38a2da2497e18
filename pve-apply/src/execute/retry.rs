//! DOOR: waits. Which errors are worth another try, and how long to wait before it.

use super::{Stop, Work};
use crate::action::Repeat;
use crate::ask::{Deadline, ask_patiently};
use crate::observe::{is_own, running_tasks};
use crate::patience::Patience;
use crate::task_wait::{self, wait_for};
use pve_client::{Client, Error, Finished, Upid};
use pve_stage::finding;
use stage::LogFormat;
use std::ops::ControlFlow;
use std::time::Duration;

/// Tries in all. With the pauses below they span half a minute: PVE's own locks are held for 10 s at most.
const TRIES: u32 = 7;
/// The first pause; each is twice the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// How often a pause looks for Ctrl-C.
const REST: Duration = Duration::from_millis(100);

/// Why a write was not sent, or not done.
pub(super) enum Refused {
    /// The guard let it not pass.
    Guard(Stop),
    /// PVE or the way there.
    Pve(Error),
}

impl From<Stop> for Refused {
    fn from(stop: Stop) -> Self {
        Self::Guard(stop)
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Pve(error)
    }
}

impl Work<'_> {
    /// Sends a write, of which `kind` is the task, and waits for it; tries again what is worth it.
    ///
    /// `send` is called anew for each try: what guards the write stands in it.
    pub(super) fn write(
        &self,
        repeat: Repeat,
        kind: &str,
        mut send: impl FnMut() -> Result<Option<Upid>, Refused>,
    ) -> Result<(), Failed> {
        let mut maybe = false;
        let mut attempt = 0;
        loop {
            attempt += 1;
            let (error, over) = match send() {
                Ok(None) => return Ok(()),
                Ok(Some(upid)) => match self.wait(&upid) {
                    Ok(()) => return Ok(()),
                    Err(error) => {
                        maybe = true;
                        let over = matches!(error, Error::TaskFailed(_));
                        (error, over)
                    }
                },
                Err(Refused::Guard(stop)) => {
                    return Err(Failed::Guard(Stop { maybe: stop.maybe || maybe, ..stop }));
                }
                Err(Refused::Pve(error)) => (error, true),
            };
            let unknown = error.is_outcome_unknown();
            maybe |= unknown;
            // A task that cannot be asked any more may still run: nothing is sent on top of it.
            let again = over && is_refused_for_now(&error) || repeat == Repeat::Harmless && unknown;
            let last = !again || attempt == TRIES || self.runner.interrupt.is_asked();
            if !last || unknown {
                self.rest(backoff(attempt));
            }
            if unknown {
                self.let_end(kind);
            }
            if last {
                return Err(Failed::Pve { error: Box::new(error), maybe, goes_on: !over });
            }
        }
    }

    /// Lets end what a request has begun whose answer was lost: whatever comes next must not meet it.
    fn let_end(&self, kind: &str) {
        let (client, node) = (self.runner.client, &self.plan.node);
        // A task about a file has no vmid.
        let vmid = self.vmid.filter(|_| !kind.starts_with("img"));
        let begun = ask_patiently(|| running_tasks(client, node, Some(kind), vmid));
        for upid in begun.unwrap_or_default().iter().filter(|upid| is_own(client, upid)) {
            let tell = |text: &str| self.tell("wait", text, None);
            wait_for(client, upid, self.runner.task_limit, self.runner.interrupt, &tell);
        }
    }

    /// Says of a long wait that it goes on, where it is time to.
    pub(super) fn tell_patience(
        &self,
        patience: &mut Patience,
        waited: Duration,
        what: &str,
        last: &str,
    ) {
        if let Some(text) = patience.say(waited, what, last) {
            self.tell("wait", &text, None);
        }
    }

    /// Waits before another try; Ctrl-C ends it.
    pub(super) fn rest(&self, duration: Duration) {
        let over = Deadline::after(duration);
        while !over.is_over() && !self.runner.interrupt.is_signalled() {
            pause(REST.min(duration));
        }
    }

    /// Waits for a task and judges it. A warning is said and stops nothing.
    pub(super) fn wait(&self, upid: &Upid) -> Result<(), Error> {
        let doing = self.doing;
        self.tell_task(upid, doing);
        let mut progress = Progress::default();
        // A percentage costs a read of the log each time: only where somebody looks.
        let watched = self.runner.console.is_terminal()
            || self.runner.console.log_format() == LogFormat::Json;
        let mut said = false;
        let mut patience = Patience::default();
        let what = format!("task {}", upid.kind());
        let finished =
            self.runner.client.wait(upid, self.runner.task_limit, &mut |waited, lost| {
                let stopping = self.runner.interrupt.is_signalled();
                if !said && stopping {
                    said = true;
                    self.tell_stopping(upid);
                }
                let look = watched && lost.is_none();
                if look && let Some(percent) = progress.look(self.runner.client, upid, waited) {
                    self.tell("progress", doing, Some(percent));
                    patience.renew(waited);
                }
                self.tell_patience(&mut patience, waited, &what, &task_wait::answer(lost));
                // A task that cannot be asked may never be seen to end.
                if stopping && lost.is_some() {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            });
        let finished = finished.inspect_err(|error| {
            if let Some(text) = task_wait::unread(upid, error) {
                self.tell("wait", &text, None);
            }
        })?;
        if let Finished::WithWarnings { lines, .. } = finished {
            let lines = lines.join("; ");
            let text = format!("task {} ended with warnings: {lines}", upid.kind());
            self.tell("warning", &text, None);
            self.warnings.borrow_mut().push(text);
        }
        Ok(())
    }

    /// Answers Ctrl-C while a task runs: whoever does not want to wait for it needs its UPID.
    fn tell_stopping(&self, upid: &Upid) {
        let text = format!("stops when this is over; once more ends at once and leaves {upid}");
        self.tell("stopping", &text, None);
    }

    /// Turns a failure into a finding.
    pub(super) fn stop(&self, what: &str, failed: Failed) -> Stop {
        let (error, maybe, goes_on) = match failed {
            Failed::Guard(stop) => return stop,
            Failed::Pve { error, maybe, goes_on } => (error, maybe, goes_on),
        };
        let mut entry = match &*error {
            Error::TaskFailed(_) => {
                let fact = format!("{what} \"{}\" ended with an error", self.plan.name);
                finding::says(stage::Entry::error(self.place(), fact), &error)
            }
            Error::MaybeSent { .. } | Error::BadAnswer { .. } => {
                let fact =
                    format!("{what} \"{}\": whether it was done is not known", self.plan.name);
                stage::Entry::error(self.place(), fact)
                    .cause(&*error)
                    .hint("run again: what is done is recognised by its mark")
            }
            error => {
                let mut entry = finding::of_error(self.place(), error);
                entry.fact = format!("{what} \"{}\": {}", self.plan.name, entry.fact);
                entry
            }
        };
        // PVE: facts-4, 65: refused by the list of tags that tokens may use, in a task's words too.
        if error.to_string().contains("for modifying tag") {
            entry = entry.hint(
                "the cluster's option `user-tag-access` lets only some tags be set: \
                 allow these and `pve-pipeline` there",
            );
        }
        Stop { entry: Box::new(entry), maybe, goes_on, yielded: false }
    }
}

/// How far a task is, read out of its log as it grows.
#[derive(Default)]
struct Progress {
    read: u64,
    looked: Duration,
}

impl Progress {
    /// Looks at the log's new lines, once a second at most. A log that cannot be read tells nothing.
    fn look(&mut self, client: &Client, upid: &Upid, waited: Duration) -> Option<u8> {
        if waited.saturating_sub(self.looked) < Duration::from_secs(1) {
            return None;
        }
        self.looked = waited;
        let page = client.task_log(upid, self.read, 500).ok()?;
        self.read += page.lines.len() as u64;
        page.lines.iter().rev().find_map(|line| percentage(line))
    }
}

/// The percentage at the end of a line of a copy: `transferred 1.2 GiB of 2.0 GiB (60.00%)`.
fn percentage(line: &str) -> Option<u8> {
    // PVE: qemu-server, QemuServer.pm, qemu_img_convert and the block jobs print it so.
    let (before, _) = line.rsplit_once("%)")?;
    let (_, number) = before.rsplit_once('(')?;
    let whole = number.split('.').next()?;
    whole.parse().ok().filter(|percent| *percent <= 100)
}

/// A write that failed for good.
pub(super) enum Failed {
    /// The guard let it not pass.
    Guard(Stop),
    /// PVE's last word, or the lack of one.
    Pve {
        error: Box<Error>,
        /// The world may have changed.
        maybe: bool,
        /// PVE may still work at it.
        goes_on: bool,
    },
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

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: Option<u8>) {
        assert_eq!(percentage(line), expected, "{line}");
    }

    #[test]
    fn percentages() {
        check("transferred 1.2 GiB of 2.0 GiB (60.00%)", Some(60));
        check("transferred 2.0 GiB of 2.0 GiB (100.00%)", Some(100));
        check("drive-scsi1: transferred 1.0 GiB of 2.0 GiB (50.00%) in 5s", Some(50));
        check("drive mirror is 12% done", None);
        check("(250.00%)", None);
        check("TASK OK", None);
    }

    #[test]
    fn pauses_grow_and_are_bounded() {
        for attempt in 1..10 {
            let base = FIRST_PAUSE * 2u32.pow(attempt - 1).min(16);
            let pause = backoff(attempt);
            assert!(pause >= base / 2 && pause <= base, "{attempt}: {pause:?}");
        }
    }
}
