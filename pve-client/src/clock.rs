//! DOOR: the clock and the wait. The only place of this crate that reads time or sleeps.

use std::fmt::Debug;
use std::io;
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

/// Returns the date and time now.
pub(crate) fn timestamp() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

/// By when something must be done.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    /// The moment when `limit` will have passed; without a limit there is none.
    pub(crate) fn within(limit: Option<Duration>) -> Self {
        Self(limit.and_then(|limit| SystemClock.now().checked_add(limit)))
    }

    /// Returns the time that is left, never zero; an error when there is none.
    pub(crate) fn left(&self) -> io::Result<Option<Duration>> {
        let Some(end) = self.0 else { return Ok(None) };
        match end.saturating_duration_since(SystemClock.now()) {
            Duration::ZERO => Err(io::ErrorKind::TimedOut.into()),
            left => Ok(Some(left)),
        }
    }
}
