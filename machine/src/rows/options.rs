//! What PVE calls a VM's options. Does no I/O.

use super::on_vm;
use crate::kind::Kind;
use crate::row::{Effect, Form, Key, Need, On, Part};

const NEEDS: &[Need] = &[on_vm("VM.Config.Options")];

pub(super) static AGENT: Key = Key::of(
    "agent",
    Form::Options {
        default: "enabled",
        bare: true,
        parts: &[
            Part::new("enabled", Kind::Flag, "Whether PVE talks to the guest agent.")
                .absent("0")
                .at_create("1"),
            Part::new("type", Kind::Word(&["virtio", "isa"]), "The channel.").absent("virtio"),
        ],
    },
    NEEDS,
    "The guest agent.",
    "qemu-server, QemuServer/Agent.pm, agent_fmt",
);

pub(super) static OSTYPE: Key = Key::scalar(
    Part::new(
        "ostype",
        Kind::Word(&[
            "other", "wxp", "w2k", "w2k3", "w2k8", "wvista", "win7", "win8", "win10", "win11",
            "l24", "l26", "solaris",
        ]),
        "The guest's operating system.",
    )
    .absent("other")
    .at_create("l26"),
    NEEDS,
    "qemu-server, QemuServer.pm, confdesc",
);

pub(super) static ONBOOT: Key = Key::scalar(
    Part::new("onboot", Kind::Flag, "Whether it starts with its node.")
        .absent("0")
        .at_create("1")
        .effect(Effect::Live),
    NEEDS,
    "qemu-server, QemuServer.pm, confdesc",
);

/// PVE: pve-common, JSONSchema.pm, pve_parse_startup_order.
pub(super) static STARTUP: Key = Key::of(
    "startup",
    Form::Options {
        default: "order",
        bare: false,
        parts: &[
            Part::new("order", Kind::Int(0, 4_294_967_295), "Lower numbers start first.")
                .effect(Effect::Live),
            Part::new("up", Kind::Int(0, 4_294_967_295), "Seconds until the next one is started.")
                .effect(Effect::Live),
            Part::new("down", Kind::Int(0, 4_294_967_295), "Seconds that it has to shut down.")
                .effect(Effect::Live),
        ],
    },
    &[on_vm("VM.Config.Options"), Need { on: On::Root, privilege: "Sys.Modify" }],
    "When the VM starts and stops with its node.",
    "pve-common, JSONSchema.pm, pve_parse_startup_order",
)
.effect(Effect::Live);
