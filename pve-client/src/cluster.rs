//! Calls about the cluster as a whole: version, nodes, resources, permissions.
//!
//! Lists are filtered by what the token may see, never refused (facts 54): absence is no proof.

use std::collections::{BTreeMap, BTreeSet};

use crate::client::Client;
use crate::error::Error;
use crate::fields::{BadField, Fields};
use crate::ids::{NodeName, Vmid};
use crate::params::{Params, path};

/// The version of the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The full version, as `9.1.7`.
    pub version: String,
}

impl Version {
    /// Tells that this is `major.minor` or newer.
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
    /// It is online.
    pub online: bool,
    /// Its certificate's fingerprint, where PVE tells it.
    pub ssl_fingerprint: Option<String>,
}

/// What a node says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeStatus {
    /// As `pve-manager/9.1.7/…`.
    pub pveversion: String,
    /// Logical CPUs.
    pub cpus: u64,
    /// Memory in bytes.
    pub memory_total: u64,
    /// Memory in use, in bytes.
    pub memory_used: u64,
}

/// What kind of guest a resource is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GuestKind {
    /// A virtual machine.
    Qemu,
    /// A container.
    Lxc,
}

/// A guest in the cluster's list. Its figures lag up to 10 s behind (facts 31).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// VM or container: both take a vmid.
    pub kind: GuestKind,
    /// Its number.
    pub vmid: Vmid,
    /// The node that has it.
    pub node: NodeName,
    /// Its name; absent for a few seconds after its creation.
    pub name: Option<String>,
    /// `running`, `stopped`, or `unknown` when new or when the node is away.
    pub status: String,
    /// QEMU's own word, as `paused`, where the full list was asked for.
    pub qmpstatus: Option<String>,
    /// It is a template.
    pub template: bool,
    /// Its tags.
    pub tags: Vec<String>,
    /// Its pool.
    pub pool: Option<String>,
    /// What locks it.
    pub lock: Option<String>,
}

/// Path → privilege → whether it goes down to the paths below.
pub type Permissions = BTreeMap<String, BTreeMap<String, bool>>;

impl Client {
    /// Returns the version; any token may ask.
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

    /// Returns what a node says of itself; needs Sys.Audit on it.
    pub fn node_status(&self, node: &NodeName) -> Result<NodeStatus, Error> {
        let answer = self.get(&path(&["nodes", node.as_str(), "status"]), &Params::new())?;
        let fields = answer.object()?;
        let memory = fields.object("memory");
        let of_memory = |name| memory.and_then(|m| m.integer(name)).unwrap_or(0);
        Ok(NodeStatus {
            pveversion: fields.text("pveversion").unwrap_or_default(),
            cpus: fields.object("cpuinfo").and_then(|cpu| cpu.integer("cpus")).unwrap_or(0),
            memory_total: of_memory("total"),
            memory_used: of_memory("used"),
        })
    }

    /// Returns all guests of the cluster that the token may see.
    pub fn cluster_resources(&self) -> Result<Vec<Resource>, Error> {
        self.get("/cluster/resources", &Params::new().with("type", "vm"))?
            // The list may hold other things than guests; whatever calls itself a guest must be one.
            .list_some(|row| match row.required::<String>("type")?.as_str() {
                "qemu" => resource(GuestKind::Qemu, row, row.required("node")?).map(Some),
                "lxc" => resource(GuestKind::Lxc, row, row.required("node")?).map(Some),
                _ => Ok(None),
            })
    }

    /// Returns a node's VMs that the token may see, as they are at this moment.
    pub fn node_vms(&self, node: &NodeName) -> Result<Vec<Resource>, Error> {
        self.list_node_vms(node, &Params::new())
    }

    /// Returns the same with what QEMU says of each VM that runs.
    pub fn node_vms_in_full(&self, node: &NodeName) -> Result<Vec<Resource>, Error> {
        // PVE: QemuServer.pm, vmstatus: every QEMU is asked at once, for 2 s at most, as pvestatd does.
        self.list_node_vms(node, &Params::new().with_flag("full", true))
    }

    fn list_node_vms(&self, node: &NodeName, params: &Params) -> Result<Vec<Resource>, Error> {
        self.get(&path(&["nodes", node.as_str(), "qemu"]), params)?
            .list(|row| resource(GuestKind::Qemu, row, node.clone()))
    }

    /// Puts a VM into a pool, out of any other; with `leave` takes it out of this one.
    pub fn set_pool(&self, pool: &str, vmid: Vmid, leave: bool) -> Result<(), Error> {
        let how = if leave { "delete" } else { "allow-move" };
        let params = Params::new().with("poolid", pool).with("vms", vmid).with_flag(how, true);
        self.put("/pools", &params).map(drop)
    }

    /// Returns a free vmid. It is not reserved: the create settles it (facts 32).
    pub fn next_id(&self) -> Result<Vmid, Error> {
        self.get("/cluster/nextid", &Params::new())?.parse(Vmid::RULE)
    }

    /// Tells whether a vmid is free in the whole cluster, also where the token may not look.
    pub fn is_free(&self, vmid: Vmid) -> Result<bool, Error> {
        match self.get("/cluster/nextid", &Params::new().with("vmid", vmid)) {
            Ok(_) => Ok(true),
            // PVE: facts 32: a taken one is 400 with `errors.vmid`.
            Err(error) => match error.refusal() {
                Some(r) if r.status == 400 && r.errors.contains_key("vmid") => Ok(false),
                _ if error.already_exists() => Ok(false),
                _ => Err(error),
            },
        }
    }

    /// Returns the names of the pools that the token may see.
    pub fn pools(&self) -> Result<Vec<String>, Error> {
        self.get("/pools", &Params::new())?.list(|pool| pool.required("poolid"))
    }

    /// Returns what the token itself may do on one path, what it inherits included.
    ///
    /// PVE answers with this path alone. Of an answer with other paths, the nearest one above counts.
    pub fn privileges_on(&self, path: &str) -> Result<BTreeSet<String>, Error> {
        let answer = self.get("/access/permissions", &Params::new().with("path", path))?;
        Ok(privileges_at(&permissions_of(&answer.object()?), path))
    }

    /// Returns what the token itself may do, on each path where it may do anything.
    pub fn permissions(&self) -> Result<Permissions, Error> {
        let answer = self.get("/access/permissions", &Params::new())?;
        Ok(permissions_of(&answer.object()?))
    }
}

/// Reads path → privilege → whether it goes down.
fn permissions_of(answer: &Fields<'_>) -> Permissions {
    let privileges = |name: &String| {
        let list = answer.object(name).map(|list| list.texts()).unwrap_or_default();
        list.into_iter().map(|(privilege, propagates)| (privilege, propagates != "0")).collect()
    };
    answer.0.keys().map(|name| (name.clone(), privileges(name))).collect()
}

/// Returns the privileges listed for a path or, where it is not listed, those that come down to it.
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

/// Reads a guest of a list.
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
