//! Addresses and gateways that can work. Does no I/O.

use ipnet::IpNet;
use stage::guest;
use std::net::IpAddr;

/// A default gateway.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Gateway {
    /// Its address.
    pub(crate) address: IpAddr,
    /// It is in none of the NIC's nets, and reached on the link all the same.
    pub(crate) on_link: bool,
}

/// Reads an address of a NIC.
pub(super) fn read(text: &str) -> Result<IpNet, String> {
    guest::interface(text).map_err(|fact| format!("\"{text}\" {fact}"))?;
    let net: IpNet = text.parse().map_err(|_| format!("\"{text}\" must be dhcp or an address"))?;
    if !is_host(&net) {
        return Err(format!("\"{text}\" is not a usable host address"));
    }
    Ok(net)
}

/// Returns whether a gateway can be reached through one of the nets, all of its address family.
pub(super) fn is_reachable(gateway: IpAddr, nets: &[&IpNet]) -> Result<bool, String> {
    // An IPv6 router is commonly known by its link-local address, outside of every net.
    if matches!(gateway, IpAddr::V6(v6) if v6.is_unicast_link_local()) {
        return Ok(true);
    }
    let around = nets.iter().find(|net| net.contains(&gateway));
    // An IPv6 net's own address is its routers': RFC 4291, 2.6.1.
    let prefix = around.map_or(gateway_bits(gateway), |net| net.prefix_len());
    let as_host = IpNet::new(gateway, prefix);
    let is_router = around.is_some() && gateway.is_ipv6();
    if !is_router && !as_host.is_ok_and(|gateway| is_host(&gateway)) {
        return Err("is not a usable host address".to_owned());
    }
    Ok(around.is_some())
}

fn gateway_bits(gateway: IpAddr) -> u8 {
    if gateway.is_ipv4() { 32 } else { 128 }
}

/// Returns whether a machine can have the address: it is neither the network's own nor its broadcast.
fn is_host(net: &IpNet) -> bool {
    let address = net.addr();
    let taken = net.prefix_len() < net.max_prefix_len() - 1
        && (address == net.network() || (address.is_ipv4() && address == net.broadcast()));
    !(taken || address.is_unspecified() || address.is_loopback() || address.is_multicast())
}
