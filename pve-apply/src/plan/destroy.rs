//! The steps that destroy VMs. Does no I/O.

use super::find::{Finder, Found, Ours};
use super::{blocked, ha, seed};
use crate::action::{Action, Plan, Step, Unchanged, VmPlan};
use crate::blocked::{BlockReason, Blocked};
use crate::change::{Change, Impact};
use crate::desired::{Desired, DesiredVm};
use crate::mark::NotOurs;
use crate::observed::{Config, Observed, Power};
use machine::{ConfigKey, Kind, Parts};
use pve_client::Vmid;
use std::collections::BTreeMap;

/// What should be destroyed, and its observed state.
pub(crate) struct Removal<'a> {
    desired: &'a Desired,
    observed: &'a Observed,
    /// Only the VMs with these vmids, which choose between VMs of one name; all when empty.
    vmids: &'a [Vmid],
}

impl<'a> Removal<'a> {
    /// Destroys all VMs.
    pub(crate) fn new(desired: &'a Desired, observed: &'a Observed) -> Self {
        Self { desired, observed, vmids: &[] }
    }

    /// Destroys the VMs at these vmids, whatever the document says about them.
    pub(crate) fn at(desired: &'a Desired, observed: &'a Observed, vmids: &'a [Vmid]) -> Self {
        Self { desired, observed, vmids }
    }
}

/// Plans the destruction of the deployment's VMs, children before their parents.
///
/// A VM that does not exist is left out. One whose owner is in doubt blocks the whole plan.
pub(crate) fn plan_destroy(removal: &Removal<'_>) -> Plan {
    let Removal { desired, observed, vmids } = removal;
    let mut plan = super::empty(desired);
    let finder = Finder::new(desired, observed);
    if !vmids.is_empty() {
        for vmid in *vmids {
            at_vmid(&mut plan, removal, &finder, *vmid);
        }
        return plan;
    }
    for vm in &desired.vms {
        match finder.find(vm) {
            Found::Absent => absent(&mut plan, removal, vm, "absent"),
            Found::Ours(ours) => {
                present(&mut plan, removal, vm, &ours);
                super::residue::remove_others(&mut plan, &finder, vm, &ours);
            }
            // A VM that could be anywhere is not found: the removal continues and says so.
            Found::Blocked(blocked) if blocked.reason == BlockReason::MayNotSeeAll => {
                absent(&mut plan, removal, vm, "unknown");
            }
            Found::Blocked(blocked) => plan.blocked.push(*blocked),
        }
    }
    super::left_over::list(&mut plan, desired, &finder);
    super::copies(&mut plan, desired, &finder);
    children_first(&mut plan, desired);
    plan
}

/// Chooses one of several VMs of a name by its vmid; it must still be ours.
fn at_vmid(plan: &mut Plan, removal: &Removal<'_>, finder: &Finder<'_>, vmid: Vmid) {
    let desired = removal.desired;
    let home = |ours: &&Ours<'_>| desired.is_home(&ours.mark.node);
    if let Some(ours) = finder.all_ours().filter(home).find(|ours| ours.seen.vmid == vmid) {
        return present(plan, removal, &DesiredVm::named(&ours.mark.vm, desired), ours);
    }
    let reason = match finder.not_ours().get(&vmid) {
        Some(is) => BlockReason::NotOurs { is: is.clone() },
        None => match finder.guest(vmid) {
            // Such a guest is not read where no VM is missing.
            Some(guest) if guest.image_template => {
                BlockReason::NotOurs { is: NotOurs::ImageTemplate { name: guest.name.clone() } }
            }
            Some(guest) => BlockReason::VmidTaken { by: guest.name.clone() },
            None => BlockReason::NotThere,
        },
    };
    let node = finder.guest(vmid).map_or(&desired.node, |guest| &guest.node);
    let (name, node) = (format!("VM {vmid}"), node.clone());
    plan.blocked.push(Blocked { name, vmid: Some(vmid), node, reason, changes: Vec::new() });
}

fn absent(plan: &mut Plan, removal: &Removal<'_>, vm: &DesiredVm, status: &str) {
    let steps = seed::leftovers(removal.desired, vm, removal.observed);
    if steps.is_empty() {
        return plan.unchanged.push(Unchanged {
            name: vm.name.clone(),
            vmid: vm.vmid,
            node: vm.node.clone(),
            status: status.to_owned(),
            mac: None,
        });
    }
    plan.vms.push(one(removal.desired, vm, None, steps, Vec::new()));
}

