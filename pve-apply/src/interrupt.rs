//! Ctrl-C, and the other signals that end a run: the first one lets running steps end and starts no new
//! one; the second ends at once.

use pve_stage::signals::Signals;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The exit code of "stopped part-way", for a second Ctrl-C: what was done is not known then.
const PART_WAY: i32 = 3;

/// Whether the user wants it to end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interrupt {
    /// The second signal ends the program, so nothing else may set this.
    signal: Signals,
    /// A VM has failed, and no further one is to be begun.
    failed: Arc<AtomicBool>,
}

impl Interrupt {
    /// Listens for the signals that end a run, from now on.
    pub(crate) fn listen() -> Self {
        Self { signal: Signals::listen(PART_WAY), ..Self::default() }
    }

    /// Says whether it was asked for.
    pub(crate) fn is_asked(&self) -> bool {
        self.is_signalled() || self.failed.load(Ordering::SeqCst)
    }

    /// Says whether the user asked for it.
    pub(crate) fn is_signalled(&self) -> bool {
        self.signal.stop_requested()
    }

    /// The same Ctrl-C, with the failures forgotten: for the work after them.
    pub(crate) fn after_failure(&self) -> Self {
        Self { signal: self.signal.clone(), failed: Arc::default() }
    }

    /// Asks for it because a VM has failed.
    pub(crate) fn ask(&self) {
        self.failed.store(true, Ordering::SeqCst);
    }
}
