//! DOOR: waits. Retries reads that got no answer, since a read changes nothing, and repeats reads
//! until they show what we wait for.

use crate::execute::pause;
use pve_client::{Clock, Error, SystemClock};
use pve_stage::patience::Patience;
use stage::Entry;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The total number of tries.
const TRIES: u32 = 4;
/// The first pause; each is twice the one before, 3.5 s in total.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// Reads before the work begins: an unreachable endpoint is reported at once.
pub(crate) fn read_api<T>(read: impl FnMut() -> Result<T, Error>) -> Result<T, Error> {
    repeat(read, is_lost)
}

/// Reads while work is under way: pveproxy may be restarting.
pub(crate) fn read_retrying<T>(read: impl FnMut() -> Result<T, Error>) -> Result<T, Error> {
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

/// Returns whether the answer was lost on the way. 595 is not such an error: the node is offline.
fn is_lost(error: &Error) -> bool {
    // PVE: reference 4, the table of retries.
    let gateway =
        error.status().is_some_and(|status| matches!(status, 502..=504 | 596 | 597 | 599));
    gateway || matches!(error, Error::MaybeSent { .. })
}

/// Measures how long something takes.
#[derive(Clone, Copy)]
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

/// The end of a wait, with the wait's own clock.
#[derive(Clone)]
pub(crate) struct Deadline {
    clock: Arc<dyn Clock>,
    started: Instant,
    limit: Duration,
}

impl Deadline {
    /// Returns a deadline this long from now.
    pub(crate) fn after(limit: Duration) -> Self {
        Self::by_clock(Arc::new(SystemClock), limit)
    }

    /// Returns the deadline of a wait that ends by what it sees.
    pub(crate) fn never() -> Self {
        Self::after(Duration::MAX)
    }

    fn by_clock(clock: Arc<dyn Clock>, limit: Duration) -> Self {
        let started = clock.now();
        Self { clock, started, limit }
    }

    /// Returns whether the time is up.
    pub(crate) fn is_over(&self) -> bool {
        self.waited() >= self.limit
    }

    /// Returns the time since the wait began.
    pub(crate) fn waited(&self) -> Duration {
        self.clock.now() - self.started
    }
}

/// The result of one read of a wait.
pub(crate) enum Poll<T, E = Box<Entry>> {
    /// The awaited result.
    Ready(T),
    /// Not yet; with the last answer, in words.
    NotYet(String),
    /// It cannot come any more.
    Never(E),
}

/// Why a wait ended without a result.
#[derive(Debug)]
pub(crate) enum WaitError<E = Box<Entry>> {
    /// The time is up; with the last answer.
    TimedOut(String),
    /// Ctrl-C.
    Interrupted,
    /// It cannot come any more.
    Never(E),
}

/// A wait: what it is for, when it ends, and how often it looks.
pub(crate) struct Wait<'a> {
    /// What it is for, in its reports.
    pub(crate) what: &'a str,
    /// Its end. Several waits may share one.
    pub(crate) deadline: &'a Deadline,
    /// The first pause between two looks, and the longest: each is twice the one before.
    pub(crate) pauses: (Duration, Duration),
    /// Returns whether the user wants it to end.
    pub(crate) is_stopping: &'a dyn Fn() -> bool,
}

