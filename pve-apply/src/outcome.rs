//! The outcome of a plan: as findings for people, and as the result's JSON. Does no I/O.

use crate::action::{Action, Plan, Unchanged, VmPlan};
use crate::inventory::first;
use crate::json;
use crate::notice::Notice;
use pve_client::{NodeName, Vmid};
use serde::Serialize;
use serde_json::{Map, Value};
use stage::{Entry, Place, Report};
use std::collections::BTreeMap;
use std::net::IpAddr;

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

    /// Returns whether all its steps succeeded.
    pub(crate) fn is_done(&self) -> bool {
        matches!(self.verdict, Verdict::Done)
    }

    /// Returns whether a step failed, or the user stopped it.
    pub(crate) fn is_failed(&self) -> bool {
        matches!(self.verdict, Verdict::Failed { .. } | Verdict::Interrupted { .. })
    }

    /// Returns whether another run worked on it.
    pub(crate) fn is_yielded(&self) -> bool {
        matches!(self.verdict, Verdict::Yielded { .. })
    }

    fn label(&self) -> String {
        match self.vmid {
            Some(vmid) => format!("{} ({vmid})", self.name),
            None => self.name.clone(),
        }
    }
}

/// Merges the outcomes of a further round into those of earlier ones: one outcome per VM.
pub(crate) fn add(outcomes: &mut Vec<VmOutcome>, round: Vec<VmOutcome>) {
    for next in round {
        let Some(first) = outcomes.iter_mut().find(|outcome| outcome.name == next.name) else {
            outcomes.push(next);
            continue;
        };
        first.changed |= next.changed;
        first.vmid = next.vmid.or(first.vmid);
        first.verdict = next.verdict;
        first.done.extend(next.done);
        first.warnings.extend(next.warnings);
    }
}

/// Returns whether every VM succeeded.
pub(crate) fn all_done(outcomes: &[VmOutcome]) -> bool {
    outcomes.iter().all(VmOutcome::is_done)
}

/// Returns whether something has changed or may have.
pub(crate) fn any_changed(outcomes: &[VmOutcome]) -> bool {
    outcomes.iter().any(|outcome| outcome.changed)
}

/// Returns PVE's warnings, repeated at the end of the run.
pub(crate) fn warnings(outcomes: &[VmOutcome]) -> Report {
    let mut report = Report::new();
    for outcome in outcomes {
        let place = || match outcome.vmid {
            Some(vmid) => Place::vm(outcome.node.as_str(), vmid.get()),
            None => Place::Named(outcome.name.clone()),
        };
        let warning = |text: &String| {
            let fact = format!("\"{}\": {text}", outcome.name);
            Entry::warning("vm-warning", place(), fact).about(&outcome.name)
        };
        outcome.warnings.iter().map(warning).for_each(|entry| report.push(entry));
    }
    report
}

/// Returns the findings of an incomplete apply: each failure, then a summary of what was done and what was not.
pub(crate) fn report(outcomes: &[VmOutcome]) -> Report {
    let mut report = warnings(outcomes);
    for outcome in outcomes {
        if let Verdict::Failed { entry, .. } | Verdict::Yielded { entry } = &outcome.verdict {
            report.push((**entry).clone().about(&outcome.name));
        }
    }
    // A single VM with nothing done: its own finding is enough.
    let is_alone = |only: &VmOutcome| {
        only.done.is_empty()
            && matches!(only.verdict, Verdict::Failed { .. } | Verdict::Yielded { .. })
    };
    if matches!(outcomes, [only] if is_alone(only)) {
        return report;
    }
    let is = |want: fn(&Verdict) -> bool| outcomes.iter().filter(move |o| want(&o.verdict));
    let done = is(|v| matches!(v, Verdict::Done)).count();
    let fact = format!("{done} of {} VMs finished", outcomes.len());
    let mut entry = Entry::error("vms-failed", Place::Run, fact);
    for outcome in outcomes.iter().filter(|o| !o.done.is_empty()) {
        entry = entry.note(format!("done: {}: {}", outcome.label(), outcome.done.join(", ")));
    }
    for outcome in outcomes {
        match &outcome.verdict {
            Verdict::Done => {}
            Verdict::Failed { during, .. } => {
                entry = entry.note(format!("failed: {}: {during}", outcome.label()));
            }
            Verdict::Yielded { .. } => {
                entry = entry.note(format!("left to another run: {}", outcome.label()));
            }
            Verdict::Interrupted { before, left } => {
                entry = entry.note(format!("stopped: {}: before {before}", outcome.label()));
                entry.notes.extend(left.clone());
            }
            Verdict::NotReached { reason } => {
                entry = entry.note(format!("not reached: {}: {reason}", outcome.label()));
            }
        }
    }
    if any_changed(outcomes) {
        let hint = "run again: finished work is recognised, and half-done work is finished";
        entry = entry.hint(hint);
    }
    report.push(entry);
    report
}

