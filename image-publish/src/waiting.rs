//! DOOR: the clock. Says what a run waits for: once at the start, then now and then.

use std::time::{Duration, Instant};

use stage::{Console, Event};

/// After so long without news people want to know that the run is alive; each further time it is twice as long.
const FIRST_NEWS: Duration = Duration::from_secs(30);

/// A wait that is told.
pub(crate) struct Waiting<'a> {
    console: &'a Console,
    image: &'a str,
    what: String,
    started: Option<Instant>,
    next: Duration,
}

impl<'a> Waiting<'a> {
    /// Begins; nothing is said before the first `still`.
    pub(crate) fn new(console: &'a Console, image: &'a str, what: String) -> Self {
        Self { console, image, what, started: None, next: FIRST_NEWS }
    }

    /// Takes note that the wait goes on.
    pub(crate) fn still(&mut self) {
        let now = now();
        let Some(started) = self.started else {
            self.started = Some(now);
            return self.tell(&format!("waiting for {}", self.what));
        };
        let waited = now - started;
        if waited >= self.next {
            self.next = waited * 2;
            self.tell(&format!("still waiting for {} ({} s)", self.what, waited.as_secs()));
        }
    }

    fn tell(&self, text: &str) {
        self.console.event(&Event::new("wait", self.image, text));
    }
}

#[expect(clippy::disallowed_methods, reason = "door: the clock")]
fn now() -> Instant {
    Instant::now()
}
