//! Finds a VM of the document in the observed world, or says why that cannot be known. Does no I/O.
//!
//! A VM is found by its mark, never by its vmid alone. Absence needs two witnesses: a list that does
//! not hold it, and the cluster's own word that the vmid is free.

use super::blocked;
use crate::blocked::{Blocked, Why};
use crate::desired::{Desired, DesiredVm};
use crate::observed::{Look, Observed, Seen};
use pve_client::{NodeName, Vmid};

/// What was found of a VM.
pub(super) enum Found<'a> {
    /// It is not there, surely.
    Absent,
    /// It is there, with our mark.
    Ours(&'a Seen),
    /// It cannot be known or must not be touched.
    Blocked(Box<Blocked>),
}

/// Finds a VM.
pub(super) fn find<'a>(desired: &Desired, vm: &DesiredVm, observed: &'a Observed) -> Found<'a> {
    let stop = |vmid, node: &NodeName, why| Found::Blocked(Box::new(blocked(vm, vmid, node, why)));
    let ours = with_mark(desired, vm, observed);
    match (ours.as_slice(), vm.vmid) {
        ([], Some(vmid)) => at_vmid(desired, vm, vmid, observed),
        ([], None) => anywhere(desired, vm, observed),
        ([seen], Some(wanted)) if seen.vmid != wanted => {
            stop(Some(seen.vmid), &seen.node, Why::VmidDiffers { wanted: wanted.get() })
        }
        ([seen], _) if seen.node != desired.node => {
            let wanted = desired.node.to_string();
            stop(Some(seen.vmid), &seen.node, Why::NodeDiffers { wanted })
        }
        ([seen], _) => Found::Ours(seen),
        ([first, ..], _) => {
            let vmids = ours.iter().map(|seen| seen.vmid.get()).collect();
            stop(Some(first.vmid), &first.node, Why::MarkedTwice { vmids })
        }
    }
}

/// All VMs that carry this VM's mark.
pub(super) fn with_mark<'a>(
    desired: &Desired,
    vm: &DesiredVm,
    observed: &'a Observed,
) -> Vec<&'a Seen> {
    let mark = desired.mark(vm);
    let seen = observed.looks.values().filter_map(|look| match look {
        Look::Seen(seen) => Some(seen.as_ref()),
        Look::NodeAway(_) | Look::Forbidden(_) => None,
    });
    seen.filter(|seen| seen.config.mark().is_some_and(|found| found.same_vm(&mark))).collect()
}

/// No VM carries the mark: what is at the vmid that the document fixes?
fn at_vmid<'a>(desired: &Desired, vm: &DesiredVm, vmid: Vmid, observed: &'a Observed) -> Found<'a> {
    let stop = |node: &NodeName, why| Found::Blocked(Box::new(blocked(vm, Some(vmid), node, why)));
    match observed.looks.get(&vmid) {
        Some(Look::NodeAway(node)) => return stop(node, Why::NodeAway),
        Some(Look::Forbidden(node)) => return stop(node, Why::Forbidden),
        Some(Look::Seen(seen)) => return stop(&seen.node, stranger(seen)),
        None => {}
    }
    if let Some(guest) = observed.guests.iter().find(|guest| guest.vmid == vmid) {
        return stop(&guest.node, Why::VmidTaken { by: guest.name.clone() });
    }
    match observed.free.get(&vmid) {
        Some(true) => Found::Absent,
        // Listed nowhere and yet not free; or the second witness was not asked, which proves nothing.
        Some(false) | None => stop(&desired.node, Why::VmidHidden),
    }
}

/// What a VM is that stands where ours should and is not it.
fn stranger(seen: &Seen) -> Why {
    if let Some(mark) = seen.config.mark() {
        return Why::VmidMarkedOther { deployment: mark.deployment, vm: mark.vm };
    }
    if seen.config.is_being_created() {
        return Why::BeingCreated;
    }
    Why::VmidTaken { by: seen.config.next("name").map(str::to_owned) }
}

/// No VM carries the mark, and PVE is to choose the vmid: is it sure that there is none?
fn anywhere<'a>(desired: &Desired, vm: &DesiredVm, observed: &'a Observed) -> Found<'a> {
    let stop = |vmid, node: &NodeName, why| Found::Blocked(Box::new(blocked(vm, vmid, node, why)));
    for (vmid, look) in &observed.looks {
        let may_be_ours = observed
            .guests
            .iter()
            .any(|g| g.vmid == *vmid && g.name.as_ref().is_none_or(|name| *name == vm.name));
        match look {
            Look::NodeAway(node) if may_be_ours => return stop(Some(*vmid), node, Why::NodeAway),
            Look::Forbidden(node) if may_be_ours => return stop(Some(*vmid), node, Why::Forbidden),
            _ => {}
        }
    }
    if observed.sees_all { Found::Absent } else { stop(None, &desired.node, Why::MayNotSeeAll) }
}
