//! What earlier releases have not, or check otherwise than `api-parameters.json`, outside of the VM's keys.
//! A pure module: does no I/O. The texts are PVE's.

use super::formats;
use super::keys::{self, Release, reached};
use super::schema::Endpoint;

/// Returns whether a release has an endpoint (facts-2 20, 24 and 39).
pub(crate) fn has(endpoint: &Endpoint, release: Release) -> bool {
    let since = match endpoint.path.as_str() {
        "/cluster/sdn/lock" | "/cluster/sdn/rollback" | "/cluster/sdn/fabrics/all" => (9, 0),
        "/cluster/sdn/dry-run" => (9, 2),
        _ => keys::OLDEST,
    };
    reached(since, release)
}

/// Returns the first release that has a parameter.
pub(crate) fn parameter(path: &str, name: &str) -> Release {
    match name {
        // PVE: facts-2 4 and 24.
        "lock-token" | "fabric" if path.starts_with("/cluster/sdn") => (9, 0),
        // PVE: API2/Qemu/CPU.pm and Machine.pm: another architecture can be asked for since 9.2.
        "arch" if path.contains("/capabilities/") => (9, 2),
        // PVE: qemu-server 9.0.0, API2/Qemu.pm, migrate_vm.
        "with-conntrack-state" if path.ends_with("/migrate") => (9, 0),
        _ => keys::OLDEST,
    }
}

/// Returns whether a release takes any parameter here.
// PVE: API2/Network/SDN.pm of 8.4, reload: without `additionalProperties`.
pub(crate) fn takes_anything(endpoint: &Endpoint, release: Release) -> bool {
    endpoint.method == "PUT" && endpoint.path == "/cluster/sdn" && release < (9, 0)
}

/// Checks a parameter as an earlier release does; `None` if it does as the schema says.
pub(crate) fn check(
    path: &str,
    name: &str,
    value: &str,
    release: Release,
) -> Option<Result<(), String>> {
    let is_sdn = path.starts_with("/cluster/sdn") || path.contains("/sdn/zones/");
    match name {
        "zone" | "vnet" if is_sdn && release < (9, 2) => Some(old_id(path, name, value)),
        // PVE: VnetPlugin.pm and EvpnPlugin.pm: without bounds before 9.1.
        "tag" | "vrf-vxlan"
            if is_sdn && release < (9, 1) && path.contains("vnets") == (name == "tag") =>
        {
            formats::full(r"[+-]?\d+", value).then_some(Ok(()))
        }
        _ => None,
    }
}

/// Before 9.2 ids have a format instead of a pattern.
// PVE: Zones/Plugin.pm, parse_sdn_zone_id; VnetPlugin.pm, parse_sdn_vnet_id.
fn old_id(path: &str, name: &str, value: &str) -> Result<(), String> {
    // The zone of a vnet, and the vnet of a subnet, are any text.
    if !path.contains(&format!("{{{name}}}")) && !path.ends_with(&format!("/{name}s")) {
        return Ok(());
    }
    let text = if !formats::full("(?i)[a-z][a-z0-9]*[a-z0-9]", value) {
        format!("{name} ID '{value}' contains illegal characters\n")
    } else if value.len() > 8 {
        format!("{name} ID '{value}' can't be more length than 8 characters\n")
    } else {
        return Ok(());
    };
    Err(format!("invalid format - {text}"))
}
