//! IDs and tags that two networks, vnets or subnets have in common. Does no I/O.

use super::Faults;
use crate::sdn::at::At;
use crate::sdn::config::Problem;
use crate::sdn::network::Network;
use crate::sdn::row::ZoneType;
use std::collections::BTreeMap;

pub(super) fn validate(networks: &[Network], faults: &mut Faults) {
    let zones = networks.iter().map(|network| (network.zone.as_str(), network.at));
    names("zone", zones, faults);
    let vnets = networks.iter().flat_map(|network| &network.vnets);
    names("vnet", vnets.map(|vnet| (vnet.vnet.as_str(), vnet.at)), faults);
    tags(networks, faults);
    for network in networks {
        subnets(network, faults);
    }
}

/// Reports IDs that are equal, or differ only in case: people and other tools take them for one.
fn names<'n>(noun: &str, names: impl Iterator<Item = (&'n str, At)>, faults: &mut Faults) {
    let mut seen: BTreeMap<String, (&str, At)> = BTreeMap::new();
    for (name, at) in names {
        let Some((first, first_at)) = seen.get(&name.to_lowercase()) else {
            seen.insert(name.to_lowercase(), (name, at));
            continue;
        };
        let fact = match *first == name {
            true => format!("{noun} \"{name}\" already exists"),
            false => format!("{noun} \"{name}\" differs from \"{first}\" only in case"),
        };
        let problem = Problem::error(None, "duplicate-value", fact);
        faults.push(at, problem.after(*first_at, None));
    }
}

/// Reports tags that are used twice. PVE: pve-network, VlanPlugin.pm, vnet_update_hook: a VLAN tag is
/// unique in its zone; VxlanPlugin.pm: a VNI is unique among all vxlan and evpn zones.
fn tags(networks: &[Network], faults: &mut Faults) {
    let mut seen: BTreeMap<(&str, u32), (&str, At)> = BTreeMap::new();
    // Without tags in simple zones, which is reported there.
    for network in networks.iter().filter(|network| network.ty != ZoneType::Simple) {
        let scope = if network.ty.has_vnis() { "" } else { network.zone.as_str() };
        for vnet in &network.vnets {
            let Some(tag) = vnet.config.number("tag") else { continue };
            let Some((first, first_at)) = seen.get(&(scope, tag)) else {
                seen.insert((scope, tag), (&vnet.vnet, vnet.at));
                continue;
            };
            let noun = if network.ty.has_vnis() { "VNI" } else { "VLAN tag" };
            let fact = format!("is {noun} {tag}, which vnet \"{first}\" already has");
            let problem = Problem::error("tag", "duplicate-value", fact);
            faults.push(vnet.at, problem.after(*first_at, Some("tag")));
        }
    }
}

/// PVE: facts-2, 6: the ID of a subnet has the zone and the CIDR, not the vnet.
fn subnets(network: &Network, faults: &mut Faults) {
    let mut seen: BTreeMap<String, At> = BTreeMap::new();
    for subnet in network.vnets.iter().flat_map(|vnet| &vnet.subnets) {
        let id = subnet.id(&network.zone);
        if let Some(first_at) = seen.get(&id) {
            let fact = format!("subnet {} already exists in this zone", subnet.cidr);
            let problem = Problem::error(None, "duplicate-value", fact);
            faults.push(subnet.at, problem.after(*first_at, None));
        } else {
            seen.insert(id, subnet.at);
        }
    }
}
