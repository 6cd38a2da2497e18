//! DOOR: whether a signal asked this run to end. Signals are the process's, so this is too.
//!
//! Reads and waits ask here; they end with an error, and what the run has made for itself goes with it.

use std::io;
use std::ops::ControlFlow;
use std::sync::OnceLock;

use pve_stage::signals::Signals;

/// The exit code of "stopped part-way", for a second signal: what was done is not known then.
const PART_WAY: i32 = 3;

static SIGNALS: OnceLock<Signals> = OnceLock::new();

/// Listens from now on. Before that nothing is begun, and a signal may end the process as it likes:
/// a Ctrl-C must end the wait for a document on a terminal.
pub(crate) fn listen() {
    SIGNALS.get_or_init(|| Signals::listen(PART_WAY));
}

/// Returns whether a signal asked the run to end.
pub(crate) fn is_requested() -> bool {
    SIGNALS.get().is_some_and(Signals::stop_requested)
}

/// Ends a wait once a signal asked the run to end.
pub(crate) fn keep_waiting() -> ControlFlow<()> {
    if is_requested() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

/// Fails when a signal asked the run to end.
pub(crate) fn check() -> io::Result<()> {
    if is_requested() { Err(error()) } else { Ok(()) }
}

/// The error of what a signal has ended.
pub(crate) fn error() -> io::Error {
    io::Error::other("stopped by a signal")
}
