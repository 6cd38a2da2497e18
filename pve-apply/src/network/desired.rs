//! The document's networks, and every problem in them. Does no I/O.

use super::mark::{self, Mark, Origin};
use machine::sdn::{At, Network};
use stage::{Deployment, Entry, Place, Report};
use std::collections::BTreeSet;

/// The document's networks, and what the user has agreed to.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct DesiredNetworks {
    /// The networks that the deployment uses.
    pub(crate) list: Vec<Network>,
    /// The zones of all networks of the site; `None` when unknown.
    pub(crate) names: Option<BTreeSet<String>>,
    /// Only some VMs were asked for: networks are neither changed nor removed.
    pub(crate) are_left_alone: bool,
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
        !self.list.is_empty() || self.prune && self.names.is_some()
    }
}

/// Reads the document's networks.
pub(crate) fn read(deployment: &Deployment, report: &mut Report) -> DesiredNetworks {
    let written = deployment.networks.as_deref().unwrap_or_default();
    let (list, faults) = Network::read(written);
    for fault in faults {
        let problem = fault.problem;
        let place = Place::input(fault.at.path(problem.option.as_deref()));
        let entry = match problem.is_warning {
            true => Entry::warning(problem.code, place, problem.fact),
            false => Entry::error(problem.code, place, problem.fact),
        };
        report.push(problem.hint.into_iter().fold(entry, Entry::hint));
    }
    let site = deployment.site.as_deref().unwrap_or_default();
    if !list.is_empty() && site.is_empty() {
        let fact = "is required: networks belong to the site, and its name is in their mark";
        let hint = "set `site:` in site.yaml to a name that no other site on the cluster has";
        report.push(Entry::error("site-without-name", Place::input("site"), fact).hint(hint));
    }
    aliases(written, site, report);
    let names = deployment.network_names.as_ref().map(|names| names.iter().cloned().collect());
    DesiredNetworks { list, names, ..DesiredNetworks::default() }
}

/// Checks that each alias leaves room for the mark, and cannot be taken for one.
fn aliases(written: &[stage::Network], site: &str, report: &mut Report) {
    for (index, network) in written.iter().enumerate() {
        let mark = longest(site, &network.zone);
        for (number, vnet) in network.vnets.iter().enumerate() {
            let alias = vnet.config.get("alias").and_then(serde_json::Value::as_str);
            if let Some(fact) = alias.and_then(|alias| mark::refusal(alias, &mark)) {
                let at = At { network: index, vnet: Some(number), subnet: None };
                report.error("invalid-value", Place::input(at.path(Some("alias"))), fact);
            }
        }
    }
}

/// Returns the longest mark of a network.
fn longest(site: &str, zone: &str) -> Mark {
    Mark {
        site: site.to_owned(),
        net: zone.to_owned(),
        zone: Origin::Given,
        run: "0".repeat(machine::sdn::NONCE_LENGTH),
        other: String::new(),
    }
}
