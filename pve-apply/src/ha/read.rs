//! DOOR (reads only): adds the HA state of each VM to what was observed.

use crate::observed::{Observation, Observed, VmState};
use crate::read::read_api;
use pve_client::{Client, Error, Resource};

/// Adds the states from the cluster's list, where VM.Audit is enough to see them.
///
/// # Errors
/// A read failed.
pub(crate) fn add(
    client: &Client,
    rows: &[Resource],
    observed: &mut Observed,
) -> Result<(), Error> {
    for row in rows.iter().filter(|row| row.hastate.is_some()) {
        let Some(Observation::Seen(seen)) = observed.vms.get_mut(&row.vmid) else { continue };
        seen.ha.clone_from(&row.hastate);
        if contradicts(seen) {
            confirm(client, seen)?;
        }
    }
    Ok(())
}

/// Returns whether HA will change the VM's power or cannot act, if it manages the VM at all.
fn contradicts(seen: &VmState) -> bool {
    let leads_elsewhere = seen.coming_power() != seen.power;
    leads_elsewhere || seen.is_in_ha_error()
}

/// Reads the VM's own state: while HA is disarmed with `ignore`, the list still has the manager's.
// PVE: pve-ha-manager, HA/Config.pm, $service_check_ha_state: 9.2.
fn confirm(client: &Client, seen: &mut VmState) -> Result<(), Error> {
    match read_api(|| client.vm_status(&seen.node, seen.vmid)) {
        Ok(status) => seen.ha = status.ha,
        // It moved or was removed: whatever is done next reads it again.
        Err(error) if error.is_not_found() || error.is_node_unreachable() => {}
        Err(error) => return Err(error),
    }
    Ok(())
}
