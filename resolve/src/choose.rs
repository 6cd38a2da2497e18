//! Selection → VM set and node. Does no I/O.

use crate::adhoc;
use crate::deployment::{nested, node_of_first};
use crate::selection::{Choice, Selection, VmSource};
use crate::shape::{self, DEPLOYMENT};
use crate::site::{NODES, NodeFile, Origin, Site, VmSet};
use crate::source::{FileId, Span};
use crate::suggest;
use stage::{Entry, Place};

/// Returns the VM set and the node; `None` if a problem was reported.
pub(crate) fn choose(
    site: &mut Site<'_>,
    selection: &Selection,
    own: Option<FileId>,
) -> Option<(VmSet, NodeFile)> {
    let vm_set = vm_set(site, selection, own);
    let node = node(site, selection, vm_set.as_ref());
    Some((vm_set?, node?))
}

fn vm_set(site: &mut Site<'_>, selection: &Selection, own: Option<FileId>) -> Option<VmSet> {
    let vm_set = match (&selection.source, own) {
        (VmSource::Env(name), _) => site.env(name),
        (VmSource::Manifest(name), _) => site.manifest(name),
        (VmSource::ManifestFile(path), Some(file)) => {
            let tree = site.read(file, &shape::MANIFEST);
            tree.map(|tree| VmSet::manifest(path, tree, (site.sources, &mut site.report)))
        }
        (VmSource::CommandLine(ad_hoc), Some(file)) => {
            let node = adhoc::tree(ad_hoc, file);
            let tree = site.validate(&node, &shape::ENV);
            let line = Origin::CommandLine;
            tree.map(|t| VmSet::env(&ad_hoc.name, t, line, (site.sources, &mut site.report)))
        }
        (VmSource::ManifestFile(_) | VmSource::CommandLine(_), None) => None,
    };
    if let Some(name) = selection.deployment.as_deref().filter(|name| !DEPLOYMENT.accepts(name)) {
        let fact = format!("must be {}, not \"{name}\"", DEPLOYMENT.must);
        site.report.push(Entry::error(
            "invalid-value",
            Place::Named("--deployment".to_owned()),
            fact,
        ));
    }
    vm_set.map(|vm_set| VmSet { renamed: selection.deployment.clone(), ..vm_set })
}

fn node(site: &mut Site<'_>, selection: &Selection, vm_set: Option<&VmSet>) -> Option<NodeFile> {
    let given = selection.node.as_ref();
    if let Some(parent) = selection.options.parent.as_deref() {
        return node_of_parent(site, vm_set, parent, given.map(|node| node.value.as_str()));
    }
    let nodes = site.names(&NODES);
    let slot = vm_set.map(|vm_set| &vm_set.node);
    let written = vm_set.and_then(|vm_set| written(site, vm_set, given.is_some()));
    let is_chosen = given.is_some() || written.is_some();
    let candidates = if is_chosen { nodes.clone() } else { outer(site, &nodes) };
    match (given, &written, &candidates[..]) {
        (Some(given), Some((written, at)), _) if given.value != *written => {
            let at = *at;
            let (name, by) = (&given.value, &given.by);
            let fact = format!("the VMs belong on node \"{written}\", but `{by}` is \"{name}\"");
            let how = if by == "--node" { "leave `--node` out" } else { "unset `PVE_NODE`" };
            let entry = site.sources.error("node-conflict", at, fact);
            site.report.push(entry.hint(format!("{how}, or change `node` here")));
            None
        }
        (_, Some((written, at)), _) => site.node(written, Some(site.sources.place(*at))),
        (Some(given), None, _) => site.node(&given.value, variable(given)),
        (None, None, [only]) => site.node(only, None),
        // An env that cannot be read may set its node.
        (None, None, _) if slot.is_none_or(|slot| slot.is_invalid()) => None,
        (None, None, []) if site.report_unreadable(&NODES) => None,
        (None, None, _) => {
            let hint = node_hint(site, &nodes, vm_set);
            site.report.push(Entry::error("no-node", Place::Run, "no node selected").hint(hint));
            None
        }
    }
}

/// Returns the node that the YAML sets for the document, and where: that of the VM set, or else of its
/// first VM if every VM names one.
fn written(site: &mut Site<'_>, vm_set: &VmSet, is_given: bool) -> Option<(String, Span)> {
    if let Some((name, at)) = vm_set.node.set() {
        return Some((name.clone(), at));
    }
    // Every node of the cluster can serve several VMs, so `--node` may name another one.
    let decides = !is_given || vm_set.origin == Origin::CommandLine;
    let first = node_of_first(site, vm_set).filter(|_| decides && !vm_set.node.is_invalid())?;
    Some((first.stem, first.at))
}

/// Returns the nodes that do not run on another one. Those that do are for their own VMs, and come and
/// go with them.
fn outer<'s>(site: &mut Site<'s>, nodes: &[&'s str]) -> Vec<&'s str> {
    if nodes.len() < 2 {
        return nodes.to_vec();
    }
    let is_outer = |name: &&&str| {
        site.node(name, None)
            .is_none_or(|node| node.parent_node.value().is_none_or(String::is_empty))
    };
    nodes.iter().filter(is_outer).copied().collect()
}

/// Returns the variable that a value came from, if any, as the place of its problems.
fn variable(given: &Choice) -> Option<Place> {
    (given.by != "--node").then(|| Place::Named(given.by.clone()))
}

/// Returns the nested node that `--parent` selects; by default its file has the name from the
/// manifest. The manifest's own `node` applies to its first level.
fn node_of_parent(
    site: &mut Site<'_>,
    vm_set: Option<&VmSet>,
    parent: &str,
    given: Option<&str>,
) -> Option<NodeFile> {
    let nodes = site.names(&NODES);
    if let Some(name) = given.or_else(|| Some(parent).filter(|name| nodes.contains(name))) {
        return site.node(name, None);
    }
    if vm_set.is_some_and(|vm_set| nested(site, vm_set, parent).is_some()) {
        let place = Place::file(format!("{}/nodes/{parent}.yaml", site.sources.root));
        let fact = format!("does not exist, so the address of node \"{parent}\" is unknown");
        let hint = format!(
            "`pve-apply wait --pve` writes the file once the node runs; or {}",
            node_hint(site, &nodes, None)
        );
        site.report.push(Entry::error("node-not-described", place, fact).hint(hint));
    }
    None
}

/// Returns a hint on how to select a node: on the command line or in the YAML of the VM set.
fn node_hint(site: &Site<'_>, nodes: &[&str], vm_set: Option<&VmSet>) -> String {
    let written = match vm_set.map(|vm_set| vm_set.origin) {
        Some(Origin::Env) => ", or set `node: NAME` in the env",
        Some(Origin::Manifest) => ", or set `node: NAME` in the manifest",
        Some(Origin::CommandLine) | None => "",
    };
    match nodes {
        [] => format!("add a node file to {}/nodes", site.sources.root),
        _ => {
            let names = suggest::list(nodes.iter().copied());
            format!("use `--node NAME`{written}; nodes/ has {names}")
        }
    }
}
