//! DOOR: asks PVE. Where the images of a document are published: each storage once, through a node that
//! is online.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use pve_client::{Error, Node as ClusterNode, NodeName, StorageId};
use pve_stage::finding;
use stage::{Entry, Place, Report};

use crate::node::{Node, Sharing};
use crate::plan::StoredFile;
use crate::target::Target;
use crate::wanted::Wanted;

/// A storage on which images are published.
#[derive(Debug)]
pub(crate) struct Destination {
    /// The storage, through the node that publishes on it.
    pub(crate) target: Target,
    /// The nodes whose VMs use its images; empty for all VMs.
    pub(crate) nodes: BTreeSet<String>,
    /// The nodes among them that are online, other than the one that publishes.
    pub(crate) others: Vec<NodeName>,
    listing: OnceCell<Result<Vec<StoredFile>, Entry>>,
}

impl Destination {
    fn new(target: Target, nodes: BTreeSet<String>) -> Self {
        Self { target, nodes, others: Vec::new(), listing: OnceCell::new() }
    }

    /// Returns the files on the storage, which are listed at most once.
    ///
    /// # Errors
    /// The storage cannot be listed.
    pub(crate) fn present(&self) -> Result<&[StoredFile], Entry> {
        let listed = self.listing.get_or_init(|| self.target.present());
        listed.as_deref().map_err(Clone::clone)
    }

    /// Returns why the storage could not be listed, if somebody has tried.
    pub(crate) fn failure(&self) -> Option<Entry> {
        self.listing.get()?.as_ref().err().cloned()
    }

    /// Returns whether VMs use this image from here.
    pub(crate) fn needs(&self, wanted: &Wanted) -> bool {
        self.nodes.is_empty() || wanted.is_for(&self.nodes)
    }

    /// Returns whether VMs on a node use images from here.
    pub(crate) fn serves(&self, node: &str) -> bool {
        self.nodes.is_empty() || self.nodes.contains(node)
    }
}

/// The storages of a run.
#[derive(Debug, Default)]
pub(crate) struct Destinations {
    /// Those that can be reached.
    pub(crate) online: Vec<Destination>,
    /// Those whose nodes are all offline.
    pub(crate) away: Vec<Destination>,
}

impl Destinations {
    /// Returns a single storage, whose node is not looked up.
    pub(crate) fn one(target: Target) -> Self {
        Self { online: vec![Destination::new(target, BTreeSet::new())], away: Vec::new() }
    }

    /// Keeps only the storage that serves a node.
    pub(crate) fn keep_node(&mut self, node: &str) {
        self.online.retain(|destination| destination.serves(node));
        self.away.retain(|destination| destination.serves(node));
    }

    /// Returns whether images are published on more than one storage, so that messages name the node.
    pub(crate) fn are_several(&self) -> bool {
        self.online.len() > 1
    }
}

/// Finds the storages of several nodes: one that all nodes share is used once, through the first node that
/// is online. Lists what can be listed.
///
/// # Errors
/// PVE does not answer, or nodes are not in the cluster.
pub(crate) fn of_nodes(nodes: Vec<Node>) -> Result<Destinations, Report> {
    let Some(first) = nodes.first() else { return Ok(Destinations::default()) };
    let cluster = first.client.nodes();
    let cluster = cluster.map_err(|error| {
        finding::while_doing(first.place(), "reading the cluster's nodes", &error)
    })?;
    let mut report = Report::new();
    nodes.iter().filter_map(|node| unknown(node, &cluster)).for_each(|entry| report.push(entry));
    if report.has_errors() {
        return Err(report);
    }
    let is_online = |node: &&Node| cluster.iter().any(|n| n.online && n.node == node.node);
    let mut away: BTreeSet<NodeName> =
        nodes.iter().filter(|node| !is_online(node)).map(|node| node.node.clone()).collect();
    let shared = shared(&nodes, &mut away)?;
    let mut groups: BTreeMap<(StorageId, Option<NodeName>), Vec<Node>> = BTreeMap::new();
    for node in nodes {
        let is_shared = shared.contains(&node.storage);
        let sharing = if is_shared { Sharing::Shared } else { Sharing::OfNode };
        let key = (node.storage.clone(), (!is_shared).then(|| node.node.clone()));
        groups.entry(key).or_default().push(Node { sharing, ..node });
    }
    let mut found = Destinations::default();
    for group in groups.into_values() {
        match reached(&group, &mut away) {
            Some(destination) => found.online.push(destination),
            None => found.away.extend(unreached(group)),
        }
    }
    // By node, as people read it.
    found.online.sort_by_key(|destination| destination.target.node().map(ToString::to_string));
    Ok(found)
}

/// Returns the error for a node that is not in the cluster.
fn unknown(node: &Node, cluster: &[ClusterNode]) -> Option<Entry> {
    if cluster.iter().any(|known| known.node == node.node) {
        return None;
    }
    let names: Vec<&str> = cluster.iter().map(|known| known.node.as_str()).collect();
    let place = Place::input(format!("nodes.{}", node.node));
    let entry = Entry::error("unknown-node", place, "the node does not exist");
    Some(entry.hint(format!("nodes of the cluster: {}", names.join(", "))))
}

/// Returns the storages that nodes share. Nodes that do not answer are added to `away`.
// PVE: pve-storage, Storage.pm, storage_info: `shared` is that of the cluster's configuration, so one
// node's answer is enough.
fn shared(nodes: &[Node], away: &mut BTreeSet<NodeName>) -> Result<BTreeSet<StorageId>, Entry> {
    for node in nodes {
        if away.contains(&node.node) {
            continue;
        }
        match node.client.storages(&node.node) {
            Ok(storages) => {
                let shared = storages.into_iter().filter(|storage| storage.shared);
                return Ok(shared.map(|storage| storage.storage).collect());
            }
            Err(error) if error.is_node_unreachable() => {
                away.insert(node.node.clone());
            }
            Err(error) => {
                return Err(finding::while_doing(node.place(), "reading the storages", &error));
            }
        }
    }
    Ok(BTreeSet::new())
}

/// Lists a storage through the first of its nodes that answers; `None` if none does.
fn reached(group: &[Node], away: &mut BTreeSet<NodeName>) -> Option<Destination> {
    for node in group {
        if away.contains(&node.node) {
            continue;
        }
        match node.files() {
            Err(error) if error.is_node_unreachable() => {
                away.insert(node.node.clone());
            }
            listed => {
                let listed = listed.map_err(|error: Error| node.not_listed(&error));
                let others = group.iter().map(|other| &other.node);
                let others = others.filter(|other| **other != node.node && !away.contains(*other));
                return Some(Destination {
                    others: others.cloned().collect(),
                    listing: OnceCell::from(listed),
                    ..Destination::new(Target::Node(node.clone()), names(group))
                });
            }
        }
    }
    None
}

/// Returns the storage of nodes that are all offline.
fn unreached(group: Vec<Node>) -> Option<Destination> {
    let nodes = names(&group);
    let first = group.into_iter().next()?;
    Some(Destination::new(Target::Node(first), nodes))
}

fn names(group: &[Node]) -> BTreeSet<String> {
    group.iter().map(|node| node.node.to_string()).collect()
}
