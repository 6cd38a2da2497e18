//! `plan`: (`Desired`, `Observed`) → `Plan`. A function of its two arguments: does no I/O, has no
//! clock and no random number.
//!
//! Guarantees: no step touches a VM that is not ours; a change never replaces a VM; what
//! cannot be done is `Blocked` with its reason; after a plan was carried out, the next one is empty.

mod adopt;
mod boot_disk;
mod brought;
mod change;
mod clone;
mod compare;
mod context;
mod create;
mod described;
mod destroy;
mod difference;
mod disk;
mod find;
mod ha;
mod import;
mod intent;
mod left_over;
mod migrate;
mod migration;
mod namesake;
mod networks;
mod new_vm;
mod options;
mod origin;
mod owned;
mod power;
mod release;
mod residue;
mod seed;
mod slots;
mod tags;
mod theirs;
mod unset;
mod writes;

#[cfg(test)]
mod in_turn;
#[cfg(test)]
mod model;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod renamed;
#[cfg(test)]
mod table;
#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) mod worlds;

pub(crate) use adopt::{Adoption, as_adopted, plan_adopt};
pub(crate) use destroy::{Removal, plan_destroy};
pub(crate) use left_over::{prune_vms, unread};
pub(crate) use networks::{prune_networks, remove_networks};
pub(crate) use owned::is_mark_only;
pub(crate) use power::{Verb, plan_power};
pub(crate) use release::plan_release;

use crate::action::{Action, Plan, Step, Unchanged, VmPlan};
use crate::blocked::{BlockReason, Blocked};
use crate::change::{Change, Impact};
use crate::desired::{Desired, DesiredVm};
use crate::mark::Mark;
use crate::notice::{Notice, NoticeKind};
use crate::observed::{Config, Observed, VmState};
use find::{Finder, Found, Ours, Whereabouts};
use new_vm::NewVm;
use pve_client::{NodeName, Vmid};
use std::collections::BTreeSet;

/// Plans how to bring the deployment's VMs to what the document asks.
pub(crate) fn plan(desired: &Desired, observed: &Observed) -> Plan {
    let mut plan = empty(desired);
    let finder = Finder::new(desired, observed);
    for vm in &desired.vms {
        let Some(definition) = &vm.definition else { continue };
        let new = NewVm { desired, vm, definition, observed };
        match finder.find(vm) {
            Found::Absent => match namesake::of(new) {
                Some(blocked) => plan.blocked.push(blocked),
                None => create::plan_one(&mut plan, new),
            },
            Found::Ours(ours) if ours.mark.is_unfinished_clone() => {
                residue::plan_one(&mut plan, new, &finder, &ours);
            }
            Found::Ours(ours) => {
                let there = vm.on(ours.node_afterwards(vm), desired);
                let Some(definition) = &there.definition else { continue };
                change::plan_one(&mut plan, desired, &there, definition, &ours, observed);
                note_move(&mut plan, desired, vm, &ours);
                residue::report(&mut plan, &finder, vm, &ours);
            }
            Found::Blocked(blocked) => plan.blocked.push(*blocked),
        }
    }
    left_over::list(&mut plan, desired, &finder);
    copies(&mut plan, desired, &finder);
    keep_planned(&mut plan);
    networks::add(&mut plan, desired, observed);
    plan
}

fn empty(desired: &Desired) -> Plan {
    let mut plan = Plan::empty(&desired.deployment, &desired.run);
    plan.site.clone_from(&desired.site);
    plan.consent = desired.consent;
    plan
}

/// Removes waits for VMs with nothing to do.
fn keep_planned(plan: &mut Plan) {
    let names: BTreeSet<String> = plan.vms.iter().map(|vm| vm.name.clone()).collect();
    for vm in &mut plan.vms {
        vm.after.retain(|name| names.contains(name));
    }
}

/// Returns the plan of a VM that gets or loses our mark: one write of its config, and nothing else.
fn of_mark(
    vm: &DesiredVm,
    action: Action,
    seen: &VmState,
    mark: Mark,
    changes: Vec<Change>,
    step: Step,
) -> VmPlan {
    VmPlan {
        name: vm.name.clone(),
        action,
        vmid: Some(seen.vmid),
        candidate: None,
        node: seen.node.clone(),
        after: Vec::new(),
        networks: Vec::new(),
        storage: None,
        digest: seen.config.digest.as_ref().map(ToString::to_string),
        power: None,
        may_wait: Vec::new(),
        impact: Impact::None,
        changes,
        steps: vec![step],
        mark,
    }
}

/// Adds a notice about a VM that is not where it belongs. One whose node comes from a list may be anywhere.
fn note_move(plan: &mut Plan, desired: &Desired, vm: &DesiredVm, ours: &Ours<'_>) {
    if ours.whereabouts(vm) == Whereabouts::Moved {
        let kind = NoticeKind::Moved { node: ours.seen.node.to_string() };
        plan.notices.push(Notice {
            name: desired.name_now(&ours.mark.vm).to_owned(),
            vmid: ours.seen.vmid,
            kind,
        });
    }
}

/// Reports clones and restored copies of the document's VMs: they have our tag, but are not ours.
fn copies(plan: &mut Plan, desired: &Desired, finder: &Finder<'_>) {
    let known = |deployment: &str, vm: &str| {
        deployment == desired.deployment && desired.vms.iter().any(|known| known.name == vm)
    };
    for (vmid, not_ours) in finder.not_ours() {
        if let Some((_, vm)) = not_ours.copied_from().filter(|(d, vm)| known(d, vm)) {
            let kind = NoticeKind::Copy { is: not_ours.clone() };
            plan.notices.push(Notice { name: vm.to_owned(), vmid: *vmid, kind });
        }
    }
}

fn blocked(vm: &DesiredVm, vmid: Option<Vmid>, node: &NodeName, reason: BlockReason) -> Blocked {
    Blocked { name: vm.name.clone(), vmid, node: node.clone(), reason, changes: Vec::new() }
}

fn unchanged(vm: &DesiredVm, seen: &VmState) -> Unchanged {
    Unchanged {
        name: vm.name.clone(),
        vmid: Some(seen.vmid),
        node: seen.node.clone(),
        status: seen.power.as_str().to_owned(),
        mac: mac(&seen.config),
    }
}

/// Returns the MAC of the first NIC.
pub(crate) fn mac(config: &Config) -> Option<String> {
    mac_of_net0(config.next("net0")?)
}

/// Returns the MAC in the text of the first NIC.
pub(crate) fn mac_of_net0(text: &str) -> Option<String> {
    let parts = machine::Parts::read(machine::ConfigKey::find("net0")?.key, text);
    parts.get("macaddr").map(str::to_owned)
}

/// A change that the guest does not notice.
fn quiet(field: &str, from: Option<String>, to: Option<String>) -> Change {
    Change { field: field.to_owned(), from, to, impact: Impact::None, reason: None }
}
