//! DOOR: the clock. Shows what a run waits for: once at the start, then now and then.

use std::time::Instant;

use pve_stage::patience::Patience;

use crate::voice::Voice;

/// A wait that is shown to the user.
pub(crate) struct Waiting<'a> {
    voice: &'a Voice<'a>,
    image: &'a str,
    what: String,
    started: Option<Instant>,
    patience: Patience,
}

impl<'a> Waiting<'a> {
    /// Starts; nothing is shown before the first `still`.
    pub(crate) fn new(voice: &'a Voice<'a>, image: &'a str, what: String) -> Self {
        Self { voice, image, what, started: None, patience: Patience::default() }
    }

    /// Records that the wait continues.
    pub(crate) fn still(&mut self) {
        let now = now();
        let Some(started) = self.started else {
            self.started = Some(now);
            return self.tell(&format!("waiting for {}", self.what));
        };
        if let Some(text) = self.patience.message(now - started, &self.what, "it is running") {
            self.tell(&text);
        }
    }

    fn tell(&self, text: &str) {
        self.voice.tell("wait", self.image, text);
    }
}

#[expect(clippy::disallowed_methods, reason = "door: the clock")]
fn now() -> Instant {
    Instant::now()
}
