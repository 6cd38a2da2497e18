//! The disks for a firmware's variables and a TPM's state.
//! A pure module: does no I/O.

use super::World;
use crate::pve_sim::property::Properties;

/// The size of a TPM's disk, whatever size was requested.
// PVE: QemuServer/Drive.pm, TPMSTATE_DISK_SIZE; facts-4 49.
pub(super) const TPM_SIZE: u64 = 4 << 20;

impl World {
    /// Returns the size of the disk for the firmware's variables, as rounded by its storage.
    // PVE: QemuServer/OVMF.pm, create_efidisk; facts-4 49. LVM has extents of 4 MiB;
    // pve-storage, Storage/ZFSPoolPlugin.pm, zfs_create_zvol aligns to 1 MiB.
    pub(super) fn firmware_size(&self, storage: &str, drive: &Properties) -> u64 {
        let size: u64 = if drive.get("efitype") == Some("4m") { 528 << 10 } else { 128 << 10 };
        let kind = self.storages.get(storage).map_or("", |storage| storage.r#type.as_str());
        match kind {
            "lvm" | "lvmthin" => size.next_multiple_of(4 << 20),
            "zfspool" | "rbd" => size.next_multiple_of(1 << 20),
            _ => size,
        }
    }

    /// Adds the marker for the certificates that came with the firmware.
    // PVE: QemuServer/OVMF.pm, create_efidisk; facts-4 49.
    pub(super) fn mark_certificates(&self, drive: &mut Properties) {
        let has_keys =
            drive.get("pre-enrolled-keys") == Some("1") && drive.get("efitype") == Some("4m");
        let marker = match self.release() {
            (9, 1) => "2023",
            release if release >= (9, 2) => "2023k",
            _ => return,
        };
        if has_keys {
            drive.set("ms-cert", marker);
        }
    }
}
