//! Networks: zones of PVE's software-defined networking with their vnets and subnets.

use crate::shape::Type::{Either, Filled, Keyed, Number, Object, Text, Word};
use crate::shape::{EMPTY, Field, Shape, rule};
use machine::sdn::rule::{CIDR, VNET_ID, ZONE_ID};
use machine::sdn::{Object as Sdn, ZoneType};

/// `networks/*.yaml`.
pub(crate) static NETWORK: Shape = Shape {
    title: "a network",
    fields: &[
        Field::new(
            "type",
            Word(ZoneType::NAMES),
            "The zone's type; pve-apply creates simple, vlan and vxlan zones, others must exist [default: vxlan with `vnet_id`].",
        ),
        Field::new(
            "peers",
            Either(&Text(&rule::PEERS), &Filled(&Text(&rule::ADDRESS))),
            "The addresses of the nodes that the tunnels connect; nodes for the `ip` of every node of the cluster in nodes/. Only in vxlan zones.",
        ),
        Field::new("vnets", Keyed(&VNET_ID, &Object(&VNET)), "The vnets."),
        Field::new(
            "zone_id",
            Text(&ZONE_ID),
            "Short form: the zone's ID, which must equal the file name.",
        ),
        Field::new("vnet_id", Text(&VNET_ID), "Short form: the ID of the only vnet."),
        Field::new(
            "vxlan_tag",
            Number(1, 16_777_215),
            "Short form: that vnet's `tag` [default: 100].",
        ),
        Field::new("subnet_cidr", Text(&CIDR), "Short form: that vnet's only subnet."),
        Field::new("subnet_gateway", Text(&rule::ADDRESS), "Short form: that subnet's `gateway`."),
    ],
    options: Some(Sdn::Zone),
    any_of: &["type", "vnet_id"],
    exclusive: &[&["vnets", "vnet_id"]],
    ..EMPTY
};

/// An entry of `vnets`.
static VNET: Shape = Shape {
    title: "a vnet",
    fields: &[Field::new("subnets", Keyed(&CIDR, &Object(&SUBNET)), "The subnets.")],
    options: Some(Sdn::Vnet),
    ..EMPTY
};

/// An entry of `subnets`.
static SUBNET: Shape = Shape { title: "a subnet", options: Some(Sdn::Subnet), ..EMPTY };
