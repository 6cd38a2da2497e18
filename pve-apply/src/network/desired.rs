//! The document's networks, and every problem in them. Does no I/O.

use machine::sdn::{Fault, Network};
use pve_client::NodeName;
use stage::{Deployment, Entry, Place, Report};
use std::collections::BTreeSet;

/// What the networks are read for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Nothing: they are not read.
    #[default]
    Nothing,
    /// To compare them, and to change them.
    Compare,
    /// To take them over.
    Adopt,
    /// To remove them.
    Remove,
}

/// The document's networks, and what the user has agreed to.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct DesiredNetworks {
    /// The networks that the deployment uses.
    pub(crate) list: Vec<Network>,
    /// The zones of all networks of the site; `None` when unknown.
    pub(crate) names: Option<BTreeSet<String>>,
    /// Networks, and what is accepted there without an effect.
    pub(crate) without_effect: Vec<(String, String)>,
    /// Only some VMs were asked for: networks are neither changed nor removed.
    pub(crate) are_left_alone: bool,
    /// What they are read for.
    pub(crate) purpose: Purpose,
    /// Only networks were asked for.
    pub(crate) are_all: bool,
    /// What left the site's files is removed.
    pub(crate) prune: bool,
    /// The changes of others that wait for a commit may be committed too.
    pub(crate) with_pending: bool,
}

impl DesiredNetworks {
    /// Returns the network that has a vnet.
    pub(crate) fn of_vnet(&self, vnet: &str) -> Option<&Network> {
        self.list.iter().find(|network| network.vnets.iter().any(|known| known.vnet == vnet))
    }

    /// Returns whether SDN matters to this run at all.
    pub(crate) fn matter(&self) -> bool {
        let some = !self.list.is_empty() || self.prune && self.names.is_some();
        some && self.purpose != Purpose::Nothing
    }
}

/// Returns whether a node is in a zone of the document.
pub(crate) fn has_node(zone: &Network, node: &NodeName) -> bool {
    let nodes = zone.config.get("nodes");
    nodes.is_none_or(|nodes| nodes.split(',').any(|known| known.trim() == node.as_str()))
}

/// Reads the document's networks.
pub(crate) fn read(deployment: &Deployment, report: &mut Report) -> DesiredNetworks {
    let written = deployment.networks.as_deref().unwrap_or_default();
    let site = deployment.site.as_deref().unwrap_or_default();
    let (list, mut faults) = Network::read(written);
    faults.extend(machine::sdn::problems(&list, site));
    // resolve has warned already; the plan of a network that is made repeats it.
    let (warnings, errors): (Vec<_>, Vec<_>) =
        faults.into_iter().partition(|fault| fault.problem.is_warning);
    for fault in errors {
        let problem = fault.problem;
        let place = Place::input(fault.at.path(problem.option.as_deref()));
        let entry = Entry::error(problem.code, place, problem.fact);
        report.push(problem.hint.into_iter().fold(entry, Entry::hint));
    }
    if !list.is_empty() && site.is_empty() {
        let fact = "is required: networks belong to the site, and its name is in their mark";
        let hint = "set `site:` in site.yaml to a name that no other site on the cluster has";
        report.push(Entry::error("missing-field", Place::input("site"), fact).hint(hint));
    }
    let names = deployment.network_names.as_ref().map(|names| names.iter().cloned().collect());
    let without_effect = warnings.into_iter().filter_map(|fault| warning(written, fault)).collect();
    DesiredNetworks { list, names, without_effect, ..DesiredNetworks::default() }
}

/// Returns a network and what is accepted there without an effect.
fn warning(written: &[stage::Network], fault: Fault) -> Option<(String, String)> {
    let network = written.get(fault.at.network)?;
    let vnet = fault.at.vnet.and_then(|index| network.vnets.get(index));
    let subnet = fault.at.subnet.and_then(|index| vnet?.subnets.get(index));
    let place = [vnet.map(|vnet| vnet.vnet.clone()), subnet.map(|subnet| subnet.subnet.clone())];
    let place = place.into_iter().flatten().chain(fault.problem.option);
    let place = place.collect::<Vec<_>>().join(", ");
    Some((network.zone.clone(), format!("{place}: {}", fault.problem.fact)))
}
