//! DOOR: waits. Decides which errors are worth another try, and how long to wait before it.

use super::persistence::{Cause, Persistence};
use super::{StepError, Work};
use crate::action::{Action, Repeat};
use crate::ha;
use crate::observe::{is_own, running_tasks};
use crate::read::read_retrying;
use crate::task_wait::{self, wait_for};
use pve_client::{Client, Error, Finished, NodeName, Upid, Vmid};
use pve_stage::finding;
use pve_stage::patience::{Patience, last_answer, poll_answer};
use stage::LogFormat;
use std::ops::ControlFlow;
use std::time::Duration;

/// The first pause between two creates; each is twice the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// A pause is cut into pieces of this length, so that Ctrl-C ends it.
const PIECE: Duration = Duration::from_millis(100);

/// Why one try of a write failed.
pub(super) enum SendError {
    /// The guard refused it.
    Guard(StepError),
    /// PVE, or the connection to it, failed.
    Pve(Error),
}

impl From<StepError> for SendError {
    fn from(failure: StepError) -> Self {
        Self::Guard(failure)
    }
}

impl From<Error> for SendError {
    fn from(error: Error) -> Self {
        Self::Pve(error)
    }
}

impl Work<'_> {
    /// Sends a write whose task is of type `kind`, waits for it, and retries if that can help.
    ///
    /// `send` is called for each try: it contains what guards the write.
    pub(super) fn write(
        &self,
        repeat: Repeat,
        kind: &str,
        mut send: impl FnMut() -> Result<Option<Upid>, SendError>,
    ) -> Result<(), WriteError> {
        let mut uncertain = false;
        let mut persistence = Persistence::new(self.runner.task_limit);
        let mut patience = Patience::default();
        let clock = self.runner.clock;
        let started = clock.now();
        loop {
            let (error, over) = match send() {
                Ok(None) => return Ok(()),
                Ok(Some(upid)) => match self.wait(&upid) {
                    Ok(()) => return Ok(()),
                    Err(error) => {
                        uncertain = true;
                        let over = matches!(error, Error::TaskFailed(_));
                        (error, over)
                    }
                },
                Err(SendError::Guard(failure)) => {
                    return Err(WriteError::Guard(StepError {
                        uncertain: failure.uncertain || uncertain,
                        ..failure
                    }));
                }
                Err(SendError::Pve(error)) => (error, true),
            };
            let unknown = error.is_outcome_unknown();
            uncertain |= unknown;
            if unknown && !is_about_a_file(kind) {
                // The next try may meet what this one has done.
                self.untouched.set(false);
            }
            // A task that cannot be read any more may still run: nothing is sent on top of it.
            let cause = Cause::of(&error, over, repeat == Repeat::Harmless);
            let waited = clock.now() - started;
            if let Some(cause) = cause {
                self.report_long_wait(&mut patience, waited, awaited(cause), &last_answer(&error));
            }
            let next = cause.and_then(|cause| persistence.next(cause, waited));
            let next = next.filter(|_| self.runner.waits_for_quorum(&error));
            let lost = || persistence.pause(Cause::Lost);
            if let Some(wait) = next.or_else(|| unknown.then(lost)) {
                self.rest(spread(wait));
            }
            if unknown {
                self.wait_for_own_tasks(kind);
            }
            if next.is_none() || self.runner.interrupt.is_stopping() {
                self.runner.note_quorum(&error);
                return Err(WriteError::Pve {
                    error: Box::new(error),
                    uncertain,
                    still_running: !over,
                });
            }
        }
    }

    /// Waits, or returns early when nothing more should begin.
    pub(super) fn rest(&self, wait: Duration) {
        let mut left = wait;
        while !left.is_zero() && !self.runner.interrupt.is_stopping() {
            let piece = left.min(PIECE);
            self.runner.clock.sleep(piece);
            left -= piece;
        }
    }

    /// Waits for the task that a request with a lost answer has started, so that the next step does not
    /// collide with it.
    fn wait_for_own_tasks(&self, kind: &str) {
        let client = self.runner.client;
        let vmid = self.vmid.filter(|_| !is_about_a_file(kind));
        for node in self.nodes_of_task(kind) {
            let tasks = read_retrying(|| running_tasks(client, &node, Some(kind), vmid));
            for upid in tasks.unwrap_or_default().iter().filter(|upid| is_own(client, upid)) {
                let progress = |text: &str| self.event("wait", text, None);
                wait_for(client, upid, self.runner.task_limit, self.runner.interrupt, &progress);
            }
        }
    }

    /// Returns the nodes that may run a task for this VM: its own, but an upload is the work of the node
    /// whose API we talk to, which is unknown.
    fn nodes_of_task(&self, kind: &str) -> Vec<NodeName> {
        let own = self.node().clone();
        // PVE: pve-storage, API2/Storage/Status.pm, upload: the task copies the file to the other node.
        let nodes = match kind {
            "imgcopy" => read_retrying(|| self.runner.client.nodes()).unwrap_or_default(),
            _ => Vec::new(),
        };
        let others = nodes.into_iter().filter(|node| node.online && node.node != own);
        let others: Vec<NodeName> = others.map(|node| node.node).collect();
        std::iter::once(own).chain(others).collect()
    }

    /// Reports that a long wait continues, when it is time to.
    pub(super) fn report_long_wait(
        &self,
        patience: &mut Patience,
        waited: Duration,
        what: &str,
        last: &str,
    ) {
        if let Some(text) = patience.message(waited, what, last) {
            self.event("wait", &text, None);
        }
    }

    /// Waits for a task and checks its result. A warning is reported and stops nothing.
    pub(super) fn wait(&self, upid: &Upid) -> Result<(), Error> {
        let doing = self.doing;
        self.report_task(upid, doing);
        let mut progress = Progress::default();
        // A percentage costs a read of the log each time: only if somebody watches.
        let watched = self.runner.console.is_terminal()
            || self.runner.console.log_format() == LogFormat::Json;
        let mut reported = false;
        let mut patience = Patience::default();
        let what = format!("task {}", upid.kind());
        let finished =
            self.runner.client.wait(upid, self.runner.task_limit, &mut |waited, lost| {
                let stopping = self.runner.interrupt.is_signalled();
                if !reported && stopping {
                    reported = true;
                    self.report_stopping(upid);
                }
                let look = watched && lost.is_none();
                if look && let Some(percent) = progress.look(self.runner.client, upid, waited) {
                    self.event("progress", doing, Some(percent));
                    patience.renew(waited);
                }
                self.report_long_wait(&mut patience, waited, &what, &poll_answer(lost));
                // The end of a task that cannot be read may never be seen.
                if stopping && lost.is_some() {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            });
        let finished = finished.inspect_err(|error| {
            if let Some(text) = task_wait::unread(upid, error) {
                self.event("wait", &text, None);
            }
        })?;
        if let Finished::WithWarnings { lines, .. } = finished {
            let lines = lines.join("; ");
            let text = format!("task {} ended with warnings: {lines}", upid.kind());
            self.event("warning", &text, None);
            self.warnings.borrow_mut().push(text);
        }
        Ok(())
    }

    /// Answers Ctrl-C while a task runs: a user who does not want to wait for it needs its UPID.
    fn report_stopping(&self, upid: &Upid) {
        let later = if upid.kind() == "qmigrate" { "; the next run waits for it" } else { "" };
        let text = format!(
            "stopping after this task; press Ctrl-C again to quit now and leave it running{later}: {upid}"
        );
        self.event("stopping", &text, None);
    }

    /// What to do about a guest that does not shut down.
    fn shutdown_hint(&self, error: &Error) -> Option<String> {
        let cut = match self.plan.action {
            Action::Power => "--force cuts its power",
            _ => "--allow-stop cuts its power and starts it again",
        };
        if error.is_paused() {
            Some(format!("resume it in PVE, or run again: {cut}"))
        } else if error.is_shutdown_timeout() {
            Some(format!("{cut} when it does not shut down; --shutdown-timeout gives it more time"))
        } else {
            None
        }
    }

    /// Turns a failure into a finding.
    pub(super) fn step_error(&self, what: &str, failed: WriteError) -> StepError {
        let (error, uncertain, still_running) = match failed {
            WriteError::Guard(failure) => return failure,
            WriteError::Pve { error, uncertain, still_running } => {
                (error, uncertain, still_running)
            }
        };
        let place = self.place();
        let mut entry = match &*error {
            Error::TaskFailed(_) if error.is_ha_error() => {
                let fact = format!("{what} \"{}\" failed: HA has given it up", self.plan.name);
                let entry = stage::Entry::error("ha-error", place, fact);
                let vmid = self.vmid.map_or(0, Vmid::get);
                finding::with_pve_details(entry, &error).hint(ha::way_out(vmid))
            }
            Error::TaskFailed(_) if !error.lacks_quorum() => {
                let fact = format!("{what} \"{}\" failed", self.plan.name);
                finding::with_pve_details(stage::Entry::error("action-failed", place, fact), &error)
            }
            Error::MaybeSent { .. } | Error::BadAnswer { .. } => {
                let fact = format!("{what} \"{}\": the outcome is unknown", self.plan.name);
                stage::Entry::error("outcome-unknown", place, fact)
                    .cause(&*error)
                    .hint("run again: finished work is recognised by its mark")
            }
            error => {
                let mut entry = finding::of_error(place, error);
                entry.fact = format!("{what} \"{}\": {}", self.plan.name, entry.fact);
                entry
            }
        };
        if let Some(hint) = self.shutdown_hint(&error) {
            entry = entry.hint(hint);
        }
        if error.is_lock_file_timeout() {
            entry = entry.hint(
                "another task on the node, or PVE's own cleanup after a stop, holds the VM's lock: \
                 run again when it has finished",
            );
        }
        // PVE: facts-4, 65: refused by the list of tags that tokens may set; also the text of a task.
        if error.to_string().contains("for modifying tag") {
            entry = entry.hint(
                "the cluster's option `user-tag-access` allows only some tags: \
                 allow these and `pve-pipeline`",
            );
        }
        StepError { entry: Box::new(entry), uncertain, still_running, yielded: false }
    }
}

