//! A run that is cut off at one request, and the runs after it.

use super::asked::Asked;
use super::expected::Expected;
use super::{Disturbance, Verb};
use crate::stand::Stand;
use serde_json::{Value, json};
use std::sync::Arc;

/// The number of runs after which the work must be done: one that finishes it, one that finds the first at its own
/// cleaning up, because a task may end between two of its looks.
const RUNS: usize = 2;

/// How many more looks a task takes that a killed run leaves behind.
const GOES_ON: usize = 8;

/// How a run is cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    /// By kill -9 after the request, and the next run begins while what PVE has begun still goes on.
    Killed,
    /// By kill -9 after the request, and the next run begins when that is over.
    KilledLongAgo,
    /// The request does not reach PVE.
    Lost,
    /// PVE does the work, and its answer does not reach the run.
    Unanswered,
}

impl How {
    const ALL: [Self; 4] = [Self::Killed, Self::KilledLongAgo, Self::Lost, Self::Unanswered];

    const fn name(self) -> &'static str {
        match self {
            Self::Killed => "killed",
            Self::KilledLongAgo => "killed-long-ago",
            Self::Lost => "lost",
            Self::Unanswered => "unanswered",
        }
    }

    const fn kills(self) -> bool {
        matches!(self, Self::Killed | Self::KilledLongAgo)
    }
}

/// One cut of one run.
#[derive(Clone)]
pub(super) struct Cut {
    verb: Verb,
    expected: Arc<Expected>,
    /// Its place in the list of requests.
    request: usize,
    how: How,
}

/// Returns each cut of a verb: kills after each request, lost writes, lost answers of writes.
pub(super) fn all(verb: &Verb, expected: &Arc<Expected>) -> Vec<Cut> {
    let at = |request: usize| {
        How::ALL.map(|how| Cut { verb: *verb, expected: Arc::clone(expected), request, how })
    };
    let all = (0..expected.asked.len()).flat_map(at);
    all.filter(|cut| cut.how.kills() || cut.asked().is_write()).collect()
}

impl Cut {
    fn asked(&self) -> &Asked {
        &self.expected.asked[self.request]
    }

    /// Returns the task that is under way when the run is killed, as a fault that makes it longer.
    ///
    /// Uploads stay short: apply does not wait for the upload of a seed by a killed run, whose file it sees only
    /// when it is there.
    fn longer_task(&self) -> Option<Value> {
        let until = &self.expected.asked[..=self.request];
        let is_look = |asked: &&Asked| asked.pattern.contains("/tasks/");
        let looks = until.iter().rev().take_while(is_look).count();
        let start = until.len().checked_sub(looks + 1).map(|index| &until[index])?;
        let task = json!({"task": {"length": looks + GOES_ON}});
        let is_upload = start.pattern.ends_with("/upload");
        (start.starts_task && !is_upload)
            .then(|| json!({"when": start.pattern, "nth": start.nth, "then": task}))
    }

    /// Returns whether it may find something that no other cut finds. A read changes nothing, so that after it a run
    /// is killed in one of the two ways only, and before the first write only once.
    pub(super) fn is_telling(&self) -> bool {
        if self.asked().is_write() {
            return true;
        }
        let first = self.expected.asked.iter().position(Asked::is_write).unwrap_or_default();
        let way = if self.request.is_multiple_of(2) { How::Killed } else { How::KilledLongAgo };
        self.how == way && self.request + 1 >= first
    }
}

impl Disturbance for Cut {
    fn place(&self) -> (&Verb, &'static str, &Asked) {
        (&self.verb, self.how.name(), self.asked())
    }

    fn faults(&self) -> Vec<Value> {
        let (when, nth) = match self.how {
            // The answer never comes, so that the tool cannot get further before it is killed.
            How::Killed | How::KilledLongAgo => ("* /**", self.asked().at),
            _ => (self.asked().pattern.as_str(), self.asked().nth),
        };
        let way = if self.how == How::Lost { "before" } else { "after" };
        let longer = if self.how == How::Killed { self.longer_task() } else { None };
        let cut = json!({"when": when, "nth": nth, "then": {"cut": way}});
        std::iter::once(cut).chain(longer).collect()
    }

    fn outcome(&self, stand: &Stand) -> Result<(), String> {
        if self.how.kills() {
            // Side by side the order of requests differs, and so may their number: it may have ended.
            stand.kill_after(self.asked().at);
            return self.after_kill(stand);
        }
        let ended = stand.spawn().wait().map_err(|error| error.to_string())?;
        stand.sim.mend();
        match ended.code() {
            Some(0) => self.expected.is_reached(stand),
            Some(1 | 3) => self.expected.reached(&self.verb, stand, RUNS),
            _ => Err(format!("it ended with {ended}")),
        }
    }
}

impl Cut {
    fn after_kill(&self, stand: &Stand) -> Result<(), String> {
        stand.sim.mend();
        if self.how == How::Killed {
            self.expected.ends_well(&self.verb, stand, RUNS)?;
        }
        stand.sim.settle();
        // With nothing under way one run does it, and says that all is well.
        self.expected.reached(&self.verb, stand, 1)
    }
}
