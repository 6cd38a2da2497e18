//! How a transaction ended, for each of its networks. Does no I/O.

use super::commit::Sent;
use crate::network::model::{NetworkAction, NetworkPlan, NetworkStatus};
use crate::outcome::Verdict;
use stage::Entry;
use std::collections::BTreeMap;

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

    /// Returns whether it is as planned.
    pub(crate) fn is_done(&self) -> bool {
        matches!(self.verdict, Verdict::Done)
    }

    /// Returns whether it failed, or the user stopped it.
    pub(crate) fn is_failed(&self) -> bool {
        matches!(self.verdict, Verdict::Failed { .. } | Verdict::Interrupted { .. })
    }

    /// Returns whether another run has done it.
    pub(crate) fn is_yielded(&self) -> bool {
        matches!(self.verdict, Verdict::Yielded { .. })
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

/// Why a transaction ended before its commit was done.
pub(super) enum Halt {
    /// Something failed.
    Failed {
        /// The network that it is about; none if it concerns all of them.
        network: Option<String>,
        /// What was being done.
        during: &'static str,
        /// The finding.
        entry: Box<Entry>,
    },
    /// Another run has done the same.
    Yielded(Box<Entry>),
    /// The user stopped it.
    Interrupted {
        /// What was not started.
        before: &'static str,
        /// What is left of it.
        left: Option<String>,
    },
}

impl Halt {
    /// A failure that concerns the transaction as a whole.
    pub(super) fn failed(during: &'static str, entry: Entry) -> Self {
        Self::Failed { network: None, during, entry: Box::new(entry) }
    }

    /// Adds lines about what is left.
    pub(super) fn with_notes(mut self, notes: Vec<String>) -> Self {
        match &mut self {
            Self::Failed { entry, .. } | Self::Yielded(entry) => entry.notes.extend(notes),
            Self::Interrupted { left, .. } if !notes.is_empty() => *left = Some(notes.join("; ")),
            Self::Interrupted { .. } => {}
        }
        self
    }

    /// Returns why, in parentheses, if there is more to say than that it was stopped.
    pub(super) fn because(&self) -> String {
        match self {
            Self::Failed { entry, .. } | Self::Yielded(entry) => format!(" ({})", entry.fact),
            Self::Interrupted { .. } => String::new(),
        }
    }

    /// The user stopped it.
    pub(super) fn interrupted(before: &'static str) -> Self {
        Self::Interrupted { before, left: None }
    }
}

/// How a transaction ended.
pub(super) struct Ended {
    /// Why it ended before the commit was done.
    pub(super) halt: Option<Halt>,
    /// Networks that nodes have not made as committed.
    pub(super) findings: BTreeMap<String, Entry>,
    /// What was done: network and words.
    pub(super) done: Vec<(String, String)>,
    /// Whether something has changed, or may have.
    pub(super) changed: bool,
}

impl Ended {
    pub(super) fn before_anything() -> Self {
        Self { halt: None, findings: BTreeMap::new(), done: Vec::new(), changed: false }
    }

    /// Ended before the first edit.
    pub(super) fn before(halt: Halt) -> Self {
        Self { halt: Some(halt), ..Self::before_anything() }
    }

    /// Ended after these edits.
    pub(super) fn of(sent: &[Sent<'_>]) -> Self {
        let done = sent.iter().filter(|one| one.is_done);
        let done = done.map(|one| (one.edit.network.clone(), one.edit.done())).collect();
        Self { done, ..Self::before_anything() }
    }

    /// Returns what it means for one network.
    pub(super) fn outcome(&self, plan: &NetworkPlan) -> NetworkOutcome {
        let not_reached = |reason: &str| Verdict::NotReached { reason: reason.to_owned() };
        let verdict = match (&self.halt, self.findings.get(&plan.name)) {
            (None, None) => Verdict::Done,
            (None, Some(entry)) => {
                Verdict::Failed { during: "asking the nodes", entry: Box::new(entry.clone()) }
            }
            (Some(Halt::Yielded(entry)), _) => Verdict::Yielded { entry: entry.clone() },
            (Some(Halt::Interrupted { before, left }), _) => {
                Verdict::Interrupted { before, left: left.clone() }
            }
            (Some(Halt::Failed { network, during, entry }), _) => match network {
                Some(network) if *network != plan.name => {
                    not_reached("the networks are committed together")
                }
                _ => Verdict::Failed { during, entry: entry.clone() },
            },
        };
        let done = self.done.iter().filter(|(network, _)| *network == plan.name);
        NetworkOutcome {
            name: plan.name.clone(),
            action: plan.action,
            verdict,
            done: done.map(|(_, text)| text.clone()).collect(),
            changed: self.changed,
        }
    }
}
