//! The steps that remove the document's VMs. Does no I/O.

use super::find::{Finder, Found};
use super::{blocked, seed};
use crate::action::{Action, Change, Impact, Plan, Step, Unchanged, VmPlan};
use crate::blocked::Why;
use crate::desired::{Desired, DesiredVm};
use crate::observed::{Config, Observed, Power, Seen};
use pve_client::PropertyString;
use std::collections::{BTreeMap, BTreeSet};

/// Plans the removal of the deployment's VMs, children before their parents.
///
/// A VM that is not there is left out. One that is there without our mark blocks the whole plan.
pub(crate) fn plan_destroy(desired: &Desired, observed: &Observed) -> Plan {
    let mut plan = Plan::empty(&desired.deployment, &desired.run);
    let finder = Finder::new(desired, observed);
    for vm in &desired.vms {
        match finder.find_on_any_node(vm) {
            Found::Absent => absent(&mut plan, desired, vm, observed),
            Found::Ours(seen) => present(&mut plan, desired, vm, seen, observed),
            Found::Blocked(blocked) if is_certainly_not_there(&blocked.why) => {
                absent(&mut plan, desired, vm, observed);
            }
            Found::Blocked(blocked) => plan.blocked.push(*blocked),
        }
    }
    children_first(&mut plan, desired);
    plan
}

/// A VM that could be anywhere is not found anywhere: for a removal that is enough.
fn is_certainly_not_there(why: &Why) -> bool {
    matches!(why, Why::MayNotSeeAll)
}

fn absent(plan: &mut Plan, desired: &Desired, vm: &DesiredVm, observed: &Observed) {
    let steps = seed::leftovers(desired, vm, observed, None, &BTreeSet::new());
    if steps.is_empty() {
        return plan.unchanged.push(Unchanged {
            name: vm.name.clone(),
            vmid: vm.vmid,
            node: desired.node.clone(),
            status: "absent".to_owned(),
            mac: None,
        });
    }
    plan.vms.push(one(desired, vm, None, steps, Vec::new()));
}

fn present(plan: &mut Plan, desired: &Desired, vm: &DesiredVm, seen: &Seen, observed: &Observed) {
    let flag = |key| seen.config.now(key).and_then(pve_client::parse_boolean) == Some(true);
    let mut why = Vec::new();
    // PVE: facts 28.
    if flag("protection") {
        why.push(Why::Protected);
    }
    if flag("template") {
        why.push(Why::IsTemplate);
    }
    if let Some(lock) = seen.config.lock() {
        why.push(Why::Locked { lock: lock.to_owned() });
    }
    if !why.is_empty() {
        let list = why.into_iter().map(|why| blocked(vm, Some(seen.vmid), &seen.node, why));
        return plan.blocked.extend(list);
    }
    let mut steps = Vec::new();
    if seen.power == Power::Running {
        let seconds = desired.consent.shutdown_seconds;
        steps.push(Step::Shutdown { seconds, force: true });
    }
    // PVE: reference 5: without `purge` a VM under HA cannot be removed, and its backup job would go on.
    steps.push(Step::Destroy { purge: true });
    // Afterwards, the one in its CD drive too: a VM that stays must still find it.
    steps.extend(seed::leftovers(desired, vm, observed, None, &BTreeSet::new()));
    steps.extend(seed::delete_snippets(desired, vm, observed, seen));
    plan.vms.push(one(desired, vm, Some(seen), steps, volumes(&seen.config)));
}

fn one(
    desired: &Desired,
    vm: &DesiredVm,
    seen: Option<&Seen>,
    steps: Vec<Step>,
    changes: Vec<Change>,
) -> VmPlan {
    VmPlan {
        name: vm.name.clone(),
        action: if seen.is_some() { Action::Destroy } else { Action::Change },
        vmid: seen.map(|seen| seen.vmid).or(vm.vmid),
        node: seen.map_or(&desired.node, |seen| &seen.node).clone(),
        after: Vec::new(),
        storage: None,
        mark: desired.mark(vm),
        digest: seen.and_then(|seen| seen.config.digest.as_ref()).map(ToString::to_string),
        impact: if seen.is_some() { Impact::DataLoss } else { Impact::None },
        changes,
        steps,
    }
}

/// Each volume that goes with the VM, and its snapshots.
fn volumes(config: &Config) -> Vec<Change> {
    let drive = |key: &str| {
        let bus = key.trim_end_matches(|c: char| c.is_ascii_digit());
        ["ide", "sata", "scsi", "virtio", "efidisk", "tpmstate", "unused"].contains(&bus)
            && bus.len() < key.len()
    };
    let goes = |field: &str, what: String| Change {
        field: field.to_owned(),
        from: Some(what),
        to: None,
        impact: Impact::DataLoss,
        reason: None,
    };
    // PVE makes this CD drive's volume for the VM; what lies in any other belongs to nobody's VM.
    let own_cd = seed::cloud_init_key(config);
    let mut list = Vec::new();
    for key in config.keys().filter(|key| drive(key)) {
        let Some(text) = config.now(key) else { continue };
        let parts = PropertyString::parse(text, "file");
        let media = parts.get("media") == Some("cdrom") && own_cd != Some(key);
        let Some(volid) = parts.get("file").filter(|file| !media && file.contains(':')) else {
            continue;
        };
        let size = parts.get("size").map(|size| format!(" ({size})")).unwrap_or_default();
        list.push(goes(key, format!("{volid}{size}")));
    }
    // PVE: pve-guest-common, AbstractConfig.pm: the snapshot that the present state stands on.
    list.extend(
        config.now("parent").map(|last| goes("snapshots", format!("all, up to \"{last}\""))),
    );
    list
}

/// A VM waits for its children.
fn children_first(plan: &mut Plan, desired: &Desired) {
    let mut children: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for vm in &desired.vms {
        let parent = vm.parent.as_deref().unwrap_or_default();
        children.entry(parent).or_default().push(vm.name.clone());
    }
    for vm in &mut plan.vms {
        vm.after = children.get(vm.name.as_str()).cloned().unwrap_or_default();
    }
    super::keep_planned(plan);
}
