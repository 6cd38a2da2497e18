//! Why a transfer ended: a signal. Does no I/O.

use pve_client::Error;
use stage::Entry;

use crate::interrupt;
use crate::node::Node;
use crate::published::Failed;

/// Returns the failure of a transfer that a signal has stopped: an aborted upload, of which PVE keeps
/// nothing, or the wait for a task, which keeps running.
pub(super) fn stopped(node: &Node, fact: &str, error: &Error) -> Option<Failed> {
    let entry = match error {
        _ if !interrupt::is_requested() => return None,
        Error::Source { .. } => Entry::error("interrupted", node.place(), fact),
        Error::TaskStillRuns { upid, .. } => Entry::error("task-still-running", node.place(), fact)
            .note(format!("still running: task {upid}")),
        _ => return None,
    };
    let left = matches!(error, Error::TaskStillRuns { .. });
    Some(Failed { entry: entry.cause(&interrupt::error()), left })
}
