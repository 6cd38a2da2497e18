//! Our own keys of a VM, which presets, templates, envs and manifests share. The crate `machine`
//! has PVE's keys. Does no I/O.

use super::Type::{Either, Filled, Flag, List, Number, Object, Reference, Short, Text, Word};
use super::tables::CLOUD_INIT;
use super::{EMPTY, Field, Shape, Target, rule};

/// PVE: a vmid is 100 or more, and at most 999999999.
pub(super) const VMID_RANGE: super::Type = Number(100, 999_999_999);

/// A larger count is a mistake.
const COUNT: super::Type = Number(1, 1000);

pub(super) const NAME: Field = Field::new(
    "name",
    Text(&rule::VM_NAME),
    "Name in PVE; the guest's host name is its first label in lower case.",
)
.required();
pub(super) const RENAMED_FROM: Field = Field::new(
    "renamed_from",
    Text(&rule::VM_NAME),
    "The previous name of this VM: pve-apply finds the VM by it and renames the VM.",
);
pub(super) const VMID: Field = Field::new(
    "vmid",
    VMID_RANGE,
    "VM ID; null for the next free one [default: next free ID in `vmid_range`].",
);
pub(super) static MAC_FIELD: Field = MAC;
pub(super) const MAC: Field =
    Field::new("mac", Short("net0", "macaddr"), "MAC of net0 [default: a stable, derived one].");
pub(super) const COUNT_FIELD: Field = Field::new(
    "count",
    COUNT,
    "Number of VMs to create: NAME1, NAME2 and so on; vmid, MACs and static addresses count up.",
);

/// How the boot disk is made from the image.
pub(super) const CREATE: Field = Field::new(
    "create",
    Word(&stage::Creation::WORDS),
    "How the boot disk of a new VM is made from its image: import copies it, clone makes a linked clone of a template that image-publish makes of it [default: import].",
);

/// Keys of which a layer can set one: what a new VM boots from.
pub(super) const BOOT_SOURCES: &[&str] = &["image", "clone_from"];

/// A template has no image whose disk could be made in one way or the other.
pub(super) const WAYS_OF_CREATION: &[&str] = &["create", "clone_from"];

/// `clone_from`.
pub(super) static CLONE_FROM: Shape = Shape {
    title: "`clone_from`",
    fields: &[
        Field::new("vmid", VMID_RANGE, "The template's VM ID."),
        Field::new(
            "name",
            Text(&rule::TEMPLATE_NAME),
            "The template's name in PVE, if there is no `vmid`.",
        ),
        Field::new(
            "full",
            Flag,
            "true copies the template's disks, false links them [default: links them where all can be linked].",
        ),
    ],
    any_of: TEMPLATE_KEYS,
    exclusive: &[TEMPLATE_KEYS],
    instead: "write `{vmid: 9000}` or `{name: debian-template}`",
    ..EMPTY
};

const TEMPLATE_KEYS: &[&str] = &["vmid", "name"];

