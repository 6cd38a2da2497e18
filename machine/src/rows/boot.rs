//! Boot, firmware, machine type and console. Does no I/O.

use super::needs::on_vm;
use super::source;
use crate::kind::Kind;
use crate::need::Need;
use crate::row::{Effect, Feature, Form, Key, Part};
use crate::rule;
use crate::wire::Wire;

const HARDWARE: &[Need] = &[on_vm("VM.Config.HWType")];
const OPTIONS: &[Need] = &[on_vm("VM.Config.Options")];

pub(super) static BOOT: Key = Key::of(
    "boot",
    Form::Options {
        default: "legacy",
        bare: false,
        parts: &[Part::new(
            "order",
            Kind::List(';', &rule::BOOT_DEVICE),
            "Boot devices, in order.",
        )],
    },
    &[on_vm("VM.Config.Disk")],
    "The boot order.",
    "qemu-server, QemuServer.pm, boot_fmt",
);

pub(super) static BIOS: Key = Key::scalar(
    Part::new("bios", Kind::Word(&["seabios", "ovmf"]), "The firmware; ovmf is UEFI.")
        .absent("seabios"),
    OPTIONS,
    source::CONFDESC,
);

pub(super) static MACHINE: Key = Key::of(
    "machine",
    Form::Options {
        default: "type",
        bare: true,
        parts: &[
            Part::new("type", Kind::Machine, "The machine type; q35 has PCI Express.").absent("pc"),
            Part::new("viommu", Kind::Word(&["intel", "virtio"]), "The guest's IOMMU."),
            Part::new("aw-bits", Kind::Int(32, 64), "Address width of the IOMMU in bits.")
                .since(9, 1),
            Part::new("enable-s3", Kind::Flag, "Whether the guest can suspend to memory."),
            Part::new("enable-s4", Kind::Flag, "Whether the guest can suspend to disk."),
        ],
    },
    HARDWARE,
    "The machine that QEMU emulates.",
    "qemu-server, Machine.pm, machine_fmt",
);

/// Debian's cloud kernel does not find disks on PVE's default controller (facts 58).
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
    HARDWARE,
    source::CONFDESC,
);

/// Debian 12's cloud image panics at its first boot without one.
pub(super) static SERIAL: Key = Key::scalar(
    Part::new("serial", Kind::Word(&["socket"]), "A serial port.").at_create("socket"),
    HARDWARE,
    "qemu-server, QemuServer.pm, serialdesc",
)
.slots(4)
.new_slot(0);

pub(super) static VGA: Key = Key::of(
    "vga",
    Form::Options {
        default: "type",
        bare: true,
        parts: &[
            Part::new(
                "type",
                Kind::Word(&[
                    "cirrus",
                    "qxl",
                    "qxl2",
                    "qxl3",
                    "qxl4",
                    "none",
                    "serial0",
                    "serial1",
                    "serial2",
                    "serial3",
                    "std",
                    "virtio",
                    "virtio-gl",
                    "vmware",
                ]),
                "The graphics card, or a serial port in its place.",
            )
            .absent("std"),
            Part::new("memory", Kind::Int(4, 512), "Its memory in MiB."),
            Part::new("clipboard", Kind::Word(&["vnc"]), "Clipboard sharing with the console."),
        ],
    },
    HARDWARE,
    "The display.",
    "qemu-server, QemuServer.pm, vga_fmt",
);

/// PVE: qemu-server, QemuServer.pm, vmconfig_hotplug_pending: a change of cpu or memory is pending.
pub(super) static HOTPLUG: Key = Key::scalar(
    Part::new(
        "hotplug",
        Kind::Features(
            &["network", "disk", "cpu", "memory", "usb", "cloudinit"],
            "network,disk,usb",
        ),
        "What can be changed while the VM is running.",
    )
    .absent("disk,network,usb")
    .effect(Effect::Live)
    .restarts(&["cpu", "memory"]),
    HARDWARE,
    "qemu-server, QemuServer.pm, parse_hotplug_features",
);

pub(super) static TABLET: Key = Key::scalar(
    Part::new(
        "tablet",
        Kind::Flag,
        "Whether the console's pointer is a USB tablet, which does not drift.",
    )
    .absent("1")
    .effect(Effect::Plug(Feature::Usb)),
    HARDWARE,
    "qemu-server, QemuServer.pm, vmconfig_hotplug_pending",
);

pub(super) static ACPI: Key = Key::scalar(
    Part::new("acpi", Kind::Flag, "Whether the guest has ACPI.").absent("1"),
    HARDWARE,
    source::CONFDESC,
);

/// PVE uses local time by default only for Windows.
pub(super) static LOCALTIME: Key = Key::scalar(
    Part::new(
        "localtime",
        Kind::Flag,
        "Whether the clock runs on local time [default: true for Windows].",
    ),
    OPTIONS,
    source::CONFDESC,
);

pub(super) static STARTDATE: Key = Key::scalar(
    Part::new("startdate", Kind::Text(&rule::DATE), "The initial date of the clock.").absent("now"),
    OPTIONS,
    source::CONFDESC,
);

pub(super) static TDF: Key = Key::scalar(
    Part::new("tdf", Kind::Flag, "Whether lost timer ticks are replayed.").absent("0"),
    OPTIONS,
    source::CONFDESC,
);

pub(super) static FREEZE: Key = Key::scalar(
    Part::new("freeze", Kind::Flag, "Whether the CPU stays paused after a start.").absent("0"),
    &[on_vm("VM.PowerMgmt")],
    source::CONFDESC,
);

pub(super) static REBOOT: Key = Key::scalar(
    Part::new(
        "reboot",
        Kind::Flag,
        "Whether the guest can reboot; if false, a reboot stops the VM.",
    )
    .absent("1"),
    OPTIONS,
    source::CONFDESC,
);

pub(super) static KEYBOARD: Key = Key::scalar(
    Part::new(
        "keyboard",
        Kind::Word(&[
            "de", "de-ch", "da", "en-gb", "en-us", "es", "fi", "fr", "fr-be", "fr-ca", "fr-ch",
            "hu", "is", "it", "ja", "lt", "mk", "nl", "no", "pl", "pt", "pt-br", "sv", "sl", "tr",
        ]),
        "The keyboard layout of the VNC console.",
    ),
    OPTIONS,
    "pve-common, Tools.pm, kvmkeymaplist",
);

const fn firmware(name: &'static str, help: &'static str) -> Part {
    Part::new(name, Kind::Text(&rule::SMBIOS), help).wire(Wire::Base64)
}

/// The uuid is set by PVE and is part of the mark: it is kept when the texts change.
pub(super) static SMBIOS1: Key = Key::of(
    "smbios1",
    Form::Options {
        default: "",
        bare: false,
        parts: &[
            firmware("manufacturer", "The manufacturer that the firmware reports."),
            firmware("product", "The product name that the firmware reports."),
            firmware("version", "The version that the firmware reports."),
            firmware("serial", "The serial number that the firmware reports."),
            firmware("sku", "The order number (SKU) that the firmware reports."),
            firmware("family", "The product family that the firmware reports."),
        ],
    },
    HARDWARE,
    "What the firmware reports about the machine.",
    "qemu-server, QemuServer.pm, smbios1_fmt",
);
