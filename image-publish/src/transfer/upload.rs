//! DOOR: uploads an image, and finds out how the upload ended.
//!
//! An image is sent again only if it is certain that it neither arrived nor is still being copied.

use pve_client::{Error, Upid};
use pve_stage::finding;
use stage::Entry;

use super::arrival::{self, Expected, Presence, Settled, settle};
use super::reason::stopped;
use super::tasks::running;
use crate::interrupt;
use crate::node::Node;
use crate::prepare::{Bytes, changed};
use crate::prepared::Local;
use crate::published::Failed;
use crate::show::{self, innermost};
use crate::source::examine::sums_of;
use crate::stored::is_other_sum;
use crate::work::{Work, pause};

/// How an attempt to upload ended.
enum Attempt {
    /// The image is there.
    Arrived,
    /// Its task has succeeded without effect.
    Missing(Failed),
    /// Nothing has arrived or is still being copied: it may be sent again.
    Lost(Error),
    /// The token is not allowed to upload.
    Refused(Entry),
    /// Another attempt would fail too, or the outcome of this one is unknown.
    Failed(Ended),
}

/// The end of an attempt that is not repeated.
struct Ended {
    error: Error,
    /// PVE's task, if there is one.
    upid: Option<Upid>,
    /// Whether the image may have arrived, although its error is one of looking for it.
    is_open: bool,
}

impl Ended {
    fn new(error: Error, upid: Option<Upid>) -> Self {
        Self { error, upid, is_open: false }
    }
}

/// Uploads an image; after a lost connection it is sent again from the start, and the reason is shown.
pub(crate) fn send(
    work: &Work<'_>,
    node: &Node,
    bytes: Bytes,
    name: &str,
) -> Result<String, Failed> {
    let fact = format!("uploading image \"{name}\"");
    let mut tries = 0;
    loop {
        let slot = work.uploads.take(|| {
            work.tell("wait", name, "waiting until one of the other uploads has ended");
        });
        interrupt::check().map_err(|error| {
            let fact = format!("image \"{name}\" was not published");
            Entry::error("not-started", work.place(), fact).cause(&error)
        })?;
        let ended = attempt(work, node, &bytes, name);
        drop(slot);
        let ended = match ended {
            Attempt::Arrived => return Ok(bytes.file),
            Attempt::Refused(entry) => return Err(entry.into()),
            Attempt::Missing(failed) => return Err(failed),
            Attempt::Lost(error) => {
                if tries < work.retries && !interrupt::is_requested() {
                    tries += 1;
                    let reason = innermost(&error);
                    let text = format!(
                        "uploading again from the start ({tries} of {}): {reason}",
                        work.retries
                    );
                    work.tell("step", name, &text);
                    pause(tries);
                    continue;
                }
                Ended::new(error, None)
            }
            Attempt::Failed(ended) => ended,
        };
        let error = &ended.error;
        if let Some(failed) = stopped(node, &fact, error) {
            return Err(failed);
        }
        let Bytes { file, length, sha256, local } = &bytes;
        let entry = if has_changed(error, local, sha256) {
            changed(local, name)
        } else {
            finding::while_doing(node.place(), &fact, error)
        };
        let expected = Expected { name, file, length: Some(*length) };
        return Err(after_failure(node, expected, &ended, entry));
    }
}

