//! Whether nodes have what SDN needs on them, for doctor. Does no I/O.

use super::desired::has_node;
use super::observed::NodeSdn;
use machine::sdn::{Network, ZoneType};
use pve_client::{NodeName, Package};
use stage::{Entry, Gather as _, Place, Report};
use std::collections::BTreeMap;

/// What zones want from a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// The package dnsmasq.
    pub(super) dnsmasq: bool,
    /// A default route.
    pub(super) route: bool,
}

/// What a node says about itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct NodeHealth {
    /// Its packages; `None` if the token is not allowed to ask.
    pub(super) packages: Option<Vec<Package>>,
    /// Whether its network config has a gateway; `None` if that is not known.
    pub(super) has_gateway: Option<bool>,
}

/// Returns what the document's networks want from each node that is online.
pub(crate) fn wanted(
    networks: &[&Network],
    nodes: &BTreeMap<NodeName, NodeSdn>,
) -> BTreeMap<NodeName, Wanted> {
    let of = |node: &NodeName| {
        let zones = || networks.iter().filter(|network| has_node(network, node));
        let has_snat = |network: &Network| {
            network.vnets.iter().flat_map(|v| &v.subnets).any(|s| s.config.is_on("snat"))
        };
        zones().next()?;
        Some(Wanted {
            dnsmasq: zones().any(|network| network.config.get("dhcp") == Some("dnsmasq")),
            // PVE: facts-2, 10: other zones do nothing with it.
            route: zones().any(|network| network.ty == ZoneType::Simple && has_snat(network)),
        })
    };
    let online = nodes.iter().filter(|(_, node)| node.is_online);
    online.filter_map(|(node, _)| Some((node.clone(), of(node)?))).gather()
}

/// Judges what nodes say; what the token is not allowed to ask is a warning.
pub(crate) fn judge(
    wanted: &BTreeMap<NodeName, Wanted>,
    health: &BTreeMap<NodeName, NodeHealth>,
) -> Report {
    let mut report = Report::new();
    for (node, health) in health {
        let wanted = wanted.get(node).copied().unwrap_or_default();
        let place = || Place::node(node.as_str());
        let Some(packages) = &health.packages else {
            let fact = "the token cannot see whether the node has what SDN needs: Proxmox's ifupdown2, \
                        dnsmasq for DHCP, a default route for SNAT";
            let hint = format!("grant the token Sys.Audit on /nodes/{node}");
            report.push(Entry::warning("permission", place(), fact).hint(hint));
            continue;
        };
        ifupdown2(packages, &place).into_iter().for_each(|entry| report.push(entry));
        if wanted.dnsmasq && installed(packages, "dnsmasq").is_none() {
            // PVE: facts-2, 29.
            let fact = "package dnsmasq is not installed: with `dhcp: dnsmasq` the node then sets up no vnet at all";
            let hint = "run on the node: apt install dnsmasq && systemctl disable --now dnsmasq";
            report.push(Entry::error("package-not-found", place(), fact).hint(hint));
        }
        if wanted.route && health.has_gateway == Some(false) {
            // PVE: facts-2, 30. Its config does not show a route that DHCP or a routing daemon sets.
            let fact = "the node's network config has no gateway: without a default route the node does not \
                        set up vnets with `snat`";
            let hint = "`ip route get 8.8.8.8` on the node shows whether it has a route";
            report.push(Entry::warning("no-default-route", place(), fact).hint(hint));
        }
    }
    report
}

fn installed<'p>(packages: &'p [Package], name: &str) -> Option<&'p str> {
    packages.iter().find(|package| package.name == name)?.installed.as_deref()
}

/// PVE: facts-2, 33; pve-manager, API2/Network.pm, ifupdown2_version.
fn ifupdown2(packages: &[Package], place: &dyn Fn() -> Place) -> Option<Entry> {
    let version = installed(packages, "ifupdown2");
    let is_ours =
        |version: &str| ["pve", "pmx", "proxmox"].iter().any(|mark| version.contains(mark));
    let fact = match version {
        Some(version) if is_ours(version) => return None,
        Some(version) => {
            format!("ifupdown2 {version} is not Proxmox's: the node refuses to reload its network")
        }
        None => "package ifupdown2 is not installed: the node cannot reload its network".to_owned(),
    };
    let hint = "install ifupdown2 from Proxmox's repository";
    Some(Entry::error("package-not-found", place(), fact).hint(hint))
}
