//! DOOR: whether a signal asked this run to stop. Signals belong to the process, so this is global.
//!
//! Reads and waits check here; they end with an error, and the temporary files of the run are removed.

use std::io;
use std::ops::ControlFlow;
use std::sync::OnceLock;

use pve_stage::signals::Signals;

/// The exit code of "stopped part-way", for a second signal: what was done is unknown then.
const PART_WAY: i32 = 3;

static SIGNALS: OnceLock<Signals> = OnceLock::new();

/// Starts to listen. Before that nothing was started, and a signal may end the process directly: Ctrl-C must
/// end the wait for a document on a terminal.
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

/// Returns the error for work that a signal has ended.
pub(crate) fn error() -> io::Error {
    io::Error::other("stopped by a signal")
}
