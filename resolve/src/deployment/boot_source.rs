//! What a new VM boots from: an image, imported or cloned, or a template that somebody has made. Does no I/O.

use super::graph::Order;
use super::{Nodes, ResolvedVm};
use crate::site::{Site, VmEntry};
use crate::source::Span;
use crate::suggest;
use crate::tree::{Spanned, Tree};
use stage::{CloneFrom, Creation, Report, Vm};
use std::collections::{BTreeMap, BTreeSet};

/// Fills in `image`, `create` and `clone_from`. A template takes the place of an image.
pub(super) fn fill(tree: &Tree, vm: &mut Vm) {
    let text = |tree: &Tree, key| tree.get(key).and_then(Spanned::text).map(str::to_owned);
    if let Some(from) = tree.map("clone_from") {
        vm.clone_from = Some(CloneFrom {
            vmid: from.get("vmid").and_then(Spanned::number),
            name: text(from, "name"),
            full: from.get("full").and_then(Spanned::flag),
        });
        vm.image = Vm::NO_IMAGE.to_owned();
        return;
    }
    vm.image = text(tree, "image").unwrap_or_default();
    if vm.is_created() {
        let create = tree.get("create").and_then(Spanned::text).and_then(Creation::parse);
        vm.create = create.unwrap_or_default();
    }
}

/// Returns whether a VM is cloned from a template, also from one that has been reported as invalid.
pub(super) fn is_from_template(tree: &Tree) -> bool {
    tree.get("clone_from").is_some_and(|spanned| !spanned.is_null())
}

/// Returns where the template of a VM is named.
pub(super) fn template_at(tree: &Tree) -> Option<Span> {
    tree.find(&["clone_from", "vmid"]).or_else(|| tree.get("clone_from")).map(|spanned| spanned.at)
}

/// Reports a `create` that says something about a VM without an image. A layer above may take back what
/// the layers below it say, so only one that is as high as the source of the boot disk is a mistake.
pub(super) fn check(site: &Site<'_>, vm_entry: &VmEntry, vm: &Vm, report: &mut Report) {
    let source = match &vm.clone_from {
        Some(_) => "clone_from",
        None if vm.image == Vm::NO_IMAGE => "image",
        None => return,
    };
    let layers = site.layers(vm_entry).highest_first();
    let highest = |key: &str| {
        layers.iter().enumerate().find_map(|(index, (_, layer))| Some((index, layer.get(key)?)))
    };
    let (Some((above, create)), Some((below, decides))) = (highest("create"), highest(source))
    else {
        return;
    };
    if create.text().is_none() || above > below {
        return;
    }
    let place = site.sources.short(decides.at);
    if vm.clone_from.is_none() {
        let fact =
            format!("`create` has no effect on a VM with `image: none`, which is set at {place}");
        let entry = site.sources.warning("no-effect", create.at, fact);
        report.push(entry.hint("remove it, or set an image"));
    // One layer with both has been reported.
    } else if above < below {
        let fact =
            format!("`create` has no effect on a VM with `clone_from`, which is set at {place}");
        let entry = site.sources.error("exclusive-keys", create.at, fact);
        report.push(entry.hint("remove it, or set the `image` to create the VM from"));
    }
}

/// Reports templates that cannot exist: a VM of the deployment, and one that is on several nodes.
pub(super) fn check_templates(
    site: &mut Site<'_>,
    nodes: &Nodes<'_>,
    all: &[ResolvedVm<'_>],
    order: &Order,
) {
    let vmid = |resolved: &ResolvedVm<'_>| resolved.vm.clone_from.as_ref()?.vmid;
    let homes = || all.iter().zip(&order.homes);
    let by_vmid: BTreeMap<_, _> =
        homes().filter_map(|(other, home)| Some(((*home, other.vm.vmid?), other))).collect();
    for (resolved, home) in homes() {
        let (Some(vmid), Some(at)) = (vmid(resolved), resolved.template_at) else { continue };
        let Some(other) = by_vmid.get(&(*home, vmid)) else { continue };
        let title = other.vm_entry.title();
        let fact = format!("vmid {vmid} is not a template: it is that of {title}");
        let written = other.vm_entry.tree.get("vmid").map_or(other.vm_entry.at, |it| it.at);
        let entry = site.sources.error("duplicate-value", at, fact);
        site.report.push(entry.note(format!("{title} is at {}", site.sources.short(written))));
    }
    // A list is for new VMs; a VM that names its node may have migrated there.
    let mut spread: BTreeMap<(Span, u32), BTreeSet<&str>> = BTreeMap::new();
    for resolved in order.here.iter().filter_map(|index| all.get(*index)) {
        let is_listed = resolved.own_node.as_ref().is_some_and(|own| own.from_list);
        if let (Some(vmid), Some(at), true) = (vmid(resolved), resolved.template_at, is_listed) {
            spread.entry((at, vmid)).or_default().insert(nodes.of(resolved).name());
        }
    }
    for ((at, vmid), names) in spread.into_iter().filter(|(_, names)| names.len() > 1) {
        let names = suggest::list(names.into_iter());
        let fact =
            format!("template {vmid} is on one node, but new VMs are cloned from it on {names}");
        let entry = site.sources.warning("template-on-one-node", at, fact);
        site.report.push(entry.hint("use `name`: each node can have a template of that name"));
    }
}
