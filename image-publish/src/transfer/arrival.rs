//! DOOR: finds out whether an image has arrived, from the files of the storage and the running tasks.
//!
//! PVE copies an upload to its final name with `cp` or `scp`, so a file that is being written is visible,
//! and incomplete (pve-storage, API2/Storage/Status.pm, upload). A download has another name until it is
//! complete.

use std::ops::ControlFlow;
use std::time::Duration;

use pve_client::{Error, Upid};
use pve_stage::finding;
use stage::Entry;

use super::tasks::{self, running};
use crate::interrupt::{self, keep_waiting};
use crate::node::Node;
use crate::published::Failed;
use crate::show::innermost;
use crate::waiting::Waiting;
use crate::work::{Work, pause, pause_for};

/// How often to look for the upload's task after an answer or a lost connection: it starts once the storage
/// is active.
const MAY_BEGIN: u32 = 5;
/// How often to look for a file whose task has succeeded.
const MAY_APPEAR: u32 = 4;
/// The wait between two checks.
const LOOK: Duration = Duration::from_secs(1);

/// A file that is expected on a storage.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expected<'a> {
    /// The image's name, for people.
    pub(crate) name: &'a str,
    /// The file's name.
    pub(crate) file: &'a str,
    /// Its length in bytes, when it is known.
    pub(crate) length: Option<u64>,
}

/// How much of a file exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    /// All of it.
    Whole,
    /// A part of it, and nobody seems to write the rest.
    Half,
    /// Nothing.
    Nothing,
}

impl Expected<'_> {
    /// Judges the size of the file that a storage has.
    pub(crate) fn judge(&self, size: Option<u64>) -> Presence {
        match size {
            None => Presence::Nothing,
            Some(size) if self.length.is_none_or(|length| length == size) => Presence::Whole,
            Some(_) => Presence::Half,
        }
    }
}

/// Checks the storage right before something is sent, and waits for others that are already writing it.
///
/// # Errors
/// The storage cannot be read.
pub(crate) fn look(
    work: &Work<'_>,
    node: &Node,
    expected: Expected<'_>,
) -> Result<Presence, Error> {
    let mut waiting = None;
    let grows = format!("the rest of {}, which another run is writing", node.volid(expected.file));
    let mut growing = work.waiting(expected.name, grows);
    let mut size_before = None;
    loop {
        // There is no wait for tasks that are not visible.
        let running = running(node, expected.file).unwrap_or_default();
        match await_all(work, node, expected, &running, &mut waiting) {
            // The caller notices that a signal has ended the wait.
            Err(Error::TaskStillRuns { .. }) if interrupt::is_requested() => {
                return Ok(Presence::Nothing);
            }
            ended => ended?,
        }
        let size = node.size_of(expected.file)?;
        let there = expected.judge(size);
        // Another token's task is not visible, but the file that it writes is.
        let is_written = !running.is_empty() || there == Presence::Half && size != size_before;
        if there == Presence::Whole || !is_written || interrupt::is_requested() {
            return Ok(there);
        }
        if running.is_empty() {
            if size_before.is_some() {
                growing.still();
            }
            pause_for(LOOK * 2);
        }
        size_before = size;
    }
}

/// Checks that a file whose task has succeeded is there: the end of a task proves nothing.
///
/// # Errors
/// The file is missing or not whole, or the storage cannot be read.
pub(super) fn check(node: &Node, expected: Expected<'_>, upid: &Upid) -> Result<(), Failed> {
    let volid = node.volid(expected.file);
    let mut looks = 0;
    let entry = loop {
        let entry = match node.size_of(expected.file) {
            Ok(size) if expected.judge(size) == Presence::Whole => return Ok(()),
            Ok(size) => {
                let is = if size.is_none() { "is missing" } else { "is incomplete" };
                let fact = format!("{volid} {is}, although its task succeeded");
                Entry::error("not-effective", node.place(), fact)
            }
            Err(error) => {
                let doing = format!("checking whether image \"{}\" has arrived", expected.name);
                finding::while_doing(node.place(), &doing, &error)
            }
        };
        looks += 1;
        if looks >= MAY_APPEAR || interrupt::is_requested() {
            break entry;
        }
        pause_for(LOOK);
    };
    let entry = entry.note(format!("task {upid}"));
    Err(Failed { entry: entry.hint("the task's log in PVE says more; run again"), left: true })
}

/// How the search for an upload of unknown outcome ended.
pub(super) enum Settled {
    /// The image is there.
    Whole,
    /// It is not, although its task has succeeded.
    Missing(Failed),
    /// It is not, and no task is still copying it.
    Nothing,
    /// Its task failed, or is still running after the wait.
    Task(Error),
    /// PVE does not answer.
    Unknown(Error),
}

