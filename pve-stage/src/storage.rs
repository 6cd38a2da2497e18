//! Findings for storages that a node cannot use. Does no I/O.

use pve_client::{NodeName, Storage, StorageConfig};
use stage::{Entry, Place};

/// Returns a finding if a node cannot use a storage that it lists; `configs` are those of the cluster,
/// as far as they have been read.
// PVE: pve-storage, Storage.pm, storage_info: `enabled` is 0 for a storage that is disabled and for
// one that is restricted to other nodes; only GET /storage tells them apart.
pub fn unusable(
    place: Place,
    node: &NodeName,
    found: &Storage,
    configs: &[StorageConfig],
) -> Option<Entry> {
    let name = &found.storage;
    if found.enabled {
        let fact = format!("storage \"{name}\" is not active on node {node}");
        let hint = "`pvesm status` on the node shows why";
        return (!found.active).then(|| Entry::error("storage-inactive", place, fact).hint(hint));
    }
    let config = configs.iter().find(|config| config.storage == *name);
    Some(match config {
        Some(config) if config.disabled => {
            Entry::error("storage-disabled", place, format!("storage \"{name}\" is disabled"))
                .hint(format!("run on a node: pvesm set {name} --disable 0"))
        }
        Some(config) if !config.nodes.is_empty() && !config.is_on(node) => {
            let nodes = config.nodes.join(", ");
            let fact = format!(
                "storage \"{name}\" is not available on node {node}: its `nodes` are {nodes}"
            );
            let all = config.nodes.join(",");
            Entry::error("storage-not-on-node", place, fact).hint(format!(
                "choose a storage of node {node}; or, if {node} can reach it, run on a node: \
                 pvesm set {name} --nodes {all},{node}"
            ))
        }
        _ => {
            let fact = format!("storage \"{name}\" is disabled, or not available on node {node}");
            Entry::error("storage-inactive", place, fact)
        }
    })
}
