//! What networks need from PVE: fabrics, bridges of nodes, its version. PVE accepts a zone without them, and
//! only the reload on each node fails. Does no I/O.

use super::desired::has_node;
use super::observed::NodeSdn;
use crate::preflight::near;
use crate::privileges::{self, Need};
use machine::Version;
use machine::sdn::{At, Config, Network, Object, ZoneType};
use pve_client::{NodeName, Permissions, SdnFabrics, SdnState};
use stage::{Entry, Place, Report};
use std::collections::BTreeMap;

/// What was read about PVE, as far as the networks need it.
#[derive(Clone, Debug, Default)]
pub(crate) struct NetworkFacts {
    /// The version of PVE.
    pub(super) version: Option<pve_client::Version>,
    /// The fabrics that the token can see.
    pub(super) fabrics: SdnFabrics,
    /// Node → the bridges that the token can see.
    pub(super) bridges: BTreeMap<NodeName, Vec<String>>,
    /// What the token is allowed to do.
    pub(crate) permissions: Permissions,
}

/// The zones to be written, and the nodes of the cluster.
pub(crate) struct NetworkPreflight<'a> {
    /// The networks whose zones are written.
    pub(crate) zones: Vec<&'a Network>,
    /// The nodes.
    pub(crate) nodes: &'a BTreeMap<NodeName, NodeSdn>,
}

impl NetworkPreflight<'_> {
    /// Returns whether an option requires a newer PVE than the oldest supported one.
    pub(super) fn asks_version(&self) -> bool {
        self.zones.iter().any(|zone| since(zone).next().is_some())
    }

    /// Returns whether a zone is on a fabric.
    pub(super) fn asks_fabrics(&self) -> bool {
        self.zones.iter().any(|zone| zone.config.get("fabric").is_some())
    }

    /// Returns the nodes that must have a bridge.
    pub(super) fn nodes_with_bridges(&self) -> Vec<&NodeName> {
        let zones = || self.zones.iter().filter(|zone| bridge(zone).is_some());
        let has = |node: &&NodeName| zones().any(|zone| has_node(zone, node));
        self.online().filter(has).collect()
    }

    fn online(&self) -> impl Iterator<Item = &NodeName> {
        self.nodes.iter().filter(|(_, node)| node.is_online).map(|(name, _)| name)
    }

    /// Checks whether the nodes can set these zones up.
    pub(crate) fn judge(&self, facts: &NetworkFacts) -> Report {
        let mut report = Report::new();
        for zone in &self.zones {
            let known = facts.version.as_ref();
            let too_old = |(_, _, Version(major, minor)): &(At, &str, Version)| {
                known.is_some_and(|v| !v.at_least((*major).into(), (*minor).into()))
            };
            let newer: Vec<_> = since(zone).filter(too_old).collect();
            // A PVE without fabrics has no fabric that could be missing.
            if newer.is_empty() {
                self.fabric(zone, facts, &mut report);
            }
            for (at, name, Version(major, minor)) in newer {
                let this = known.map(|version| version.version.as_str()).unwrap_or_default();
                let fact = format!("requires PVE {major}.{minor}; this is {this}");
                let place = Place::input(at.path(Some(name)));
                report.push(Entry::error("pve-too-old", place, fact));
            }
            self.bridge(zone, facts, &mut report);
        }
        report
    }

    /// PVE: facts-2, 4 and 41.
    fn fabric(&self, zone: &Network, facts: &NetworkFacts, report: &mut Report) {
        let Some(name) = zone.config.get("fabric") else { return };
        let place = || Place::input(zone.at.path(Some("fabric")));
        let seen = || facts.fabrics.fabrics.iter().filter(|f| f.state != SdnState::Deleted);
        if !seen().any(|fabric| fabric.id == name) {
            let path = format!("/sdn/fabrics/{name}");
            let fact = format!("fabric \"{name}\" does not exist");
            let names: Vec<String> = seen().map(|fabric| fabric.id.clone()).collect();
            let hint = near(name, &names, "pve-apply uses fabrics and does not create them");
            let missing = Entry::error("fabric-not-found", place(), fact).hint(hint);
            let unknown = format!("the token cannot see whether fabric \"{name}\" exists");
            report.push(proven(
                facts,
                &path,
                &["SDN.Audit", "SDN.Allocate"],
                missing,
                &unknown,
                place(),
            ));
            return;
        }
        for node in self.online().filter(|node| has_node(zone, node)) {
            let nodes = &facts.fabrics.nodes;
            let is_of = |member: &&pve_client::SdnFabricNode| {
                member.fabric == name && member.node == node.as_str()
            };
            let member = nodes.iter().find(is_of).filter(|m| m.state != SdnState::Deleted);
            if member.is_some_and(|member| member.ip.is_some()) {
                continue;
            }
            let fact = format!("node {node} has no IPv4 address in fabric \"{name}\"");
            let hint =
                "give it one in Datacenter > SDN > Fabrics, or leave it out of the zone's `nodes`";
            let missing = Entry::error("fabric-without-address", place(), fact).hint(hint);
            let unknown = format!(
                "the token cannot see whether node {node} has an address in fabric \"{name}\""
            );
            let path = format!("/nodes/{node}");
            report.push(match member {
                Some(_) => missing,
                None => {
                    proven(facts, &path, &["Sys.Audit", "Sys.Modify"], missing, &unknown, place())
                }
            });
        }
    }

    /// PVE: facts-2, 11.
    fn bridge(&self, zone: &Network, facts: &NetworkFacts, report: &mut Report) {
        let Some(name) = bridge(zone) else { return };
        let place = || Place::input(zone.at.path(Some("bridge")));
        for (node, known) in facts.bridges.iter().filter(|(node, _)| has_node(zone, node)) {
            if known.iter().any(|bridge| bridge == name) {
                continue;
            }
            let fact = format!("bridge \"{name}\" does not exist on node {node}");
            let missing = Entry::error("bridge-not-found", place(), fact).hint(near(
                name,
                known,
                "it has none",
            ));
            let path = privileges::vnet_path("localnetwork", name);
            let unknown =
                format!("the token cannot see whether bridge \"{name}\" exists on node {node}");
            report.push(proven(
                facts,
                &path,
                &["SDN.Audit", "SDN.Use"],
                missing,
                &unknown,
                place(),
            ));
        }
    }
}

