//! `peers: nodes`: the addresses of the nodes of a cluster. Does no I/O.

use crate::site::{NODES, NodeFile, Site};
use crate::source::Span;
use std::net::IpAddr;

/// A zone whose peers are nodes.
pub(super) struct Wanted {
    /// Its ID.
    pub zone: String,
    /// The names in PVE of the nodes that have it; `None` for all.
    pub nodes: Option<Vec<String>>,
    /// Where `nodes` is written.
    pub at: Span,
}

/// Returns the addresses of the nodes of a cluster that have a zone, and reports nodes without one.
pub(super) fn of_nodes(site: &mut Site<'_>, node: &NodeFile, wanted: &Wanted) -> Vec<String> {
    let names = site.names(&NODES);
    // A repository may leave out nodes/ and should still pass the check.
    if names.is_empty() {
        return Vec::new();
    }
    let files = names.into_iter().filter_map(|name| site.node(name, None));
    let mut nodes: Vec<NodeFile> = files.filter(|file| file.cluster() == node.cluster()).collect();
    if let Some(only) = &wanted.nodes {
        nodes.retain(|file| only.iter().any(|name| name == file.name()));
    }
    let mut peers = Vec::new();
    for file in &nodes {
        let address = file.ip.value().and_then(|ip| ip.split('/').next()).unwrap_or_default();
        if address.parse::<IpAddr>().is_ok() {
            peers.push(address.to_owned());
        } else if !file.ip.is_invalid() {
            let fact = format!("node \"{}\" has no `ip`, which `peers: nodes` needs", file.name());
            let entry = site.sources.error("missing-field", wanted.at, fact);
            site.report.push(entry.hint(format!("set it in nodes/{}.yaml", file.stem)));
        }
    }
    if let [only] = &nodes[..] {
        let (name, cluster) = (only.name(), only.cluster());
        let fact = format!(
            "zone \"{}\" connects only node \"{name}\": no other node is in cluster \"{cluster}\"",
            wanted.zone
        );
        let entry = site.sources.warning("single-peer", wanted.at, fact);
        site.report.push(entry.hint("set the same `cluster` in the files of all its nodes"));
    }
    peers
}
