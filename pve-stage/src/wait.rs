//! DOOR: the clock, waits. Looks again and again until something is seen, the time is up, or the user wants to stop.

use crate::patience::Patience;
use pve_client::{Clock, SystemClock};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A pause is cut into pieces of this length, so that Ctrl-C ends it.
const PIECE: Duration = Duration::from_millis(100);

/// Measures how long something takes.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch {
    started: Instant,
}

impl Stopwatch {
    /// Starts it.
    pub fn start() -> Self {
        Self { started: SystemClock.now() }
    }

    /// Returns the time since its start.
    pub fn elapsed(&self) -> Duration {
        SystemClock.now() - self.started
    }
}

/// The end of a wait, with the wait's own clock.
#[derive(Clone, Debug)]
pub struct Deadline {
    clock: Arc<dyn Clock>,
    started: Instant,
    limit: Duration,
}

impl Deadline {
    /// Returns a deadline this long from now.
    pub fn after(limit: Duration) -> Self {
        Self::by_clock(Arc::new(SystemClock), limit)
    }

    /// Returns the deadline of a wait that ends by what it sees.
    pub fn never() -> Self {
        Self::after(Duration::MAX)
    }

    fn by_clock(clock: Arc<dyn Clock>, limit: Duration) -> Self {
        let started = clock.now();
        Self { clock, started, limit }
    }

    /// Returns whether the time is up.
    pub fn is_over(&self) -> bool {
        self.waited() >= self.limit
    }

    /// Returns the time since the wait began.
    fn waited(&self) -> Duration {
        self.clock.now() - self.started
    }
}

/// The result of one look.
#[derive(Debug)]
pub enum Poll<T, L = String> {
    /// The awaited result.
    Ready(T),
    /// Not yet; with what the look has shown.
    NotYet(L),
    /// Not yet, but the look has waited for something itself: look again at once.
    Again,
}

/// Why a wait ended without a result.
#[derive(Debug)]
pub enum WaitError<E, L = String> {
    /// The time is up; with what the last look has shown.
    TimedOut(L),
    /// The user wanted it to end; with what the last look has shown.
    Interrupted(L),
    /// The result cannot come any more.
    Never(E),
}

impl<T, E> WaitError<E, T> {
    /// Returns what the last look has shown, for waits whose end is not an error.
    ///
    /// # Errors
    /// The result cannot come any more.
    pub fn last(self) -> Result<T, E> {
        match self {
            Self::TimedOut(last) | Self::Interrupted(last) => Ok(last),
            Self::Never(error) => Err(error),
        }
    }
}

/// A wait: when it ends, and how often it looks.
#[derive(Clone, Copy)]
pub struct Wait<'a> {
    /// Its end. Several waits may share one.
    pub deadline: &'a Deadline,
    /// The first pause between two looks, and the longest: each is twice the one before.
    pub pauses: (Duration, Duration),
    /// Returns whether the user wants it to end.
    pub is_stopping: &'a dyn Fn() -> bool,
}

impl Wait<'_> {
    /// Looks again and again until the wait is over.
    ///
    /// # Errors
    /// It is over without a result.
    pub fn until<T, L, E>(
        &self,
        mut look: impl FnMut() -> Result<Poll<T, L>, E>,
    ) -> Result<T, WaitError<E, L>> {
        self.until_with(&mut (), |()| look(), |(), _, _| {})
    }

    /// Looks again and again until the wait is over. `tell` gets a line whenever the wait for `what` has been silent
    /// for long.
    ///
    /// # Errors
    /// It is over without a result.
    pub fn until_reporting<C: ?Sized, T, E>(
        &self,
        what: &str,
        on: &mut C,
        look: impl FnMut(&mut C) -> Result<Poll<T>, E>,
        tell: impl Fn(&C, &str),
    ) -> Result<T, WaitError<E>> {
        let mut patience = Patience::default();
        self.until_with(on, look, |on, waited, last| {
            if let Some(text) = patience.message(waited, what, last) {
                tell(on, &text);
            }
        })
    }

    /// Looks again and again until the wait is over. Before each pause `report` gets the time waited and what the
    /// last look has shown.
    ///
    /// # Errors
    /// It is over without a result.
    pub fn until_with<C: ?Sized, T, L, E>(
        &self,
        on: &mut C,
        mut look: impl FnMut(&mut C) -> Result<Poll<T, L>, E>,
        mut report: impl FnMut(&mut C, Duration, &L),
    ) -> Result<T, WaitError<E, L>> {
        let started = self.deadline.waited();
        let (mut pause, longest) = self.pauses;
        loop {
            let last = match look(on).map_err(WaitError::Never)? {
                Poll::Ready(found) => return Ok(found),
                Poll::Again => continue,
                Poll::NotYet(last) => last,
            };
            if (self.is_stopping)() {
                return Err(WaitError::Interrupted(last));
            }
            if self.deadline.is_over() {
                return Err(WaitError::TimedOut(last));
            }
            report(on, self.deadline.waited().saturating_sub(started), &last);
            rest_by(&*self.deadline.clock, pause, self.is_stopping);
            pause = (pause * 2).min(longest);
        }
    }
}

