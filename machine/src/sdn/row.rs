//! `Row`: everything that is known about an option of a zone, vnet or subnet. Does no I/O.

use super::range;
use super::rows::{SUBNET, VNET, ZONE};
use crate::kind::Kind;
use crate::row::Part;
use serde_json::Value;
use std::fmt;
use std::net::IpAddr;

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

/// A type of zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ZoneType {
    /// A bridge on each node, without a connection between nodes.
    Simple,
    /// A VLAN on a bridge of each node.
    Vlan,
    /// An overlay between nodes.
    Vxlan,
    /// VLANs within a VLAN. Only referred to.
    Qinq,
    /// A routed overlay. Only referred to.
    Evpn,
}

/// Whether PVE changes an option of an existing object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Always.
    InPlace,
    /// Only while the zone has no subnets.
    WithoutSubnets,
}

/// An option of a zone, vnet or subnet.
#[derive(Debug)]
pub struct Row {
    /// Name in PVE, type, default, first PVE version and description. Its fields about new and
    /// running guests are unused.
    pub part: Part,
    /// The zone types in which PVE accepts it.
    pub zones: &'static [ZoneType],
    /// The zone types in which it has an effect.
    pub effective: &'static [ZoneType],
    /// The zone types in which PVE requires it.
    pub required: &'static [ZoneType],
    /// Whether PVE changes it in place.
    pub change: Change,
    /// Its source in PVE's code.
    pub source: &'static str,
    /// Whether its texts are IP addresses.
    pub(super) addresses: bool,
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

    /// Returns the path that creating one requires [`Object::PRIVILEGE`] on.
    /// PVE: facts-2, table of privileges.
    pub fn path_to_create(self, zone: &str, vnet: &str) -> String {
        match self {
            Self::Zone => "/sdn/zones".to_owned(),
            Self::Vnet => format!("/sdn/zones/{zone}"),
            Self::Subnet => format!("/sdn/zones/{zone}/{vnet}"),
        }
    }

    /// Returns the path that changing or removing one requires [`Object::PRIVILEGE`] on.
    pub fn path_to_change(self, zone: &str, vnet: &str) -> String {
        match self {
            Self::Zone => format!("/sdn/zones/{zone}"),
            Self::Vnet | Self::Subnet => format!("/sdn/zones/{zone}/{vnet}"),
        }
    }
}

impl ZoneType {
    /// All types.
    pub const ALL: [Self; 5] = [Self::Simple, Self::Vlan, Self::Vxlan, Self::Qinq, Self::Evpn];

    /// The names of the types, in the order of [`ZoneType::ALL`].
    pub const NAMES: &[&str] = &["simple", "vlan", "vxlan", "qinq", "evpn"];

    /// Finds a type by its name in PVE.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|ty| ty.name() == name)
    }

    /// Returns its name in PVE.
    pub fn name(self) -> &'static str {
        match self {
            Self::Simple => "simple",
            Self::Vlan => "vlan",
            Self::Vxlan => "vxlan",
            Self::Qinq => "qinq",
            Self::Evpn => "evpn",
        }
    }

    /// Returns whether pve-apply creates such zones; others must exist.
    pub fn is_made(self) -> bool {
        matches!(self, Self::Simple | Self::Vlan | Self::Vxlan)
    }

    /// Returns whether its vnets' tags are VNIs, which are unique in the cluster.
    /// PVE: pve-network, VxlanPlugin.pm and EvpnPlugin.pm, vnet_update_hook.
    pub fn has_vnis(self) -> bool {
        matches!(self, Self::Vxlan | Self::Evpn)
    }
}

impl fmt::Display for ZoneType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Row {
    /// Returns the normal form of PVE's text; `None` if it is not of the row's type.
    pub fn normal(&self, text: &str) -> Option<String> {
        if self.is_array() {
            let ranges = text.lines().map(range::normal).collect::<Option<Vec<_>>>()?;
            return self.part.kind.normal(&ranges.join("\n"));
        }
        let normal = self.part.kind.normal(text)?;
        match self.part.kind {
            Kind::Set(..) if self.addresses => {
                let items: Vec<String> = normal.split(',').map(address).collect();
                self.part.kind.normal(&items.join(","))
            }
            _ if self.addresses => Some(address(&normal)),
            _ => Some(normal),
        }
    }

    /// Returns the normal form of a value in YAML, the document or PVE's JSON; `None` if it is not of
    /// the row's type. PVE returns `dhcp-range` as texts or as objects (facts-2, 15); both are
    /// accepted.
    pub fn normal_of_json(&self, value: &Value) -> Option<String> {
        match value {
            Value::Array(items) if self.is_array() => {
                let texts = items.iter().map(range::text).collect::<Option<Vec<_>>>()?;
                self.normal(&texts.join("\n"))
            }
            Value::Object(_) if self.is_array() => self.normal(&range::text(value)?),
            value => self.normal(&self.part.kind.normal_of_json(value)?),
        }
    }

    /// Returns the document's value for a normal form.
    pub fn to_json(&self, normal: &str) -> Value {
        self.part.kind.to_json(normal)
    }

    /// Returns the values of the parameter with the row's name: more than one for an array.
    pub fn params<'n>(&self, normal: &'n str) -> impl Iterator<Item = &'n str> + use<'n> {
        normal.split(if self.is_array() { '\n' } else { '\0' })
    }

    /// Returns whether PVE's parameter is an array.
    pub fn is_array(&self) -> bool {
        matches!(self.part.kind, Kind::Set('\n', _))
    }

    /// Returns whether PVE accepts it in a zone of this type.
    pub fn is_accepted_in(&self, zone: ZoneType) -> bool {
        self.zones.contains(&zone)
    }

    /// Returns whether it has an effect in a zone of this type.
    pub fn has_effect_in(&self, zone: ZoneType) -> bool {
        self.effective.contains(&zone)
    }
}

/// Returns an address in its usual spelling.
fn address(text: &str) -> String {
    text.parse::<IpAddr>().map_or_else(|_| text.to_owned(), |address| address.to_string())
}
