//! A storage on one node: its size there, and whether it can be used.
//! A pure module: does no I/O. The texts are PVE's.
// PVE: pve-storage, Storage.pm, activate_storage, and the plugins.

use serde::{Deserialize, Serialize};

use super::{Storage, World};
use crate::pve_sim::answer::Refusal;

/// A storage on one node, where it differs.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StorageOnNode {
    /// Size in bytes [default: that of the storage].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    /// Bytes used by something outside this world [default: those of the storage].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other: Option<u64>,
    /// Whether it cannot be activated there: no mount, no volume group, no pool.
    #[serde(skip_serializing_if = "is_false")]
    pub inactive: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

impl Storage {
    /// Returns its size on a node, in bytes.
    pub(crate) fn total_on(&self, node: &str) -> u64 {
        self.on.get(node).and_then(|here| here.total).unwrap_or(self.total)
    }

    pub(super) fn other_on(&self, node: &str) -> u64 {
        self.on.get(node).and_then(|here| here.other).unwrap_or(self.other)
    }

    /// Returns whether it can be used on a node, if it is enabled there.
    pub(crate) fn is_active_on(&self, node: &str) -> bool {
        self.on.get(node).is_none_or(|here| !here.inactive)
    }
}

impl World {
    /// Activates a storage on a node, as PVE does before it uses it.
    // PVE: pve-storage, Storage.pm, activate_storage, and the plugins.
    pub(crate) fn activate(&self, id: &str, node: &str) -> Result<(), Refusal> {
        let storage = self.storage(id, node)?;
        if storage.is_active_on(node) {
            return Ok(());
        }
        let path = storage.path(id);
        Err(match storage.r#type.as_str() {
            "dir" | "btrfs" => Refusal::die(format!(
                "unable to activate storage '{id}' - directory '{path}' does not exist or is unreachable"
            )),
            "nfs" | "cifs" => Refusal::die(format!("storage '{id}' is not online")),
            "lvmthin" => Refusal::die("no such logical volume pve/data"),
            "zfspool" => Refusal::die(format!(
                "could not activate storage '{id}', zfs error: cannot import '{id}': no such pool available\n"
            )),
            kind => Refusal::unknown(format!("pve-sim: an inactive '{kind}' is not served")),
        })
    }
}
