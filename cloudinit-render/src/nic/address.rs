//! Checks addresses and gateways. Does no I/O.

use ipnet::IpNet;
use stage::guest;
use std::net::IpAddr;

/// A default gateway.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Gateway {
    /// Its address.
    pub(crate) address: IpAddr,
    /// Whether it is outside the NIC's networks and reached directly on the link.
    pub(crate) on_link: bool,
}

/// Reads an address of a NIC.
pub(super) fn read(text: &str) -> Result<IpNet, String> {
    guest::interface(text).map_err(|fact| format!("\"{text}\" {fact}"))?;
    let net: IpNet = text.parse().map_err(|_| format!("\"{text}\" must be dhcp or an address"))?;
    if guest::host(net.addr(), net.prefix_len()).is_err() {
        return Err(format!("\"{text}\" is not a usable host address"));
    }
    Ok(net)
}

/// Returns whether one of the networks, all of the gateway's address family, contains it.
pub(super) fn is_reachable(gateway: IpAddr, nets: &[&IpNet]) -> Result<bool, String> {
    // IPv6 routers are commonly addressed by their link-local address, outside every network.
    if matches!(gateway, IpAddr::V6(v6) if v6.is_unicast_link_local()) {
        return Ok(true);
    }
    let around = nets.iter().find(|net| net.contains(&gateway));
    // The network address of an IPv6 network belongs to its routers: RFC 4291, 2.6.1.
    let prefix_len = around.map_or(IpNet::from(gateway).prefix_len(), |net| net.prefix_len());
    let is_router = around.is_some() && gateway.is_ipv6();
    if !is_router && guest::host(gateway, prefix_len).is_err() {
        return Err("is not a usable host address".to_owned());
    }
    Ok(around.is_some())
}