/// The result that is printed on stdout.
#[derive(Serialize)]
pub(crate) struct ResultJson {
    /// Version of this format.
    pub version: u32,
    /// The deployment.
    pub deployment: String,
    /// The reference's output: name → vmid.
    pub vm_ids: Map<String, Value>,
    /// The reference's output: name → first address, null where none is known.
    pub vm_ips: Map<String, Value>,
    /// Each VM.
    pub vms: Vec<VmResult>,
}

/// One VM in the result.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct VmResult {
    /// Its name.
    pub name: String,
    /// `create`, `change`, `unchanged`, `destroy`, `adopt`, `power`.
    pub action: &'static str,
    /// Its vmid.
    pub vmid: Option<u32>,
    /// The node that has it.
    pub node: String,
    /// `running`, `stopped` or `absent`.
    pub status: String,
    /// The MAC of net0.
    pub mac: Option<String>,
    /// Its addresses, as far as they are known.
    pub addresses: Vec<IpAddr>,
    /// The plan's notices about it, PVE's warnings during the work, and cloud-init's warnings
    /// during the wait.
    pub warnings: Vec<String>,
}

impl ResultJson {
    /// Returns the result, with VMs in the document's order.
    pub(crate) fn new(deployment: &str, vms: Vec<VmResult>) -> Self {
        let mut result = Self {
            version: 1,
            deployment: deployment.to_owned(),
            vm_ids: Map::new(),
            vm_ips: Map::new(),
            vms,
        };
        for vm in result.vms.iter().filter(|vm| vm.status != "absent") {
            result.vm_ids.insert(vm.name.clone(), vm.vmid.into());
            // Like the reference: an IPv4 address where there is one.
            let first = first(&vm.addresses).map(ToString::to_string);
            result.vm_ips.insert(vm.name.clone(), first.into());
        }
        result
    }

    /// Returns the bytes for stdout.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        json::pretty(self)
    }
}

/// Returns the rows of a result: what the plan left alone, and the outcomes of the rest, by name.
pub(crate) fn rows(plan: &Plan, outcomes: &[VmOutcome], order: &[String]) -> Vec<VmResult> {
    // The last round leaves alone what an earlier one did.
    let is_untouched = |vm: &&Unchanged| outcomes.iter().all(|outcome| outcome.name != vm.name);
    let mut rows: Vec<VmResult> = plan
        .unchanged
        .iter()
        .filter(is_untouched)
        .map(|vm| VmResult {
            name: vm.name.clone(),
            action: "unchanged",
            vmid: vm.vmid.map(Vmid::get),
            node: vm.node.to_string(),
            status: vm.status.clone(),
            mac: vm.mac.clone(),
            addresses: Vec::new(),
            warnings: notices(plan, &vm.name),
        })
        .collect();
    rows.extend(outcomes.iter().map(|outcome| {
        let gone = matches!(outcome.action, Action::Destroy);
        let mut warnings = notices(plan, &outcome.name);
        warnings.extend(outcome.warnings.iter().cloned());
        VmResult {
            name: outcome.name.clone(),
            action: action_name(outcome.action),
            vmid: outcome.vmid.map(Vmid::get),
            node: outcome.node.to_string(),
            status: if gone { "absent" } else { "unknown" }.to_owned(),
            mac: None,
            addresses: Vec::new(),
            warnings,
        }
    }));
    let places: BTreeMap<&str, usize> =
        order.iter().enumerate().map(|(place, name)| (name.as_str(), place)).collect();
    rows.sort_by_key(|row| places.get(row.name.as_str()).copied());
    rows
}

/// Returns the plan's notices about a VM.
fn notices(plan: &Plan, name: &str) -> Vec<String> {
    let about = plan.notices.iter().filter(|notice| notice.name == name && !notice.is_detail());
    about.map(Notice::text).collect()
}

fn action_name(action: Action) -> &'static str {
    match action {
        Action::Destroy => "destroy",
        Action::Create => "create",
        Action::Change => "change",
        Action::Adopt => "adopt",
        Action::Release => "release",
        Action::Power => "power",
    }
}
