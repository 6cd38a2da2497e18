//! The options of a VM, as PVE's web UI calls them. Does no I/O.

use super::needs::on_vm;
use super::source;
use crate::kind::Kind;
use crate::need::{Need, On};
use crate::row::{Effect, Form, Key, Part};
use crate::rule;

const NEEDS: &[Need] = &[on_vm("VM.Config.Options")];

/// PVE: qemu-server, QemuServer.pm, vmconfig_update_agent: other options are pending.
///
/// PVE 9.2 calls it `freeze-fs`; every version accepts `freeze-fs-on-backup`.
pub(super) static AGENT: Key = Key::of(
    "agent",
    Form::Options {
        default: "enabled",
        bare: true,
        parts: &[
            Part::new("enabled", Kind::Flag, "Whether PVE uses the guest agent.")
                .required()
                .absent("0")
                .at_create("1"),
            Part::new(
                "fstrim_cloned_disks",
                Kind::Flag,
                "Whether the guest trims its disks after they were moved.",
            )
            .absent("0")
            .effect(Effect::Live),
            Part::new(
                "freeze-fs-on-backup",
                Kind::Flag,
                "Whether the guest's file systems are frozen when a backup or snapshot begins.",
            )
            .aliases(&["freeze-fs", "guest-fsfreeze"])
            .absent("1"),
            Part::new("type", Kind::Word(&["virtio", "isa"]), "The channel.").absent("virtio"),
        ],
    },
    NEEDS,
    "The guest agent.",
    "qemu-server, Agent.pm, agent_fmt; QemuServer.pm, vmconfig_update_agent",
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
    source::CONFDESC,
);

pub(super) static ONBOOT: Key = Key::scalar(
    Part::new("onboot", Kind::Flag, "Whether it starts with its node.")
        .absent("0")
        .at_create("1")
        .effect(Effect::Live),
    NEEDS,
    source::FAST_PLUG,
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
            Part::new(
                "up",
                Kind::Int(0, 4_294_967_295),
                "Seconds to wait before the next VM starts.",
            )
            .effect(Effect::Live),
            Part::new("down", Kind::Int(0, 4_294_967_295), "Seconds allowed for the shutdown.")
                .effect(Effect::Live),
        ],
    },
    &[on_vm("VM.Config.Options"), Need::new(On::Root, "Sys.Modify")],
    "When the VM starts and stops with its node.",
    "pve-common, JSONSchema.pm, pve_parse_startup_order",
)
.effect(Effect::Live);

pub(super) static PROTECTION: Key = Key::scalar(
    Part::new("protection", Kind::Flag, "Whether PVE refuses to remove the VM and its disks.")
        .absent("0")
        .effect(Effect::Live),
    NEEDS,
    source::FAST_PLUG,
);

pub(super) static DESCRIPTION: Key = Key::scalar(
    Part::new("description", Kind::Lines(&rule::NOTE), "The VM's notes in PVE.")
        .absent("")
        .effect(Effect::Live),
    NEEDS,
    source::FAST_PLUG,
);

pub(super) static MIGRATE_DOWNTIME: Key = Key::scalar(
    Part::new(
        "migrate_downtime",
        Kind::Decimal(0, i64::MAX),
        "Longest pause of the guest during a migration, in seconds.",
    )
    .absent("0.1")
    .effect(Effect::Live),
    NEEDS,
    source::FAST_PLUG,
);

pub(super) static MIGRATE_SPEED: Key = Key::scalar(
    Part::new(
        "migrate_speed",
        Kind::Int(0, i64::MAX),
        "Migration speed limit in MB per second; 0 means no limit.",
    )
    .absent("0")
    .effect(Effect::Live),
    NEEDS,
    source::FAST_PLUG,
);

pub(super) static VMSTATESTORAGE: Key = Key::scalar(
    Part::new(
        "vmstatestorage",
        Kind::Text(&rule::STORAGE),
        "The storage for the memory of snapshots and suspended VMs.",
    )
    .effect(Effect::Live),
    &[on_vm("VM.Config.Disk"), Need::new(On::Storage, "Datastore.AllocateSpace")],
    "qemu-server, API2/Qemu.pm, check_storage_access",
);
