//! DOOR: waits. Sends writes, and retries those that PVE refuses for the moment.

use super::Executor;
use crate::execute::{Cause, Persistence};
use pve_client::Error;
use pve_stage::patience::{Patience, last_answer};
use pve_stage::wait::{Stopwatch, rest};
use stage::Event;
use std::time::Duration;

impl Executor<'_> {
    /// Sends a write until PVE accepts it or refuses it for good.
    ///
    /// # Errors
    /// A lost answer too, at once: the caller looks at what has become of it.
    pub(super) fn send<T>(
        &self,
        subject: &str,
        mut call: impl FnMut() -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut persistence = Persistence::new(self.task_limit);
        let mut patience = Patience::default();
        let watch = Stopwatch::start();
        loop {
            let error = match call() {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let Some(cause) = Cause::of(&error, true, false) else { return Err(error) };
            let waited = watch.elapsed();
            let awaited = if cause == Cause::LockFile { "SDN's lock file" } else { "Proxmox VE" };
            if let Some(text) = patience.message(waited, awaited, &last_answer(&error)) {
                self.console.event(&Event::new("wait", subject, &text));
            }
            let Some(wait) = persistence.next(cause, waited) else { return Err(error) };
            self.rest(wait);
            if self.is_stopping() {
                return Err(error);
            }
        }
    }

    /// Waits, or returns early when nothing more should begin.
    pub(super) fn rest(&self, wait: Duration) {
        rest(wait, &|| self.is_stopping());
    }

    /// Returns whether nothing more should begin. Taking back what was done goes on in any case.
    pub(super) fn is_stopping(&self) -> bool {
        !self.is_finishing.get() && self.interrupt.is_stopping()
    }
}

/// Counts the lost answers to one write.
pub(super) struct Losses(Persistence);

impl Losses {
    /// Returns a count that ends at the limit of an executor's tasks.
    pub(super) fn new(executor: &Executor<'_>) -> Self {
        Self(Persistence::new(executor.task_limit))
    }

    /// Waits after a lost answer; returns whether the write may be looked at and sent again.
    pub(super) fn wait(&mut self, executor: &Executor<'_>) -> bool {
        match self.0.next(Cause::Lost, Duration::ZERO) {
            Some(pause) => {
                executor.rest(pause);
                true
            }
            None => false,
        }
    }
}
