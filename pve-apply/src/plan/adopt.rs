//! The steps that take over VMs which people have made: only the mark is written. Does no I/O.

use super::blocked;
use super::find::Finder;
use crate::action::{Action, Change, Impact, Plan, Step, VmPlan};
use crate::blocked::Why;
use crate::desired::{Desired, DesiredVm};
use crate::mark::{TAG, tag_set};
use crate::observed::{Look, Observed, Seen};
use std::collections::BTreeMap;

/// Plans to mark the VMs at the document's vmids as ours. Nothing else of them is changed.
pub(crate) fn plan_adopt(desired: &Desired, observed: &Observed) -> Plan {
    let mut plan = Plan::empty(&desired.deployment, &desired.run);
    let finder = Finder::new(desired, observed);
    for vm in &desired.vms {
        if let [seen] = finder.with_mark(vm) {
            plan.unchanged.push(super::unchanged(vm, seen));
            continue;
        }
        match adoptable(desired, vm, observed) {
            Ok(seen) => plan.vms.push(one(desired, vm, seen)),
            Err(why) => plan.blocked.push(blocked(vm, vm.vmid, &desired.node, why)),
        }
    }
    plan
}

/// The world as it is once the adoption is done: what `plan` would say then.
pub(crate) fn as_adopted(adoption: &Plan, observed: &Observed) -> Observed {
    let mut world = observed.clone();
    for vm in &adoption.vms {
        let Some(Look::Seen(seen)) = vm.vmid.and_then(|vmid| world.looks.get_mut(&vmid)) else {
            continue;
        };
        for step in &vm.steps {
            if let Step::Configure { params, .. } = step {
                params.iter().for_each(|(key, value)| seen.config.set(key, value));
            }
        }
    }
    world
}

fn adoptable<'a>(
    desired: &Desired,
    vm: &DesiredVm,
    observed: &'a Observed,
) -> Result<&'a Seen, Why> {
    let vmid = vm.vmid.ok_or(Why::AdoptNeedsVmid)?;
    let seen = match observed.looks.get(&vmid) {
        Some(Look::Seen(seen)) => seen,
        Some(Look::NodeAway(_)) => return Err(Why::NodeAway),
        Some(Look::Forbidden(_)) => return Err(Why::Forbidden),
        Some(Look::Moving(_)) => return Err(Why::Moving),
        None if observed.free.get(&vmid) == Some(&false) => return Err(Why::VmidHidden),
        None => return Err(Why::NotThere),
    };
    if let Some(mark) = seen.config.mark() {
        return Err(Why::VmidMarkedOther { deployment: mark.deployment, vm: mark.vm });
    }
    if seen.node != desired.node {
        return Err(Why::NodeDiffers { wanted: desired.node.to_string() });
    }
    match seen.config.lock() {
        Some(lock) => Err(Why::Locked { lock: lock.to_owned() }),
        None => Ok(seen),
    }
}

fn one(desired: &Desired, vm: &DesiredVm, seen: &Seen) -> VmPlan {
    let mut mark = desired.mark(vm);
    // Which seed data an adopted VM was made from is not known: `none` says so, and is never offered a reseed in vain.
    "none".clone_into(&mut mark.seed);
    let description = seen.config.next("description").unwrap_or_default();
    let old_tags = tag_set(seen.config.next("tags").unwrap_or_default());
    let mut tags = old_tags.clone();
    tags.insert(TAG.to_owned());
    let join =
        |set: std::collections::BTreeSet<String>| set.into_iter().collect::<Vec<_>>().join(";");
    let params = BTreeMap::from([
        ("tags".to_owned(), join(tags.clone())),
        ("description".to_owned(), mark.write_into(description)),
    ]);
    let change = |field: &str, from: Option<String>, to: String| Change {
        field: field.to_owned(),
        from,
        to: Some(to),
        impact: Impact::None,
        reason: None,
    };
    VmPlan {
        name: vm.name.clone(),
        action: Action::Adopt,
        vmid: Some(seen.vmid),
        node: seen.node.clone(),
        after: Vec::new(),
        storage: None,
        digest: seen.config.digest.as_ref().map(ToString::to_string),
        impact: Impact::None,
        changes: vec![
            change("tags", Some(join(old_tags)), join(tags)),
            change("description", None, mark.line()),
        ],
        mark,
        steps: vec![Step::Configure { params, makes_disk: false }],
    }
}
