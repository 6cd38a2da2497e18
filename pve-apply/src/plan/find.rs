//! Finds a VM of the document among the observed VMs, or says why that is impossible. Does no I/O.
//!
//! A VM is found by its mark, never by its vmid or name alone. Absence needs two sources: a list
//! without it, and the cluster's own answer that the vmid is free.

use super::blocked;
use crate::blocked::{BlockReason, Blocked};
use crate::desired::{Desired, DesiredVm, Placement};
use crate::mark::{Mark, NotOurs, Owner};
use crate::observed::{Guest, Observation, Observed, VmState};
use pve_client::{NodeName, Vmid};
use stage::{Gather as _, suggest};
use std::collections::{BTreeMap, BTreeSet};

/// The result of the search for a VM.
pub(super) enum Found<'a> {
    /// It certainly does not exist.
    Absent,
    /// It exists and is ours.
    Ours(Box<Ours<'a>>),
    /// It is unknown or must not be touched.
    Blocked(Box<Blocked>),
}

/// One of our VMs.
#[derive(Clone, Debug)]
pub(super) struct Ours<'a> {
    /// Its state.
    pub(super) seen: &'a VmState,
    /// Its mark, which names this very machine.
    pub(super) mark: Mark,
}

/// Where a VM is, and where it belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whereabouts {
    /// Where it belongs.
    Home,
    /// Elsewhere, by HA or a person: it is managed there.
    Moved,
    /// The site's YAML has given it another node, and it has not arrived yet.
    MustMigrate,
}

impl Ours<'_> {
    /// Returns where the VM is, by its mark's node and what the document says.
    pub(super) fn whereabouts(&self, vm: &DesiredVm) -> Whereabouts {
        match vm.placement {
            // It was created on a node of the list, and stays wherever it is.
            Placement::Listed => Whereabouts::Home,
            _ if self.seen.node == vm.node => Whereabouts::Home,
            _ if vm.must_migrate(&self.mark.node, &self.seen.node) => Whereabouts::MustMigrate,
            Placement::Selected | Placement::Written => Whereabouts::Moved,
        }
    }

    /// Returns the node that has the VM once it is where the document wants it.
    pub(super) fn node_afterwards<'n>(&'n self, vm: &'n DesiredVm) -> &'n NodeName {
        match self.whereabouts(vm) {
            Whereabouts::MustMigrate => &vm.node,
            Whereabouts::Home | Whereabouts::Moved => &self.seen.node,
        }
    }
}

/// The observed VMs by name and by vmid, so that a VM is found without a walk through all of them.
pub(super) struct Finder<'a> {
    desired: &'a Desired,
    observed: &'a Observed,
    /// VMs of this deployment, by the name that they have now.
    ours: BTreeMap<String, Vec<Ours<'a>>>,
    /// VMs with a mark that are not of this deployment.
    not_ours: BTreeMap<Vmid, NotOurs>,
    guests: BTreeMap<Vmid, &'a Guest>,
    /// The vmids that the document fixes.
    fixed: BTreeSet<Vmid>,
}

impl<'a> Finder<'a> {
    /// Indexes the observed VMs.
    pub(super) fn new(desired: &'a Desired, observed: &'a Observed) -> Self {
        let mut ours: BTreeMap<String, Vec<Ours<'_>>> = BTreeMap::new();
        let mut not_ours = BTreeMap::new();
        for observation in observed.vms.values() {
            let Observation::Seen(seen) = observation else { continue };
            match seen.owner(&desired.site, &desired.deployment) {
                Owner::Ours(mark) => {
                    let name = desired.name_now(&mark.vm).to_owned();
                    ours.entry(name).or_default().push(Ours { seen, mark: *mark });
                }
                Owner::NotOurs(reason) => _ = not_ours.insert(seen.vmid, reason),
            }
        }
        let guests = observed.guests.iter().map(|guest| (guest.vmid, guest)).gather();
        let fixed = desired.vms.iter().filter(|vm| !vm.vmid_is_counted);
        let fixed = fixed.filter_map(|vm| vm.vmid).collect();
        Self { desired, observed, ours, not_ours, guests, fixed }
    }

    /// Returns all VMs whose mark names this VM of the deployment.
    pub(super) fn with_mark(&self, vm: &DesiredVm) -> &[Ours<'a>] {
        self.ours.get(&vm.name).map_or(&[], Vec::as_slice)
    }