impl Wait<'_> {
    /// Looks again and again until the wait is over.
    ///
    /// `tell` gets a line whenever the wait has been silent for long.
    pub(crate) fn until<C: ?Sized, T, E>(
        &self,
        on: &mut C,
        mut look: impl FnMut(&mut C) -> Poll<T, E>,
        tell: impl Fn(&C, &str),
    ) -> Result<T, WaitError<E>> {
        let started = self.deadline.waited();
        let mut patience = Patience::default();
        let (mut pause, longest) = self.pauses;
        loop {
            let last = match look(on) {
                Poll::Ready(found) => return Ok(found),
                Poll::Never(error) => return Err(WaitError::Never(error)),
                Poll::NotYet(last) => last,
            };
            if (self.is_stopping)() {
                return Err(WaitError::Interrupted);
            }
            if self.deadline.is_over() {
                return Err(WaitError::TimedOut(last));
            }
            let waited = self.deadline.waited().saturating_sub(started);
            if let Some(text) = patience.message(waited, self.what, &last) {
                tell(on, &text);
            }
            self.deadline.clock.sleep(pause);
            pause = (pause * 2).min(longest);
        }
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

    /// Looks once a second; returns the end and the lines reported.
    fn wait_until<T>(
        what: &str,
        mut look: impl FnMut() -> Poll<T>,
        deadline: &Deadline,
        stopping: bool,
    ) -> (Result<T, WaitError>, Vec<String>) {
        let reported = Mutex::new(Vec::new());
        let pauses = (Duration::from_secs(1), Duration::from_secs(1));
        let wait = Wait { what, deadline, pauses, is_stopping: &|| stopping };
        let tell = |(): &(), text: &str| reported.lock().unwrap().push(text.to_owned());
        let end = wait.until(&mut (), |()| look(), tell);
        (end, reported.into_inner().unwrap())
    }

    /// Waits for what a third read shows, or none.
    fn wait(ready: bool, limit: Duration, stopping: bool) -> (Result<u32, WaitError>, Vec<String>) {
        let mut looks = 0;
        let look = || {
            looks += 1;
            if ready && looks == 3 { Poll::Ready(looks) } else { Poll::NotYet(looks.to_string()) }
        };
        wait_until("it", look, &deadline(limit), stopping)
    }

    #[test]
    fn a_wait_ends_with_its_answer_its_time_or_the_user() {
        let (over, ahead) = (Duration::ZERO, Duration::from_secs(3600));
        assert!(matches!(wait(true, ahead, false).0, Ok(3)));
        let (end, _) = wait(false, over, false);
        assert!(matches!(end, Err(WaitError::TimedOut(last)) if last == "1"));
        assert!(matches!(wait(true, ahead, true).0, Err(WaitError::Interrupted)));
    }

    #[test]
    fn a_long_wait_says_what_the_last_answer_was() {
        let (_, reported) = wait(false, Duration::from_secs(100), false);
        assert_eq!(
            reported,
            [
                "still waiting for it (30 s): last answer: 31",
                "still waiting for it (60 s): last answer: 61"
            ]
        );
    }

    #[test]
    fn the_pauses_between_looks_grow() {
        let deadline = deadline(Duration::from_secs(60));
        let pauses = (Duration::from_secs(1), Duration::from_secs(4));
        let wait = Wait { what: "it", deadline: &deadline, pauses, is_stopping: &|| false };
        let mut looks = Vec::new();
        let look = |at: &mut Vec<u64>| {
            at.push(deadline.waited().as_secs());
            if at.len() == 5 { Poll::Ready(()) } else { Poll::<(), ()>::NotYet(String::new()) }
        };
        wait.until(&mut looks, look, |_, _| {}).unwrap();
        assert_eq!(looks, [0, 1, 3, 7, 11]);
    }

    #[test]
    fn waits_that_share_a_deadline_report_separately() {
        let deadline = deadline(Duration::from_secs(65));
        let mut looks = 0;
        let first = || {
            looks += 1;
            if looks == 26 { Poll::Ready(()) } else { Poll::NotYet("no".to_owned()) }
        };
        let (end, reported) = wait_until("one", first, &deadline, false);
        assert!(end.is_ok() && reported.is_empty(), "{reported:?}");
        let none = || Poll::<()>::NotYet("no".to_owned());
        let (end, reported) = wait_until("two", none, &deadline, false);
        assert!(end.is_err());
        assert_eq!(reported, ["still waiting for two (30 s): last answer: no"]);
    }
}
