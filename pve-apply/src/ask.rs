//! DOOR: waits. Reads that got no answer are asked again: a read changes nothing; and reads are
//! repeated until they tell what is waited for.

use crate::execute::pause;
use crate::interrupt::Interrupt;
use pve_client::{Clock, Error, SystemClock};
use std::time::{Duration, Instant};

/// Tries in all.
const TRIES: u32 = 4;
/// The first pause; each is twice the one before, so that all together last 3.5 s.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// Between two looks. An agent that does not answer costs PVE 3 s by itself: a shorter pause gains nothing.
const LOOK_PAUSE: Duration = Duration::from_secs(1);

/// Asks before the work: an endpoint that cannot be reached is said at once.
pub(crate) fn ask<T>(read: impl FnMut() -> Result<T, Error>) -> Result<T, Error> {
    repeat(read, is_lost)
}

/// Asks in the midst of the work: pveproxy may be starting anew.
pub(crate) fn ask_patiently<T>(read: impl FnMut() -> Result<T, Error>) -> Result<T, Error> {
    repeat(read, |error| is_lost(error) || matches!(error, Error::NeverSent { .. }))
}

fn repeat<T>(
    mut read: impl FnMut() -> Result<T, Error>,
    passes: impl Fn(&Error) -> bool,
) -> Result<T, Error> {
    let mut wait = FIRST_PAUSE;
    for _ in 1..TRIES {
        match read() {
            Err(error) if passes(&error) => pause(wait),
            answer => return answer,
        }
        wait *= 2;
    }
    read()
}

/// The answer was lost on the way. 595 is not of these: it says that the node is away.
fn is_lost(error: &Error) -> bool {
    // PVE: reference 4, the table of retries.
    let gateway =
        error.status().is_some_and(|status| matches!(status, 502..=504 | 596 | 597 | 599));
    gateway || matches!(error, Error::MaybeSent { .. })
}

/// How long something takes.
pub(crate) struct Stopwatch {
    started: Instant,
}

impl Stopwatch {
    /// Starts it.
    pub(crate) fn start() -> Self {
        Self { started: SystemClock.now() }
    }

    /// Returns the time since its start.
    pub(crate) fn elapsed(&self) -> Duration {
        SystemClock.now() - self.started
    }
}

/// When a wait is over.
pub(crate) struct Deadline {
    clock: SystemClock,
    started: Instant,
    limit: Duration,
}

impl Deadline {
    /// A deadline so long from now.
    pub(crate) fn after(limit: Duration) -> Self {
        let clock = SystemClock;
        Self { clock, started: clock.now(), limit }
    }

    /// Says whether the time is over.
    pub(crate) fn is_over(&self) -> bool {
        self.clock.now() - self.started >= self.limit
    }
}

/// Why a wait ended without what was waited for.
#[derive(Debug)]
pub(crate) enum Unanswered {
    /// It did not come in time.
    TimeIsOver,
    /// Ctrl-C.
    Stopped,
    /// It will not come, however long one waits.
    Refused(Box<Error>),
}

/// Looks again and again until there is an answer, or the wait is over in another way.
pub(crate) fn wait_until(
    mut look: impl FnMut() -> Result<bool, Error>,
    deadline: &Deadline,
    interrupt: &Interrupt,
) -> Result<(), Unanswered> {
    loop {
        match look() {
            Ok(true) => return Ok(()),
            Err(error) if error.is_permission() => {
                return Err(Unanswered::Refused(Box::new(error)));
            }
            // An agent that does not answer yet is an error of PVE's; any other may pass too.
            Ok(false) | Err(_) => {}
        }
        if interrupt.is_asked() {
            return Err(Unanswered::Stopped);
        }
        if deadline.is_over() {
            return Err(Unanswered::TimeIsOver);
        }
        pause(LOOK_PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_ends_with_its_answer_its_time_or_the_user() {
        let (over, ahead) = (Duration::ZERO, Duration::from_secs(3600));
        let wait = |answer: bool, limit, stopped: bool| {
            let interrupt = Interrupt::default();
            if stopped {
                interrupt.ask();
            }
            wait_until(|| Ok(answer), &Deadline::after(limit), &interrupt)
        };
        assert!(wait(true, over, true).is_ok());
        assert!(matches!(wait(false, over, false), Err(Unanswered::TimeIsOver)));
        assert!(matches!(wait(false, ahead, true), Err(Unanswered::Stopped)));
    }
}
