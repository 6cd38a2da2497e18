//! What must be true before the recorder writes anything to a node.

use serde_json::Value;

use super::names::{Names, POOL_PREFIX, is_ours};
use super::node::Node;

/// Storages that recorded requests expect not to exist.
const UNKNOWN: [&str; 6] = ["nope", "other", "more", "off", "lvm", "elsewhere"];

/// What a check has found: reasons to stop, and what the user should know.
#[derive(Debug, Default)]
pub struct Found {
    /// Why nothing may be recorded.
    pub problems: Vec<String>,
    /// Guests that are not the recorder's.
    pub guests: usize,
    /// The node's version.
    pub version: String,
    /// What an interrupted recording has left.
    pub left: Vec<String>,
}

/// Reads what is there; writes nothing.
pub fn check(node: &Node, names: &Names, networks: bool) -> Result<Found, String> {
    let version = node.call("GET", "/version", &[])?;
    let mut found = Found {
        version: version["version"].as_str().unwrap_or_default().to_owned(),
        ..Found::default()
    };
    let resources = node.call("GET", "/cluster/resources", &[("type", "vm")])?;
    for guest in rows(&resources) {
        match guest["vmid"].as_u64() {
            Some(vmid) if is_ours(vmid) => found.left.push(format!("VM {vmid}")),
            _ => found.guests += 1,
        }
    }
    for pool in rows(&node.call("GET", "/pools", &[])?) {
        let id = pool["poolid"].as_str().unwrap_or_default();
        if id.starts_with(POOL_PREFIX) {
            found.left.push(format!("pool {id}"));
        }
    }
    storages(node, names, &mut found)?;
    if networks {
        for kind in ["zones", "vnets", "controllers"] {
            let objects = node.call("GET", &format!("/cluster/sdn/{kind}"), &[("pending", "1")])?;
            if !rows(&objects).is_empty() {
                found
                    .problems
                    .push(format!("SDN has {kind}: --networks removes them all and commits; remove them yourself first"));
            }
        }
    }
    Ok(found)
}

/// Returns the rows of a list.
pub fn rows(list: &Value) -> &[Value] {
    list.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// Privileges of Administrator, one for each kind of object.
const PRIVILEGES: [&str; 6] = [
    "VM.Allocate",
    "Datastore.Allocate",
    "Pool.Allocate",
    "SDN.Allocate",
    "Sys.Modify",
    "Permissions.Modify",
];

/// A recording says that its token may do everything, so it must.
pub fn may_everything(node: &Node) -> Result<(), String> {
    let permissions = node.call("GET", "/access/permissions", &[])?;
    match PRIVILEGES.iter().find(|privilege| permissions["/"][**privilege].as_u64().is_none()) {
        Some(lacking) => {
            Err(format!("the token lacks {lacking} on /: give it the role Administrator there"))
        }
        None => Ok(()),
    }
}

fn storages(node: &Node, names: &Names, found: &mut Found) -> Result<(), String> {
    let all = node.call("GET", "/storage", &[])?;
    for unknown in UNKNOWN {
        if rows(&all).iter().any(|storage| storage["storage"] == unknown) {
            found
                .problems
                .push(format!("a storage is named {unknown}, and recorded requests expect none"));
        }
    }
    for (id, content) in [(&names.disks.0, "images"), (&names.files.0, "import")] {
        if !id.contains("record") {
            found.problems.push(format!(
                "storage {id}: the name must contain `record`, so that nobody else uses it"
            ));
        }
        let Some(storage) = rows(&all).iter().find(|storage| storage["storage"] == id.as_str())
        else {
            found.problems.push(format!("storage {id} does not exist"));
            continue;
        };
        let has = |content: &str| {
            storage["content"].as_str().is_some_and(|all| all.split(',').any(|one| one == content))
        };
        if storage["type"] != "dir" || !has(content) {
            found.problems.push(format!("storage {id} is not a directory with content {content}"));
            continue;
        }
        let content =
            node.call("GET", &format!("/nodes/{}/storage/{id}/content", names.node), &[])?;
        found.left.extend(
            rows(&content).iter().map(|v| v["volid"].as_str().unwrap_or_default().to_owned()),
        );
    }
    Ok(())
}
