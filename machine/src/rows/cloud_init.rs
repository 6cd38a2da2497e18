//! PVE's own cloud-init drive, which is independent of the seed that the tools create. Does no I/O.

use super::needs::on_vm;
use crate::kind::Kind;
use crate::need::Need;
use crate::row::{Effect, Form, Key, Part};
use crate::rule;
use crate::wire::Wire;

/// PVE accepts VM.Config.Network instead.
const NEEDS: &[Need] = &[on_vm("VM.Config.Cloudinit")];

/// PVE applies these immediately; the drive is updated when the VM starts or the drive is
/// regenerated.
const fn part(name: &'static str, kind: Kind, help: &'static str) -> Part {
    Part::new(name, kind, help).effect(Effect::Live)
}

const SOURCE: &str = "qemu-server, QemuServer.pm, confdesc_cloudinit";

pub(super) static CIUSER: Key = Key::scalar(
    part("ciuser", Kind::Text(&rule::CI_USER), "The user on PVE's cloud-init drive."),
    NEEDS,
    SOURCE,
);

pub(super) static CITYPE: Key = Key::scalar(
    part(
        "citype",
        Kind::Word(&["configdrive2", "nocloud", "opennebula"]),
        "The format of PVE's cloud-init drive [default: the one for `ostype`].",
    ),
    NEEDS,
    SOURCE,
);

pub(super) static CIUPGRADE: Key = Key::scalar(
    part("ciupgrade", Kind::Flag, "Whether the first boot upgrades all packages.").absent("1"),
    NEEDS,
    SOURCE,
);

pub(super) static CICUSTOM: Key = Key::of(
    "cicustom",
    Form::Options {
        default: "",
        bare: false,
        parts: &[
            part("meta", Kind::Text(&rule::VOLUME_ID), "The snippet that replaces the meta-data."),
            part(
                "network",
                Kind::Text(&rule::VOLUME_ID),
                "The snippet that replaces the network-config.",
            ),
            part("user", Kind::Text(&rule::VOLUME_ID), "The snippet that replaces the user-data."),
            part(
                "vendor",
                Kind::Text(&rule::VOLUME_ID),
                "The snippet that replaces the vendor-data.",
            ),
        ],
    },
    NEEDS,
    "Snippets that replace parts of PVE's cloud-init drive.",
    "qemu-server, QemuServer.pm, cicustom_fmt",
)
.effect(Effect::Live);

pub(super) static NAMESERVER: Key = Key::scalar(
    part(
        "nameserver",
        Kind::List(' ', &rule::ADDRESS),
        "The DNS servers on PVE's cloud-init drive.",
    ),
    NEEDS,
    SOURCE,
);

pub(super) static SEARCHDOMAIN: Key = Key::scalar(
    part(
        "searchdomain",
        Kind::List(' ', &rule::DOMAIN),
        "The search domains on PVE's cloud-init drive.",
    ),
    NEEDS,
    SOURCE,
);

pub(super) static SSHKEYS: Key = Key::scalar(
    part(
        "sshkeys",
        Kind::List('\n', &rule::SSH_KEY),
        "The public SSH keys on PVE's cloud-init drive.",
    )
    .wire(Wire::Url),
    NEEDS,
    SOURCE,
);

pub(super) static IPCONFIG: Key = Key::of(
    "ipconfig",
    Form::Options {
        default: "",
        bare: false,
        parts: &[
            part("ip", Kind::Text(&rule::IPV4_CONFIG), "How the NIC gets its IPv4 address."),
            part("gw", Kind::Text(&rule::IPV4), "Its IPv4 gateway."),
            part("ip6", Kind::Text(&rule::IPV6_CONFIG), "How the NIC gets its IPv6 address."),
            part("gw6", Kind::Text(&rule::IPV6), "Its IPv6 gateway."),
        ],
    },
    NEEDS,
    "The settings on PVE's cloud-init drive for the NIC with the same number.",
    "qemu-server, Network.pm, ipconfig_fmt",
)
.slots(32)
.effect(Effect::Live);
