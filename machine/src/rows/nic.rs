//! NICs. Does no I/O.

use super::on_vm;
use crate::kind::Kind;
use crate::row::{Effect, Feature, Form, Key, Need, On, Part};
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

pub(super) static NET: Key = Key::of(
    "net",
    Form::Nic(&[
        Part::new("model", Kind::Word(MODELS), "The device that the guest sees.")
            .at_create("virtio"),
        Part::new("macaddr", Kind::Mac, "Its MAC address.").also(&["mac"]),
        Part::new("bridge", Kind::Text(&rule::BRIDGE), "The bridge or vnet.").effect(Effect::Live),
        Part::new("tag", Kind::Int(1, 4094), "Its VLAN tag.").also(&["vlan"]).effect(Effect::Live),
    ]),
    &[on_vm("VM.Config.Network"), Need { on: On::Bridge, privilege: "SDN.Use" }],
    "A NIC.",
    "qemu-server, QemuServer/Network.pm, net_fmt",
)
.slots(32)
.new_slot(0)
.effect(PLUG);