/// Finds out how an upload ended: follows its task, or looks for it.
pub(super) fn settle(
    work: &Work<'_>,
    node: &Node,
    expected: Expected<'_>,
    upid: Option<&Upid>,
) -> Settled {
    let mut unread = 0;
    let mut quiet = 0;
    let mut waiting = None;
    let mut followed = upid;
    loop {
        let error = match (step(work, node, expected, followed, &mut waiting), followed) {
            (Ok(Step::Whole), _) => return Settled::Whole,
            (Ok(Step::Missing(failed)), _) => return Settled::Missing(*failed),
            (Ok(Step::Under), _) => {
                quiet = 0;
                continue;
            }
            // A task that PVE no longer knows has ended.
            (Ok(Step::Nothing), None) if upid.is_some() || quiet >= MAY_BEGIN => {
                return Settled::Nothing;
            }
            (Ok(Step::Nothing), _) => {
                quiet += 1;
                pause_for(LOOK);
                if interrupt::is_requested() {
                    return Settled::Nothing;
                }
                continue;
            }
            (Err(error @ (Error::TaskFailed(_) | Error::TaskStillRuns { .. })), _) => {
                return Settled::Task(error);
            }
            (Err(error), Some(_)) if error.is_task_unknown() => {
                followed = None;
                continue;
            }
            (Err(error), _) => error,
        };
        // If its task gives no answer, the storage may.
        if node.size_of(expected.file).is_ok_and(|size| expected.judge(size) == Presence::Whole) {
            return Settled::Whole;
        }
        if unread >= work.retries || interrupt::is_requested() {
            return Settled::Unknown(error);
        }
        unread += 1;
        let reason = innermost(&error);
        let text = format!(
            "asking again whether the image has arrived ({unread} of {}): {reason}",
            work.retries
        );
        work.tell("step", expected.name, &text);
        pause(unread);
    }
}

/// One check of how an upload ended.
enum Step {
    Whole,
    Missing(Box<Failed>),
    Under,
    Nothing,
}

fn step<'a>(
    work: &'a Work<'_>,
    node: &Node,
    expected: Expected<'a>,
    upid: Option<&Upid>,
    waiting: &mut Option<Waiting<'a>>,
) -> Result<Step, Error> {
    if let Some(upid) = upid {
        let tell = |text: &str| work.tell("wait", expected.name, text);
        node.wait_with_progress(upid, &tell)?;
        return Ok(match check(node, expected, upid) {
            Ok(()) => Step::Whole,
            Err(failed) => Step::Missing(Box::new(failed)),
        });
    }
    let running = running(node, expected.file)?;
    await_all(work, node, expected, &running, waiting)?;
    Ok(match expected.judge(node.size_of(expected.file)?) {
        Presence::Whole => Step::Whole,
        _ if running.is_empty() => Step::Nothing,
        _ => Step::Under,
    })
}

/// Waits for tasks that write a file. Their outcome shows on the storage.
fn await_all<'a>(
    work: &'a Work<'_>,
    node: &Node,
    expected: Expected<'a>,
    running: &[Upid],
    waiting: &mut Option<Waiting<'a>>,
) -> Result<(), Error> {
    for upid in running {
        let waiting = waiting.get_or_insert_with(|| {
            let what = format!("a task that may be copying {}: {upid}", node.volid(expected.file));
            work.waiting(expected.name, what)
        });
        let mut is_elsewhere = None;
        let ended = node.wait_telling(upid, &mut || {
            // An upload of this run whose task has no known ID yet is not worth a line.
            let may_be_own = node.uploads.are_starting(&node.node);
            is_elsewhere = is_elsewhere.or_else(|| tasks::is_elsewhere(node, upid));
            if is_elsewhere != Some(true) && !may_be_own {
                waiting.still();
            }
            if is_elsewhere == Some(true) { ControlFlow::Break(()) } else { keep_waiting() }
        });
        match ended {
            Err(Error::TaskStillRuns { .. }) if is_elsewhere == Some(true) => {}
            // Its log may not have named the file yet: check again whether it is about this one.
            Ok(()) | Err(Error::TaskFailed(_)) => {}
            Err(error) if error.is_task_unknown() || error.is_permission() => pause_for(LOOK),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_unknown_length_counts_as_complete() {
        let expected = |length| Expected { name: "a", file: "a", length };
        assert_eq!(expected(Some(5)).judge(Some(5)), Presence::Whole);
        assert_eq!(expected(Some(5)).judge(Some(4)), Presence::Half);
        assert_eq!(expected(None).judge(Some(4)), Presence::Whole);
        assert_eq!(expected(None).judge(None), Presence::Nothing);
    }
}