/// Waits, or returns early when the user wants to stop.
pub fn rest(pause: Duration, is_stopping: &dyn Fn() -> bool) {
    rest_by(&SystemClock, pause, is_stopping);
}

fn rest_by(clock: &dyn Clock, pause: Duration, is_stopping: &dyn Fn() -> bool) {
    let mut left = pause;
    while !left.is_zero() && !is_stopping() {
        let piece = left.min(PIECE);
        clock.sleep(piece);
        left -= piece;
    }
}

/// Returns a report that is made only the first time.
pub fn once(mut report: impl FnMut()) -> impl FnMut() {
    let mut is_made = false;
    move || {
        if !std::mem::replace(&mut is_made, true) {
            report();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
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

    const SECOND: Duration = Duration::from_secs(1);

    fn deadline(limit: Duration) -> Deadline {
        Deadline::by_clock(Arc::new(Jumping(Mutex::new(SystemClock.now()))), limit)
    }

    type End<T> = Result<T, WaitError<()>>;

    /// Looks once a second; returns the end and the lines reported.
    fn wait_until<T>(
        what: &str,
        mut look: impl FnMut() -> Poll<T>,
        deadline: &Deadline,
        stopping: bool,
    ) -> (End<T>, Vec<String>) {
        let reported = Mutex::new(Vec::new());
        let wait = Wait { deadline, pauses: (SECOND, SECOND), is_stopping: &|| stopping };
        let tell = |(): &(), text: &str| reported.lock().unwrap().push(text.to_owned());
        let end = wait.until_reporting(what, &mut (), |()| Ok(look()), tell);
        (end, reported.into_inner().unwrap())
    }

    /// Waits for what a third read shows, or none.
    fn wait(ready: bool, limit: Duration, stopping: bool) -> (End<u32>, Vec<String>) {
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
        let (end, _) = wait(true, ahead, true);
        assert!(matches!(end, Err(WaitError::Interrupted(last)) if last == "1"));
    }

    #[test]
    fn a_wait_ends_with_a_look_that_fails() {
        let deadline = deadline(Duration::MAX);
        let wait = Wait { deadline: &deadline, pauses: (SECOND, SECOND), is_stopping: &|| false };
        let mut looks = 0;
        let end = wait.until(|| {
            looks += 1;
            if looks == 3 { Err("gone") } else { Ok(Poll::<(), ()>::NotYet(())) }
        });
        assert!(matches!(end, Err(WaitError::Never("gone"))));
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
        let pauses = (SECOND, SECOND * 4);
        let wait = Wait { deadline: &deadline, pauses, is_stopping: &|| false };
        let mut looks = Vec::new();
        let look = || {
            looks.push(deadline.waited().as_secs());
            Ok::<_, ()>(if looks.len() == 5 { Poll::Ready(()) } else { Poll::NotYet(()) })
        };
        wait.until(look).unwrap();
        assert_eq!(looks, [0, 1, 3, 7, 11]);
    }

    #[test]
    fn what_has_been_waited_for_costs_no_pause() {
        let deadline = deadline(Duration::ZERO);
        let wait = Wait { deadline: &deadline, pauses: (SECOND, SECOND), is_stopping: &|| true };
        let mut looks = 0;
        let end = wait.until(|| {
            looks += 1;
            Ok::<_, ()>(if looks < 5 { Poll::Again } else { Poll::NotYet(looks) })
        });
        assert_eq!(end.or_else(WaitError::last), Ok(5));
        assert_eq!(deadline.waited(), Duration::ZERO);
    }

    #[test]
    fn stopping_ends_a_pause_and_looks_once_more() {
        let deadline = deadline(Duration::MAX);
        let stops = || deadline.waited() >= SECOND / 2;
        let pauses = (SECOND * 10, SECOND * 10);
        let wait = Wait { deadline: &deadline, pauses, is_stopping: &stops };
        let looks = Cell::new(0);
        let end = wait.until(|| {
            looks.set(looks.get() + 1);
            Ok::<_, ()>(Poll::NotYet(looks.get()))
        });
        assert_eq!(end.or_else(WaitError::last), Ok(2));
        assert_eq!(deadline.waited(), SECOND / 2);
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

    #[test]
    fn a_report_is_made_once() {
        let made = Cell::new(0);
        let mut report = once(|| made.set(made.get() + 1));
        report();
        report();
        drop(report);
        assert_eq!(made.get(), 1);
    }
}