/// Returns whether a type of tasks is about a file on a storage, and not about a VM.
fn is_about_a_file(kind: &str) -> bool {
    kind.starts_with("img")
}

/// Returns what a write waits for before it is retried.
fn awaited(cause: Cause) -> &'static str {
    if cause == Cause::LockFile { "the VM's lock" } else { "Proxmox VE" }
}

/// The progress of a task, read from its growing log.
#[derive(Default)]
struct Progress {
    read: u64,
    looked: Duration,
}

impl Progress {
    /// Reads the log's new lines, at most once a second. A log that cannot be read yields nothing.
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

/// Returns the progress that a line of a copy shows: `transferred 1.2 GiB of 2.0 GiB (60.00%)`, or of a
/// migration, `migration active, transferred 102.4 MiB of 1.0 GiB VM-state, 110 MiB/s`.
fn percentage(line: &str) -> Option<u8> {
    if line.contains(" VM-state") {
        return of_memory(line);
    }
    // PVE: qemu-server, QemuServer.pm, qemu_img_convert and the block jobs print it so.
    let (before, _) = line.rsplit_once("%)")?;
    let (_, number) = before.rsplit_once('(')?;
    let whole = number.split('.').next()?;
    whole.parse().ok().filter(|percent| *percent <= 100)
}

// PVE: qemu-server 9.2.6, QemuMigrate.pm, phase2: what is written again counts again, so it can be more than all.
fn of_memory(line: &str) -> Option<u8> {
    let (_, rest) = line.split_once("transferred ")?;
    let (done, all) = rest.split_once(" VM-state")?.0.split_once(" of ")?;
    let bytes = |text: &str| {
        let (number, unit) = text.split_once(' ')?;
        let power = ["B", "KiB", "MiB", "GiB", "TiB"].iter().position(|known| *known == unit)?;
        Some(number.parse::<f64>().ok()? * 1024f64.powi(i32::try_from(power).ok()?))
    };
    let (done, all) = (bytes(done)?, bytes(all)?);
    let percent = (0..=100u8).rev().find(|percent| f64::from(*percent) * all <= done * 100.0);
    percent.filter(|_| all > 0.0)
}

/// A write that failed for good.
pub(super) enum WriteError {
    /// The guard refused it.
    Guard(StepError),
    /// PVE's last answer, or the lack of one.
    Pve {
        error: Box<Error>,
        /// Something may have changed.
        uncertain: bool,
        /// PVE may still be working on it.
        still_running: bool,
    },
}

/// Returns how long to wait before the next create: twice as long each time.
pub(super) fn backoff(attempt: u32) -> Duration {
    spread(FIRST_PAUSE * 2u32.saturating_pow(attempt.saturating_sub(1)).min(16))
}

/// Returns a pause of about this length with a random part, so that workers spread out.
fn spread(pause: Duration) -> Duration {
    let mut byte = [0u8];
    // Without randomness the pauses only spread less.
    let _ = getrandom::fill(&mut byte);
    pause / 2 + pause * u32::from(byte[0]) / 512
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
        check("migration active, transferred 102.4 MiB of 1.0 GiB VM-state, 110.9 MiB/s", Some(10));
        check("migration active, transferred 1.5 GiB of 1.0 GiB VM-state, 1.2 GiB/s", Some(100));
        check("migration active, transferred 0.0 B of 0.0 B VM-state, 0.0 B/s", None);
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
