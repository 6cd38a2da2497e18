//! The outcome of one network. Does no I/O.

use super::Verdict;
use crate::network::model::{NetworkAction, NetworkPlan, NetworkStatus};

/// The outcome of one network.
pub(crate) struct NetworkOutcome {
    /// Its zone.
    pub(crate) name: String,
    /// What should happen to it.
    pub(crate) action: NetworkAction,
    /// How it ended.
    pub(crate) verdict: Verdict,
    /// What was done to it, in words.
    pub(crate) done: Vec<String>,
    /// Whether something has changed, or may have.
    pub(crate) changed: bool,
}

impl NetworkOutcome {
    /// Returns the outcome of a network that was not started.
    pub(crate) fn not_reached(plan: &NetworkPlan, reason: &str) -> Self {
        Self {
            name: plan.name.clone(),
            action: plan.action,
            verdict: Verdict::NotReached { reason: reason.to_owned() },
            done: Vec::new(),
            changed: false,
        }
    }

    /// Adds the outcome of a further round, or of the second transaction of a plan.
    pub(crate) fn add(&mut self, next: Self) {
        self.changed |= next.changed;
        self.verdict = next.verdict;
        self.done.extend(next.done);
    }

    /// Returns the name of what should happen to it.
    pub(crate) fn action_name(&self) -> &'static str {
        match self.action {
            NetworkAction::Destroy => "destroy",
            NetworkAction::Create => "create",
            NetworkAction::Change => "change",
            NetworkAction::Adopt => "adopt",
        }
    }

    /// Returns how it is found once the work on it is done.
    pub(crate) fn status(&self) -> NetworkStatus {
        match self.action {
            NetworkAction::Destroy => NetworkStatus::Absent,
            _ => NetworkStatus::Ours,
        }
    }

    /// Returns what has become of it, in a word.
    pub(crate) fn word(&self) -> &'static str {
        match (&self.verdict, self.action) {
            (Verdict::Failed { .. }, _) => "failed",
            (Verdict::Yielded { .. }, _) => "left to another run",
            (Verdict::Interrupted { .. }, _) => "interrupted",
            (Verdict::NotReached { .. }, _) => "not reached",
            (Verdict::Done, NetworkAction::Destroy) => "destroyed",
            (Verdict::Done, NetworkAction::Create) => "created",
            (Verdict::Done, NetworkAction::Change) => "changed",
            (Verdict::Done, NetworkAction::Adopt) => "adopted",
        }
    }
}
