//! Memory. Does no I/O.

use super::needs::on_vm;
use super::source;
use crate::kind::Kind;
use crate::need::Need;
use crate::row::{Effect, Feature, Form, Key, Part};

const NEEDS: &[Need] = &[on_vm("VM.Config.Memory")];

/// PVE sets no limit; this is the most that it can hotplug.
const MAX_MIB: i64 = 4_178_944;

pub(super) static MEMORY: Key = Key::of(
    "memory",
    Form::Options {
        default: "current",
        bare: true,
        parts: &[Part::new("current", Kind::Int(16, MAX_MIB), "Memory in MiB.")
            .required()
            .absent("512")
            .effect(Effect::Plug(Feature::Memory))],
    },
    NEEDS,
    "Memory in MiB.",
    "qemu-server, Memory.pm, memory_fmt",
)
.effect(Effect::Plug(Feature::Memory));

/// A change to or from 0 changes the device: qemu-server, QemuServer.pm, vmconfig_hotplug_pending.
pub(super) static BALLOON: Key = Key::scalar(
    Part::new(
        "balloon",
        Kind::Int(0, MAX_MIB),
        "Memory in MiB that the guest keeps when the host runs short; 0 disables ballooning.",
    )
    .effect(Effect::Live)
    .restarts(&["0"]),
    NEEDS,
    "qemu-server, QemuServer.pm, vmconfig_hotplug_pending",
);

pub(super) static SHARES: Key = Key::scalar(
    Part::new(
        "shares",
        Kind::Int(0, 50_000),
        "The VM's share when the host returns memory; 0 turns automatic ballooning off.",
    )
    .absent("1000")
    .effect(Effect::Live),
    NEEDS,
    "qemu-server, QemuServer.pm, fast_plug_option",
);

pub(super) static ALLOW_KSM: Key = Key::scalar(
    Part::new("allow-ksm", Kind::Flag, "Whether identical pages of VMs are merged (KSM).")
        .absent("1")
        .since(9, 1),
    NEEDS,
    source::CONFDESC,
);
