//! The outcome of a plan. As findings for people it is in `report`, as JSON in `result`. Does no I/O.

mod network;
mod report;
mod result;

pub(crate) use network::NetworkOutcome;
pub(crate) use result::{PveResult, ResultJson, VmResult, rows};

use crate::action::{Action, VmPlan};
use crate::network::model::NetworkAction;
use pve_client::{NodeName, Vmid};
use stage::Entry;

/// The outcome of a plan, or of several rounds of planning.
#[derive(Default)]
pub(crate) struct Outcomes {
    /// The VMs that were to be worked on.
    pub(crate) vms: Vec<VmOutcome>,
    /// The networks that were to be worked on.
    pub(crate) networks: Vec<NetworkOutcome>,
}

impl Outcomes {
    /// Returns whether nothing was to be worked on.
    pub(crate) fn is_empty(&self) -> bool {
        self.vms.is_empty() && self.networks.is_empty()
    }

    /// Returns whether everything succeeded.
    pub(crate) fn all_done(&self) -> bool {
        self.vms.iter().all(|outcome| outcome.verdict.is_done())
            && self.networks.iter().all(|outcome| outcome.verdict.is_done())
    }

    /// Returns whether something has changed or may have.
    pub(crate) fn any_changed(&self) -> bool {
        self.vms.iter().any(|outcome| outcome.changed)
            || self.networks.iter().any(|outcome| outcome.changed)
    }

    /// Returns whether something failed, or the user stopped it.
    pub(crate) fn any_failed(&self) -> bool {
        self.vms.iter().any(|outcome| outcome.verdict.is_failed())
            || self.networks.iter().any(|outcome| outcome.verdict.is_failed())
    }

    /// Returns whether another run has done, or does, some of the work.
    pub(crate) fn any_yielded(&self) -> bool {
        self.vms.iter().any(|outcome| outcome.verdict.is_yielded())
            || self.networks.iter().any(|outcome| outcome.verdict.is_yielded())
    }

    /// Returns whether another run works on something that was to be removed.
    pub(crate) fn any_removal_yielded(&self) -> bool {
        let vms = self.vms.iter().filter(|outcome| outcome.action == Action::Destroy);
        let networks = self.networks.iter().filter(|o| o.action == NetworkAction::Destroy);
        let mut verdicts = vms.map(|o| &o.verdict).chain(networks.map(|o| &o.verdict));
        verdicts.any(Verdict::is_yielded)
    }

    /// Keeps only what succeeded: the next round plans the rest again.
    pub(crate) fn retain_done(&mut self) {
        self.vms.retain(|outcome| outcome.verdict.is_done());
        self.networks.retain(|outcome| outcome.verdict.is_done());
    }

    /// Merges the outcomes of a further round: one for each VM and network.
    pub(crate) fn add(&mut self, round: Self) {
        for next in round.vms {
            match self.vms.iter_mut().find(|outcome| outcome.name == next.name) {
                Some(first) => first.add(next),
                None => self.vms.push(next),
            }
        }
        for next in round.networks {
            match self.networks.iter_mut().find(|outcome| outcome.name == next.name) {
                Some(first) => first.add(next),
                None => self.networks.push(next),
            }
        }
    }
}

/// The outcome of one VM's plan.
pub(crate) struct VmOutcome {
    /// Its name.
    pub name: String,
    /// What should happen to it.
    pub action: Action,
    /// The node that has it.
    pub node: NodeName,
    /// Its vmid, once known.
    pub vmid: Option<Vmid>,
    /// How it ended.
    pub verdict: Verdict,
    /// The finished steps, in words.
    pub done: Vec<&'static str>,
    /// Whether something has changed, or may have.
    pub changed: bool,
    /// Warnings from PVE.
    pub warnings: Vec<String>,
}

/// How a VM's plan ended.
pub(crate) enum Verdict {
    /// All steps succeeded.
    Done,
    /// A step failed.
    Failed {
        /// The step, in words.
        during: &'static str,
        /// The finding.
        entry: Box<Entry>,
    },
    /// Another run of this deployment works on this VM.
    Yielded {
        /// The finding, if this is the final result.
        entry: Box<Entry>,
    },
    /// The user stopped it.
    Interrupted {
        /// The step that was not started.
        before: &'static str,
        /// A seed that could not be removed.
        left: Option<String>,
    },
    /// It was not started.
    NotReached {
        /// The reason.
        reason: String,
    },
}

impl Verdict {
    /// Returns whether everything was done.
    pub(crate) fn is_done(&self) -> bool {
        matches!(self, Self::Done)
    }

    /// Returns whether a step failed, or the user stopped it.
    pub(crate) fn is_failed(&self) -> bool {
        matches!(self, Self::Failed { .. } | Self::Interrupted { .. })
    }

    /// Returns whether another run has done it, or is doing it.
    pub(crate) fn is_yielded(&self) -> bool {
        matches!(self, Self::Yielded { .. })
    }
}

impl VmOutcome {
    /// Returns an outcome in which nothing was done.
    pub(crate) fn new(plan: &VmPlan, verdict: Verdict) -> Self {
        Self {
            name: plan.name.clone(),
            action: plan.action,
            node: plan.node.clone(),
            vmid: plan.vmid,
            verdict,
            done: Vec::new(),
            changed: false,
            warnings: Vec::new(),
        }
    }

    /// Returns the outcome of a VM that was not started.
    pub(crate) fn not_reached(plan: &VmPlan, reason: &str) -> Self {
        Self::new(plan, Verdict::NotReached { reason: reason.to_owned() })
    }

    /// Adds the outcome of a further round.
    fn add(&mut self, next: Self) {
        self.changed |= next.changed;
        self.vmid = next.vmid.or(self.vmid);
        self.verdict = next.verdict;
        self.done.extend(next.done);
        self.warnings.extend(next.warnings);
    }

    fn label(&self) -> String {
        match self.vmid {
            Some(vmid) => format!("{} ({vmid})", self.name),
            None => self.name.clone(),
        }
    }
}