    /// Returns the unfinished clones of a VM, other than `except`.
    pub(super) fn residues(&self, vm: &DesiredVm, except: Vmid) -> impl Iterator<Item = &Ours<'a>> {
        let is_one =
            move |ours: &&Ours<'_>| ours.mark.is_unfinished_clone() && ours.seen.vmid != except;
        self.with_mark(vm).iter().filter(is_one)
    }

    /// Returns all VMs of the deployment.
    pub(super) fn all_ours(&self) -> impl Iterator<Item = &Ours<'a>> {
        self.ours.values().flatten()
    }

    /// Returns the VMs with another owner's mark, by vmid.
    pub(super) fn not_ours(&self) -> &BTreeMap<Vmid, NotOurs> {
        &self.not_ours
    }

    /// Returns the guest with a vmid, as the cluster lists it.
    pub(super) fn guest(&self, vmid: Vmid) -> Option<&Guest> {
        self.guests.get(&vmid).copied()
    }

    /// Finds a VM, wherever it runs: a VM that has moved is managed where it is.
    pub(super) fn find(&self, vm: &DesiredVm) -> Found<'a> {
        if let ([], Some(unadopted)) = (self.with_mark(vm), self.unadopted(vm)) {
            return unadopted;
        }
        let all = self.with_mark(vm);
        // Unfinished clones stand in nobody's way: they are removed.
        let finished: Vec<_> = all.iter().filter(|o| !o.mark.is_unfinished_clone()).collect();
        match (finished.as_slice(), all, vm.vmid) {
            (_, [], Some(vmid)) => self.at_vmid(vm, vmid),
            (_, [], None) => self.anywhere(vm),
            ([ours], _, wanted) => self.judge(vm, ours, wanted),
            ([], [ours, ..], wanted) => self.judge(vm, ours, wanted),
            ([first, _, ..], ..) => {
                let vmids = finished.iter().map(|ours| ours.seen.vmid.get()).collect();
                stop(
                    vm,
                    Some(first.seen.vmid),
                    &first.seen.node,
                    BlockReason::MarkedTwice { vmids },
                )
            }
        }
    }

    /// Checks whether the one VM with the mark is the one that the document means.
    fn judge(&self, vm: &DesiredVm, ours: &Ours<'a>, wanted: Option<Vmid>) -> Found<'a> {
        let seen = ours.seen;
        let stop = |reason| stop(vm, Some(seen.vmid), &seen.node, reason);
        let home = &ours.mark.node;
        if vm.placement == Placement::Selected && home != vm.node.as_str() {
            let (home, wanted) = (home.clone(), vm.node.to_string());
            return stop(BlockReason::OtherDocument { home, wanted });
        }
        let is_other = |wanted: &Vmid| {
            // An unfinished clone does not keep the VM from its vmid.
            *wanted != seen.vmid && !vm.vmid_is_counted && !ours.mark.is_unfinished_clone()
        };
        match wanted.filter(is_other) {
            Some(wanted) => {
                stop(BlockReason::VmidDiffers { has: seen.vmid.get(), wanted: wanted.get() })
            }
            None => Found::Ours(Box::new(ours.clone())),
        }
    }

    /// Checks that a VM does not exist in another form than that of an unfinished clone at `vmid`, and that it can
    /// be created.
    pub(super) fn besides(&self, vm: &DesiredVm, vmid: Vmid) -> Found<'a> {
        match vm.vmid {
            Some(wanted) if wanted == vmid => match self.away(vm) {
                Some(reason) => stop(vm, Some(vmid), &vm.node, reason),
                None => Found::Absent,
            },
            Some(wanted) => self.at_vmid(vm, wanted),
            None => self.anywhere(vm),
        }
    }

    /// Returns a VM that an earlier build, or the site before it had a name, marked as this one: it is
    /// unknown whether it is ours, and a second one must not be created beside it.
    fn unadopted(&self, vm: &DesiredVm) -> Option<Found<'a>> {
        let (vmid, is) = self.not_ours.iter().find(|(_, not_ours)| match not_ours {
            NotOurs::Earlier { deployment, vm: name } => {
                *deployment == self.desired.deployment && self.is_named(vm, name)
            }
            NotOurs::OtherSite { site, deployment, vm: name } => {
                site.is_empty() && *deployment == self.desired.deployment && self.is_named(vm, name)
            }
            _ => false,
        })?;
        let Some(Observation::Seen(seen)) = self.observed.vms.get(vmid) else {
            return None;
        };
        Some(stop(vm, Some(*vmid), &seen.node, BlockReason::NotOurs { is: is.clone() }))
    }

    /// Without a VM with the mark, checks the vmid that the document fixes.
    fn at_vmid(&self, vm: &DesiredVm, vmid: Vmid) -> Found<'a> {
        let stop = |node: &NodeName, reason| stop(vm, Some(vmid), node, reason);
        match self.observed.vms.get(&vmid) {
            Some(Observation::NodeAway(node)) => return stop(node, BlockReason::NodeAway),
            Some(Observation::Forbidden(node)) => return stop(node, BlockReason::Forbidden),
            Some(Observation::Moving(node)) => return stop(node, BlockReason::Moving),
            Some(Observation::Seen(seen)) => return stop(&seen.node, self.occupant(vm, seen)),
            None => {}
        }
        if let Some(guest) = self.guests.get(&vmid) {
            return stop(&guest.node, BlockReason::VmidTaken { by: guest.name.clone() });
        }
        match self.observed.free.get(&vmid) {
            Some(true) => match self.away(vm) {
                Some(reason) => stop(&vm.node, reason),
                None => Found::Absent,
            },
            // Listed nowhere and yet not free; or the second source was not read, which proves nothing.
            Some(false) | None => stop(&vm.node, BlockReason::VmidHidden),
        }
    }

    /// Returns what holds the vmid of a VM that does not exist.
    fn occupant(&self, vm: &DesiredVm, seen: &VmState) -> BlockReason {
        if seen.config.is_being_created() {
            return BlockReason::BeingCreated { vmid: seen.vmid.get() };
        }
        match self.not_ours.get(&seen.vmid) {
            Some(NotOurs::Unmarked) => {
                BlockReason::VmidTaken { by: seen.config.next("name").map(str::to_owned) }
            }
            Some(not_ours) => BlockReason::NotOurs { is: not_ours.clone() },
            None => {
                let other = self.all_ours().find(|ours| ours.seen.vmid == seen.vmid);
                let name = other.map_or(&vm.name, |ours| &ours.mark.vm);
                let deployment = self.desired.deployment.clone();
                BlockReason::NotOurs {
                    is: NotOurs::OtherDeployment { deployment, vm: name.clone() },
                }
            }
        }
    }

    /// Without a VM with the mark or a fixed vmid, checks whether the VM certainly does not exist.
    fn anywhere(&self, vm: &DesiredVm) -> Found<'a> {
        for (vmid, observation) in &self.observed.vms {
            let (node, reason) = match observation {
                // Its owner is known only when it is finished.
                Observation::Seen(seen) if self.may_become_ours(seen) => {
                    let reason = BlockReason::BeingCreated { vmid: vmid.get() };
                    return stop(vm, Some(*vmid), &seen.node, reason);
                }
                Observation::Seen(_) => continue,
                Observation::NodeAway(node) => (node, BlockReason::NodeAway),
                Observation::Forbidden(node) => (node, BlockReason::Forbidden),
                // Whatever its name: only its mark would show that it is another.
                Observation::Moving(node) => {
                    return stop(vm, Some(*vmid), node, BlockReason::Moving);
                }
            };
            let name = self.guests.get(vmid).and_then(|guest| guest.name.as_ref());
            // PVE: pve-manager, API2Tools.pm, extract_vm_stats: soon after a node is offline, its VMs are
            // listed without names. One at a vmid that the document fixes for another VM is that VM.
            let is_another = reason == BlockReason::NodeAway && self.fixed.contains(vmid);
            if name.map_or(!is_another, |name| self.is_named(vm, name)) {
                return stop(vm, Some(*vmid), node, reason);
            }
        }
        self.is_surely_absent(vm)
    }

    /// Asks the second source for an absence: the token sees every VM, and the first vmid of the range that
    /// the list leaves out is free by the cluster's own answer.
    fn is_surely_absent(&self, vm: &DesiredVm) -> Found<'a> {
        let node = &vm.node;
        if !self.observed.sees_all {
            return stop(vm, None, node, BlockReason::MayNotSeeAll);
        }
        // Only if it should be created there: /cluster/resources lists the VMs of an offline node
        // too, with their tags, so that the absence of the others is as sure as ever.
        // PVE: facts-3, 4.1; pve-cluster, the list of vmids is that of the files in /etc/pve.
        if let Some(reason) = self.away(vm) {
            return stop(vm, None, node, reason);
        }
        match self.first_unlisted(vm) {
            None => stop(vm, None, node, BlockReason::NoVmidLeft),
            Some(vmid) if self.observed.free.get(&vmid) == Some(&true) => Found::Absent,
            Some(vmid) => stop(vm, Some(vmid), node, BlockReason::VmidHidden),
        }
    }

    /// Returns why nothing can be created on the node that a VM belongs on.
    fn away(&self, vm: &DesiredVm) -> Option<BlockReason> {
        if !self.observed.nodes_away.contains(&vm.node) {
            return None;
        }
        let nodes: Vec<&str> = self.observed.known_nodes.iter().map(NodeName::as_str).collect();
        if nodes.is_empty() || nodes.contains(&vm.node.as_str()) {
            return Some(BlockReason::NodeAway);
        }
        let (field, node) = (vm.node_field(), vm.node.to_string());
        let near = suggest::near(&node, nodes.iter().copied()).map(str::to_owned);
        let nodes = nodes.into_iter().map(str::to_owned).collect();
        Some(BlockReason::UnknownNode { field, node, near, nodes })
    }

    fn first_unlisted(&self, vm: &DesiredVm) -> Option<Vmid> {
        let taken = |vmid: Vmid| self.guests.contains_key(&vmid);
        self.desired.walk(vm).find(|vmid| !taken(*vmid))
    }

    /// Returns whether this is the name of a VM, or the one that it had before.
    fn is_named(&self, vm: &DesiredVm, name: &str) -> bool {
        self.desired.name_now(name) == vm.name
    }

    fn may_become_ours(&self, seen: &VmState) -> bool {
        seen.config.is_being_created() && !self.desired.reserved.contains(&seen.vmid)
    }
}

fn stop<'a>(vm: &DesiredVm, vmid: Option<Vmid>, node: &NodeName, reason: BlockReason) -> Found<'a> {
    Found::Blocked(Box::new(blocked(vm, vmid, node, reason)))
}
