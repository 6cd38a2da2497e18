//! An unfinished clone of a VM: a run ended while it made it. It is removed and the VM is created anew;
//! nothing that is half made is finished. Does no I/O.

use super::find::{Finder, Found, Ours};
use super::new_vm::NewVm;
use super::{blocked, create, namesake, quiet};
use crate::action::{Plan, Step};
use crate::blocked::{BlockReason, Blocked};
use crate::change::{Change, Impact};
use crate::desired::DesiredVm;
use crate::notice::{Notice, NoticeKind};
use crate::observed::{CLONE_LOCK, Power, VmState};

/// Plans a VM of which only unfinished clones exist, this one and perhaps more.
pub(super) fn plan_one(plan: &mut Plan, new: NewVm<'_>, finder: &Finder<'_>, ours: &Ours<'_>) {
    let NewVm { desired, vm, .. } = new;
    let first = ours.seen.vmid;
    let all: Vec<&Ours<'_>> = std::iter::once(ours).chain(finder.residues(vm, first)).collect();
    let stuck: Vec<Blocked> = all.iter().flat_map(|ours| obstacles(vm, ours)).collect();
    if !stuck.is_empty() {
        return plan.blocked.extend(stuck);
    }
    if let Found::Blocked(found) = finder.besides(vm, first) {
        return plan.blocked.push(*found);
    }
    if let Some(found) = namesake::of(new) {
        return plan.blocked.push(found);
    }
    let index = plan.vms.len();
    create::plan_one(plan, new);
    let Some(planned) = plan.vms.get_mut(index) else { return };
    let range = desired.vmid_range;
    let is_in_range = (range.first()..=range.last()).contains(&first.get());
    if vm.vmid.is_none() && is_in_range && !desired.reserved.contains(&first) {
        planned.candidate = Some(first);
    }
    let vmids: Vec<String> = all.iter().map(|ours| ours.seen.vmid.to_string()).collect();
    let what = match vmids.as_slice() {
        [one] => format!("an unfinished clone at vmid {one}"),
        several => format!("unfinished clones at the vmids {}", several.join(", ")),
    };
    planned.changes.insert(0, quiet("replaces", None, Some(what)));
    planned.steps.splice(0..0, all.iter().map(|ours| remove(ours)));
}

/// Adds the removal of a VM's unfinished clones to that of the VM.
pub(super) fn remove_others(plan: &mut Plan, finder: &Finder<'_>, vm: &DesiredVm, ours: &Ours<'_>) {
    let others: Vec<&Ours<'_>> = finder.residues(vm, ours.seen.vmid).collect();
    plan.blocked.extend(others.iter().flat_map(|ours| obstacles(vm, ours)));
    if let Some(planned) = plan.vms.iter_mut().find(|planned| planned.name == vm.name) {
        planned.steps.splice(0..0, others.iter().map(|ours| remove(ours)));
        planned.changes.extend(others.iter().map(|ours| Change {
            field: "unfinished clone".to_owned(),
            from: Some(format!("vmid {}", ours.seen.vmid)),
            to: None,
            impact: Impact::DataLoss,
            reason: None,
        }));
    }
}

/// Reports unfinished clones of a VM that exists: another run has begun it at another vmid, and was killed.
pub(super) fn report(plan: &mut Plan, finder: &Finder<'_>, vm: &DesiredVm, ours: &Ours<'_>) {
    plan.notices.extend(finder.residues(vm, ours.seen.vmid).map(|other| Notice {
        name: vm.name.clone(),
        vmid: other.seen.vmid,
        kind: NoticeKind::UnfinishedClone { locked: other.seen.config.lock().is_some() },
    }));
}

fn remove(ours: &Ours<'_>) -> Step {
    let Ours { seen, mark } = ours;
    Step::Remove {
        vmid: seen.vmid,
        node: seen.node.clone(),
        mark: Box::new(mark.clone()),
        digest: seen.config.digest.as_ref().map(ToString::to_string),
    }
}

/// Returns why an unfinished clone cannot be removed.
fn obstacles(vm: &DesiredVm, ours: &Ours<'_>) -> Vec<Blocked> {
    let seen = ours.seen;
    let is_protected =
        seen.config.now("protection").and_then(pve_client::parse_boolean) == Some(true);
    let runs = seen.power == Power::Running || seen.coming_power() == Power::Running;
    let reasons = [
        lock(seen),
        runs.then_some(BlockReason::UnfinishedClone),
        seen.config.is_template().then_some(BlockReason::IsTemplate),
        is_protected.then_some(BlockReason::Protected),
    ];
    let reasons = reasons.into_iter().flatten();
    reasons.map(|reason| blocked(vm, Some(seen.vmid), &seen.node, reason)).collect()
}

/// Returns what the lock of an unfinished clone means.
pub(super) fn lock(seen: &VmState) -> Option<BlockReason> {
    match seen.config.lock()? {
        CLONE_LOCK => Some(BlockReason::BeingCreated { vmid: seen.vmid.get() }),
        lock => Some(BlockReason::Locked { lock: lock.to_owned() }),
    }
}