/// Plans the destruction of an existing VM.
pub(super) fn present(plan: &mut Plan, removal: &Removal<'_>, vm: &DesiredVm, ours: &Ours<'_>) {
    let (desired, seen) = (removal.desired, ours.seen);
    let flag = |key| seen.config.now(key).and_then(pve_client::parse_boolean) == Some(true);
    let mut reasons = Vec::new();
    // PVE: facts 28.
    if flag("protection") {
        reasons.push(BlockReason::Protected);
    }
    if flag("template") {
        reasons.push(BlockReason::IsTemplate);
    }
    match seen.config.lock() {
        Some(_) if ours.mark.is_unfinished_clone() => reasons.extend(super::residue::lock(seen)),
        Some(lock) => reasons.push(BlockReason::Locked { lock: lock.to_owned() }),
        None => {}
    }
    // A VM that is off only has to be taken out of HA, which HA's `error` does not prevent.
    if seen.is_in_ha_error() && seen.power == Power::Running {
        reasons.push(BlockReason::HaError { vmid: seen.vmid.get() });
    }
    if !reasons.is_empty() {
        let list =
            reasons.into_iter().map(|reason| blocked(vm, Some(seen.vmid), &seen.node, reason));
        return plan.blocked.extend(list);
    }
    let mut steps = Vec::new();
    // A VM that is off and that HA is about to start would run again before it is removed.
    if seen.power == Power::Running || seen.coming_power() == Power::Running {
        let seconds = desired.consent.shutdown_seconds;
        steps.push(Step::Shutdown { seconds, force: true });
    }
    // PVE: reference 5: without `purge` a VM under HA cannot be removed, and its backup job would continue.
    steps.push(Step::Destroy { purge: true });
    plan.notices.extend(ha::notice(&vm.name, seen, &steps).filter(|_| !seen.is_in_ha_error()));
    steps.extend(seed::leftovers(desired, vm, removal.observed));
    plan.vms.push(one(desired, vm, Some(ours), steps, volumes(&seen.config)));
}

fn one(
    desired: &Desired,
    vm: &DesiredVm,
    ours: Option<&Ours<'_>>,
    steps: Vec<Step>,
    changes: Vec<Change>,
) -> VmPlan {
    let seen = ours.map(|ours| ours.seen);
    VmPlan {
        name: vm.name.clone(),
        action: if seen.is_some() { Action::Destroy } else { Action::Change },
        vmid: seen.map(|seen| seen.vmid).or(vm.vmid),
        candidate: None,
        node: seen.map_or(&vm.node, |seen| &seen.node).clone(),
        after: Vec::new(),
        networks: Vec::new(),
        storage: None,
        mark: ours.map_or_else(|| desired.identity(vm), |ours| ours.mark.clone()),
        // HA may be starting the VM that it is asked to stop.
        power: seen
            .map(|seen| seen.power)
            .filter(|power| seen.is_none_or(|seen| seen.coming_power() == *power)),
        may_wait: Vec::new(),
        digest: seen.and_then(|seen| seen.config.digest.as_ref()).map(ToString::to_string),
        impact: if seen.is_some() { Impact::DataLoss } else { Impact::None },
        changes,
        steps,
    }
}

/// Returns each volume that is destroyed with the VM, and its snapshots.
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
    let mut list = Vec::new();
    // PVE: qemu-server, QemuServer.pm, destroy_vm: including those that wait for the next start.
    let values = |key| [config.now(key), config.next(key)].into_iter().flatten();
    let drives = config.keys().filter(|key| drive(key));
    for (key, text) in drives.flat_map(|key| values(key).map(move |text| (key, text))) {
        let parts = match ConfigKey::find(key) {
            Some(known) => Parts::read(known.key, text),
            None => volume_alone(text),
        };
        let Some(volid) = parts.get("file").filter(|file| file.contains(':')) else { continue };
        // PVE creates a cloud-init drive's volume for the VM; the medium of another CD drive belongs to no VM.
        if parts.is_cd() && !parts.is_cloud_init() {
            continue;
        }
        let is_listed = |change: &Change| {
            change.from.as_ref().is_some_and(|from| from.split(' ').next() == Some(volid))
        };
        if list.iter().any(is_listed) {
            continue;
        }
        let size = parts
            .get("size")
            .map(|size| format!(" ({})", Kind::Size.shown(size)))
            .unwrap_or_default();
        list.push(goes(key, format!("{volid}{size}")));
    }
    // PVE: pve-guest-common, AbstractConfig.pm: the snapshot that the current state is based on.
    list.extend(
        config.now("parent").map(|last| goes("snapshots", format!("all, up to \"{last}\""))),
    );
    list
}

/// An unused disk is a volume without options.
fn volume_alone(text: &str) -> Parts {
    let mut parts = Parts::default();
    parts.set("file", text);
    parts
}

/// Makes a VM wait for its children.
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
