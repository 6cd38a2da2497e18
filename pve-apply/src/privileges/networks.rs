//! What a document's networks need. Does no I/O.

pub(crate) use machine::token::ON_VNETS as OUR_VNET;

use super::{Need, ZONE_PLACEHOLDER, ZONES, bridge_path, extend, may_be_vnet};
use crate::network::model::{EditVerb, Transaction};
use crate::network::observed::Kind;
use machine::sdn::{Network, Object};
use std::collections::BTreeSet;

/// The path of SDN as a whole: lock, commit, and proof that no change of others is overlooked.
const SDN: &str = "/sdn";
/// Shows an object.
const AUDIT: &str = "SDN.Audit";
/// What every object of our networks needs.
const OURS: [&str; 2] = [Object::PRIVILEGE, AUDIT];

/// Returns the path of a zone.
fn zone_path(zone: &str) -> String {
    format!("{ZONES}/{zone}")
}

/// Returns the path of a vnet.
pub(crate) fn vnet_path(zone: &str, vnet: &str) -> String {
    format!("{ZONES}/{zone}/{vnet}")
}

/// Returns what VMs need, with what the document's networks need to be created, changed and removed.
///
/// On a path with an ACL entry PVE ignores the entries above, so each path below /sdn gets all that it
/// needs.
// PVE: facts-2, the table of privileges.
pub(crate) fn with_networks(needs: BTreeSet<Need>, networks: &[Network]) -> BTreeSet<Need> {
    if networks.is_empty() {
        return needs;
    }
    let mut all: BTreeSet<Need> = needs.into_iter().map(|need| placed(need, networks)).collect();
    let mut writes = false;
    for network in networks {
        let zone = zone_path(&network.zone);
        if !network.ty.is_made() && network.vnets.is_empty() {
            extend(&mut all, &zone, &[AUDIT]);
            continue;
        }
        writes = true;
        extend(&mut all, &zone, &OURS);
        for vnet in &network.vnets {
            extend(&mut all, &vnet_path(&network.zone, &vnet.vnet), &OURS);
        }
    }
    if writes {
        extend(&mut all, SDN, &OURS);
        // PVE: facts-2, 37: a vnet is removed only when no guest uses it.
        extend(&mut all, "/vms", &["VM.Audit"]);
        let seen: Vec<String> = all.iter().filter(|need| is_of_vnet(need)).map(path).collect();
        seen.iter().for_each(|path| extend(&mut all, path, &[AUDIT]));
    }
    all
}

fn path(need: &Need) -> String {
    need.path.clone()
}

/// Returns whether it is about a vnet or what may be one: what the token cannot see there would be
/// committed unseen. PVE: facts-2, 31.
fn is_of_vnet(need: &Need) -> bool {
    need.is_of_bridge() && !need.path.starts_with(&zone_path("localnetwork"))
}

/// Puts the zone of a vnet of these networks into the path.
fn placed(need: Need, networks: &[Network]) -> Need {
    let vnets = networks.iter().flat_map(|network| {
        network.vnets.iter().map(move |vnet| (&network.zone, vnet.vnet.as_str()))
    });
    let found = { vnets }.find(|(_, vnet)| may_be_vnet(vnet) && need.path == bridge_path(vnet));
    match found {
        Some((zone, vnet)) => Need { path: vnet_path(zone, vnet), ..need },
        None => need,
    }
}

/// Returns what a transaction needs.
pub(crate) fn of_transaction(transaction: &Transaction) -> BTreeSet<Need> {
    let mut all = BTreeSet::new();
    extend(&mut all, SDN, &OURS);
    for edit in &transaction.edits {
        let vnet = |vnet: &str| vnet_path(&edit.network, vnet);
        let path = match (edit.kind, edit.verb, &edit.vnet) {
            (Kind::Zone, EditVerb::Create, _) => ZONES.to_owned(),
            (Kind::Zone, _, _) | (Kind::Vnet, EditVerb::Create, _) => zone_path(&edit.network),
            (Kind::Subnet, _, Some(of)) => vnet(of),
            _ => vnet(&edit.id),
        };
        extend(&mut all, &path, &[Object::PRIVILEGE]);
    }
    all
}

/// Returns whether a path names no zone yet.
pub(super) fn is_placeholder(path: &str) -> bool {
    path.starts_with(&zone_path(ZONE_PLACEHOLDER))
}
