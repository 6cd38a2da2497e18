//! network-config, version 2: the VM's NICs. Does no I/O.

use crate::nic::{Gateway, Nic};
use serde::{Serialize, Serializer};
use std::net::{IpAddr, Ipv6Addr};

/// Not `default`: cloud-init 22.4.2 and 25.1.4 refuse that word in guests without netplan.
const DEFAULT_IPV4: &str = "0.0.0.0/0";
const DEFAULT_IPV6: &str = "::/0";

/// network-config as cloud-init reads it.
#[derive(Debug, Serialize)]
pub(crate) struct NetworkConfig {
    version: u8,
    ethernets: Ethernets,
}

/// Each NIC under its name, in the order of the slots.
#[derive(Debug)]
struct Ethernets(Vec<(String, Ethernet)>);

impl Serialize for Ethernets {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, nic)| (name, nic)))
    }
}

#[derive(Debug, Serialize)]
struct Ethernet {
    #[serde(rename = "match", skip_serializing_if = "Option::is_none")]
    matches: Option<Match>,
    #[serde(rename = "set-name", skip_serializing_if = "Option::is_none")]
    set_name: Option<String>,
    dhcp4: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    dhcp6: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    mtu: Option<u32>,
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
    via: IpAddr,
    #[serde(rename = "on-link", skip_serializing_if = "std::ops::Not::not")]
    on_link: bool,
}

/// Name servers and search domains of the guest.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Nameservers {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) search: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) addresses: Vec<String>,
}

/// Returns the network-config of a VM with these NICs.
///
/// It is never omitted, even without NICs: cloud-init would then use DHCP.
pub(crate) fn model(nics: Vec<Nic>, nameservers: Option<Nameservers>) -> NetworkConfig {
    // The NIC that leads to the name server; it may be unreachable from others.
    let leads_out = |nic: &Nic| nic.dhcp4 || nic.dhcp6 || !nic.gateways.is_empty();
    let resolving = nics.iter().position(leads_out).unwrap_or_default();
    let mut ethernets: Vec<_> = nics.into_iter().map(ethernet).collect();
    if let Some((_, nic)) = ethernets.get_mut(resolving) {
        nic.nameservers = nameservers;
    }
    NetworkConfig { version: 2, ethernets: Ethernets(ethernets) }
}

/// The name comes from the slot, so that it stays the same when other NICs are added or removed.
fn ethernet(nic: Nic) -> (String, Ethernet) {
    let name = format!("eth{}", nic.slot);
    let mut ethernet = Ethernet {
        // cloud-init's own renderers need the name too: without it they look for a NIC with this
        // MAC that is already called `eth0`, and ens18 stays down.
        set_name: nic.mac.is_some().then(|| name.clone()),
        matches: nic.mac.map(|macaddress| Match { macaddress }),
        dhcp4: nic.dhcp4,
        dhcp6: nic.dhcp6,
        mtu: nic.mtu,
        addresses: nic.addresses.iter().map(ToString::to_string).collect(),
        routes: Vec::new(),
        gateway6: None,
        nameservers: None,
    };
    for Gateway { address, on_link } in nic.gateways {
        match address {
            // Not a route to `::/0`: cloud-init 22.4.2 turns it into `::/64` in guests without
            // netplan. netplan calls this key deprecated, but obeys it.
            IpAddr::V6(via) if !on_link => ethernet.gateway6 = Some(via),
            via => {
                let to = if via.is_ipv4() { DEFAULT_IPV4 } else { DEFAULT_IPV6 };
                ethernet.routes.push(Route { to, via, on_link });
            }
        }
    }
    (name, ethernet)
}
