//! Whether a VM's address can work: inside its net, and its gateway with it. Does no I/O.

use crate::site::{Machine, Site, Slot};
use ipnet::IpNet;
use stage::{Entry, Report};
use std::net::IpAddr;

/// Reports an address that cannot work.
pub(super) fn check(
    site: &Site<'_>,
    machine: &Machine,
    ip: &Slot<String>,
    gateway: &Slot<String>,
    report: &mut Report,
) {
    let Some((text, at)) = ip.set() else { return };
    let Ok(net) = text.parse::<IpNet>() else { return };
    if let Some(fact) = unusable(&net) {
        let entry = site.sources.error(at, format!("{text} {fact}"));
        report.push(whose(site, machine, ip, entry));
    }
    let Some((gateway, gateway_at)) = gateway.set() else { return };
    let Ok(address) = gateway.parse::<IpAddr>() else { return };
    // IPv6: a net's own address is its routers' (RFC 4291, 2.6.1).
    let of_net = IpNet::new(address, net.prefix_len()).ok().filter(|_| address.is_ipv4());
    let fact = if address == net.addr() {
        format!("{text} is the address of its own gateway")
    } else if let Some(fact) = of_net.as_ref().and_then(unusable) {
        format!("the gateway {gateway} of {text} {fact}")
    } else if !net.contains(&address) && !is_link_local(&net, &address) {
        format!("{text} is outside the net of its gateway {gateway}")
    } else {
        return;
    };
    let entry = site.sources.error(at, fact);
    let entry = whose(site, machine, ip, entry);
    let entry = match machine.layer.gateway.at() {
        Some(own) if own == gateway_at => entry,
        _ => entry.note(format!("`gateway` comes from {}", site.sources.short(gateway_at))),
    };
    report.push(entry.hint("set `gateway` to one in the VM's net, or to null for none"));
}

/// Every IPv6 link has fe80::/10 besides its nets: routers are often named by it.
fn is_link_local(net: &IpNet, gateway: &IpAddr) -> bool {
    let IpAddr::V6(gateway) = gateway else { return false };
    matches!(net, IpNet::V6(_)) && gateway.is_unicast_link_local()
}

/// An address that a template gives names the VM too.
fn whose(site: &Site<'_>, machine: &Machine, ip: &Slot<String>, entry: Entry) -> Entry {
    if machine.layer.ip.at() == ip.at() {
        return entry;
    }
    entry.note(format!("{} has it from here: {}", machine.title(), site.sources.short(machine.at)))
}

/// A host must have neither its net's first nor its last address, of which IPv6 has no last.
fn unusable(net: &IpNet) -> Option<&'static str> {
    let address = net.addr();
    if address.is_unspecified() || address.is_multicast() || address.is_loopback() {
        return Some("is no address for a VM");
    }
    if net.prefix_len() + 1 >= net.max_prefix_len() {
        return None;
    }
    if address == net.network() {
        return Some("is the address of the net itself");
    }
    let last = address.is_ipv4() && address == net.broadcast();
    last.then_some("is the broadcast address of its net")
}