/// Uploads once, and follows the upload to its end.
fn attempt(work: &Work<'_>, node: &Node, bytes: &Bytes, name: &str) -> Attempt {
    let Bytes { file, length, sha256, local } = bytes;
    let doing = format!("uploading {} to {}", show::bytes(*length), node.volid(file));
    let mut transfer = work.transfer(name, doing, Some(*length));
    let mut reader = local.compression.unpack(local.files.open());
    let mut sent = 0;
    let mut on_progress = |bytes| {
        sent = bytes;
        transfer.at(bytes);
    };
    let posted = node.upload(file, *length, sha256, &mut reader, &mut on_progress);
    let (error, upid) = match posted {
        Ok(upid) => match node.wait_with_progress(&upid, &|text| work.tell("wait", name, text)) {
            Ok(()) => {
                let expected = Expected { name, file, length: Some(*length) };
                let checked = arrival::check(node, expected, &upid);
                return checked.map_or_else(Attempt::Missing, |()| Attempt::Arrived);
            }
            Err(error) => (error, Some(upid)),
        },
        Err(error) => match after_lost(node, error, sent < *length) {
            Ok(error) => (error, None),
            Err(attempt) => return attempt,
        },
    };
    if matches!(error, Error::TaskFailed(_) | Error::TaskStillRuns { .. }) {
        return Attempt::Failed(Ended::new(error, upid));
    }
    let expected = Expected { name, file, length: Some(*length) };
    let text = format!("checking whether the image has arrived: {}", innermost(&error));
    work.tell("step", name, &text);
    match settle(work, node, expected, upid.as_ref()) {
        Settled::Whole => Attempt::Arrived,
        Settled::Missing(failed) => Attempt::Missing(failed),
        Settled::Nothing => Attempt::Lost(error),
        Settled::Task(error) => Attempt::Failed(Ended::new(error, upid)),
        Settled::Unknown(error) => Attempt::Failed(Ended { error, upid, is_open: true }),
    }
}

/// Judges an upload that got no task. `Ok` has an error after which the image may have arrived all the same.
fn after_lost(node: &Node, error: Error, is_part: bool) -> Result<Error, Attempt> {
    let is_lost = cannot_have_arrived(&error, is_part);
    if !is_lost && !error.is_outcome_unknown() {
        return Err(Attempt::Failed(Ended::new(error, None)));
    }
    // PVE: facts 40: a refused upload may end in a closed connection without an answer.
    match node.missing_privilege() {
        Some(refused) => Err(Attempt::Refused(refused)),
        None if is_lost => Err(Attempt::Lost(error)),
        None => Ok(error),
    }
}

/// Returns whether PVE cannot have stored anything of an upload with this error: PVE discards an incomplete
/// body.
fn cannot_have_arrived(error: &Error, is_part: bool) -> bool {
    match error {
        Error::MaybeSent { .. } => is_part,
        _ => {
            error.is_unreachable() || error.is_node_unreachable() || error.is_worker_start_failure()
        }
    }
}

/// Returns whether an upload failed because its file has changed since it was examined.
///
/// PVE verifies the checksum of every upload, so it is not computed while sending; the file is read again only
/// if PVE reports a mismatch.
fn has_changed(error: &Error, local: &Local, sha256: &str) -> bool {
    match error {
        Error::Source { .. } => true,
        error if is_other_sum(error) => {
            let mut reader = local.compression.unpack(local.files.open());
            sums_of(&mut reader).is_ok_and(|sums| sums.sha256 != sha256)
        }
        _ => false,
    }
}

/// Removes an incomplete file that a failed upload has left behind.
fn after_failure(node: &Node, expected: Expected<'_>, ended: &Ended, entry: Entry) -> Failed {
    let Ended { error, upid, is_open } = ended;
    // A refusal comes before anything is stored, and without a connection nothing can be checked.
    let is_refused = matches!(error, Error::NeverSent { .. } | Error::Status(_));
    if is_refused && !error.is_outcome_unknown() && upid.is_none() && !is_open {
        return Failed { entry, left: false };
    }
    let volid = node.volid(expected.file);
    let (Ok(running), Ok(size)) = (running(node, expected.file), node.size_of(expected.file))
    else {
        let entry = match (upid, error) {
            (Some(upid), error) if !matches!(error, Error::TaskFailed(_)) => {
                entry.note(format!("task {upid}"))
            }
            _ => entry,
        };
        let note = format!("it is not known whether it has arrived: {volid}");
        let hint = "run again: an image that has arrived is not sent again";
        return Failed { entry: entry.note(note).hint(hint), left: true };
    };
    if let Some(running) = running.first() {
        return Failed { entry: entry.note(format!("still running: task {running}")), left: true };
    }
    // PVE removes the incomplete file of its own task; a complete file is another run's.
    if expected.judge(size) != Presence::Half {
        return Failed { entry, left: error.is_outcome_unknown() || *is_open };
    }
    match node.clean_up(&volid) {
        Ok(()) => Failed {
            entry: entry.note(format!("removed the incomplete file: {volid}")),
            left: false,
        },
        Err(_) => Failed {
            entry: entry.note(format!(
                "an incomplete file is left, which is not taken for the image: {volid}"
            )),
            left: true,
        },
    }
}
