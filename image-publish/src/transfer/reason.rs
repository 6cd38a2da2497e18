//! Why a transfer has ended: a signal, or the last link of an error's chain. Does no I/O.

use pve_client::Error;
use stage::Entry;

use crate::interrupt;
use crate::node::Node;
use crate::published::Failed;

/// Returns what there is to say of a transfer that a signal has ended: an upload in the middle, of which
/// PVE keeps nothing, or the wait for a task, which goes on.
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

/// Returns the reason behind an error: the last link of its chain.
pub(super) fn innermost(error: &Error) -> String {
    let chain = std::iter::successors(Some(error as &dyn std::error::Error), |e| e.source());
    chain.last().map(ToString::to_string).unwrap_or_default()
}
