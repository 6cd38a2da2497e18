//! DOOR: the clock and the wait. The only place of this crate that reads time or sleeps.

use std::fmt::Debug;
use std::time::{Duration, Instant};

/// Tells the time and waits. Tests give one that does not wait.
pub trait Clock: Debug + Send + Sync + 'static {
    /// Returns the time now.
    fn now(&self) -> Instant;

    /// Waits.
    fn sleep(&self, duration: Duration);
}

/// The system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "door: the clock")]
    fn now(&self) -> Instant {
        Instant::now()
    }

    #[expect(clippy::disallowed_methods, reason = "door: the wait")]
    fn sleep(&self, duration: Duration) {
        std::thread::sleep(duration);
    }
}
