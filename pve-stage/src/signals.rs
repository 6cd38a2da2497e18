//! DOOR: the signals that stop a run gracefully.
//!
//! Ctrl-C, `kill`, a closed terminal and Ctrl-\ all mean the same: start nothing new and leave
//! nothing half-done. A second signal ends the process at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};

/// Signals that always stop a run.
const ALWAYS: [i32; 2] = [SIGINT, SIGTERM];
/// Signals that stop a run unless its parent ignores them: `nohup` ignores SIGHUP, and a
/// script's background job ignores SIGQUIT.
const UNLESS_IGNORED: [i32; 2] = [SIGHUP, SIGQUIT];

/// Whether a signal requested the run to stop.
#[derive(Clone, Debug, Default)]
pub struct Signals(Arc<AtomicBool>);

impl Signals {
    /// Starts to listen. A second signal ends the process at once with the exit code `second`.
    ///
    /// If no handler can be installed, signals keep their default and end the process.
    pub fn listen(second: i32) -> Self {
        let asked = Self::default();
        let ignored = ignored();
        let kept = UNLESS_IGNORED.into_iter().filter(|signal| !is_among(ignored, *signal));
        for signal in ALWAYS.into_iter().chain(kept) {
            // The order matters: the first signal finds the flag unset and sets it, the second finds it set.
            let _ = signal_hook::flag::register_conditional_shutdown(
                signal,
                second,
                Arc::clone(&asked.0),
            );
            let _ = signal_hook::flag::register(signal, Arc::clone(&asked.0));
        }
        asked
    }

    /// Returns whether a signal requested the run to stop.
    pub fn stop_requested(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// Returns the set of signals that this process ignores; empty if the system does not report it.
#[expect(clippy::disallowed_methods, reason = "door: the state of this process")]
fn ignored() -> u64 {
    std::fs::read_to_string("/proc/self/status").map_or(0, |status| ignored_in(&status))
}

/// Reads the set of ignored signals from `/proc/self/status`.
fn ignored_in(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    line.and_then(|set| u64::from_str_radix(set.trim(), 16).ok()).unwrap_or(0)
}

/// Returns whether a signal is in a set: signal 1 is the lowest bit.
fn is_among(set: u64, signal: i32) -> bool {
    let bit = u32::try_from(signal - 1).ok();
    bit.and_then(|bit| set.checked_shr(bit)).is_some_and(|rest| rest & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: &str, expected: &[i32]) {
        let set = ignored_in(status);
        let all: Vec<i32> = (1..=64).filter(|signal| is_among(set, *signal)).collect();
        assert_eq!(all, expected, "{status}");
    }

    #[test]
    fn ignored_signals_are_read_from_the_kernel() {
        check("Name:\tx\nSigBlk:\tffffffffffffffff\nSigIgn:\t0000000000001001\n", &[SIGHUP, 13]);
        check("SigIgn:\t8000000000000004\nSigCgt:\t0000000000000001\n", &[SIGQUIT, 64]);
        check("SigIgn:\t0000000000000000\n", &[]);
        check("SigIgn:\tnonsense\n", &[]);
        check("", &[]);
        assert!(!is_among(u64::MAX, 0) && !is_among(u64::MAX, 65));
    }
}