/// Returns `missing` if the token would see the thing, else a warning. PVE leaves out of its lists what a
/// token cannot see.
fn proven(
    facts: &NetworkFacts,
    path: &str,
    any: &[&'static str],
    missing: Entry,
    unknown: &str,
    place: Place,
) -> Entry {
    let has = |privilege: &&'static str| {
        privileges::has(&facts.permissions, &Need { path: path.to_owned(), privilege })
    };
    if any.iter().any(has) {
        return missing;
    }
    let privilege = any.first().copied().unwrap_or_default();
    let hint = format!("grant the token {privilege} on {path}");
    Entry::warning("permission", place, unknown).hint(hint)
}

/// Returns the bridge that each node of a zone must have.
fn bridge(zone: &Network) -> Option<&str> {
    zone.config.get("bridge").filter(|_| zone.ty == ZoneType::Vlan)
}

/// Returns the options that not every supported version has: place, name, first version.
fn since(zone: &Network) -> impl Iterator<Item = (At, &'static str, Version)> {
    let of = |object, at, config: &Config| {
        let rows = config.rows(object).map(|(row, _)| (at, row.part.name, row.part.since));
        rows.filter(|(_, _, since)| *since > Version::OLDEST).collect::<Vec<_>>()
    };
    let vnets = zone.vnets.iter().flat_map(move |vnet| {
        let subnets = vnet.subnets.iter();
        let subnets = subnets.flat_map(move |s| of(Object::Subnet, s.at, &s.config));
        of(Object::Vnet, vnet.at, &vnet.config).into_iter().chain(subnets)
    });
    of(Object::Zone, zone.at, &zone.config).into_iter().chain(vnets)
}
