//! DOOR: Ctrl-C. The first one lets running steps end and starts no new one; the second ends at once.

use signal_hook::consts::{SIGINT, SIGTERM};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The exit code of "stopped part-way", for a second Ctrl-C: what was done is not known then.
const PART_WAY: i32 = 3;

/// Whether the user wants it to end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interrupt {
    /// Ctrl-C: the second one ends the program, so nothing else may set this.
    signal: Arc<AtomicBool>,
    /// A VM has failed, and no further one is to be begun.
    failed: Arc<AtomicBool>,
}

impl Interrupt {
    /// Listens for SIGINT and SIGTERM from now on.
    ///
    /// A system that lets no handler be set leaves the signals as they were: they end the program.
    pub(crate) fn listen() -> Self {
        let asked = Self::default();
        for signal in [SIGINT, SIGTERM] {
            // In this order: the first signal finds the flag unset and sets it, the second finds it set.
            let _ = signal_hook::flag::register_conditional_shutdown(
                signal,
                PART_WAY,
                Arc::clone(&asked.signal),
            );
            let _ = signal_hook::flag::register(signal, Arc::clone(&asked.signal));
        }
        asked
    }

    /// Says whether it was asked for.
    pub(crate) fn is_asked(&self) -> bool {
        self.is_signalled() || self.failed.load(Ordering::SeqCst)
    }

    /// Says whether the user asked for it.
    pub(crate) fn is_signalled(&self) -> bool {
        self.signal.load(Ordering::SeqCst)
    }

    /// The same Ctrl-C, with the failures forgotten: for the work after them.
    pub(crate) fn after_failure(&self) -> Self {
        Self { signal: Arc::clone(&self.signal), failed: Arc::default() }
    }

    /// Asks for it because a VM has failed.
    pub(crate) fn ask(&self) {
        self.failed.store(true, Ordering::SeqCst);
    }
}
