//! The order of a manifest: parents first, and which VMs wait for a nested node. Does no I/O.
//!
//! A child of a `vm` runs on the same node and is created after it. A child of a `pve` runs on it:
//! another document creates it once that node runs.

use crate::site::{MAX_HINTED, Origin, Site, VmSet};
use crate::suggest;
use stage::{Entry, Place};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Which VMs of a set this document creates.
#[derive(Debug, Default)]
pub(super) struct Order {
    /// Indices of all VMs, parents first.
    pub all: Vec<usize>,
    /// Indices of the VMs of this document, in creation order.
    pub here: Vec<usize>,
    /// Indices of waiting VMs, each with the nested node that it waits for.
    pub waiting: Vec<(usize, usize)>,
    /// For each VM, the VM to create first.
    pub parents: Vec<Option<usize>>,
    /// For each VM, the nested node that it runs on.
    pub homes: Vec<Option<usize>>,
}

/// Orders a VM set. `on` is the nested node whose children to create.
pub(super) fn order(site: &mut Site<'_>, vm_set: &VmSet, on: Option<&str>) -> Order {
    let count = vm_set.entries.len();
    if vm_set.origin != Origin::Manifest {
        let none = vec![None; count];
        return Order {
            all: (0..count).collect(),
            here: (0..count).collect(),
            parents: none.clone(),
            homes: none,
            ..Order::default()
        };
    }
    let names = names(vm_set);
    let mut parents = parents(site, vm_set, &names);
    break_cycles(site, vm_set, &mut parents);
    let queue = breadth_first(&parents);
    let homes = homes(vm_set, &parents, &queue);
    let on = match on.map(|name| nested(site, vm_set, name)) {
        Some(None) => return Order { parents, homes, ..Order::default() },
        Some(found) => found,
        None => None,
    };
    let here = queue.iter().copied().filter(|i| homes[*i] == on).collect();
    let below = |i: usize| on.is_none() || ancestors(&homes, i).skip(1).any(|a| Some(a) == on);
    let waits = |i: &usize| homes[*i] != on && below(*i);
    let waiting =
        queue.iter().copied().filter(waits).filter_map(|i| Some((i, homes[i]?))).collect();
    Order { all: queue, here, waiting, parents, homes }
}

/// Returns the nested nodes that VMs run on, parents first, each with the nested node that it runs on
/// itself.
pub(crate) fn tiers(site: &mut Site<'_>, vm_set: &VmSet) -> Vec<(usize, Option<usize>)> {
    let order = order(site, vm_set, None);
    let has_vms = |i: &usize| order.homes.contains(&Some(*i));
    order.all.iter().copied().filter(has_vms).map(|i| (i, order.homes[i])).collect()
}

/// Maps names to indices; a duplicate name is reported elsewhere.
fn names(vm_set: &VmSet) -> BTreeMap<&str, usize> {
    let mut names = BTreeMap::new();
    for (index, vm_entry) in vm_set.entries.iter().enumerate() {
        if let Some(name) = vm_entry.name.value() {
            names.entry(name.as_str()).or_insert(index);
        }
    }
    names
}

fn parents(
    site: &mut Site<'_>,
    vm_set: &VmSet,
    names: &BTreeMap<&str, usize>,
) -> Vec<Option<usize>> {
    let parent = |vm_entry: &crate::site::VmEntry| {
        let parent = vm_entry.text("parent");
        let (name, at) = parent.set()?;
        let found = names.get(name).copied();
        if found.is_none() {
            let entry = site.sources.error(
                "unknown-parent",
                at,
                format!("parent \"{name}\" does not exist"),
            );
            let hint = || suggest::reference(name, "the manifest", names.keys().copied());
            site.report.push(match site.report.entries().len() > MAX_HINTED {
                true => entry,
                false => entry.hint(hint()),
            });
        }
        found
    };
    vm_set.entries.iter().map(parent).collect()
}

/// Reports each cycle once and breaks it, so that later steps terminate.
fn break_cycles(site: &mut Site<'_>, vm_set: &VmSet, parents: &mut [Option<usize>]) {
    let mut done = BTreeSet::new();
    for start in 0..parents.len() {
        let mut path = BTreeSet::new();
        let mut at = Some(start);
        while let Some(i) = at {
            if !path.insert(i) {
                report_cycle(site, vm_set, parents, i);
                parents[i] = None;
                break;
            }
            at = if done.contains(&i) { None } else { parents[i] };
        }
        done.extend(path);
    }
}

fn report_cycle(site: &mut Site<'_>, vm_set: &VmSet, parents: &[Option<usize>], start: usize) {
    let name = |i: usize| vm_set.entries[i].name.value().map_or("?", String::as_str);
    let mut words = vec![name(start)];
    let mut at = parents[start];
    while let Some(i) = at.filter(|i| *i != start) {
        words.push(name(i));
        at = parents[i];
    }
    words.push(name(start));
    if let Some(span) = vm_set.entries[start].text("parent").at() {
        let fact = format!("parent cycle: {}", words.join(" -> "));
        site.report.push(site.sources.error("parent-cycle", span, fact));
    }
}

/// Returns the nearest nested node above each VM. `queue` has parents before their children.
fn homes(vm_set: &VmSet, parents: &[Option<usize>], queue: &[usize]) -> Vec<Option<usize>> {
    let mut homes = vec![None; parents.len()];
    for index in queue {
        homes[*index] = parents[*index].and_then(|parent| match is_nested(vm_set, parent) {
            true => Some(parent),
            false => homes[parent],
        });
    }
    homes
}

/// Returns whether a VM is a nested node, or may be one: an invalid type has been reported already,
/// and its children should cause no further findings.
fn is_nested(vm_set: &VmSet, index: usize) -> bool {
    let kind = vm_set.entries[index].text("type");
    kind.is_invalid() || kind.value() == Some(&"pve")
}

/// Returns the VM itself, then its ancestors.
fn ancestors(links: &[Option<usize>], index: usize) -> impl Iterator<Item = usize> {
    std::iter::successors(Some(index), move |i| links[*i])
}

/// Returns roots in file order, then their children, level by level.
fn breadth_first(parents: &[Option<usize>]) -> Vec<usize> {
    let mut children = vec![Vec::new(); parents.len()];
    let mut queue = VecDeque::new();
    for (index, parent) in parents.iter().enumerate() {
        match parent {
            Some(parent) => children[*parent].push(index),
            None => queue.push_back(index),
        }
    }
    let mut order = Vec::with_capacity(parents.len());
    while let Some(index) = queue.pop_front() {
        order.push(index);
        queue.extend(&children[index]);
    }
    order
}

/// Returns the nested node that `--parent` names; `None` if a problem was reported.
pub(crate) fn nested(site: &mut Site<'_>, vm_set: &VmSet, name: &str) -> Option<usize> {
    let names = names(vm_set);
    let place = Place::Named("--parent".to_owned());
    let Some(index) = names.get(name).copied() else {
        let entry = Entry::error(
            "unknown-vm",
            place,
            format!("manifest \"{}\" has no node \"{name}\"", vm_set.name),
        );
        let nested = names.iter().filter(|(_, i)| is_nested(vm_set, **i)).map(|(name, _)| *name);
        let hint = suggest::reference(name, "the manifest", nested);
        site.report.push(entry.hint(hint));
        return None;
    };
    if !is_nested(vm_set, index) {
        let fact = format!("node \"{name}\" is not of type pve and cannot host VMs");
        site.report.push(Entry::error("wrong-parent", place, fact));
        return None;
    }
    Some(index)
}
