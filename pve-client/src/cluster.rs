//! Calls about the cluster as a whole: version, nodes, resources, permissions.
//!
//! PVE filters lists by what the token can see and never refuses them (facts 54): absence proves nothing.

use std::collections::{BTreeMap, BTreeSet};

use crate::client::Client;
use crate::error::Error;
use crate::fields::{BadField, Fields, map_of};
use crate::ids::{NodeName, Vmid};
use crate::params::{Params, path};

/// The version of the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The full version, such as `9.1.7`.
    pub version: String,
}

impl Version {
    /// Returns whether this is `major.minor` or newer.
    pub fn at_least(&self, major: u32, minor: u32) -> bool {
        let mut numbers = self.version.split(['.', '-', '~']).map(|part| part.parse().unwrap_or(0));
        let mut next = || numbers.next().unwrap_or(0);
        (next(), next()) >= (major, minor)
    }
}

/// A node of the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its name.
    pub node: NodeName,
    /// Whether it is online.
    pub online: bool,
    /// Its certificate's fingerprint, if PVE reports it.
    pub ssl_fingerprint: Option<String>,
}

/// The kind of guest that a resource is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GuestKind {
    /// A virtual machine.
    Qemu,
    /// A container.
    Lxc,
}

/// A guest in the cluster's list. Its values lag up to 10 s behind (facts 31).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// VM or container: both use a vmid.
    pub kind: GuestKind,
    /// Its vmid.
    pub vmid: Vmid,
    /// Its node.
    pub node: NodeName,
    /// Its name; missing for a few seconds after its creation.
    pub name: Option<String>,
    /// `running`, `stopped`, or `unknown` when it is new or its node is offline.
    pub status: String,
    /// QEMU's own status, such as `paused`, if the full list was requested.
    pub qmpstatus: Option<String>,
    /// Whether it is a template.
    pub template: bool,
    /// Its tags.
    pub tags: Vec<String>,
    /// Its pool.
    pub pool: Option<String>,
    /// The reason it is locked.
    pub lock: Option<String>,
    /// The HA manager's state, such as `started` or `error`, or the requested one if the manager has none yet;
    /// `None` if it is not under HA, and in a node's own list.
    pub hastate: Option<String>,
}

/// Path → privilege → whether it propagates to the paths below.
pub type Permissions = BTreeMap<String, BTreeMap<String, bool>>;

impl Client {
    /// Returns the version; any token can read it.
    pub fn version(&self) -> Result<Version, Error> {
        let answer = self.get("/version", &Params::new())?;
        let version =
            answer.object()?.text("version").ok_or_else(|| answer.bad("it has no `version`"))?;
        Ok(Version { version })
    }

    /// Returns the nodes.
    pub fn nodes(&self) -> Result<Vec<Node>, Error> {
        self.get("/nodes", &Params::new())?.list(|node| {
            Ok(Node {
                node: node.required("node")?,
                online: node.text("status").as_deref() == Some("online"),
                ssl_fingerprint: node.text("ssl_fingerprint"),
            })
        })
    }

    /// Returns whether the cluster has quorum; `None` for a node without a cluster. Needs Sys.Audit on `/`.
    pub fn is_quorate(&self) -> Result<Option<bool>, Error> {
        let rows = self.get("/cluster/status", &Params::new())?.list_some(|row| {
            // PVE: pve-manager, API2/Cluster.pm, get_status: one row of a cluster, and one of each node.
            let is_cluster = row.required::<String>("type")? == "cluster";
            Ok(is_cluster.then(|| row.flag("quorate")))
        })?;
        Ok(rows.first().copied())
    }

    /// Returns all guests of the cluster that the token can see.
    pub fn cluster_resources(&self) -> Result<Vec<Resource>, Error> {
        self.get("/cluster/resources", &Params::new().with("type", "vm"))?
            // The list also has other things than guests; whatever claims to be a guest must be valid.
            .list_some(|row| match row.required::<String>("type")?.as_str() {
                "qemu" => resource(GuestKind::Qemu, row, row.required("node")?).map(Some),
                "lxc" => resource(GuestKind::Lxc, row, row.required("node")?).map(Some),
                _ => Ok(None),
            })
    }

    /// Returns the current state of a node's VMs that the token can see.
    pub fn node_vms(&self, node: &NodeName) -> Result<Vec<Resource>, Error> {
        self.list_node_vms(node, &Params::new())
    }

    /// Like [`Self::node_vms`], with QEMU's own status of each running VM.
    pub fn node_vms_in_full(&self, node: &NodeName) -> Result<Vec<Resource>, Error> {
        // PVE: QemuServer.pm, vmstatus: queries all QEMU processes at once, for at most 2 s, as pvestatd does.
        self.list_node_vms(node, &Params::new().with_flag("full", true))
    }

    fn list_node_vms(&self, node: &NodeName, params: &Params) -> Result<Vec<Resource>, Error> {
        self.get(&path(&["nodes", node.as_str(), "qemu"]), params)?
            .list(|row| resource(GuestKind::Qemu, row, node.clone()))
    }

