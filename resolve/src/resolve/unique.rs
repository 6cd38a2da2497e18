//! What two VMs must not share: their name, and on one node vmid, MAC and static address.
//! Does no I/O.

use super::Resolved;
use super::graph::Order;
use super::vm::place_of;
use crate::site::{Group, Site};
use crate::source::Span;
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// Reports each VM that shares something with one before it.
pub(super) fn check(site: &mut Site<'_>, group: &Group, vms: &[Resolved<'_>], order: &Order) {
    let mut found = Vec::new();
    let mut names = BTreeMap::new();
    let mut vmids = BTreeMap::new();
    let mut macs = BTreeMap::new();
    let mut addresses = BTreeMap::new();
    for (Resolved { machine, vm, ip_at, .. }, home) in vms.iter().zip(&order.homes) {
        let mut meet = |what: String, first: Option<Written>, at: Span| {
            // By an alias both have it from one place: then the VMs are the places.
            match first {
                Some(first) if first.at == at => found.push((what, first.machine, machine.at)),
                Some(first) => found.push((what, first.at, at)),
                None => {}
            }
        };
        let written = |at| Written { at, machine: machine.at };
        if let Some((name, at)) = machine.name.set() {
            let first = first(&mut names, name.as_str(), written(at));
            // The same name makes the same MAC: one message is enough.
            if first.is_some() {
                meet(format!("name \"{name}\""), first, at);
                continue;
            }
        }
        if let Some(vmid) = vm.vmid {
            let at = place_of(machine, &machine.vmid);
            meet(format!("vmid {vmid}"), first(&mut vmids, (home, vmid), written(at)), at);
        }
        if !vm.name.is_empty() {
            let at = place_of(machine, &machine.mac);
            meet(
                format!("MAC {}", vm.mac),
                first(&mut macs, (home, vm.mac.as_str()), written(at)),
                at,
            );
        }
        if let (Ok(net), Some(ip_at)) = (vm.ip.parse::<IpNet>(), ip_at) {
            // An address of a template is that of each VM made from it: the VMs are at fault.
            let at = if machine.layer.ip.is_absent() { machine.at } else { *ip_at };
            let address = net.addr();
            meet(
                format!("address {address}"),
                first(&mut addresses, (home, address), written(at)),
                at,
            );
        }
    }
    for (what, first, at) in found {
        let fact = format!("{what} is already taken at {}", site.sources.short(first));
        let mut entry = site.sources.error(at, fact);
        if what.starts_with("vmid") && group.vmid_base.value().is_some() {
            entry =
                entry.note("an entry without a `vmid` has `vmid_base` plus its number in the list");
        }
        site.report.push(entry);
    }
}

/// Where a machine says what no other must say.
#[derive(Clone, Copy)]
struct Written {
    at: Span,
    machine: Span,
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
