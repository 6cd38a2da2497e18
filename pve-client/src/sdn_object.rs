//! SDN objects as PVE lists them, with pending changes. Does no I/O.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::fields::{BadField, Fields, map_of, text};
use crate::ids::Digest;

/// Whether an object has changes that are not applied yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SdnState {
    /// No pending changes.
    Applied,
    /// New, not applied yet.
    New,
    /// Applied with other values.
    Changed,
    /// Applied; the next apply deletes it.
    Deleted,
}

/// A zone, vnet, subnet or controller, with its pending values.
///
/// The values include those that PVE derives, such as a subnet's `cidr`. A list, such as
/// `dhcp-range`, is one text: its items as property strings, joined with `;`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SdnObject {
    /// Its ID; for a subnet, `zone-10.9.0.0-24`.
    pub id: String,
    /// Whether it has pending changes. Always `Applied` in a list without pending changes.
    pub state: SdnState,
    /// Its values: as applied, if it has been applied.
    pub values: BTreeMap<String, String>,
    /// The values that differ after the next apply; `deleted` for an option that the apply removes.
    pub pending: BTreeMap<String, String>,
    /// The digest of the whole file with the objects of its kind; absent from a list with pending changes.
    pub digest: Option<Digest>,
}

impl SdnObject {
    /// Reads a row of a list. `id_field` is the field with the object's ID.
    pub(crate) fn read(row: &Fields<'_>, id_field: &'static str) -> Result<Self, BadField> {
        let (state, pending) = changes(row);
        Ok(Self {
            id: row.required(id_field)?,
            state,
            values: values(row, &["state", "digest", id_field]),
            pending,
            digest: row.parse("digest"),
        })
    }

    /// Returns the values after the next apply; `None` if the apply deletes the object.
    pub fn edited(&self) -> Option<BTreeMap<String, String>> {
        if self.state == SdnState::Deleted {
            return None;
        }
        let mut values = self.values.clone();
        for (name, value) in &self.pending {
            // PVE: facts-2, 13: a removed option is listed with the value "deleted".
            if self.state == SdnState::Changed && value == "deleted" {
                values.remove(name);
            } else {
                values.insert(name.clone(), value.clone());
            }
        }
        Some(values)
    }

    /// Returns the applied values; `None` if the object has never been applied.
    pub fn applied(&self) -> Option<&BTreeMap<String, String>> {
        (self.state != SdnState::New).then_some(&self.values)
    }
}

/// A fabric.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SdnFabric {
    /// Its ID.
    pub id: String,
    /// Whether it has pending changes.
    pub state: SdnState,
}

impl SdnFabric {
    /// Reads a row.
    pub(crate) fn read(row: &Fields<'_>) -> Result<Self, BadField> {
        let (state, pending) = changes(row);
        let id = row.text("id").or_else(|| pending.get("id").cloned());
        Ok(Self { id: id.ok_or_else(|| row.bad("id"))?, state })
    }
}

/// A node of a fabric, with the addresses that the next apply gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SdnFabricNode {
    /// The fabric.
    pub fabric: String,
    /// The node.
    pub node: String,
    /// Whether it has pending changes.
    pub state: SdnState,
    /// Its IPv4 address in the fabric.
    pub ip: Option<String>,
    /// Its IPv6 address in the fabric.
    pub ip6: Option<String>,
}

impl SdnFabricNode {
    /// Reads a row.
    pub(crate) fn read(row: &Fields<'_>) -> Result<Self, BadField> {
        let (state, pending) = changes(row);
        let value = |name: &str| match pending.get(name) {
            Some(value) if state == SdnState::Changed && value == "deleted" => None,
            Some(value) => Some(value.clone()),
            None => row.text(name),
        };
        Ok(Self {
            fabric: value("fabric_id").ok_or_else(|| row.bad("fabric_id"))?,
            node: value("node_id").ok_or_else(|| row.bad("node_id"))?,
            state,
            ip: value("ip"),
            ip6: value("ip6"),
        })
    }
}

/// The fabrics of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SdnFabrics {
    /// The fabrics that the token can see.
    pub fabrics: Vec<SdnFabric>,
    /// Their nodes.
    pub nodes: Vec<SdnFabricNode>,
}

/// Returns a row's state and pending values.
fn changes(row: &Fields<'_>) -> (SdnState, BTreeMap<String, String>) {
    // PVE: pve-network, Network/SDN.pm, pending_config.
    let state = match row.text("state").as_deref() {
        Some("new") => SdnState::New,
        Some("changed") => SdnState::Changed,
        Some("deleted") => SdnState::Deleted,
        _ => SdnState::Applied,
    };
    (state, row.object("pending").map(|pending| values(&pending, &[])).unwrap_or_default())
}