    /// Moves a VM into a pool; with `leave` removes it from this pool.
    pub fn set_pool(&self, pool: &str, vmid: Vmid, leave: bool) -> Result<(), Error> {
        let how = if leave { "delete" } else { "allow-move" };
        let params = Params::new().with("poolid", pool).with("vms", vmid).with_flag(how, true);
        self.put("/pools", &params).map(drop)
    }

    /// Returns whether a vmid is free in the whole cluster, including VMs that the token cannot see.
    pub fn is_free(&self, vmid: Vmid) -> Result<bool, Error> {
        match self.get("/cluster/nextid", &Params::new().with("vmid", vmid)) {
            Ok(_) => Ok(true),
            // PVE: facts 32: a vmid in use is a 400 with `errors.vmid`.
            Err(error) => match error.refusal() {
                Some(r) if r.status == 400 && r.errors.contains_key("vmid") => Ok(false),
                _ if error.already_exists() => Ok(false),
                _ => Err(error),
            },
        }
    }

    /// Returns the tags in use that the token is allowed to set and to remove; `None` if PVE does not say. A tag of a
    /// VM that the token can see, if it is not among them, can be cloned, but neither set nor removed.
    // PVE: pve-manager, API2/Cluster.pm, get_options; guest-common, GuestHelpers.pm, get_allowed_tags.
    pub fn allowed_tags(&self) -> Result<Option<Vec<String>>, Error> {
        let answer = self.get("/cluster/options", &Params::new())?;
        Ok(answer.object()?.items("allowed-tags"))
    }

    /// Returns the names of the pools that the token can see.
    pub fn pools(&self) -> Result<Vec<String>, Error> {
        self.get("/pools", &Params::new())?.list(|pool| pool.required("poolid"))
    }

    /// Returns the token's own privileges on one path, inherited ones included.
    ///
    /// PVE answers with this path only. If the answer has other paths, the nearest parent counts.
    pub fn privileges_on(&self, path: &str) -> Result<BTreeSet<String>, Error> {
        let answer = self.get("/access/permissions", &Params::new().with("path", path))?;
        Ok(privileges_at(&permissions_of(&answer.object()?), path))
    }

    /// Returns the token's own privileges on each path where it has any.
    pub fn permissions(&self) -> Result<Permissions, Error> {
        let answer = self.get("/access/permissions", &Params::new())?;
        Ok(permissions_of(&answer.object()?))
    }
}

/// Reads path → privilege → whether it propagates.
fn permissions_of(answer: &Fields<'_>) -> Permissions {
    let privileges = |name: &String| {
        let list = answer.object(name).map(|list| list.texts()).unwrap_or_default();
        map_of(list.into_iter().map(|(privilege, propagates)| (privilege, propagates != "0")))
    };
    map_of(answer.0.keys().map(|name| (name.clone(), privileges(name))))
}

/// Returns the privileges listed for a path or, if it is not listed, those that it inherits.
fn privileges_at(listed: &Permissions, path: &str) -> BTreeSet<String> {
    if let Some(here) = listed.get(path) {
        return here.keys().cloned().collect();
    }
    let above = |name: &&String| {
        let rest = path.strip_prefix(name.trim_end_matches('/'));
        rest.is_some_and(|rest| rest.starts_with('/'))
    };
    let nearest = listed.keys().filter(above).max_by_key(|name| name.len());
    let inherited = nearest.and_then(|name| listed.get(name)).into_iter().flatten();
    inherited.filter(|(_, down)| **down).map(|(name, _)| name.clone()).collect()
}

/// Reads one guest from a list.
fn resource(kind: GuestKind, guest: &Fields<'_>, node: NodeName) -> Result<Resource, BadField> {
    Ok(Resource {
        kind,
        vmid: guest.required("vmid")?,
        node,
        name: guest.text("name"),
        status: guest.text("status").unwrap_or_else(|| "unknown".to_owned()),
        qmpstatus: guest.text("qmpstatus"),
        template: guest.flag("template"),
        tags: guest.split("tags", &[';', ',', ' ']),
        pool: guest.text("pool"),
        lock: guest.text("lock"),
        // PVE: facts-3 4.2: VM.Audit is enough.
        hastate: guest.text("hastate"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(version: &str, expected: bool) {
        let version = Version { version: version.to_owned() };
        assert_eq!(version.at_least(8, 4), expected, "{version:?}");
    }

    fn check_privileges(path: &str, expected: &[&str]) {
        let json = serde_json::json!({
            "/": {"A": 1}, "/storage": {"B": 1, "C": 0}, "/storage/local": {"D": 0}, "/pool/x": {}});
        let listed = permissions_of(&Fields(json.as_object().unwrap()));
        let expected: BTreeSet<String> = expected.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(privileges_at(&listed, path), expected, "{path}");
    }

    #[test]
    fn the_nearest_path_decides() {
        check_privileges("/storage/local", &["D"]);
        check_privileges("/storage/lvm", &["B"]);
        check_privileges("/storages", &["A"]);
        check_privileges("/vms/100", &["A"]);
        check_privileges("/pool/x", &[]);
        check_privileges("/storage/local/x", &[]);
    }

    #[test]
    fn versions() {
        check("8.4.1", true);
        check("8.4", true);
        check("9.0.0~beta1", true);
        check("10.1", true);
        check("8.3.5", false);
        check("7.4-17", false);
        check("", false);
    }
}
