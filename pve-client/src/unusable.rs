//! Which refusals mean that a node or a storage cannot be used at all. Does no I/O.

use crate::error::Error;

impl Error {
    /// Returns whether the cluster has no node with the name that the call is for.
    pub fn is_node_unknown(&self) -> bool {
        // PVE: facts 4: pveproxy resolves the name to pass the call on.
        self.text_matches(|text| text.contains("hostname lookup '"))
    }

    /// Returns whether a node does not have a storage, or must not use it.
    pub fn is_storage_missing(&self) -> bool {
        // PVE: pve-storage, Storage.pm, storage_check_enabled and storage_config.
        self.text_matches(|text| {
            text.contains("storage '")
                && ["' is not available on node", "' does not exist", "' is disabled"]
                    .iter()
                    .any(|end| text.contains(end))
        })
    }
}
