//! The nodes of a document: the one that it is for, and those that VMs name themselves. Does no I/O.

use super::ResolvedVm;
use super::graph::{self, Order};
use crate::site::{NODES, NodeFile, Site, VmSet};
use crate::source::Span;
use crate::tree::{Content, Spanned, Tree};
use stage::{Entry, ImageSource, Node};
use std::collections::{BTreeMap, BTreeSet};

/// The `node` of a VM or of its template or preset.
#[derive(Clone, Debug)]
pub(crate) struct OwnNode {
    /// The file in `nodes/`.
    pub stem: String,
    /// Where it is written.
    pub at: Span,
    /// Whether it is an item of a list.
    pub from_list: bool,
    /// All items of that list.
    all: Vec<(String, Span)>,
}

impl OwnNode {
    /// Reads the `node` of a VM's merged tree. `offset` is the VM's number within `count`, from 0.
    pub(crate) fn of(tree: &Tree, offset: u32) -> Option<Self> {
        let spanned = tree.get("node")?;
        let item = |item: &Spanned| Some((item.text()?.to_owned(), item.at));
        let items = spanned.items();
        let (stem, at) = item(items.get(offset as usize % items.len().max(1))?)?;
        let from_list = matches!(spanned.content, Content::List(_));
        Some(Self { stem, at, from_list, all: items.iter().filter_map(item).collect() })
    }
}

/// Returns the `node` of each VM that a document of the set has, as far as it names one.
pub(crate) fn own_nodes(
    site: &mut Site<'_>,
    vm_set: &VmSet,
    parent: Option<&str>,
) -> Vec<Option<OwnNode>> {
    site.read_layers(vm_set);
    let order = graph::order(site, vm_set, parent);
    let entries = order.here.iter().filter_map(|index| vm_set.entries.get(*index));
    entries.map(|vm_entry| OwnNode::of(&site.merge(vm_entry).tree, vm_entry.offset())).collect()
}

/// Returns the node of the first VM if every VM of a set names one: the set then needs no other.
pub(crate) fn node_of_first(site: &mut Site<'_>, vm_set: &VmSet) -> Option<OwnNode> {
    let all: Option<Vec<OwnNode>> = own_nodes(site, vm_set, None).into_iter().collect();
    all?.into_iter().next()
}

/// The nodes of a document.
pub(crate) struct Nodes<'n> {
    /// The node that the document is for.
    pub head: &'n NodeFile,
    /// Those that VMs name, by their files in `nodes/`. A node that does not exist is left out.
    own: BTreeMap<String, NodeFile>,
}

impl<'n> Nodes<'n> {
    /// Reads the nodes that the VMs of the document name, and reports those that it cannot have.
    pub(super) fn read(
        site: &mut Site<'_>,
        head: &'n NodeFile,
        (all, order): (&[ResolvedVm<'_>], &Order),
        parent: Option<&str>,
    ) -> Self {
        let mut nodes = Self { head, own: BTreeMap::new() };
        // A repository may leave out nodes/ and should still pass the check.
        if site.names(&NODES).is_empty() {
            return nodes;
        }
        let here = order.here.iter().filter_map(|index| all.get(*index)?.own_node.as_ref());
        let mut named: BTreeSet<(Span, &str)> =
            here.flat_map(|own| &own.all).map(|(stem, at)| (*at, stem.as_str())).collect();
        // Without a file of its own, the nested node is the one that the document is for.
        named.retain(|(_, stem)| Some(*stem) != parent || site.names(&NODES).contains(stem));
        for (at, stem) in &named {
            if !nodes.own.contains_key(*stem)
                && let Some(file) = site.node(stem, Some(site.sources.place(*at)))
            {
                nodes.own.insert((*stem).to_owned(), file);
            }
        }
        for (at, stem) in named {
            let entry = nodes.own.get(stem).and_then(|file| nodes.foreign(site, file, at, parent));
            entry.into_iter().for_each(|entry| site.report.push(entry));
        }
        nodes
    }

    /// Returns the node of a VM.
    pub(crate) fn of(&self, vm: &ResolvedVm<'_>) -> &NodeFile {
        vm.own_node.as_ref().and_then(|own| self.own.get(&own.stem)).unwrap_or(self.head)
    }

    /// Returns all nodes, the document's first.
    pub(crate) fn all(&self) -> impl Iterator<Item = &NodeFile> {
        std::iter::once(self.head).chain(self.own.values())
    }

    /// Returns the finding for a node that is not in the cluster of the document's node. One API
    /// serves a document, and only the nodes of a cluster pass calls on to each other.
    fn foreign(
        &self,
        site: &Site<'_>,
        file: &NodeFile,
        at: Span,
        parent: Option<&str>,
    ) -> Option<Entry> {
        let name = file.name();
        let twin = self.all().find(|other| other.stem != file.stem && other.name() == name);
        if let Some(twin) = twin {
            let fact = format!(
                "nodes/{}.yaml and nodes/{}.yaml have the same name in PVE, \"{name}\", so they are \
                 not two nodes of one cluster",
                file.stem, twin.stem
            );
            let entry = site.sources.error("nodes-of-two-clusters", at, fact);
            return Some(entry.hint("use one of the files for all VMs, or one env for each node"));
        }
        let (own, common) = (file.cluster(), self.head.cluster());
        if own == common || [self.head, file].iter().any(|file| file.cluster.is_invalid()) {
            return None;
        }
        let fact = format!(
            "node \"{name}\" is in cluster \"{own}\", but the document is for \"{common}\""
        );
        let entry = site.sources.error("nodes-of-two-clusters", at, fact);
        let is_default = [self.head, file].iter().any(|file| file.cluster.value().is_none());
        let entry = match is_default {
            true => entry.note("the `cluster` of a node defaults to its name"),
            false => entry,
        };
        Some(entry.hint(match parent {
            Some(parent) => format!("set `node: null` for VMs on the nested node \"{parent}\""),
            None => format!(
                "set `cluster: {common}` in nodes/{}.yaml if it is in that cluster; otherwise move its \
                 VMs to another env or manifest",
                file.stem
            ),
        }))
    }
}

/// Returns the document's `nodes`: empty if all VMs are on its own node.
pub(super) fn document(
    nodes: &Nodes<'_>,
    vms: &[ResolvedVm<'_>],
    mut image_sources: BTreeMap<String, BTreeMap<String, ImageSource>>,
) -> BTreeMap<String, Node> {
    let used: BTreeMap<&str, &NodeFile> =
        vms.iter().map(|vm| nodes.of(vm)).map(|file| (file.name(), file)).collect();
    if used.keys().all(|name| *name == nodes.head.name()) {
        return BTreeMap::new();
    }
    let node = |(name, file): (&str, &NodeFile)| {
        let node = Node {
            datastore: file.datastore.value().cloned().unwrap_or_default(),
            image_datastore: file.image_datastore().to_owned(),
            images: BTreeMap::new(),
            image_sources: image_sources.remove(name).unwrap_or_default(),
        };
        (name.to_owned(), node)
    };
    used.into_iter().map(node).collect()
}
