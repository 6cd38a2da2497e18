//! A saved plan: whether PVE is still as it was when the plan was made. The file says what is done; what stands
//! against it, and notices, are judged anew. Does no I/O.

use crate::action::{Action, Plan, Unchanged, VmPlan};
use crate::desired::{Consent, Desired};
use crate::mark::Owner;
use crate::network;
use crate::network::model::Networks;
use crate::observed::{Observation, Observed, VmState};
use crate::plan_file::Saved;
use stage::{Entry, Failure, Place, Report};
use std::collections::BTreeSet;

/// Makes what the user had agreed to when the plan was saved count again.
pub(super) fn agree(desired: &mut Desired, saved: &Plan) {
    // The time that guests have is this run's: a rollback uses it.
    let shutdown_seconds = desired.consent.shutdown_seconds;
    desired.consent = Consent { shutdown_seconds, ..saved.consent };
    desired.networks.with_pending =
        saved.networks.commit.as_ref().is_some_and(|commit| commit.with_others);
}

/// Returns a saved plan, if PVE is still as it was when the plan was made; `now` is what would be planned now.
pub(super) fn still_right(
    saved: Saved,
    desired: &Desired,
    now: Plan,
    observed: &Observed,
) -> Result<Plan, Failure> {
    let plan = &saved.plan;
    let place = || Place::file(saved.path.display().to_string());
    if (&plan.site, &plan.deployment) != (&now.site, &now.deployment) {
        let (planned, requested) = (plan.owner_text(), now.owner_text());
        let fact = format!("the plan is for {planned}, but the document is for {requested}");
        return Err(Entry::error("plan-of-another-document", place(), fact).into());
    }
    let mut facts: Vec<String> =
        plan.vms.iter().filter_map(|vm| planned(vm, &now, observed)).collect();
    facts.extend(plan.unchanged.iter().filter_map(|vm| unchanged(vm, desired, observed)));
    let blocked: BTreeSet<&str> = now.blocked.iter().map(|b| b.name.as_str()).collect();
    let free = saved.blocked.iter().filter(|name| !blocked.contains(name.as_str()));
    facts.extend(free.map(|name| format!("\"{name}\" is no longer blocked")));
    facts.extend(networks(&saved, &now.networks, observed));
    let mut report = Report::new();
    for fact in facts {
        report.push(Entry::error("plan-outdated", place(), fact).hint(PLAN_AGAIN));
    }
    if report.has_errors() { Err(report.into()) } else { Ok(with_findings(saved, now)) }
}

const PLAN_AGAIN: &str = "plan again and look at what differs";

/// Returns why a VM cannot be created or changed as planned.
fn planned(vm: &VmPlan, now: &Plan, observed: &Observed) -> Option<String> {
    match vm.action {
        Action::Create if is_still_creatable(now, vm) => None,
        Action::Create => Some(format!("\"{}\" now exists, or can no longer be created", vm.name)),
        Action::Change if is_as_planned(observed, vm) => None,
        Action::Change => Some(format!("\"{}\" has changed since it was planned", vm.name)),
        Action::Destroy if is_still_pruned(now, vm) && is_as_planned(observed, vm) => None,
        Action::Destroy => Some(format!(
            "\"{}\" has changed since it was planned, or is no longer to be destroyed",
            vm.name
        )),
        // `plan` writes none of them.
        Action::Adopt | Action::Release | Action::Power => {
            Some(format!("\"{}\" is neither to be created nor to be changed", vm.name))
        }
    }
}

fn is_still_creatable(now: &Plan, vm: &VmPlan) -> bool {
    now.vms.iter().any(|other| other.name == vm.name && other.action == Action::Create)
}

fn is_still_pruned(now: &Plan, vm: &VmPlan) -> bool {
    now.vms.iter().any(|other| other.vmid == vm.vmid && other.action == Action::Destroy)
}

/// Returns whether the VM is where it was, with the config and the power that were planned for.
fn is_as_planned(observed: &Observed, vm: &VmPlan) -> bool {
    match vm.vmid.and_then(|vmid| observed.vms.get(&vmid)) {
        Some(Observation::Seen(seen)) => {
            let power = vm.power.is_none_or(|power| power == seen.power);
            seen.node == vm.node && seen.config.digest == vm.planned_digest() && power
        }
        _ => false,
    }
}

/// Returns what has become of a VM that the plan leaves alone.
fn unchanged(vm: &Unchanged, desired: &Desired, observed: &Observed) -> Option<String> {
    match still_there(vm, desired, observed) {
        Some(seen) if seen.power.as_str() == vm.status => None,
        Some(_) => Some(format!("\"{}\" has changed since it was planned", vm.name)),
        None => Some(format!("\"{}\" is no longer where it was planned", vm.name)),
    }
}

/// Returns a VM that a plan leaves alone, if it exists as before.
fn still_there<'o>(
    vm: &Unchanged,
    desired: &Desired,
    observed: &'o Observed,
) -> Option<&'o VmState> {
    let Some(Observation::Seen(seen)) = observed.vms.get(&vm.vmid?) else { return None };
    match seen.owner(&desired.site, &desired.deployment) {
        Owner::Ours(mark) if desired.name_now(&mark.vm) == vm.name => Some(seen),
        _ => None,
    }
}

/// Returns what has become of networks.
fn networks(saved: &Saved, now: &Networks, observed: &Observed) -> Vec<String> {
    let outdated = network::outdated(&saved.plan.networks, now, observed.sdn.as_ref());
    let outdated = outdated.iter();
    let facts = outdated.map(|name| format!("network \"{name}\" has changed since it was planned"));
    let blocked: BTreeSet<&str> = now.blocked.iter().map(|b| b.name.as_str()).collect();
    let free = saved.blocked_networks.iter().filter(|name| !blocked.contains(name.as_str()));
    facts.chain(free.map(|name| format!("network \"{name}\" is no longer blocked"))).collect()
}

/// Returns the plan with what stands against it now, and with today's notices about its VMs and networks.
fn with_findings(saved: Saved, now: Plan) -> Plan {
    let Saved { mut plan, blocked: mut vms, blocked_networks: mut networks, .. } = saved;
    plan.blocked = now.blocked;
    plan.blocked.retain(|found| vms.contains(&found.name));
    vms.extend(plan.vms.iter().map(|vm| vm.name.clone()));
    vms.extend(plan.unchanged.iter().map(|vm| vm.name.clone()));
    plan.notices = now.notices;
    plan.notices.retain(|found| vms.contains(&found.name));
    plan.networks.blocked = now.networks.blocked;
    plan.networks.blocked.retain(|found| networks.contains(&found.name));
    networks.extend(plan.networks.planned.iter().map(|network| network.name.clone()));
    networks.extend(plan.networks.unchanged.iter().map(|network| network.name.clone()));
    plan.networks.notices = now.networks.notices;
    plan.networks.notices.retain(|found| networks.contains(&found.name));
    plan
}
