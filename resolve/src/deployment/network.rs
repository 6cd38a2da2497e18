//! The networks of a deployment: those of its VMs' bridges, and those that it names. Does no I/O.

mod nics;
mod peers;

pub(super) use nics::{NicsOfVm, used};

use super::{Nodes, OwnNode, ResolvedVm};
use crate::selection::DocumentOptions;
use crate::site::{NodeFile, Peers, Site, VmSet};
use stage::{Entry, Network};
use std::collections::BTreeSet;

/// Reports zones that a VM's node does not have, if the YAML sets that node. PVE: pve-network,
/// Zones.pm, tap_plug: `vnet … is not allowed on this node`.
fn check_nodes(
    site: &mut Site<'_>,
    nodes: &Nodes<'_>,
    vms: &[ResolvedVm<'_>],
    is_head_written: bool,
) {
    let mut reported = BTreeSet::new();
    for vm in vms.iter().filter(|vm| is_head_written || vm.own_node.is_some()) {
        let (node, own) = (nodes.of(vm), vm.own_node.as_ref());
        for index in &vm.networks {
            if reported.insert((*index, node.name(), own.map(|own| own.at)))
                && let Some(entry) = not_on_node(site, *index, node, own)
            {
                site.report.push(entry);
            }
        }
    }
}

/// Returns the finding if a zone is not on the node of VMs that use it.
fn not_on_node(
    site: &Site<'_>,
    index: usize,
    node: &NodeFile,
    own: Option<&OwnNode>,
) -> Option<Entry> {
    let network = site.networks().get(index)?;
    let (nodes, written) = (network.nodes()?, network.tree.get("nodes")?);
    let (zone, name) = (&network.zone, node.name());
    if nodes.iter().any(|known| known == name) {
        return None;
    }
    let fact = format!("zone \"{zone}\" is not on node \"{name}\", where its VMs are");
    let entry = site.sources.error("vnet-not-on-node", written.at, fact);
    let entry = match own {
        Some(own) => entry.note(format!("the VMs' `node` is at {}", site.sources.short(own.at))),
        None => entry,
    };
    Some(entry.hint(format!("add \"{name}\", or move the VMs")))
}

/// Returns the networks for the document and the zones of all networks; `None` if the site has no
/// networks.
pub(super) fn document(
    site: &mut Site<'_>,
    vm_set: &VmSet,
    nodes: &Nodes<'_>,
    vms: &[ResolvedVm<'_>],
    options: &DocumentOptions,
) -> Option<(Vec<Network>, Vec<String>)> {
    if site.networks().is_empty() {
        return None;
    }
    let mut used: BTreeSet<usize> = vms.iter().flat_map(|vm| vm.networks.iter().copied()).collect();
    check_nodes(site, nodes, vms, vm_set.node.value().is_some() && options.parent.is_none());
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
                let (zone, only) = (network.zone.clone(), network.nodes());
                let wanted = peers::Wanted { zone, nodes: only, at };
                Some(peers::of_nodes(site, nodes.head, &wanted))
            }
        };
        networks.push(site.networks()[index].document(peers));
    }
    let names = site.networks().iter().map(|network| network.zone.clone()).collect();
    Some((networks, names))
}
