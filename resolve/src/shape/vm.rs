//! The keys of a VM, which presets, templates, envs and manifests share. Does no I/O.

use super::Type::{List, Number, Text};
use super::{Field, rule};

/// PVE: a vmid is 100 or more, and at most 999999999.
pub(super) const VMID_RANGE: super::Type = Number(100, 999_999_999);

/// PVE: `net0` takes a VLAN tag from 1 to 4094.
const VLAN_RANGE: super::Type = Number(1, 4094);

pub(super) const NAME: Field =
    Field::new("name", Text(&rule::HOST_NAME), "Name in PVE and host name in the guest.")
        .required();
pub(super) const VMID: Field = Field::new(
    "vmid",
    VMID_RANGE,
    "PVE's number of the VM; null or absent: the first free one of `vmid_range`.",
);
pub(super) const IMAGE: Field =
    Field::new("image", Text(&rule::IMAGE), "Name of an image of site.yaml.");
pub(super) const CORES: Field = Field::new("cores", Number(1, 128), "CPU cores.");
/// PVE: qemu-server takes at most 4178944 MiB.
pub(super) const MEMORY: Field = Field::new("memory", Number(512, 4_178_944), "Memory in MiB.");
pub(super) const DISK: Field =
    Field::new("disk", Number(1, 131_072), "Size of the boot disk in GiB.");
pub(super) const BRIDGE: Field =
    Field::new("bridge", Text(&rule::BRIDGE), "Bridge or vnet of the network card.");
pub(super) const IP: Field =
    Field::new("ip", Text(&rule::IP), "dhcp, or an IPv4 or IPv6 address in CIDR notation.");
pub(super) const GATEWAY: Field = Field::new(
    "gateway",
    Text(&rule::ADDRESS),
    "Default gateway; null: none, not even the site's.",
);
pub(super) const VLAN: Field = Field::new("vlan", VLAN_RANGE, "VLAN tag of the network card.");
pub(super) const MAC: Field = Field::new(
    "mac",
    Text(&rule::MAC),
    "MAC of the network card; absent: a stable one is derived.",
);
pub(super) const PACKAGES: Field = Field::new(
    "packages",
    List(&Text(&rule::PACKAGE)),
    "Packages for the guest; a list replaces that of the layer below.",
);
pub(super) const TAGS: Field =
    Field::new("tags", List(&Text(&rule::TAG)), "Tags in PVE, besides the mark of pve-pipeline.");
pub(super) const STARTUP: Field = Field::new(
    "startup",
    Text(&rule::STARTUP),
    "When the VM starts and stops with its node; absent: PVE is left as it is.",
);
pub(super) const DATASTORE: Field = Field::new(
    "datastore",
    Text(&rule::STORAGE),
    "Storage for this VM's disks, instead of the node's.",
);
pub(super) const SPEC: Field =
    Field::new("spec", Text(&rule::NAME), "The spec that the VM fetches at its first boot.");
