//! DOOR (reads only): checks that this version of PVE is supported.

use crate::read::read_api;
use pve_client::{Client, Version};
use pve_stage::finding;
use stage::{Entry, Failure, Place};

/// Refuses a PVE that cannot create disks from `import` content.
///
/// # Errors
/// It is too old, or cannot be reached.
pub(crate) fn check(client: &Client) -> Result<(), Failure> {
    let place = || Place::Named(client.endpoint().url.to_string());
    let version =
        read_api(|| client.version()).map_err(|error| finding::of_error(place(), &error))?;
    if is_supported(&version) {
        return Ok(());
    }
    Err(too_old(client, &version).into())
}

/// Returns whether a version is supported.
pub(crate) fn is_supported(version: &Version) -> bool {
    version.at_least(8, 4)
}

/// Returns the finding for a version that is too old.
pub(crate) fn too_old(client: &Client, version: &Version) -> Entry {
    // PVE: reference 1: qcow2 and raw as `import` content begin with pve-storage 8.3.6, which is PVE 8.4.
    let fact =
        format!("Proxmox VE {} is too old: 8.4 is the oldest supported version", version.version);
    Entry::error("pve-too-old", Place::Named(client.endpoint().url.to_string()), fact)
}
