//! Ctrl-C and the other signals that end a run: after the first, running steps finish and no new one
//! starts; the second ends the run at once.

use pve_stage::signals::Signals;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The exit code of "stopped part-way", for a second Ctrl-C: what was done is unknown.
const PART_WAY: i32 = 3;

/// Whether the user wants the run to end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interrupt {
    /// The second signal ends the program, so nothing else may set this.
    signal: Signals,
    /// Whether a VM has failed and no further one should start.
    failed: Arc<AtomicBool>,
}

impl Interrupt {
    /// Starts listening for the signals that end a run.
    pub(crate) fn listen() -> Self {
        Self { signal: Signals::listen(PART_WAY), ..Self::default() }
    }

    /// Returns whether the run should end.
    pub(crate) fn is_stopping(&self) -> bool {
        self.is_signalled() || self.failed.load(Ordering::SeqCst)
    }

    /// Returns whether the user asked for it.
    pub(crate) fn is_signalled(&self) -> bool {
        self.signal.stop_requested()
    }

    /// Returns the same Ctrl-C without the failures, for the work after them.
    pub(crate) fn after_failure(&self) -> Self {
        Self { signal: self.signal.clone(), failed: Arc::default() }
    }

    /// Ends the run because a VM has failed.
    pub(crate) fn stop(&self) {
        self.failed.store(true, Ordering::SeqCst);
    }
}
