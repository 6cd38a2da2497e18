//! Rules for subnets. Does no I/O.

use super::{Faults, with_article};
use crate::sdn::config::Problem;
use crate::sdn::network::{Network, Subnet};
use crate::sdn::object::Object;
use crate::sdn::range;
use crate::sdn::row::ZoneType;
use ipnet::IpNet;
use std::net::IpAddr;

pub(super) fn validate(network: &Network, subnet: &Subnet, faults: &mut Faults) {
    host_bits(subnet, faults);
    gateway(network.ty, subnet, faults);
    for row in subnet.config.without_effect(Object::Subnet, network.ty) {
        // PVE: facts-2, 10. A VM or a router may be the gateway, so that alone is not a mistake.
        if row.part.name != "gateway" && !is_off(subnet, row.part.name) {
            let names: Vec<&str> = row.effective.iter().map(|zone| zone.name()).collect();
            let fact = format!(
                "has no effect in {} zone; PVE uses it only in {} zones",
                with_article(network.ty),
                names.join(" and ")
            );
            faults.refused(subnet.at, row.part.name, fact);
        }
    }
    if network.ty == ZoneType::Simple {
        ranges(network, subnet, faults);
    }
}

fn is_off(subnet: &Subnet, option: &str) -> bool {
    subnet.config.get(option) == Some("0")
}

/// PVE: facts-2, 9: it accepts host bits, and then has two subnets for the same network.
fn host_bits(subnet: &Subnet, faults: &mut Faults) {
    let network = subnet.cidr.trunc();
    if network != subnet.cidr {
        let fact = format!("subnet {} has host bits", subnet.cidr);
        let problem = Problem::error(None, "invalid-value", fact);
        faults.push(subnet.at, problem.hint(format!("write {network}")));
    }
}

fn gateway(ty: ZoneType, subnet: &Subnet, faults: &mut Faults) {
    let gateway = subnet.config.get("gateway").and_then(|text| text.parse::<IpAddr>().ok());
    let Some(gateway) = gateway else { return };
    // PVE: pve-network, SubnetPlugin.pm, on_update_hook: a point-to-point link.
    let is_link = gateway.is_ipv4() && subnet.cidr.prefix_len() == 32;
    if !subnet.cidr.contains(&gateway) && !is_link {
        let fact = format!("is {}", outside(&gateway, subnet.cidr));
        faults.push(subnet.at, Problem::error("gateway", "unusable-gateway", fact));
    } else if is_reserved(&gateway, subnet.cidr) {
        let fact =
            format!("is {gateway}, which is the network or broadcast address of {}", subnet.cidr);
        faults.push(subnet.at, Problem::error("gateway", "unusable-gateway", fact));
    }
    let row = Object::Subnet.row("gateway");
    if row.is_some_and(|row| !row.has_effect_in(ty)) {
        let zone = with_article(ty);
        let fact = format!("has no effect in {zone} zone: no node gets this address");
        faults.push(subnet.at, Problem::warning("gateway", "no-effect", fact));
    }
}

fn is_reserved(address: &IpAddr, subnet: IpNet) -> bool {
    let IpNet::V4(net) = subnet else { return false };
    let is = |other| *address == IpAddr::V4(other);
    net.prefix_len() < 31 && (is(net.network()) || is(net.broadcast()))
}

fn outside(address: &IpAddr, subnet: IpNet) -> String {
    format!("{address}, which is not in {subnet}")
}

/// PVE: pve-network, SubnetPlugin.pm, validate_dhcp_ranges.
fn ranges(network: &Network, subnet: &Subnet, faults: &mut Faults) {
    let text = subnet.config.get("dhcp-range").unwrap_or_default();
    let ranges: Vec<(IpAddr, IpAddr)> = text.lines().filter_map(range::parse).collect();
    for (index, (start, end)) in ranges.iter().enumerate() {
        if let Some(address) = [start, end].into_iter().find(|ip| !subnet.cidr.contains(*ip)) {
            let fact = format!("has {}", outside(address, subnet.cidr));
            faults.refused(subnet.at, "dhcp-range", fact);
        } else if start > end {
            let fact = format!("has a range from {start} that ends before it, at {end}");
            faults.refused(subnet.at, "dhcp-range", fact);
        } else if let Some((other, _)) =
            ranges.iter().take(index).find(|(first, last)| start <= last && first <= end)
        {
            let fact = format!("has ranges that overlap, from {other} and from {start}");
            faults.refused(subnet.at, "dhcp-range", fact);
        }
    }
    if !ranges.is_empty() && network.config.get("dhcp").is_none() {
        let fact = "has no effect: the zone has no `dhcp`";
        let problem = Problem::warning("dhcp-range", "no-effect", fact);
        faults.push(subnet.at, problem.hint("add `dhcp: dnsmasq` and `ipam: pve` to the zone"));
    }
}
