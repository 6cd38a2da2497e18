//! Finds a VM of the document in the observed world, or says why that cannot be known. Does no I/O.
//!
//! A VM is found by its mark, never by its vmid alone. Absence needs two witnesses: a list that does
//! not hold it, and the cluster's own word that the vmid is free.

use super::blocked;
use crate::blocked::{Blocked, Why};
use crate::desired::{Desired, DesiredVm};
use crate::observed::{Guest, Look, Observed, Seen};
use pve_client::{NodeName, Vmid};
use std::collections::BTreeMap;

/// What was found of a VM.
pub(super) enum Found<'a> {
    /// It is not there, surely.
    Absent,
    /// It is there, with our mark.
    Ours(&'a Seen),
    /// It cannot be known or must not be touched.
    Blocked(Box<Blocked>),
}

/// The observed world by name and by vmid, so that a VM is found without a walk through all of them.
pub(super) struct Finder<'a> {
    desired: &'a Desired,
    observed: &'a Observed,
    /// VMs with a mark of this deployment, by the name in it.
    marked: BTreeMap<String, Vec<&'a Seen>>,
    guests: BTreeMap<Vmid, &'a Guest>,
}

impl<'a> Finder<'a> {
    /// Sorts the world.
    pub(super) fn new(desired: &'a Desired, observed: &'a Observed) -> Self {
        let mut marked: BTreeMap<String, Vec<&Seen>> = BTreeMap::new();
        for look in observed.looks.values() {
            let Look::Seen(seen) = look else { continue };
            let Some(mark) = seen.config.mark() else { continue };
            if mark.deployment == desired.deployment {
                marked.entry(mark.vm).or_default().push(seen);
            }
        }
        let guests = observed.guests.iter().map(|guest| (guest.vmid, guest)).collect();
        Self { desired, observed, marked, guests }
    }

    /// All VMs that carry this VM's mark.
    pub(super) fn with_mark(&self, vm: &DesiredVm) -> &[&'a Seen] {
        self.marked.get(&vm.name).map_or(&[], Vec::as_slice)
    }

    /// Finds a VM on the node that the document names.
    pub(super) fn find(&self, vm: &DesiredVm) -> Found<'a> {
        match self.find_on_any_node(vm) {
            Found::Ours(seen) if seen.node != self.desired.node => {
                let why = Why::NodeDiffers { wanted: self.desired.node.to_string() };
                stop(vm, Some(seen.vmid), &seen.node, why)
            }
            found => found,
        }
    }

    /// Finds a VM wherever it is: its power can be switched and it can be destroyed on any node.
    pub(super) fn find_on_any_node(&self, vm: &DesiredVm) -> Found<'a> {
        let stop = |seen: &Seen, why| stop(vm, Some(seen.vmid), &seen.node, why);
        match (self.with_mark(vm), vm.vmid) {
            ([], Some(vmid)) => self.at_vmid(vm, vmid),
            ([], None) => self.anywhere(vm),
            ([seen], Some(wanted)) if seen.vmid != wanted => {
                stop(seen, Why::VmidDiffers { wanted: wanted.get() })
            }
            ([seen], _) => Found::Ours(seen),
            (all @ [first, ..], _) => {
                stop(first, Why::MarkedTwice { vmids: all.iter().map(|s| s.vmid.get()).collect() })
            }
        }
    }

    /// No VM carries the mark: what is at the vmid that the document fixes?
    fn at_vmid(&self, vm: &DesiredVm, vmid: Vmid) -> Found<'a> {
        let stop = |node: &NodeName, why| stop(vm, Some(vmid), node, why);
        match self.observed.looks.get(&vmid) {
            Some(Look::NodeAway(node)) => return stop(node, Why::NodeAway),
            Some(Look::Forbidden(node)) => return stop(node, Why::Forbidden),
            Some(Look::Moving(node)) => return stop(node, Why::Moving),
            Some(Look::Seen(seen)) => return stop(&seen.node, stranger(seen)),
            None => {}
        }
        if let Some(guest) = self.guests.get(&vmid) {
            return stop(&guest.node, Why::VmidTaken { by: guest.name.clone() });
        }
        match self.observed.free.get(&vmid) {
            Some(true) => Found::Absent,
            // Listed nowhere and yet not free; or the second witness was not asked, which proves nothing.
            Some(false) | None => stop(&self.desired.node, Why::VmidHidden),
        }
    }

    /// No VM carries the mark, and PVE is to choose the vmid: is it sure that there is none?
    fn anywhere(&self, vm: &DesiredVm) -> Found<'a> {
        for (vmid, look) in &self.observed.looks {
            let (node, why) = match look {
                // Who made it stands there only when it is over.
                Look::Seen(seen) if self.may_become_ours(seen) => {
                    return stop(vm, Some(*vmid), &seen.node, Why::BeingCreated);
                }
                Look::Seen(_) => continue,
                Look::NodeAway(node) => (node, Why::NodeAway),
                Look::Forbidden(node) => (node, Why::Forbidden),
                // By whatever name: only its mark would tell that it is another.
                Look::Moving(node) => return stop(vm, Some(*vmid), node, Why::Moving),
            };
            let name = self.guests.get(vmid).and_then(|guest| guest.name.as_ref());
            if name.is_none_or(|name| *name == vm.name) {
                return stop(vm, Some(*vmid), node, why);
            }
        }
        if self.observed.sees_all {
            return Found::Absent;
        }
        stop(vm, None, &self.desired.node, Why::MayNotSeeAll)
    }
}

impl Finder<'_> {
    fn may_become_ours(&self, seen: &Seen) -> bool {
        seen.config.is_being_created() && !self.desired.reserved.contains(&seen.vmid)
    }
}

fn stop<'a>(vm: &DesiredVm, vmid: Option<Vmid>, node: &NodeName, why: Why) -> Found<'a> {
    Found::Blocked(Box::new(blocked(vm, vmid, node, why)))
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
