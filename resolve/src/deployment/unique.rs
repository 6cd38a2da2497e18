//! Values that must be unique in a document: names and host names of VMs, and on one node vmids and
//! MACs, and on one bridge and VLAN static addresses. Does no I/O.

use super::claim::{self, Claim, Claimed};
use super::graph::Order;
use super::{Nodes, ResolvedVm};
use crate::site::{NodeFile, Site, VmSet};
use crate::source::Span;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Reports each VM that shares a unique value with an earlier VM.
pub(super) fn check(site: &mut Site<'_>, vm_set: &VmSet, vms: &[ResolvedVm<'_>], order: &Order) {
    former_names(site, vms);
    let mut found = Vec::new();
    let (mut names, mut claims) = (BTreeMap::new(), BTreeMap::new());
    for (resolved, home) in vms.iter().zip(&order.homes) {
        let vm_entry = resolved.vm_entry;
        let mut meet = |what: &dyn Fn() -> String, first: Option<Written>, at: Span| {
            // With a YAML alias, both values have one place: use the places of the VMs.
            match first {
                Some(first) if first.at == at => found.push((what(), first.vm_entry, vm_entry.at)),
                Some(first) => found.push((what(), first.at, at)),
                None => {}
            }
        };
        if let Some((name, at)) = vm_entry.name.set() {
            let written = Written { at, vm_entry: vm_entry.at };
            let first = first(&mut names, name.as_str(), written);
            // The same name leads to the same MAC: one message is enough.
            if first.is_some() {
                meet(&|| format!("name \"{name}\""), first, at);
                continue;
            }
        }
        // Derived MACs are unique within a document.
        for claim in claim::of(site, vm_set, resolved).into_iter().filter(|claim| !claim.derived) {
            let Claim { what, at, .. } = claim;
            let home = home.filter(|_| !matches!(what, Claimed::HostName(_)));
            let written = Written { at, vm_entry: vm_entry.at };
            let first = first(&mut claims, (home, what.clone()), written);
            meet(&|| what.to_string(), first, at);
        }
    }
    for (what, first, at) in found {
        let fact = format!("{what} is already used at {}", site.sources.short(first));
        let mut entry = site.sources.error("duplicate-value", at, fact);
        if what.starts_with("vmid") && vm_set.vmid_base.value().is_some() {
            entry = entry.note("an entry without `vmid` gets `vmid_base` plus its index");
        }
        site.report.push(entry);
    }
}

/// Reports each `renamed_from` that is the name of a VM in this document, or is used twice.
fn former_names(site: &mut Site<'_>, vms: &[ResolvedVm<'_>]) {
    let names: BTreeSet<&str> = vms.iter().map(|resolved| resolved.vm.name.as_str()).collect();
    let mut seen = BTreeMap::new();
    for ResolvedVm { vm_entry, .. } in vms {
        let former = vm_entry.renamed_from();
        let Some((former, at)) = former.set() else { continue };
        let fact = if names.contains(former.as_str()) {
            format!("renamed_from \"{former}\" is the name of a VM in this deployment")
        } else if let Some(first) = seen.insert(former.clone(), at) {
            format!("renamed_from \"{former}\" is already used at {}", site.sources.short(first))
        } else {
            continue;
        };
        let entry = site.sources.error("renamed-from", at, fact);
        site.report.push(entry);
    }
}

/// Reports each VM with the address of one of the document's nodes: it would cut the node off.
pub(super) fn check_against_nodes(
    site: &mut Site<'_>,
    nodes: &Nodes<'_>,
    vms: &[ResolvedVm<'_>],
    order: &Order,
) {
    let address = |node: &NodeFile| {
        let (ip, at) = node.ip.set()?;
        Some((ip.split('/').next()?.parse::<IpAddr>().ok()?, at, node.stem.clone()))
    };
    let known: Vec<_> = nodes.all().filter_map(address).collect();
    for ResolvedVm { vm, nics, .. } in order.here.iter().filter_map(|index| vms.get(*index)) {
        for (address, at) in nics.iter().flat_map(|nic| &nic.addresses) {
            // A nested node may have the address in its file: it is that node.
            let of_node = known.iter().find(|(ip, _, stem)| ip == address && vm.name != *stem);
            if let Some((ip, ip_at, _)) = of_node {
                let place = site.sources.short(*ip_at);
                let fact = format!("address {ip} is already used by the node, at {place}");
                site.report.push(site.sources.error("duplicate-address", *at, fact));
            }
        }
    }
}

/// Where a unique value is written, and by which VM.
#[derive(Clone, Copy)]
struct Written {
    at: Span,
    vm_entry: Span,
}

fn first<K: Ord>(seen: &mut BTreeMap<K, Written>, key: K, written: Written) -> Option<Written> {
    match seen.entry(key) {
        Entry::Occupied(first) => Some(*first.get()),
        Entry::Vacant(place) => {
            place.insert(written);
            None
        }
    }
}
