//! DOOR: waits. Reads that got no answer are asked again: a read changes nothing; and reads are
//! repeated until they tell what is waited for.

use crate::execute::pause;
use crate::interrupt::Interrupt;
use pve_client::{Clock, Error, SystemClock};
use pve_stage::patience::Patience;
use stage::Entry;
use std::sync::Arc;
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

/// When a wait is over. Its clock is the wait's own.
#[derive(Clone)]
pub(crate) struct Deadline {
    clock: Arc<dyn Clock>,
    started: Instant,
    limit: Duration,
}

impl Deadline {
    /// A deadline so long from now.
    pub(crate) fn after(limit: Duration) -> Self {
        Self::by_clock(Arc::new(SystemClock), limit)
    }

    fn by_clock(clock: Arc<dyn Clock>, limit: Duration) -> Self {
        let started = clock.now();
        Self { clock, started, limit }
    }

    /// Says whether the time is over.
    pub(crate) fn is_over(&self) -> bool {
        self.waited() >= self.limit
    }

    /// Returns the time since the wait began.
    pub(crate) fn waited(&self) -> Duration {
        self.clock.now() - self.started
    }
}

/// What a look has shown.
pub(crate) enum Look<T> {
    /// What was waited for.
    Ready(T),
    /// It is not there yet; the last answer, in words.
    NotYet(String),
    /// It will not come, however long one waits.
    Never(Box<Entry>),
}

/// Why a wait ended without what was waited for.
#[derive(Debug)]
pub(crate) enum Unanswered {
    /// It did not come in time; the last answer.
    TimeIsOver(String),
    /// Ctrl-C.
    Stopped,
    /// It will not come, however long one waits.
    Never(Box<Entry>),
}

/// Looks again and again until there is what is waited for, or the wait is over in another way.
///
/// `tell` gets a line each time that the wait has been silent for long.
pub(crate) fn wait_until<T>(
    what: &str,
    mut look: impl FnMut() -> Look<T>,
    deadline: &Deadline,
    interrupt: &Interrupt,
    tell: &dyn Fn(&str),
) -> Result<T, Unanswered> {
    // Several waits may share one deadline.
    let begun = deadline.waited();
    let mut patience = Patience::default();
    loop {
        let last = match look() {
            Look::Ready(found) => return Ok(found),
            Look::Never(entry) => return Err(Unanswered::Never(entry)),
            Look::NotYet(last) => last,
        };
        if interrupt.is_asked() {
            return Err(Unanswered::Stopped);
        }
        if deadline.is_over() {
            return Err(Unanswered::TimeIsOver(last));
        }
        if let Some(text) = patience.message(deadline.waited().saturating_sub(begun), what, &last) {
            tell(&text);
        }
        deadline.clock.sleep(LOOK_PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    /// A clock that jumps instead of waiting.
    #[derive(Debug)]
    struct Jumping(Mutex<Instant>);

    impl Clock for Jumping {
        fn now(&self) -> Instant {
            *self.0.lock().unwrap()
        }

        fn sleep(&self, duration: Duration) {
            *self.0.lock().unwrap() += duration;
        }
    }

    fn deadline(limit: Duration) -> Deadline {
        Deadline::by_clock(Arc::new(Jumping(Mutex::new(SystemClock.now()))), limit)
    }

    /// Waits for what a third look shows, or none; returns the end and the lines told.
    fn wait(
        ready: bool,
        limit: Duration,
        interrupt: &Interrupt,
    ) -> (Result<u32, Unanswered>, Vec<String>) {
        let told = Mutex::new(Vec::new());
        let mut looks = 0;
        let look = || {
            looks += 1;
            if ready && looks == 3 { Look::Ready(looks) } else { Look::NotYet(looks.to_string()) }
        };
        let tell = |text: &str| told.lock().unwrap().push(text.to_owned());
        let end = wait_until("it", look, &deadline(limit), interrupt, &tell);
        (end, told.into_inner().unwrap())
    }

    #[test]
    fn a_wait_ends_with_its_answer_its_time_or_the_user() {
        let (over, ahead) = (Duration::ZERO, Duration::from_secs(3600));
        let free = Interrupt::default();
        assert!(matches!(wait(true, ahead, &free).0, Ok(3)));
        let (end, _) = wait(false, over, &free);
        assert!(matches!(end, Err(Unanswered::TimeIsOver(last)) if last == "1"));
        let stopped = Interrupt::default();
        stopped.ask();
        assert!(matches!(wait(true, ahead, &stopped).0, Err(Unanswered::Stopped)));
    }

    #[test]
    fn a_long_wait_says_what_the_last_answer_was() {
        let (_, told) = wait(false, Duration::from_secs(100), &Interrupt::default());
        assert_eq!(
            told,
            [
                "still waiting for it (30 s): last answer: 31",
                "still waiting for it (60 s): last answer: 61"
            ]
        );
    }

    #[test]
    fn waits_that_share_a_deadline_have_a_patience_each() {
        let deadline = deadline(Duration::from_secs(65));
        let told = Mutex::new(Vec::new());
        let tell = |text: &str| told.lock().unwrap().push(text.to_owned());
        let mut looks = 0;
        let first = || {
            looks += 1;
            if looks == 26 { Look::Ready(()) } else { Look::NotYet("no".to_owned()) }
        };
        let interrupt = Interrupt::default();
        wait_until("one", first, &deadline, &interrupt, &tell).unwrap();
        let none = || Look::<()>::NotYet("no".to_owned());
        wait_until("two", none, &deadline, &interrupt, &tell).unwrap_err();
        assert_eq!(told.into_inner().unwrap(), ["still waiting for two (30 s): last answer: no"]);
    }
}
