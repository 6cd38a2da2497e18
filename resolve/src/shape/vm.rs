//! The keys of a VM that are ours, which presets, templates, envs and manifests share. PVE's own
//! keys stand in the table of the crate `machine`. Does no I/O.

use super::Type::{Either, Filled, Flag, List, Number, Object, Reference, Short, Text};
use super::tables::CLOUD_INIT;
use super::{Field, Target, rule};

/// PVE: a vmid is 100 or more, and at most 999999999.
pub(super) const VMID_RANGE: super::Type = Number(100, 999_999_999);

/// No entry makes more VMs: what is larger is a mistake.
const COUNT: super::Type = Number(1, 1000);

pub(super) const NAME: Field = Field::new(
    "name",
    Text(&rule::VM_NAME),
    "Name in PVE; the guest's host name is its first label in small letters.",
)
.required();
pub(super) const RENAMED_FROM: Field = Field::new(
    "renamed_from",
    Text(&rule::VM_NAME),
    "The name that this VM had before: pve-apply finds it by that name, and gives it the new one.",
);
pub(super) const VMID: Field = Field::new(
    "vmid",
    VMID_RANGE,
    "PVE's number of the VM; null or absent: the first free one of `vmid_range`.",
);
pub(super) static MAC_FIELD: Field = MAC;
pub(super) const MAC: Field =
    Field::new("mac", Short("net0", "macaddr"), "MAC of net0; absent: a stable one is derived.");
pub(super) const COUNT_FIELD: Field = Field::new(
    "count",
    COUNT,
    "Makes so many VMs: NAME1, NAME2 and so on; vmid, MACs and static addresses count on.",
);

/// What a preset, a template and a VM may all say, besides PVE's own keys.
pub(super) static SHARED: [Field; 21] = [
    Field::new(
        "image",
        Reference(Target::Image),
        "Name of an image of site.yaml; none: the VM is never made here.",
    ),
    Field::new("disk", Number(1, 131_072), "Size of the boot disk in GiB."),
    Field::new(
        "datastore",
        Text(&machine::rule::STORAGE),
        "Storage for this VM's disks, instead of the node's.",
    ),
    Field::new(
        "boot_disk",
        Text(&rule::BOOT_DISK),
        "The slot that a new VM boots from; absent: virtio0.",
    ),
    Field::new("bridge", Short("net0", "bridge"), "Bridge or vnet of net0; null: vmbr0."),
    Field::new("vlan", Short("net0", "tag"), "VLAN tag of net0."),
    Field::new("ip", Short("net0", "ip"), "Address of net0; absent: dhcp."),
    Field::new(
        "gateway",
        Short("net0", "gateway"),
        "Default gateway by net0; null: none, not even the site's.",
    ),
    Field::new(
        "packages",
        List(&Text(&rule::PACKAGE)),
        "Packages for the guest; a list replaces that of the layer below.",
    ),
    Field::new(
        "tags",
        List(&Text(&machine::rule::TAG)),
        "Tags in PVE, besides the mark of pve-pipeline.",
    ),
    Field::new("spec", Reference(Target::Spec), "The spec that the VM fetches at its first boot."),
    Field::new(
        "started",
        Flag,
        "false: it is held stopped; null: it is started when it is made, then left alone.",
    ),
    Field::new("pool", Text(&rule::POOL), "The pool that the VM belongs to; absent: left alone."),
    Field::new(
        "dns_servers",
        List(&Text(&rule::ADDRESS)),
        "DNS servers of this guest, instead of the site's.",
    ),
    Field::new(
        "search_domains",
        List(&Text(&rule::DOMAIN)),
        "Search domains of this guest, instead of the site's domain.",
    ),
    Field::new(
        "user",
        Text(&rule::VM_USER),
        "The user that cloud-init makes, instead of the site's `vm_user`.",
    ),
    Field::new("password_hash", Text(&rule::CRYPT_HASH), "Crypt hash of that user's password.")
        .hidden(),
    Field::new(
        "ssh_keys",
        List(&Reference(Target::SshKey)),
        "Keys for this guest instead of all of secrets.yaml: names of them, or public keys.",
    ),
    Field::new("cloud_init", Object(&CLOUD_INIT), "What this guest gets besides."),
    Field::new(
        "user_data_file",
        Text(&rule::ANY),
        "A file with user-data, relative to the site's folder: passed on untouched.",
    )
    .address(),
    Field::new(
        "vendor_data_file",
        Text(&rule::ANY),
        "A file with vendor-data, relative to the site's folder: passed on untouched.",
    )
    .address(),
];

/// What YAML says of a NIC besides PVE's options: it is for the guest.
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
);

/// The short form of an option.
pub(crate) fn short_form(slot: &str, option: &str) -> Option<&'static str> {
    let all = SHARED.iter().chain(std::iter::once(&MAC_FIELD));
    let is = |ty| matches!(ty, Short(of, name) if of == slot && name == option);
    all.filter(|field| is(field.ty)).map(|field| field.name).next()
}