/// Keys of presets, templates and VMs, in addition to PVE's keys.
pub(super) static SHARED: [Field; 25] = [
    Field::new(
        "node",
        Either(&Reference(Target::Node), &Filled(&Reference(Target::Node))),
        "The node (in nodes/) of this VM; a list spreads the VMs of a `count` over its nodes in order, at their creation; null for the default [default: the `node` of the env or manifest].",
    )
    .or_blank(),
    Field::new(
        "image",
        Reference(Target::Image),
        "Name of an image in site.yaml, or none for a VM that is managed but never created.",
    )
    .or_blank(),
    CREATE,
    Field::new(
        "clone_from",
        Object(&CLONE_FROM),
        "A template on the VM's node, to clone a new VM from instead of an image; null for none.",
    ),
    Field::new("disk", Number(1, 131_072), "Size of the boot disk in GiB."),
    Field::new(
        "datastore",
        Text(&machine::rule::STORAGE),
        "Storage for this VM's disks [default: the node's].",
    ),
    Field::new(
        "boot_disk",
        Text(&rule::BOOT_DISK),
        "The slot that a new VM boots from [default: virtio0].",
    ),
    Field::new(
        "bridge",
        Short("net0", "bridge"),
        "Bridge or vnet of net0; null for vmbr0 [default: the site's `bridge`].",
    )
    .or_blank(),
    Field::new("vlan", Short("net0", "tag"), "VLAN tag of net0."),
    Field::new("ip", Short("net0", "ip"), "Address of net0 [default: dhcp]."),
    Field::new(
        "gateway",
        Short("net0", "gateway"),
        "Default gateway of net0; null for none, not even the site's.",
    )
    .blank_is_null(),
    Field::new(
        "packages",
        List(&Text(&rule::PACKAGE)),
        "Packages for the guest; the list replaces that of the layer below.",
    ),
    Field::new(
        "tags",
        List(&Text(&machine::rule::TAG)),
        "Tags in PVE, in addition to the mark of pve-pipeline.",
    ),
    Field::new("spec", Reference(Target::Spec), "The spec that the VM fetches at its first boot.")
        .or_blank(),
    Field::new(
        "boot_scenario",
        Word(&stage::guest::BOOT_SCENARIOS),
        "What the VM sets itself up as at its first boot: vm-config (its spec) or pve-config (a nested PVE node); null for nothing but its spec [default: pve-config for `type: pve` in a site with `server_url`].",
    )
    .or_blank(),
    Field::new(
        "started",
        Flag,
        "false keeps the VM stopped; null starts it once, when it is created [default: true].",
    ),
    Field::new("pool", Text(&rule::POOL), "The pool of the VM [default: unchanged]."),
    Field::new(
        "dns_servers",
        List(&Text(&rule::ADDRESS)),
        "DNS servers of this guest [default: the site's].",
    ),
    Field::new(
        "search_domains",
        List(&Text(&rule::DOMAIN)),
        "Search domains of this guest [default: the site's domain].",
    ),
    Field::new(
        "user",
        Text(&rule::VM_USER),
        "The user that cloud-init creates [default: the site's `vm_user`].",
    ),
    Field::new("password_hash", Text(&rule::CRYPT_HASH), "Crypt hash of that user's password.")
        .hidden(),
    Field::new(
        "ssh_keys",
        List(&Reference(Target::SshKey)),
        "SSH keys for this guest: names from secrets.yaml, or public keys [default: all of secrets.yaml].",
    ),
    Field::new(
        "cloud_init",
        Object(&CLOUD_INIT),
        "cloud-config for this guest, added to the site's.",
    ),
    Field::new(
        "user_data_file",
        Text(&rule::ANY),
        "User-data file, relative to the site directory; passed on unchanged.",
    )
    .address(),
    Field::new(
        "vendor_data_file",
        Text(&rule::ANY),
        "Vendor-data file, relative to the site directory; passed on unchanged.",
    )
    .address(),
];

/// Options of a NIC in addition to PVE's: they are for the guest.
pub(crate) static NIC: [Field; 2] = [
    Field::new(
        "ip",
        Either(&Text(&rule::IP), &Filled(&Text(&rule::CIDR))),
        "dhcp, an IPv4 or IPv6 address in CIDR notation, or a list of addresses.",
    ),
    GATEWAY,
];

/// Default gateways.
pub(super) const GATEWAY: Field = Field::new(
    "gateway",
    Either(&Text(&rule::ADDRESS), &Filled(&Text(&rule::ADDRESS))),
    "Default gateway, or one for IPv4 and one for IPv6.",
)
.blank_is_null();

/// Returns the short form of an option.
pub(crate) fn short_form(slot: &str, option: &str) -> Option<&'static str> {
    let all = SHARED.iter().chain(std::iter::once(&MAC_FIELD));
    let is = |ty| matches!(ty, Short(of, name) if of == slot && name == option);
    all.filter(|field| is(field.ty)).map(|field| field.name).next()
}
