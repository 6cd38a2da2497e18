//! NICs. Does no I/O.

use super::needs::on_vm;
use crate::kind::Kind;
use crate::need::{Need, On};
use crate::row::{Effect, Feature, Form, Key, Part};
use crate::rule;

const MODELS: &[&str] = &[
    "e1000",
    "e1000-82540em",
    "e1000-82544gc",
    "e1000-82545em",
    "e1000e",
    "i82551",
    "i82557b",
    "i82559er",
    "ne2k_isa",
    "ne2k_pci",
    "pcnet",
    "rtl8139",
    "virtio",
    "vmxnet3",
];

const PLUG: Effect = Effect::Plug(Feature::Network);

/// PVE: qemu-server, QemuServer.pm, vmconfig_update_net: a change of the device replugs it, other
/// changes apply on the host.
const PARTS: &[Part] = &[
    Part::new("model", Kind::Word(MODELS), "The device that the guest sees.")
        .required()
        .at_create("virtio")
        .effect(PLUG),
    Part::new("macaddr", Kind::Mac, "Its MAC address.").aliases(&["mac"]).effect(PLUG),
    Part::new("bridge", Kind::Text(&rule::BRIDGE), "The bridge or vnet.").effect(Effect::Live),
    Part::new("tag", Kind::Int(1, 4094), "Its VLAN tag.").aliases(&["vlan"]).effect(Effect::Live),
    Part::new("trunks", Kind::Set(';', &rule::RANGE), "VLAN tags that the guest may use itself.")
        .effect(Effect::Live),
    Part::new("firewall", Kind::Flag, "Whether PVE's firewall filters it.")
        .absent("0")
        .effect(Effect::Live),
    Part::new("link_down", Kind::Flag, "Whether the link is down.")
        .absent("0")
        .effect(Effect::Live),
    Part::new("mtu", Kind::Int(1, 65_520), "Its MTU in bytes; 1 means the bridge's MTU.")
        .effect(PLUG),
    Part::new("queues", Kind::Int(0, 64), "Number of queues.").effect(PLUG),
    Part::new("rate", Kind::Decimal(0, i64::MAX), "Rate limit in MB per second.")
        .effect(Effect::Live),
    // PVE stores it immediately, but the device gets it only when it is replugged.
    Part::new("host-tunnel", Kind::Flag, "Whether the host offers GSO over UDP tunnels.")
        .since(9, 2),
];

pub(super) static NET: Key = Key::of(
    "net",
    Form::Nic(PARTS),
    &[on_vm("VM.Config.Network"), Need::new(On::Bridge, "SDN.Use")],
    "A NIC.",
    "qemu-server, Network.pm, net_fmt; QemuServer.pm, vmconfig_update_net",
)
.slots(32)
.new_slot(0)
.effect(PLUG);
