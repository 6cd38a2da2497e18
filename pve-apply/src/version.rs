//! DOOR (reads only): checks that this version of PVE is supported.

use crate::read::read_api;
use pve_client::Client;
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
    if version.at_least(8, 4) {
        return Ok(());
    }
    // PVE: reference 1: qcow2 and raw as `import` content begin with pve-storage 8.3.6, which is PVE 8.4.
    let fact =
        format!("Proxmox VE {} is too old: 8.4 is the oldest supported version", version.version);
    Err(Entry::error("pve-too-old", place(), fact).into())
}
