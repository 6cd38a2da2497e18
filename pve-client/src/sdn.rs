//! Calls about software-defined networking: zones, vnets, subnets, and applying them.
//!
//! Nothing takes effect before the apply, and an apply may end `OK` although a node failed (facts 37, 46):
//! check `node_sdn_zones` and `node_vnets` afterwards. The views of an object are in `sdn_object`.

use crate::client::Client;
use crate::error::Error;
use crate::ids::NodeName;
use crate::params::{Params, path};
use crate::sdn_object::{SdnFabric, SdnFabricNode, SdnFabrics, SdnObject};
use crate::upid::Upid;

/// The kind of an SDN object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum SdnKind {
    /// A zone.
    Zone,
    /// A vnet.
    Vnet,
    /// A subnet of the given vnet.
    Subnet(String),
    /// A controller of EVPN zones.
    Controller,
}

impl SdnKind {
    /// Returns the path of the objects of this kind.
    fn path(&self, id: Option<&str>) -> String {
        let mut segments = vec!["cluster", "sdn"];
        match self {
            Self::Zone => segments.push("zones"),
            Self::Vnet => segments.push("vnets"),
            Self::Subnet(vnet) => segments.extend(["vnets", vnet, "subnets"]),
            Self::Controller => segments.push("controllers"),
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
            Self::Controller => "controller",
        }
    }
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
    /// Returns the objects of a kind, with pending changes and without a digest.
    /// Objects that the token cannot see are missing (facts-2, 31).
    pub fn sdn_list(&self, kind: &SdnKind) -> Result<Vec<SdnObject>, Error> {
        self.sdn_view(kind, &Params::new().with_flag("pending", true))
    }

    /// Returns the objects of a kind as the next apply commits them, with the digest of their file.
    pub fn sdn_edited(&self, kind: &SdnKind) -> Result<Vec<SdnObject>, Error> {
        self.sdn_view(kind, &Params::new())
    }

    /// Reads a list of objects.
    fn sdn_view(&self, kind: &SdnKind, view: &Params) -> Result<Vec<SdnObject>, Error> {
        let answer = self.get(&kind.path(None), view)?;
        answer.list(|object| SdnObject::read(object, kind.id_field()))
    }

    /// Returns the fabrics and their nodes, with pending changes; PVE 9 and newer.
    /// Those that the token cannot see are missing (facts-2, 42).
    pub fn sdn_fabrics(&self) -> Result<SdnFabrics, Error> {
        // PVE: pve-network, API2/Network/SDN/Fabrics.pm, list_all.
        let params = Params::new().with_flag("pending", true);
        let answer = self.get("/cluster/sdn/fabrics/all", &params)?;
        let all = answer.object()?;
        let bad = |field| answer.bad(&format!("{field}"));
        Ok(SdnFabrics {
            fabrics: all.rows("fabrics", SdnFabric::read).map_err(bad)?,
            nodes: all.rows("nodes", SdnFabricNode::read).map_err(bad)?,
        })
    }

    /// Creates an object; `params` includes its ID. A lock token is for PVE 9 and newer (facts-2, 24).
    pub fn sdn_create(
        &self,
        kind: &SdnKind,
        params: &Params,
        lock: Option<&str>,
    ) -> Result<(), Error> {
        self.post(&kind.path(None), &locked(params, lock)).map(drop)
    }

    /// Changes an object; `params` may include the digest of its file, and `delete`.
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

    /// Applies all pending changes, including other users'. Releases the lock, if given, once the
    /// configuration is committed, before the task has run (facts-2, 25).
    pub fn sdn_apply(&self, lock: Option<&str>) -> Result<Upid, Error> {
        let params = locked(&Params::new(), lock);
        let params = if lock.is_some() { params.with_flag("release-lock", true) } else { params };
        self.put("/cluster/sdn", &params)?.parse(Upid::RULE)
    }

    /// Takes the SDN lock and returns its token; refused if there are pending changes, unless
    /// `allow_pending`. PVE 9 and newer. The lock never expires (facts-2, 21).
    pub fn sdn_lock(&self, allow_pending: bool) -> Result<String, Error> {
        let params = Params::new();
        let params = if allow_pending { params.with_flag("allow-pending", true) } else { params };
        self.post("/cluster/sdn/lock", &params)?.parse("a lock token")
    }

    /// Releases the SDN lock; also succeeds if nobody holds it.
    pub fn sdn_unlock(&self, lock: &str) -> Result<(), Error> {
        self.delete("/cluster/sdn/lock", &locked(&Params::new(), Some(lock))).map(drop)
    }

    /// Breaks the SDN lock, whoever holds it (facts-2, 26).
    pub fn sdn_break_lock(&self) -> Result<(), Error> {
        self.delete("/cluster/sdn/lock", &Params::new().with_flag("force", true)).map(drop)
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

/// Adds the lock's token to parameters.
fn locked(params: &Params, lock: Option<&str>) -> Params {
    params.clone().with_some("lock-token", lock)
}