/// Returns all values of an object except the fields in `but`.
fn values(row: &Fields<'_>, but: &[&str]) -> BTreeMap<String, String> {
    let shown = row.0.iter().filter(|(name, _)| !but.contains(&name.as_str()));
    map_of(shown.filter_map(|(name, value)| Some((name.clone(), value_text(value)?))))
}

/// Returns a value, or a list, as text. Nested objects are not values.
fn value_text(value: &Value) -> Option<String> {
    let Value::Array(items) = value else { return text(value) };
    // PVE: facts-2, 15: the same ranges are texts while they are pending, and objects once applied.
    let items = items.iter().filter_map(|item| match item {
        Value::Object(parts) => Some(property_text(parts)),
        other => text(other),
    });
    let joined = items.collect::<Vec<_>>().join(";");
    (!joined.is_empty()).then_some(joined)
}

/// Returns an object as a property string, in PVE's order.
fn property_text(parts: &Map<String, Value>) -> String {
    // PVE: pve-network, SubnetPlugin.pm, pve-sdn-dhcp-range.
    let order = ["start-address", "end-address"];
    let rest = parts.keys().map(String::as_str).filter(|name| !order.contains(name));
    let names = order.into_iter().chain(rest);
    let pair = |name: &str| Some(format!("{name}={}", text(parts.get(name)?)?));
    names.filter_map(pair).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(json: &str) -> SdnObject {
        let row: Value = serde_json::from_str(json).unwrap();
        SdnObject::read(&Fields(row.as_object().unwrap()), "id").unwrap()
    }

    /// Checks the values before and after the next apply, without `type`.
    fn check(json: &str, applied: Option<&[(&str, &str)]>, edited: Option<&[(&str, &str)]>) {
        let map = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
        };
        let object = object(json);
        assert_eq!(object.applied().cloned(), applied.map(map), "{json}");
        assert_eq!(object.edited(), edited.map(map), "{json}");
    }

    #[test]
    fn before_and_after_the_apply() {
        check(r#"{"id":"z","mtu":1450}"#, Some(&[("mtu", "1450")]), Some(&[("mtu", "1450")]));
        check(
            r#"{"id":"z","type":"vxlan","state":"new","digest":null,"pending":{"mtu":1450}}"#,
            None,
            Some(&[("mtu", "1450"), ("type", "vxlan")]),
        );
        check(
            r#"{"id":"z","a":"1","b":2,"state":"changed","pending":{"a":"deleted","b":3}}"#,
            Some(&[("a", "1"), ("b", "2")]),
            Some(&[("b", "3")]),
        );
        check(r#"{"id":"z","a":"1","state":"deleted","pending":{}}"#, Some(&[("a", "1")]), None);
    }

    #[test]
    fn ranges_read_the_same_before_and_after_the_apply() {
        let text = "start-address=10.0.0.5,end-address=10.0.0.9";
        let new = object(&format!(
            r#"{{"id":"s","state":"new","pending":{{"dhcp-range":["{text}","{text}"]}}}}"#
        ));
        let applied = object(
            r#"{"id":"s","dhcp-range":[{"end-address":"10.0.0.9","start-address":"10.0.0.5"},
                                       {"end-address":"10.0.0.9","start-address":"10.0.0.5"}]}"#,
        );
        assert_eq!(new.edited(), applied.edited());
        assert_eq!(applied.values["dhcp-range"], format!("{text};{text}"));
        assert_eq!(object(r#"{"id":"s","dhcp-range":[]}"#).values, BTreeMap::new());
    }

    #[test]
    fn the_digest_is_not_a_value() {
        let digest = "c03d9a7d3b4d6f5a0b0a3d5e1f2c4b6a7d8e9f01";
        let one = object(&format!(r#"{{"id":"z","digest":"{digest}"}}"#));
        assert_eq!(one.digest.unwrap().as_str(), digest);
        assert_eq!(one.values, BTreeMap::new());
        assert_eq!(object(r#"{"id":"z","digest":null}"#).digest, None);
    }

    #[test]
    fn nodes_of_a_fabric() {
        let node = |json: &str| {
            let row: Value = serde_json::from_str(json).unwrap();
            SdnFabricNode::read(&Fields(row.as_object().unwrap()))
        };
        let plain = node(r#"{"fabric_id":"f","node_id":"pve1","ip":"192.0.2.1"}"#).unwrap();
        assert_eq!((plain.ip.as_deref(), plain.state), (Some("192.0.2.1"), SdnState::Applied));
        let new =
            r#"{"state":"new","pending":{"fabric_id":"f","node_id":"pve1","ip":"192.0.2.1"}}"#;
        assert_eq!(node(new).unwrap(), SdnFabricNode { state: SdnState::New, ..plain });
        assert!(node(r#"{"fabric_id":"f"}"#).is_err());
    }
}
