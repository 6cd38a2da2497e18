//! Calls about software-defined networking: zones, vnets, subnets, and applying them.
//!
//! Nothing takes effect before the apply, and an apply may end `OK` although a node failed (facts 37, 46):
//! check `node_sdn_zones` afterwards.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::client::Client;
use crate::error::Error;
use crate::fields::{Fields, text};
use crate::ids::NodeName;
use crate::params::{Params, path};
use crate::upid::Upid;

/// The kind of an SDN object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SdnKind {
    /// A zone.
    Zone,
    /// A vnet.
    Vnet,
    /// A subnet of the given vnet.
    Subnet(String),
}

impl SdnKind {
    /// Returns the path of the objects of this kind.
    fn path(&self, id: Option<&str>) -> String {
        let mut segments = vec!["cluster", "sdn"];
        match self {
            Self::Zone => segments.push("zones"),
            Self::Vnet => segments.push("vnets"),
            Self::Subnet(vnet) => segments.extend(["vnets", vnet, "subnets"]),
        }
        segments.extend(id);
        path(&segments)
    }

    /// Returns the name of the field with an object's ID.
    fn id_field(&self) -> &'static str {
        match self {
            Self::Zone => "zone",
            Self::Vnet => "vnet",
            Self::Subnet(_) => "subnet",
        }
    }
}

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

/// A zone, vnet or subnet, with its pending values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SdnObject {
    /// Its ID; for a subnet, `zone-10.9.0.0-24`.
    pub id: String,
    /// Whether it has pending changes.
    pub state: SdnState,
    /// Its values; the items of a list are joined by `;`.
    pub values: BTreeMap<String, String>,
    /// The values after the next apply.
    pub pending: BTreeMap<String, String>,
}

/// A zone's state on one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeZone {
    /// The zone.
    pub zone: String,
    /// `available`, `pending` or `error`.
    pub status: String,
}

/// A VNet's state on one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeVnet {
    /// The VNet.
    pub vnet: String,
    /// `available`, `pending` or `error`.
    pub status: String,
    /// The node's message if it is not available.
    pub message: Option<String>,
}

impl Client {
    /// Returns the objects of a kind, with pending changes.
    pub fn sdn_list(&self, kind: &SdnKind) -> Result<Vec<SdnObject>, Error> {
        let answer = self.get(&kind.path(None), &Params::new().with_flag("pending", true))?;
        answer.list(|object| {
            let state = match object.text("state").as_deref() {
                Some("new") => SdnState::New,
                Some("changed") => SdnState::Changed,
                Some("deleted") => SdnState::Deleted,
                _ => SdnState::Applied,
            };
            Ok(SdnObject {
                id: object.required(kind.id_field())?,
                state,
                values: texts(&object),
                pending: object
                    .object("pending")
                    .map(|pending| texts(&pending))
                    .unwrap_or_default(),
            })
        })
    }

    /// Creates an object; `params` includes its ID.
    pub fn sdn_create(
        &self,
        kind: &SdnKind,
        params: &Params,
        lock: Option<&str>,
    ) -> Result<(), Error> {
        self.post(&kind.path(None), &locked(params, lock)).map(drop)
    }

    /// Changes an object.
    pub fn sdn_update(
        &self,
        kind: &SdnKind,
        id: &str,
        params: &Params,
        lock: Option<&str>,
    ) -> Result<(), Error> {
        self.put(&kind.path(Some(id)), &locked(params, lock)).map(drop)
    }

    /// Deletes an object. The order is subnet, vnet, zone (facts 47).
    pub fn sdn_delete(&self, kind: &SdnKind, id: &str, lock: Option<&str>) -> Result<(), Error> {
        self.delete(&kind.path(Some(id)), &locked(&Params::new(), lock)).map(drop)
    }

    /// Applies all pending changes, including other users'; releases the lock, if given.
    pub fn sdn_apply(&self, lock: Option<&str>) -> Result<Upid, Error> {
        let params = locked(&Params::new(), lock);
        let params = if lock.is_some() { params.with_flag("release-lock", true) } else { params };
        self.put("/cluster/sdn", &params)?.parse(Upid::RULE)
    }

    /// Takes the SDN lock and returns its token; refused if there are pending changes. PVE 9 and newer.
    pub fn sdn_lock(&self) -> Result<String, Error> {
        self.post("/cluster/sdn/lock", &Params::new())?.parse("a lock token")
    }

    /// Releases the SDN lock.
    pub fn sdn_unlock(&self, lock: &str) -> Result<(), Error> {
        self.delete("/cluster/sdn/lock", &locked(&Params::new(), Some(lock))).map(drop)
    }

    /// Discards all pending changes, including other users': hold the lock. PVE 9 and newer.
    pub fn sdn_rollback(&self, lock: &str) -> Result<(), Error> {
        self.post("/cluster/sdn/rollback", &locked(&Params::new(), Some(lock))).map(drop)
    }

    /// Returns the state of the zones on a node.
    pub fn node_sdn_zones(&self, node: &NodeName) -> Result<Vec<NodeZone>, Error> {
        self.get(&path(&["nodes", node.as_str(), "sdn", "zones"]), &Params::new())?.list(|zone| {
            Ok(NodeZone {
                zone: zone.required("zone")?,
                status: zone.text("status").unwrap_or_default(),
            })
        })
    }

    /// Returns the state of a zone's VNets on a node; empty if the node is not in the zone. Needs SDN.Audit
    /// on `/sdn/zones/ZONE`.
    pub fn node_vnets(&self, node: &NodeName, zone: &str) -> Result<Vec<NodeVnet>, Error> {
        // PVE: pve-network, API2/Network/SDN/Nodes/Zone.pm; facts-2, 17.
        let path = path(&["nodes", node.as_str(), "sdn", "zones", zone, "content"]);
        self.get(&path, &Params::new())?.list(|vnet| {
            Ok(NodeVnet {
                vnet: vnet.required("vnet")?,
                status: vnet.text("status").unwrap_or_default(),
                message: vnet.text("statusmsg"),
            })
        })
    }
}

/// Returns all fields as texts: the items of a list joined by `;`, the fields of an item by `,`.
fn texts(object: &Fields<'_>) -> BTreeMap<String, String> {
    // PVE: facts-2, 15: a DHCP range is a text while it is pending, and an object once it is committed.
    let item = |item: &Value| match item {
        Value::Object(fields) => {
            let fields = fields.iter().filter_map(|(key, v)| Some(format!("{key}={}", text(v)?)));
            let mut fields: Vec<String> = fields.collect();
            // The order of an object's fields means nothing: that of the text form is start, end.
            fields.sort_by(|a, b| b.cmp(a));
            Some(fields.join(","))
        }
        other => text(other),
    };
    let lists = object.0.iter().filter_map(|(name, value)| {
        let items: Vec<String> = value.as_array()?.iter().filter_map(item).collect();
        Some((name.clone(), items.join(";")))
    });
    lists.chain(object.texts()).collect()
}

/// Adds the lock's token to parameters.
fn locked(params: &Params, lock: Option<&str>) -> Params {
    params.clone().with_some("lock-token", lock)
}
