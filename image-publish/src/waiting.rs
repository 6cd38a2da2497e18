//! DOOR: the clock. Shows what a run waits for: once at the start, then now and then.

use pve_stage::patience::Patience;
use pve_stage::wait::Stopwatch;

use crate::voice::Voice;

/// A wait that is shown to the user.
pub(crate) struct Waiting<'a> {
    voice: &'a Voice<'a>,
    image: &'a str,
    what: String,
    watch: Option<Stopwatch>,
    patience: Patience,
}

impl<'a> Waiting<'a> {
    /// Starts; nothing is shown before the first `still`.
    pub(crate) fn new(voice: &'a Voice<'a>, image: &'a str, what: String) -> Self {
        Self { voice, image, what, watch: None, patience: Patience::default() }
    }

    /// Records that the wait continues.
    pub(crate) fn still(&mut self) {
        let Some(watch) = self.watch else {
            self.watch = Some(Stopwatch::start());
            return self.tell(&format!("waiting for {}", self.what));
        };
        if let Some(text) = self.patience.message(watch.elapsed(), &self.what, "it is running") {
            self.tell(&text);
        }
    }

    fn tell(&self, text: &str) {
        self.voice.tell("wait", self.image, text);
    }
}
