//! The rows: options of zones, vnets and subnets. Does no I/O.

use super::row::{Change, Row, ZoneType};
use super::rule::{ALIAS, DHCP_RANGE, FABRIC, NODE, SERVICE};
use crate::kind::Kind;
use crate::row::Part;
use crate::rule::{ADDRESS, BRIDGE, DOMAIN};
use ZoneType::{Evpn, Qinq, Simple, Vlan, Vxlan};

const ALL: &[ZoneType] = &ZoneType::ALL;
/// Zones that pve-apply creates; the others have no options here.
const MADE: &[ZoneType] = &[Simple, Vlan, Vxlan];

/// Options of a zone.
pub static ZONE: &[Row] = &[
    Row::new(
        Part::new("bridge", Kind::Text(&BRIDGE), "The bridge of each node that carries the VLANs."),
        &[Vlan],
        "Zones/VlanPlugin.pm, options",
    )
    .required(&[Vlan]),
    Row::new(
        Part::new(
            "bridge-disable-mac-learning",
            Kind::Flag,
            "Whether the vnets' bridges learn no MAC addresses.",
        ),
        &[Vlan],
        "Zones/VlanPlugin.pm, options",
    ),
    Row::new(
        Part::new("dhcp", Kind::Word(&["dnsmasq"]), "The DHCP server, which each node must have."),
        &[Simple],
        "Zones/SimplePlugin.pm, options",
    ),
    Row::new(
        Part::new("dns", Kind::Text(&SERVICE), "The DNS server that PVE registers names in."),
        MADE,
        "Zones/SimplePlugin.pm, properties",
    ),
    Row::new(
        Part::new("dnszone", Kind::Text(&DOMAIN), "The domain of those names; requires `dns`."),
        MADE,
        "API2/Network/SDN/Zones.pm, create",
    ),
    Row::new(
        Part::new("fabric", Kind::Text(&FABRIC), "The fabric that connects the nodes.").since(9, 0),
        &[Vxlan],
        "Zones/VxlanPlugin.pm, on_update_hook",
    ),
    Row::new(
        Part::new("ipam", Kind::Text(&SERVICE), "The IPAM that assigns addresses, such as pve."),
        MADE,
        "API2/Network/SDN/Zones.pm, update",
    )
    .change(Change::WithoutSubnets),
    Row::new(
        Part::new("mtu", Kind::Int(576, 65_520), "MTU of the vnets in bytes."),
        MADE,
        "Zones/QinQPlugin.pm, properties; Zones/VxlanPlugin.pm, generate_sdn_config",
    ),
    Row::new(
        Part::new(
            "nodes",
            Kind::Set(',', &NODE),
            "The nodes that have the zone, by their names in PVE; without it, all nodes.",
        ),
        MADE,
        "Zones/Plugin.pm, propertyList",
    ),
    Row::new(
        Part::new(
            "peers",
            Kind::Set(',', &ADDRESS),
            "The addresses of the nodes that the tunnels connect.",
        ),
        &[Vxlan],
        "Zones/VxlanPlugin.pm, on_update_hook",
    )
    .addresses(),
    Row::new(
        Part::new("reversedns", Kind::Text(&SERVICE), "The DNS server for reverse lookups."),
        MADE,
        "Zones/SimplePlugin.pm, properties",
    ),
    Row::new(
        Part::new("vxlan-port", Kind::Int(1, 65_535), "UDP port of the tunnels.").absent("4789"),
        &[Vxlan],
        "Zones/VxlanPlugin.pm, properties",
    ),
];

/// Options of a vnet.
pub static VNET: &[Row] = &[
    Row::new(
        Part::new(
            "alias",
            Kind::Text(&ALIAS),
            "Description of the vnet; pve-apply adds its mark to it.",
        ),
        ALL,
        "VnetPlugin.pm, properties",
    ),
    Row::new(
        Part::new("isolate-ports", Kind::Flag, "Whether VMs on the vnet cannot reach each other."),
        ALL,
        "VnetPlugin.pm, properties",
    ),
    Row::new(
        Part::new(
            "tag",
            Kind::Int(1, 16_777_215),
            "VNI in a vxlan or evpn zone; VLAN tag, 1 to 4094, in a vlan or qinq zone.",
        ),
        &[Vlan, Vxlan, Qinq, Evpn],
        "Zones/VlanPlugin.pm, Zones/VxlanPlugin.pm and Zones/SimplePlugin.pm, vnet_update_hook",
    )
    .required(&[Vlan, Vxlan, Evpn]),
    Row::new(
        Part::new("vlanaware", Kind::Flag, "Whether NICs on the vnet may have VLAN tags."),
        ALL,
        "VnetPlugin.pm, on_update_hook",
    ),
];

/// Options of a subnet. PVE: facts-2, 10: it accepts all of them in every zone type.
pub static SUBNET: &[Row] = &[
    Row::new(
        Part::new("dhcp-dns-server", Kind::Text(&ADDRESS), "The DNS server for DHCP clients."),
        ALL,
        "Dhcp/Dnsmasq.pm, configure_subnet",
    )
    .addresses()
    .effective(&[Simple]),
    Row::new(
        Part::new(
            "dhcp-range",
            Kind::Set('\n', &DHCP_RANGE),
            "Ranges of addresses for DHCP clients, each with start-address and end-address.",
        ),
        ALL,
        "SubnetPlugin.pm, validate_dhcp_ranges",
    )
    .effective(&[Simple]),
    Row::new(
        Part::new("dnszoneprefix", Kind::Text(&DOMAIN), "Prefix of the zone's `dnszone`."),
        ALL,
        "SubnetPlugin.pm, properties",
    ),
    Row::new(
        Part::new(
            "gateway",
            Kind::Text(&ADDRESS),
            "Gateway; each node gets this address in simple and evpn zones.",
        ),
        ALL,
        "SubnetPlugin.pm, on_update_hook; Zones/SimplePlugin.pm, generate_sdn_config",
    )
    .addresses()
    .effective(&[Simple, Evpn]),
    Row::new(
        Part::new("snat", Kind::Flag, "Whether nodes translate the addresses of outgoing packets."),
        ALL,
        "Zones/SimplePlugin.pm, generate_sdn_config",
    )
    .effective(&[Simple, Evpn]),
];

impl Row {
    const fn new(part: Part, zones: &'static [ZoneType], source: &'static str) -> Self {
        let change = Change::InPlace;
        Self { part, zones, effective: zones, required: &[], change, source, addresses: false }
    }

    const fn required(mut self, zones: &'static [ZoneType]) -> Self {
        self.required = zones;
        self
    }

    const fn effective(mut self, zones: &'static [ZoneType]) -> Self {
        self.effective = zones;
        self
    }

    const fn change(mut self, change: Change) -> Self {
        self.change = change;
        self
    }

    const fn addresses(mut self) -> Self {
        self.addresses = true;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Object, refusal};

    #[test]
    fn rows_are_sorted_and_not_refused() {
        for object in [Object::Zone, Object::Vnet, Object::Subnet] {
            let rows = object.rows();
            assert!(rows.is_sorted_by(|a, b| a.part.name < b.part.name), "{object:?}");
            for row in rows {
                assert_eq!(refusal(object, row.part.name), None);
                let among = |zones: &[_]| zones.iter().all(|zone| row.is_accepted_in(*zone));
                assert!(among(row.effective) && among(row.required), "{}", row.part.name);
            }
        }
    }
}
