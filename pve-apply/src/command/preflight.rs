//! What a plan needs of its nodes, before the first write.

use super::networks;
use super::session::Session;
use crate::action::{Action, Plan};
use crate::desired::Desired;
use crate::observed::Observed;
use crate::preflight::{self, Facts, Preflight};
use crate::requested::RequestedVm;
use crate::{facts, quorum, room};
use machine::sdn::Network;
use pve_client::NodeName;
use stage::{Failure, Gather as _, Report};
use std::collections::{BTreeMap, BTreeSet};

/// The result of the checks.
pub(super) struct Checked {
    /// What PVE or the token lacks.
    pub(super) report: Report,
    /// The storages with the same volumes on all nodes, as far as they are known.
    pub(super) shared: BTreeSet<String>,
}

/// Returns what PVE or the token lacks for a plan. Nothing is read when the plan creates and changes nothing.
///
/// # Errors
/// A read failed.
pub(super) fn check(
    session: &Session,
    plan: &Plan,
    observed: &Observed,
) -> Result<Checked, Failure> {
    let mut report = networks::preflight(session, plan, observed)?;
    report.extend(quorum::check(&session.client, plan, observed));
    let works = of_plan(session, plan);
    let facts = facts::read(&session.client, &works)?;
    report.extend(preflight::judge(&session.desired.node, &works, &facts));
    let storages: Vec<_> =
        works.iter().zip(&facts).map(|(work, facts)| (work.node, &facts.storages[..])).collect();
    report.extend(room::judge(plan, observed, &storages));
    Ok(Checked { report, shared: shared(&facts) })
}

fn requested_by_name(session: &Session) -> BTreeMap<&str, &RequestedVm> {
    session.requested.iter().map(|vm| (vm.name.as_str(), vm)).gather()
}

/// Returns what a plan creates and changes, node by node.
fn of_plan<'s>(session: &'s Session, plan: &'s Plan) -> Vec<Preflight<'s>> {
    let requested = requested_by_name(session);
    let made = networks::made(session, plan);
    let mut works = BTreeMap::new();
    for vm in &plan.vms {
        if !matches!(vm.action, Action::Create | Action::Change) {
            continue;
        }
        let work = work_on(&mut works, &session.desired, vm.node_afterwards(), &made);
        // A plan file may name a VM that is not in the document.
        let Some(requested) = requested.get(vm.name.as_str()) else { continue };
        match vm.action {
            Action::Create => {
                work.made.push(requested);
                work.plans.push(vm);
            }
            _ => work.changed.push((requested, vm)),
        }
    }
    works.into_values().collect()
}

/// Returns what the creation of all VMs of the document would need, node by node. VMs on other nodes than
/// these are left out.
pub(super) fn of_document<'s>(
    session: &'s Session,
    nodes: &BTreeSet<&NodeName>,
    missing: &[&'s Network],
) -> Vec<Preflight<'s>> {
    let requested = requested_by_name(session);
    let mut works = BTreeMap::new();
    if session.desired.vms.is_empty() {
        work_on(&mut works, &session.desired, &session.desired.node, missing);
    }
    for vm in session.desired.vms.iter().filter(|vm| nodes.contains(&vm.node)) {
        let work = work_on(&mut works, &session.desired, &vm.node, missing);
        work.made.extend(requested.get(vm.name.as_str()));
    }
    works.into_values().collect()
}

fn work_on<'w, 's>(
    works: &'w mut BTreeMap<&'s NodeName, Preflight<'s>>,
    desired: &'s Desired,
    node: &'s NodeName,
    networks: &[&'s Network],
) -> &'w mut Preflight<'s> {
    let defaults = desired.defaults(node);
    works.entry(node).or_insert_with(|| Preflight {
        node,
        images: (&defaults.image_storage, &defaults.image_field),
        made: Vec::new(),
        plans: Vec::new(),
        changed: Vec::new(),
        networks: networks.to_vec(),
    })
}

fn shared(facts: &[Facts]) -> BTreeSet<String> {
    let storages = facts.iter().flat_map(|facts| &facts.storages);
    storages.filter(|storage| storage.shared).map(|storage| storage.storage.to_string()).collect()
}
