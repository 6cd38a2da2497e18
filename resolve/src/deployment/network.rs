//! The networks of a deployment: those of its VMs' bridges, and those that it names. Does no I/O.

mod nics;
mod peers;

pub(super) use nics::{NicsOfVm, used};

use super::ResolvedVm;
use crate::selection::DocumentOptions;
use crate::site::{NodeFile, Peers, Site, VmSet};
use stage::Network;
use std::collections::BTreeSet;

/// Reports a zone that the node of the VMs does not have. PVE: pve-network, Zones.pm, tap_plug:
/// `vnet … is not allowed on this node`.
fn check_nodes(site: &mut Site<'_>, index: usize, node: &NodeFile) {
    let Some(network) = site.networks().get(index) else { return };
    let (Some(nodes), Some(written)) = (network.nodes(), network.tree.get("nodes")) else { return };
    if nodes.iter().any(|name| name == node.name()) {
        return;
    }
    let zone = &network.zone;
    let fact = format!("zone \"{zone}\" is not on node \"{}\", where its VMs are", node.name());
    let entry = site.sources.error("vnet-not-on-node", written.at, fact);
    site.report.push(entry.hint(format!("add \"{}\", or move the VMs", node.name())));
}

/// Returns the networks for the document and the zones of all networks; `None` if the site has no
/// networks.
pub(super) fn document(
    site: &mut Site<'_>,
    vm_set: &VmSet,
    node: &NodeFile,
    vms: &[ResolvedVm<'_>],
    options: &DocumentOptions,
) -> Option<(Vec<Network>, Vec<String>)> {
    if site.networks().is_empty() {
        return None;
    }
    let mut used: BTreeSet<usize> = vms.iter().flat_map(|vm| vm.networks.iter().copied()).collect();
    if vm_set.node.value().is_some() && options.parent.is_none() {
        used.iter().for_each(|index| check_nodes(site, *index, node));
    }
    // Those that a VM set names are for its own node, not for a nested one.
    let named = vm_set.networks.iter().filter(|_| options.parent.is_none());
    let index = |name: &String| site.networks().iter().position(|network| network.zone == *name);
    used.extend(named.filter_map(|(name, _)| index(name)));
    let files: Vec<_> = used.iter().map(|index| site.networks()[*index].file).collect();
    files.into_iter().for_each(|file| site.use_network(file));
    let mut networks = Vec::new();
    for index in used {
        let network = &site.networks()[index];
        let peers = match network.peers() {
            Peers::None => None,
            Peers::Given(peers) => Some(peers),
            Peers::OfNodes(at) => {
                let (zone, nodes) = (network.zone.clone(), network.nodes());
                Some(peers::of_nodes(site, node, &peers::Wanted { zone, nodes, at }))
            }
        };
        networks.push(site.networks()[index].document(peers));
    }
    let names = site.networks().iter().map(|network| network.zone.clone()).collect();
    Some((networks, names))
}
