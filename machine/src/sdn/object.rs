//! `Object`: zones, vnets and subnets with their options, and refused options. Does no I/O.

use super::row::Row;
use super::rows::{SUBNET, VNET, ZONE};

/// A kind of object of PVE's SDN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Object {
    /// A zone.
    Zone,
    /// A vnet, which is in a zone.
    Vnet,
    /// A subnet, which is in a vnet.
    Subnet,
}

/// A refused option.
#[derive(Clone, Copy, Debug)]
pub struct Refused {
    /// The object that PVE has it for.
    pub object: Object,
    /// Its name in PVE.
    pub name: &'static str,
    /// Completes "cannot be set: …".
    pub reason: &'static str,
}

const CALL: &str = "it is a parameter of an API call, not a setting";
const EVPN: &str = "it is for evpn zones, which pve-apply uses but does not create";
const QINQ: &str = "it is for qinq zones, which pve-apply uses but does not create";

const fn refuse(object: Object, name: &'static str, reason: &'static str) -> Refused {
    Refused { object, name, reason }
}

/// Parameters of PVE's API that are not rows. The IDs, `type` and a vnet's `zone` are fields of the
/// document.
pub static REFUSED: &[Refused] = &[
    refuse(Object::Zone, "tag", QINQ),
    refuse(Object::Zone, "vlan-protocol", QINQ),
    refuse(Object::Zone, "advertise-subnets", EVPN),
    refuse(Object::Zone, "controller", EVPN),
    refuse(Object::Zone, "disable-arp-nd-suppression", EVPN),
    refuse(Object::Zone, "exitnodes", EVPN),
    refuse(Object::Zone, "exitnodes-local-routing", EVPN),
    refuse(Object::Zone, "exitnodes-primary", EVPN),
    refuse(Object::Zone, "mac", EVPN),
    refuse(Object::Zone, "rt-import", EVPN),
    refuse(Object::Zone, "vrf-vxlan", EVPN),
    refuse(Object::Zone, "dp-id", "it is for faucet zones, which PVE no longer documents"),
    refuse(Object::Zone, "zone", "the zone's ID is the name of the file"),
    refuse(Object::Vnet, "vnet", "the vnet's ID is its key in `vnets`"),
    refuse(Object::Vnet, "zone", "the vnet's zone is the file that it is in"),
    refuse(Object::Vnet, "type", CALL),
    refuse(Object::Subnet, "subnet", "the subnet's CIDR is its key in `subnets`"),
    refuse(Object::Subnet, "vnet", "the subnet's vnet is the one that it is in"),
    refuse(Object::Subnet, "type", CALL),
    refuse(Object::Zone, "lock-token", CALL),
    refuse(Object::Vnet, "lock-token", CALL),
    refuse(Object::Subnet, "lock-token", CALL),
    refuse(Object::Zone, "digest", CALL),
    refuse(Object::Vnet, "digest", CALL),
    refuse(Object::Subnet, "digest", CALL),
    refuse(Object::Zone, "delete", CALL),
    refuse(Object::Vnet, "delete", CALL),
    refuse(Object::Subnet, "delete", CALL),
];

/// Returns why an option cannot be set; `None` if it is not refused by name.
pub fn refusal(object: Object, name: &str) -> Option<&'static str> {
    let of = |refused: &&Refused| refused.object == object && refused.name == name;
    REFUSED.iter().find(of).map(|refused| refused.reason)
}

impl Object {
    /// The privilege for all writes.
    pub const PRIVILEGE: &str = "SDN.Allocate";

    /// Returns its name in PVE's API, which is also the parameter with its ID.
    pub fn name(self) -> &'static str {
        match self {
            Self::Zone => "zone",
            Self::Vnet => "vnet",
            Self::Subnet => "subnet",
        }
    }

    /// Returns its options.
    pub fn rows(self) -> &'static [Row] {
        match self {
            Self::Zone => ZONE,
            Self::Vnet => VNET,
            Self::Subnet => SUBNET,
        }
    }

    /// Finds an option by its name in PVE or in YAML.
    pub fn row(self, name: &str) -> Option<&'static Row> {
        self.rows().iter().find(|row| row.part.has_name(name))
    }
}
