//! network-config, version 2: the VM's one NIC. Does no I/O.

use crate::additions::Additions;
use ipnet::IpNet;
use serde::Serialize;
use stage::Vm;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How the VM gets its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    /// From a DHCP server.
    Dhcp,
    /// From the document.
    Static {
        /// Address and prefix.
        net: IpNet,
        /// Default gateway.
        gateway: Option<IpAddr>,
    },
}

/// What is wrong, and with which field of the VM.
type Problem = (&'static str, String);

impl Address {
    /// Reads `ip` and `gateway` of a VM.
    pub(crate) fn read(vm: &Vm) -> Result<Self, Problem> {
        // A gateway beside DHCP is what a site's default leaves there; it means nothing.
        if vm.ip == "dhcp" || vm.ip.is_empty() {
            return Ok(Self::Dhcp);
        }
        let shape = || {
            let fact = "must be dhcp or an address with its prefix, such as 10.0.12.124/24";
            ("ip", format!("\"{}\" {fact}", vm.ip))
        };
        let net: IpNet = vm.ip.parse().map_err(|_| shape())?;
        if !is_host(&net) {
            return Err(("ip", format!("\"{}\" is no address that a machine can have", vm.ip)));
        }
        let Some(text) = vm.gateway.as_deref().filter(|text| !text.is_empty()) else {
            return Ok(Self::Static { net, gateway: None });
        };
        let gateway: IpAddr = text.parse().map_err(|_| {
            ("gateway", format!("\"{text}\" must be an IP address without a prefix"))
        })?;
        // An IPv6 router is commonly known by its link-local address, outside of every net.
        let link_local = matches!(gateway, IpAddr::V6(v6) if v6.is_unicast_link_local());
        let reached = net.contains(&gateway) || (link_local && net.addr().is_ipv6());
        if !reached {
            return Err(("gateway", format!("\"{text}\" is outside of {}", net.trunc())));
        }
        if gateway == net.addr() {
            return Err(("gateway", format!("\"{text}\" is the VM's own address")));
        }
        // An IPv6 net's own address is its routers': RFC 4291, 2.6.1.
        let as_host = IpNet::new(gateway, net.prefix_len());
        if gateway.is_ipv4() && as_host.is_ok_and(|gateway| !is_host(&gateway)) {
            return Err(("gateway", format!("\"{text}\" is no address that a machine can have")));
        }
        Ok(Self::Static { net, gateway: Some(gateway) })
    }
}

/// Says whether the address can be a machine's: neither the net's own nor its broadcast.
fn is_host(net: &IpNet) -> bool {
    let address = net.addr();
    let taken = net.prefix_len() < net.max_prefix_len() - 1
        && (address == net.network() || (address.is_ipv4() && address == net.broadcast()));
    !(taken || address.is_unspecified() || address.is_loopback() || address.is_multicast())
}

/// Not `default`: cloud-init 22.4.2 and 25.1.4 refuse that word where the guest has no netplan.
const DEFAULT_IPV4: &str = "0.0.0.0/0";

/// network-config as cloud-init reads it.
#[derive(Debug, Serialize)]
pub(crate) struct NetworkConfig {
    version: u8,
    ethernets: Ethernets,
}

#[derive(Debug, Serialize)]
struct Ethernets {
    eth0: Ethernet,
}

#[derive(Debug, Serialize)]
struct Ethernet {
    #[serde(rename = "match", skip_serializing_if = "Option::is_none")]
    matches: Option<Match>,
    #[serde(rename = "set-name", skip_serializing_if = "Option::is_none")]
    set_name: Option<&'static str>,
    dhcp4: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    addresses: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    routes: Vec<Route>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gateway6: Option<Ipv6Addr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nameservers: Option<Nameservers>,
}

#[derive(Debug, Serialize)]
struct Match {
    macaddress: String,
}

#[derive(Debug, Serialize)]
struct Route {
    to: &'static str,
    via: Ipv4Addr,
}

#[derive(Debug, Serialize)]
struct Nameservers {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    search: Vec<String>,
    addresses: Vec<String>,
}

/// Returns the VM's network-config.
pub(crate) fn model(vm: &Vm, address: Address, additions: &Additions) -> NetworkConfig {
    let mut eth0 = Ethernet {
        // Without a MAC: the interface that is called eth0, as in Debian's cloud images.
        matches: None,
        set_name: None,
        dhcp4: address == Address::Dhcp,
        addresses: Vec::new(),
        routes: Vec::new(),
        gateway6: None,
        nameservers: nameservers(additions),
    };
    if !vm.mac.is_empty() {
        eth0.matches = Some(Match { macaddress: vm.mac.to_ascii_lowercase() });
        // cloud-init's own renderers match by this name too: without it they would look for
        // a NIC that is called `eth0` and has the MAC, and ens18 would stay down.
        eth0.set_name = Some("eth0");
    }
    if let Address::Static { net, gateway } = address {
        eth0.addresses.push(net.to_string());
        match gateway {
            Some(IpAddr::V4(via)) => eth0.routes.push(Route { to: DEFAULT_IPV4, via }),
            // Not a route to `::/0`: cloud-init 22.4.2 makes `::/64` of it where the guest
            // has no netplan. netplan calls this key deprecated and obeys it.
            Some(IpAddr::V6(via)) => eth0.gateway6 = Some(via),
            None => {}
        }
    }
    NetworkConfig { version: 2, ethernets: Ethernets { eth0 } }
}

fn nameservers(additions: &Additions) -> Option<Nameservers> {
    if additions.dns_servers.is_empty() {
        return None;
    }
    let search = additions.domain.iter().cloned().collect();
    Some(Nameservers { search, addresses: additions.dns_servers.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(ip: &str, gateway: Option<&str>, expected: Result<bool, &str>) {
        let vm = Vm { ip: ip.into(), gateway: gateway.map(Into::into), ..Vm::default() };
        let address = Address::read(&vm);
        let kind = address.map(|address| address != Address::Dhcp).map_err(|(field, _)| field);
        assert_eq!(kind, expected, "{ip} {gateway:?}");
    }

    #[test]
    fn addresses() {
        check("dhcp", Some("10.0.0.1"), Ok(false));
        check("", None, Ok(false));
        check("10.0.0.5/24", None, Ok(true));
        check("10.0.0.5/24", Some("10.0.0.1"), Ok(true));
        check("10.0.0.0/31", Some("10.0.0.1"), Ok(true));
        check("10.0.0.5/32", None, Ok(true));
        check("fd00::5/64", Some("fd00::1"), Ok(true));
        check("fd00::5/64", Some("fe80::1"), Ok(true));
        check("fd00::5/64", Some("fd00::"), Ok(true));
        for ip in [
            "DHCP",
            "10.0.0.5",
            "10.0.0.256/24",
            "10.0.0.5/33",
            "10.0.0.0/24",
            "10.0.0.255/24",
            "0.0.0.0/0",
            "127.0.0.1/8",
            "224.0.0.5/4",
            "fd00::/64",
            "10.0.0.5/24\n",
            "１0.0.0.5/24",
        ] {
            check(ip, None, Err("ip"));
        }
        for gateway in [
            "10.0.1.1",
            "10.0.0.5",
            "10.0.0.1/24",
            "fe80::1",
            "gw",
            "0.0.0.0",
            "10.0.0.0",
            "10.0.0.255",
        ] {
            check("10.0.0.5/24", Some(gateway), Err("gateway"));
        }
    }
}
