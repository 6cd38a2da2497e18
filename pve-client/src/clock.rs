//! DOOR: the clock and the wait. The only place in this crate that reads the time or sleeps.

use std::fmt::Debug;
use std::io;
use std::time::{Duration, Instant};

/// Reads the time and waits. Tests pass a clock that does not wait.
pub trait Clock: Debug + Send + Sync + 'static {
    /// Returns the current time.
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

/// Returns the current date and time.
pub(crate) fn timestamp() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

/// A point in time by which something must finish, or none.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    /// Returns the deadline `limit` from now; without a limit there is none.
    pub(crate) fn within(limit: Option<Duration>) -> Self {
        Self(limit.and_then(|limit| SystemClock.now().checked_add(limit)))
    }

    /// Returns the remaining time, never zero.
    pub(crate) fn left(&self) -> io::Result<Option<Duration>> {
        let Some(end) = self.0 else { return Ok(None) };
        match end.saturating_duration_since(SystemClock.now()) {
            Duration::ZERO => Err(io::ErrorKind::TimedOut.into()),
            left => Ok(Some(left)),
        }
    }
}
