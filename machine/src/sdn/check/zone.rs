//! Rules for zones. Does no I/O.

use super::{Faults, with_article};
use crate::sdn::config::Problem;
use crate::sdn::network::Network;
use crate::sdn::object::Object;
use crate::sdn::row::{Row, ZoneType};

pub(super) fn validate(network: &Network, faults: &mut Faults) {
    let Network { at, ty, config, .. } = network;
    for (row, _) in config.rows(Object::Zone) {
        if !row.is_accepted_in(*ty) {
            faults.refused(*at, row.part.name, not_accepted(row, *ty));
        }
    }
    if !ty.is_made() {
        return;
    }
    for row in Object::Zone.rows().iter().filter(|row| row.required.contains(ty)) {
        if config.get(row.part.name).is_none() {
            let fact = format!("{} zone requires `{}`", with_article(*ty), row.part.name);
            faults.push(*at, Problem::error(None, "missing-field", fact));
        }
    }
    if *ty == ZoneType::Vxlan {
        underlay(network, faults);
    }
    // PVE: pve-network, API2/Network/SDN/Zones.pm: `missing dns server`.
    if config.get("dnszone").is_some() && config.get("dns").is_none() {
        faults.refused(*at, "dnszone", "requires `dns`");
    }
    // PVE: pve-network, Vnets.pm, add_next_free_cidr: without an IPAM no address is assigned.
    if *ty == ZoneType::Simple && config.get("dhcp").is_some() && config.get("ipam").is_none() {
        let fact = "has no effect without `ipam`: no guest gets an address";
        let problem = Problem::warning("dhcp", "no-effect", fact);
        faults.push(*at, problem.hint("add `ipam: pve`"));
    }
}

/// PVE: facts-2, 3.
fn underlay(network: &Network, faults: &mut Faults) {
    match (network.config.get("peers"), network.config.get("fabric")) {
        (Some(_), Some(_)) => {
            let fact = "cannot be combined with `peers`";
            faults.push(network.at, Problem::error("fabric", "exclusive-keys", fact));
        }
        (None, None) => {
            let fact = "a vxlan zone requires `peers` or `fabric`";
            let problem = Problem::error(None, "missing-field", fact);
            let hint = "`peers: nodes` takes the addresses in nodes/";
            faults.push(network.at, problem.hint(hint));
        }
        _ => {}
    }
}

fn not_accepted(row: &Row, ty: ZoneType) -> String {
    if !ty.is_made() {
        return format!("cannot be set: pve-apply uses {ty} zones but does not create them");
    }
    let names: Vec<&str> = row.zones.iter().map(|zone| zone.name()).collect();
    format!("is for {} zones, but this one is {ty}", names.join(" and "))
}
