//! `plan`: (`Desired`, `Observed`) → `Plan`. A function of its two arguments: does no I/O, has no
//! clock and no random number.
//!
//! Promises: no step is planned for a VM without our mark; a VM is never replaced by a change; what
//! cannot be done is `Blocked` with its reason; a plan against the world that it made is empty.

mod adopt;
mod aspects;
mod change;
mod create;
mod destroy;
mod find;
mod power;
mod seed;

#[cfg(test)]
mod model;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod worlds;

pub(crate) use adopt::{as_adopted, plan_adopt};
pub(crate) use aspects::mac;
pub(crate) use destroy::plan_destroy;
pub(crate) use power::{Verb, plan_power};

use crate::action::{Plan, Unchanged};
use crate::blocked::{Blocked, Why};
use crate::desired::{Desired, DesiredVm};
use crate::observed::{Observed, Seen};
use find::{Finder, Found};
use pve_client::{NodeName, Vmid};
use std::collections::BTreeSet;

/// Plans how the deployment's VMs become what the document asks.
pub(crate) fn plan(desired: &Desired, observed: &Observed) -> Plan {
    let mut plan = Plan::empty(&desired.deployment, &desired.run);
    plan.reserved = desired.reserved.iter().map(|vmid| vmid.get()).collect();
    let finder = Finder::new(desired, observed);
    for vm in &desired.vms {
        let Some(machine) = &vm.machine else { continue };
        match finder.find(vm) {
            Found::Absent => create::plan_one(&mut plan, desired, vm, machine, observed),
            Found::Ours(seen) => change::plan_one(&mut plan, desired, vm, machine, seen, observed),
            Found::Blocked(blocked) => plan.blocked.push(*blocked),
        }
    }
    keep_planned(&mut plan);
    plan
}

/// A VM with nothing to do needs no waiting for.
fn keep_planned(plan: &mut Plan) {
    let names: BTreeSet<String> = plan.vms.iter().map(|vm| vm.name.clone()).collect();
    for vm in &mut plan.vms {
        vm.after.retain(|name| names.contains(name));
    }
}

fn blocked(vm: &DesiredVm, vmid: Option<Vmid>, node: &NodeName, why: Why) -> Blocked {
    Blocked { name: vm.name.clone(), vmid, node: node.clone(), why, changes: Vec::new() }
}

fn unchanged(vm: &DesiredVm, seen: &Seen) -> Unchanged {
    Unchanged {
        name: vm.name.clone(),
        vmid: Some(seen.vmid),
        node: seen.node.clone(),
        status: seen.power.as_str().to_owned(),
        mac: aspects::mac(&seen.config),
    }
}
