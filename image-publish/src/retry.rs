//! When and how often to retry a request to a web server. Waits through `work`, a door.

use std::cell::Cell;
use std::time::Duration;

use pve_client::{FetchError, ProxyProblem, Unreachable};
use stage::{Entry, Place};

use crate::interrupt;
use crate::work::{Work, pause, pause_for};

/// The longest wait that a server may ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// A try that gets this many bytes further than any before resets the count of retries.
const WORTH_A_TRY: u64 = 1 << 20;

/// Whether a retry may help after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Retry {
    /// It cannot.
    Never,
    /// It may, after the wait that the server asks for, or after a short pause.
    After(Option<Duration>),
}

impl Retry {
    /// Judges the failure of a request.
    pub(crate) fn of(error: &FetchError) -> Self {
        match error {
            FetchError::Busy { wait: Some(wait), .. } if *wait > LONGEST_WAIT => Self::Never,
            FetchError::Busy { wait, .. } => Self::After(*wait),
            FetchError::BadUrl
            | FetchError::Status(_)
            | FetchError::Downgrade
            | FetchError::BadRedirect
            | FetchError::TooManyRedirects => Self::Never,
            FetchError::Unreachable(Unreachable::Proxy { problem, .. })
                if !matches!(problem, ProxyProblem::Lost(_)) =>
            {
                Self::Never
            }
            FetchError::Unreachable(_) | FetchError::Lost(_) => Self::After(None),
        }
    }
}

/// Returns the error for a failed request.
pub(crate) fn failed(place: Place, fact: &str, error: &FetchError) -> Entry {
    let entry = Entry::error("fetch-failed", place, fact).cause(error);
    match error {
        FetchError::Busy { wait: Some(wait), .. } if *wait > LONGEST_WAIT => {
            let most = LONGEST_WAIT.as_secs();
            entry.hint(format!("the server asks to wait {} s, but image-publish waits {most} s at most: run it again later", wait.as_secs()))
        }
        _ => entry,
    }
}

/// The tries of one file.
pub(crate) struct Tries<'a> {
    work: &'a Work<'a>,
    name: &'a str,
    limit: u32,
    done: Cell<u32>,
    /// The offset at which the count was last reset.
    furthest: Cell<u64>,
}

impl<'a> Tries<'a> {
    /// Starts to count the tries for a file of image `name`.
    pub(crate) fn new(work: &'a Work<'a>, name: &'a str) -> Self {
        Self { work, name, limit: work.retries, done: Cell::new(0), furthest: Cell::new(0) }
    }

    /// Allows a single try.
    pub(crate) fn once(work: &'a Work<'a>, name: &'a str) -> Self {
        Self { limit: 0, ..Self::new(work, name) }
    }

    /// Shows that `doing` comes next and why, and waits; returns false if there is no retry left.
    pub(crate) fn again(&self, doing: &str, reason: &str, again: Retry) -> bool {
        let Retry::After(wait) = again else { return false };
        if self.done.get() >= self.limit || interrupt::is_requested() {
            return false;
        }
        self.done.set(self.done.get() + 1);
        let count = format!("({} of {})", self.done.get(), self.limit);
        match wait.filter(|wait| !wait.is_zero()) {
            None => {
                self.work.tell("step", self.name, &format!("{doing} {count}: {reason}"));
                pause(self.done.get());
            }
            Some(wait) => {
                let seconds = wait.as_secs();
                let text = format!(
                    "waiting {seconds} s, as the server asks, then {doing} {count}: {reason}"
                );
                self.work.tell("step", self.name, &text);
                pause_for(wait);
            }
        }
        !interrupt::is_requested()
    }

    /// Records the offset at which a connection broke. Starting over does not count as progress, so a server
    /// that always breaks off is not asked forever.
    pub(crate) fn reached(&self, byte: u64) {
        if byte >= self.furthest.get().saturating_add(WORTH_A_TRY) {
            self.furthest.set(byte);
            self.done.set(0);
        }
    }

    /// Tries until it succeeds or a retry cannot help.
    pub(crate) fn run<T>(
        &self,
        attempt: impl Fn() -> Result<T, (Entry, Retry)>,
    ) -> Result<T, Entry> {
        loop {
            let (entry, again) = match attempt() {
                Ok(got) => return Ok(got),
                Err(failure) => failure,
            };
            let reason = entry.causes.last().cloned().unwrap_or_default();
            if !self.again("trying again", &reason, again) {
                return Err(stopped(entry));
            }
        }
    }
}

/// Adds the signal to a failure, if one has stopped the retries.
fn stopped(entry: Entry) -> Entry {
    let is_named = entry.causes.contains(&interrupt::error().to_string());
    if interrupt::is_requested() && !is_named { entry.cause(&interrupt::error()) } else { entry }
}
