//! Devices: host devices by mapping, shared directories, and others. Does no I/O.

use super::needs::on_vm;
use crate::kind::Kind;
use crate::need::{Need, On, When};
use crate::row::{Effect, Feature, Form, Key, Part};
use crate::rule;

/// A token can use SPICE redirection or a mapping.
pub(super) static USB: Key = Key::of(
    "usb",
    Form::Options {
        default: "host",
        bare: false,
        parts: &[
            Part::new("host", Kind::Word(&["spice"]), "A SPICE port, used without a mapping.")
                .effect(Effect::Plug(Feature::Usb)),
            Part::new("mapping", Kind::Text(&rule::MAPPING), "The mapping of the device.")
                .effect(Effect::Plug(Feature::Usb)),
            Part::new("usb3", Kind::Flag, "Whether it is USB 3; only for older guests.")
                .absent("0")
                .effect(Effect::Plug(Feature::Usb)),
        ],
    },
    &[
        on_vm("VM.Config.HWType"),
        Need::new(On::Mapping("usb", "mapping"), "Mapping.Use").when(When::Has("mapping")),
    ],
    "A USB device.",
    "qemu-server, USB.pm, usb_fmt; API2/Qemu.pm, check_usb_perm",
)
.slots(14)
.effect(Effect::Plug(Feature::Usb));

pub(super) static HOSTPCI: Key = Key::of(
    "hostpci",
    Form::Options {
        default: "host",
        bare: false,
        parts: &[
            Part::new("mapping", Kind::Text(&rule::MAPPING), "The mapping of the device."),
            Part::new("pcie", Kind::Flag, "Whether it is on PCI Express, which requires q35.")
                .absent("0"),
            Part::new("rombar", Kind::Flag, "Whether the guest sees the device's ROM.").absent("1"),
            Part::new("x-vga", Kind::Flag, "Whether it is the guest's primary graphics card.")
                .absent("0"),
            Part::new(
                "legacy-igd",
                Kind::Flag,
                "Whether Intel's integrated graphics replace the guest's own.",
            )
            .absent("0"),
            Part::new("mdev", Kind::Text(&rule::MDEV), "The mediated device type."),
            Part::new("vendor-id", Kind::Text(&rule::PCI_ID), "The vendor ID that the guest sees."),
            Part::new("device-id", Kind::Text(&rule::PCI_ID), "The device ID that the guest sees."),
            Part::new(
                "sub-vendor-id",
                Kind::Text(&rule::PCI_ID),
                "The subsystem vendor ID that the guest sees.",
            ),
            Part::new(
                "sub-device-id",
                Kind::Text(&rule::PCI_ID),
                "The subsystem device ID that the guest sees.",
            ),
            Part::new(
                "driver",
                Kind::Word(&["vfio", "keep"]),
                "Whether the host's driver is replaced or kept.",
            )
            .absent("vfio")
            .since(9, 1),
        ],
    },
    &[
        on_vm("VM.Config.HWType"),
        Need::new(On::Mapping("pci", "mapping"), "Mapping.Use").when(When::Has("mapping")),
    ],
    "A PCI device of the host.",
    "qemu-server, PCI.pm, hostpci_fmt; API2/Qemu.pm, check_hostpci_perm",
)
.slots(16);

pub(super) static VIRTIOFS: Key = Key::of(
    "virtiofs",
    Form::Options {
        default: "dirid",
        bare: true,
        parts: &[
            Part::new("dirid", Kind::Text(&rule::MAPPING), "The directory mapping.").required(),
            Part::new(
                "cache",
                Kind::Word(&["auto", "always", "metadata", "never"]),
                "How the guest caches it.",
            )
            .absent("auto"),
            Part::new("direct-io", Kind::Flag, "Whether programs can bypass the cache.")
                .absent("0"),
            Part::new("expose-xattr", Kind::Flag, "Whether files have extended attributes.")
                .absent("0"),
            Part::new("expose-acl", Kind::Flag, "Whether files have access lists.").absent("0"),
        ],
    },
    &[on_vm("VM.Config.Disk"), Need::new(On::Mapping("dir", "dirid"), "Mapping.Use")],
    "A shared directory of the host.",
    "qemu-server, Virtiofs.pm, virtiofs_fmt; API2/Qemu.pm, check_dir_perm",
)
.slots(10);

pub(super) static RNG: Key = Key::of(
    "rng0",
    Form::Options {
        default: "source",
        bare: false,
        parts: &[
            Part::new(
                "source",
                Kind::Word(&["/dev/urandom", "/dev/random", "/dev/hwrng"]),
                "The host's device that provides the numbers.",
            )
            .required(),
            Part::new(
                "max_bytes",
                Kind::Int(0, i64::MAX),
                "Bytes that the guest gets per period; 0 means no limit.",
            )
            .absent("1024"),
            Part::new("period", Kind::Int(1, i64::MAX), "The period in milliseconds.")
                .absent("1000"),
        ],
    },
    &[
        on_vm("VM.Config.HWType"),
        Need::new(On::Path("/mapping/hwrng"), "Mapping.Use").when(When::Is("source", "/dev/hwrng")),
    ],
    "A source of random numbers.",
    "qemu-server, RNG.pm, rng_fmt; API2/Qemu.pm, check_rng_perm",
);

pub(super) static WATCHDOG: Key = Key::of(
    "watchdog",
    Form::Options {
        default: "model",
        bare: true,
        parts: &[
            Part::new(
                "model",
                Kind::Word(&["i6300esb", "ib700"]),
                "The device that the guest sees.",
            ),
            Part::new(
                "action",
                Kind::Word(&["reset", "shutdown", "poweroff", "pause", "debug", "none"]),
                "What happens when the guest stops responding.",
            ),
        ],
    },
    &[on_vm("VM.Config.HWType")],
    "A watchdog.",
    "qemu-server, QemuServer.pm, watchdog_fmt",
);

pub(super) static AUDIO: Key = Key::of(
    "audio0",
    Form::Options {
        default: "",
        bare: false,
        parts: &[
            Part::new(
                "device",
                Kind::Word(&["ich9-intel-hda", "intel-hda", "AC97"]),
                "The device that the guest sees.",
            )
            .required(),
            Part::new("driver", Kind::Word(&["spice", "none"]), "The audio backend.")
                .absent("spice"),
        ],
    },
    &[on_vm("VM.Config.HWType")],
    "A sound card.",
    "qemu-server, QemuServer.pm, audio_fmt",
);
