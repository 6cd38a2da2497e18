//! DOOR (reads only): reads what the check of networks before the first write needs, and what doctor asks
//! each node.

use super::health::{NodeHealth, Wanted};
use super::preflight::{NetworkFacts, NetworkPreflight};
use super::read::all_fabrics;
use crate::read::read_api;
use pve_client::{Client, Error, NodeName};
use pve_stage::finding;
use stage::{Failure, Place};
use std::collections::BTreeMap;

/// Reads what a preflight asks for.
///
/// # Errors
/// A read failed.
pub(crate) fn read(
    client: &Client,
    preflight: &NetworkPreflight<'_>,
) -> Result<NetworkFacts, Failure> {
    let place = || Place::Named("SDN".to_owned());
    read_all(client, preflight).map_err(|error| finding::of_error(place(), &error).into())
}

fn read_all(client: &Client, preflight: &NetworkPreflight<'_>) -> Result<NetworkFacts, Error> {
    let mut facts =
        NetworkFacts { permissions: read_api(|| client.permissions())?, ..NetworkFacts::default() };
    if preflight.asks_version() {
        facts.version = Some(read_api(|| client.version())?);
    }
    if preflight.asks_fabrics() {
        facts.fabrics = all_fabrics(client)?;
    }
    for node in preflight.nodes_with_bridges() {
        match read_api(|| client.bridges(node)) {
            Ok(bridges) => {
                let names = bridges.into_iter().filter(|bridge| !bridge.is_vnet);
                let names = names.map(|bridge| bridge.name).collect();
                facts.bridges.insert(node.clone(), names);
            }
            // It sets the zone up when it is back.
            Err(error) if error.is_node_unreachable() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(facts)
}

/// Reads what doctor wants to know about these nodes.
///
/// # Errors
/// A read failed for another reason than the node's state or the token's privileges.
pub(crate) fn health(
    client: &Client,
    wanted: &BTreeMap<NodeName, Wanted>,
) -> Result<BTreeMap<NodeName, NodeHealth>, Failure> {
    let mut all = BTreeMap::new();
    for (node, wanted) in wanted {
        match health_of(client, node, *wanted) {
            Ok(health) => _ = all.insert(node.clone(), health),
            Err(error) if error.is_node_unreachable() => {}
            Err(error) => return Err(finding::of_error(Place::node(node.as_str()), &error).into()),
        }
    }
    Ok(all)
}

fn health_of(client: &Client, node: &NodeName, wanted: Wanted) -> Result<NodeHealth, Error> {
    let packages = match read_api(|| client.packages(node)) {
        Ok(packages) => Some(packages),
        Err(error) if error.is_permission() => None,
        Err(error) => return Err(error),
    };
    // PVE: pve-manager, API2/Network.pm: without Sys.Audit the list has some bridges only.
    let sees_all = packages.is_some();
    let gateways = match wanted.route && sees_all {
        true => {
            let networks = read_api(|| client.networks(node))?;
            Some(networks.iter().any(|network| network.gateway.is_some()))
        }
        false => None,
    };
    Ok(NodeHealth { packages, has_gateway: gateways })
}
