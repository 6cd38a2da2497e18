//! DOOR (reads only): reads the cluster's SDN as far as a plan needs it.
//!
//! An unchanged deployment costs three reads, one for each vnet of its networks and one for each node. What
//! only a commit needs, such as everybody's pending changes, is read once it is clear that there is one.

use super::desired::Purpose;
use super::finding::NetworkReason;
use super::model::Networks;
use super::observed::{NodeSdn, Object, Sdn};
use super::users;
use crate::desired::Desired;
use crate::observed::Observed;
use crate::read::read_api;
use pve_client::{Client, Error, NodeName, SdnFabrics, SdnKind, SdnState};
use pve_stage::finding;
use stage::{Failure, Gather as _, Place};
use std::collections::BTreeMap;

/// Reads the cluster's SDN; `None` if the run has nothing to do with it.
///
/// # Errors
/// A read failed that planning needs.
pub(crate) fn read(
    client: &Client,
    desired: &Desired,
    observed: &Observed,
) -> Result<Option<Sdn>, Failure> {
    if !desired.networks.matter() {
        return Ok(None);
    }
    let sdn = read_all(client, desired, observed);
    let place = || Place::Named("SDN".to_owned());
    sdn.map(Some).map_err(|error| finding::of_error(place(), &error).into())
}

fn read_all(client: &Client, desired: &Desired, observed: &Observed) -> Result<Sdn, Error> {
    let mut sdn = Sdn {
        zones: list(client, &SdnKind::Zone)?,
        vnets: list(client, &SdnKind::Vnet)?,
        ..Sdn::default()
    };
    let wanted = |vnet: &str| desired.networks.of_vnet(vnet).is_some();
    read_subnets(client, &mut sdn, wanted)?;
    sdn.nodes = nodes(client, desired)?;
    let removes = desired.networks.purpose == Purpose::Remove || desired.networks.prune;
    let draft = super::plan(desired, &sdn);
    if removes || desired.networks.purpose == Purpose::Adopt || needs_more(&draft) {
        sdn.permissions = Some(read_api(|| client.permissions())?);
        sdn.controllers = Some(list(client, &SdnKind::Controller)?);
        sdn.fabrics = fabrics(client)?;
        read_subnets(client, &mut sdn, |vnet| !wanted(vnet))?;
    }
    if removes && super::remove::may_remove(desired, &sdn) {
        let permissions = sdn.permissions.as_ref();
        let sees_all = permissions.is_some_and(crate::observed::sees_all);
        sdn.users = Some(users::read(client, observed, sees_all)?);
    }
    Ok(sdn)
}

/// Returns whether a first plan asks for a commit, or for proof that something does not exist.
fn needs_more(draft: &Networks) -> bool {
    let unproven = |reason: &NetworkReason| matches!(reason, NetworkReason::MayNotSeeAll);
    draft.blocked.iter().any(|blocked| unproven(&blocked.reason)) || !draft.planned.is_empty()
}

/// Returns the objects of a kind by ID.
fn list(client: &Client, kind: &SdnKind) -> Result<BTreeMap<String, Object>, Error> {
    let listed = read_api(|| client.sdn_list(kind))?;
    let object = |listed| {
        let object = Object::of(kind, listed);
        (object.id.clone(), object)
    };
    Ok(listed.into_iter().map(object).gather())
}

/// Reads the subnets of those vnets that stay: a vnet that the next commit deletes has none.
fn read_subnets(
    client: &Client,
    sdn: &mut Sdn,
    is_wanted: impl Fn(&str) -> bool,
) -> Result<(), Error> {
    let wanted = sdn.vnets.values().filter(|vnet| vnet.is_there() && is_wanted(&vnet.id));
    let vnets: Vec<String> = wanted.map(|vnet| vnet.id.clone()).collect();
    for vnet in vnets {
        match list(client, &SdnKind::Subnet(vnet.clone())) {
            Ok(subnets) => sdn.subnets.extend(subnets),
            Err(error) if error.is_permission() => _ = sdn.subnets_hidden.insert(vnet),
            // It has gone since the vnets were listed; whoever changes anything looks again.
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Returns the fabrics, and the nodes of fabrics, that wait for a commit.
pub(super) fn fabrics(client: &Client) -> Result<BTreeMap<String, Object>, Error> {
    let all = all_fabrics(client)?;
    let fabrics = all.fabrics.into_iter().map(|fabric| (fabric.id, fabric.state));
    let nodes =
        all.nodes.into_iter().map(|node| (format!("{} on {}", node.fabric, node.node), node.state));
    let waiting = fabrics.chain(nodes).filter(|(_, state)| *state != SdnState::Applied);
    Ok(waiting.map(|(id, state)| (id.clone(), Object::fabric(&id, state))).gather())
}

/// Returns the fabrics that the token can see.
pub(super) fn all_fabrics(client: &Client) -> Result<SdnFabrics, Error> {
    match read_api(|| client.sdn_fabrics()) {
        // PVE: facts-2, 39: 8.4 has none.
        Err(error) if error.is_not_implemented() => Ok(SdnFabrics::default()),
        all => all,
    }
}

/// Returns what each node says about its zones.
fn nodes(client: &Client, desired: &Desired) -> Result<BTreeMap<NodeName, NodeSdn>, Error> {
    let mut found = BTreeMap::new();
    for node in read_api(|| client.nodes())? {
        let mut seen = NodeSdn { is_online: node.online, ..NodeSdn::default() };
        if seen.is_online {
            match read_api(|| client.node_sdn_zones(&node.node)) {
                Ok(zones) => {
                    let status = zones.into_iter().map(|zone| (zone.zone, zone.status));
                    seen.zones = status.gather();
                }
                Err(error) if error.is_node_unreachable() => seen.is_online = false,
                Err(error) => return Err(error),
            }
        }
        for zone in desired.networks.list.iter().map(|network| &network.zone) {
            if seen.zones.get(zone).is_some_and(|status| status != "available") {
                seen.messages.insert(zone.clone(), messages(client, &node.node, zone)?);
            }
        }
        found.insert(node.node, seen);
    }
    Ok(found)
}

/// Returns why the vnets of a zone are not available on a node, as far as the token may know.
fn messages(client: &Client, node: &NodeName, zone: &str) -> Result<Vec<(String, String)>, Error> {
    let vnets = match read_api(|| client.node_vnets(node, zone)) {
        // PVE: facts-2, the table of privileges: this needs SDN.Audit, the zone's own state nothing.
        Err(error) if error.is_permission() || error.is_node_unreachable() => Vec::new(),
        vnets => vnets?,
    };
    let broken = vnets.into_iter().filter(|vnet| vnet.status != "available");
    Ok(broken.filter_map(|vnet| Some((vnet.vnet, vnet.message?))).collect())
}
