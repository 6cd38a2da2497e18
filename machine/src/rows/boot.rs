//! How a VM boots, and what it talks through. Does no I/O.

use super::on_vm;
use crate::kind::Kind;
use crate::row::{Form, Key, Part};
use crate::rule;

pub(super) static BOOT: Key = Key::of(
    "boot",
    Form::Options {
        default: "legacy",
        bare: false,
        parts: &[Part::new("order", Kind::List(';', &rule::BOOT_DEVICE), "What it boots from.")],
    },
    &[on_vm("VM.Config.Disk")],
    "What the VM boots from.",
    "qemu-server, QemuServer.pm, boot_fmt",
);

/// Debian's cloud kernel finds no disk behind PVE's default controller (facts 58).
pub(super) static SCSIHW: Key = Key::scalar(
    Part::new(
        "scsihw",
        Kind::Word(&[
            "lsi",
            "lsi53c810",
            "virtio-scsi-pci",
            "virtio-scsi-single",
            "megasas",
            "pvscsi",
        ]),
        "The SCSI controller.",
    )
    .absent("lsi")
    .at_create("virtio-scsi-single"),
    &[on_vm("VM.Config.HWType")],
    "qemu-server, QemuServer.pm, confdesc",
);

/// Debian 12's cloud image panics at its first boot without one.
pub(super) static SERIAL: Key = Key::scalar(
    Part::new("serial", Kind::Word(&["socket"]), "A serial port.").at_create("socket"),
    &[on_vm("VM.Config.HWType")],
    "qemu-server, QemuServer.pm, confdesc",
)
.slots(4)
.new_slot(0);
