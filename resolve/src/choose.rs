//! Selection → the machines and the node that they go to. Does no I/O.

use crate::adhoc;
use crate::resolve::nested;
use crate::selection::{Selection, What};
use crate::shape::{self, DEPLOYMENT};
use crate::site::{Group, NODES, NodeFile, Origin, Site};
use crate::source::FileId;
use crate::suggest;
use stage::{Entry, Place};

/// Returns the machines and the node; `None` after a report.
pub(crate) fn choose(
    site: &mut Site<'_>,
    selection: &Selection,
    own: Option<FileId>,
) -> Option<(Group, NodeFile)> {
    let group = group(site, selection, own);
    let node = node(site, selection, group.as_ref());
    Some((group?, node?))
}

fn group(site: &mut Site<'_>, selection: &Selection, own: Option<FileId>) -> Option<Group> {
    let group = match (&selection.what, own) {
        (What::Env(name), _) => site.env(name),
        (What::Manifest(name), _) => site.manifest(name),
        (What::ManifestFile(path), Some(file)) => {
            let tree = site.read(file, &shape::MANIFEST);
            tree.map(|tree| Group::manifest(path, tree, (site.sources, &mut site.report)))
        }
        (What::Machine(machine), Some(file)) => {
            let node = adhoc::tree(machine, file);
            let tree = site.judge(&node, &shape::ENV);
            let line = Origin::CommandLine;
            tree.map(|t| Group::env(&machine.name, t, line, (site.sources, &mut site.report)))
        }
        (What::ManifestFile(_) | What::Machine(_), None) => None,
    };
    if let Some(name) = selection.deployment.as_deref().filter(|name| !DEPLOYMENT.accepts(name)) {
        let fact = format!("must be {}, not \"{name}\"", DEPLOYMENT.must);
        site.report.push(Entry::error(
            "invalid-value",
            Place::Named("--deployment".to_owned()),
            fact,
        ));
    }
    group.map(|group| Group { renamed: selection.deployment.clone(), ..group })
}

fn node(site: &mut Site<'_>, selection: &Selection, group: Option<&Group>) -> Option<NodeFile> {
    let given = selection.node.as_ref();
    if let Some(parent) = selection.how.parent.as_deref() {
        return node_of_parent(site, group, parent, given.map(|node| node.value.as_str()));
    }
    let nodes = site.names(&NODES);
    let slot = group.map(|group| &group.node);
    let written = slot.and_then(|slot| slot.set());
    match (given, written, &nodes[..]) {
        (Some(given), Some((written, at)), _) if given.value != *written => {
            let (name, by) = (&given.value, &given.by);
            let fact = format!("the VMs belong on node \"{written}\", but `{by}` is \"{name}\"");
            let how = if by == "--node" { "leave `--node` out" } else { "unset `PVE_NODE`" };
            let entry = site.sources.error("node-conflict", at, fact);
            site.report.push(entry.hint(format!("{how}, or change `node` here")));
            None
        }
        (_, Some((written, at)), _) => site.node(written, Some(at)),
        (Some(given), None, _) => site.node(&given.value, None),
        (None, None, [only]) => site.node(only, None),
        // An env that cannot be read may name its node.
        (None, None, _) if slot.is_none_or(|slot| slot.is_bad()) => None,
        (None, None, _) => {
            let hint = node_hint(site, &nodes, group);
            site.report.push(Entry::error("no-node", Place::Run, "no node is selected").hint(hint));
            None
        }
    }
}

/// The nested node whose children are wanted: usually described under the name that the manifest
/// gives it. The manifest's own `node` is that of its first level.
fn node_of_parent(
    site: &mut Site<'_>,
    group: Option<&Group>,
    parent: &str,
    given: Option<&str>,
) -> Option<NodeFile> {
    let nodes = site.names(&NODES);
    if let Some(name) = given.or_else(|| Some(parent).filter(|name| nodes.contains(name))) {
        return site.node(name, None);
    }
    if group.is_some_and(|group| nested(site, group, parent).is_some()) {
        let place = Place::file(format!("{}/nodes/{parent}.yaml", site.sources.root));
        let fact = format!("does not exist, and nothing else says where \"{parent}\" is");
        let hint = format!("describe it there, or {}", node_hint(site, &nodes, None));
        site.report.push(Entry::error("node-not-described", place, fact).hint(hint));
    }
    None
}

/// How to name a node: on the command line, or in the YAML of the group where that counts.
fn node_hint(site: &Site<'_>, nodes: &[&str], group: Option<&Group>) -> String {
    let written = match group.map(|group| group.origin) {
        Some(Origin::Env) => ", or write `node: NAME` in the env",
        Some(Origin::Manifest) => ", or write `node: NAME` in the manifest",
        Some(Origin::CommandLine) | None => "",
    };
    match nodes {
        [] => format!("fill {}/nodes: it holds none", site.sources.root),
        _ => {
            let names = suggest::list(nodes.iter().copied());
            format!("give `--node NAME`{written}: nodes/ holds {names}")
        }
    }
}
