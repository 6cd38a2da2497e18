//! `Row`: everything that is known about an option of a zone, vnet or subnet. Does no I/O.

use super::range;
use crate::kind::Kind;
use crate::row::Part;
use serde_json::Value;
use std::fmt;
use std::net::IpAddr;

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
