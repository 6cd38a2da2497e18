//! Memory. Does no I/O.

use super::on_vm;
use crate::kind::Kind;
use crate::row::{Effect, Feature, Form, Key, Part};

pub(super) static MEMORY: Key = Key::of(
    "memory",
    Form::Options {
        default: "current",
        bare: true,
        parts: &[Part::new("current", Kind::Int(16, 4_178_944), "MiB.")
            .absent("512")
            .effect(Effect::Plug(Feature::Memory))],
    },
    &[on_vm("VM.Config.Memory")],
    "Memory in MiB.",
    "qemu-server, QemuServer/Memory.pm",
);
