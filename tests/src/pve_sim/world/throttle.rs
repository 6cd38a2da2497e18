//! Limits of a drive, and which of its options can be combined.
//! A pure module: does no I/O.
// PVE: qemu-server, QemuServer/Drive.pm, parse_drive.

use super::disk::is_cdrom;
use crate::pve_sim::property::Properties;

/// Converts throughput limits to megabytes as PVE does; due to a bug in PVE, limits in bytes are lost.
// PVE: QemuServer/Drive.pm, parse_drive: it divides the result of `defined`.
pub(super) fn in_megabytes(mut drive: Properties) -> Properties {
    for name in ["bps", "bps_rd", "bps_wr"] {
        if drive.remove(name).is_some() {
            drive.set(&format!("m{name}"), "0.000");
        }
    }
    drive
}

/// Returns whether PVE accepts the combination of options; it gives no reason if not.
// PVE: QemuServer/Drive.pm, parse_drive.
pub(crate) fn makes_sense(key: &str, drive: &Properties) -> bool {
    let set = |name: &str| drive.get(name).is_some_and(|value| value != "0");
    let requires = [
        ("mbps_max", "mbps"),
        ("mbps_rd_max", "mbps_rd"),
        ("mbps_wr_max", "mbps_wr"),
        ("bps_max_length", "mbps_max"),
        ("bps_rd_max_length", "mbps_rd_max"),
        ("bps_wr_max_length", "mbps_wr_max"),
        ("iops_max_length", "iops_max"),
        ("iops_rd_max_length", "iops_rd_max"),
        ("iops_wr_max_length", "iops_wr_max"),
    ];
    let excludes =
        [("mbps_rd", "mbps"), ("mbps_wr", "mbps"), ("iops_rd", "iops"), ("iops_wr", "iops")];
    let cd = is_cdrom(drive)
        && (set("snapshot") || drive.get("format").is_some() || key.starts_with("virtio"));
    !cd && requires.iter().all(|(option, other)| !set(option) || set(other))
        && !excludes.iter().any(|(one, other)| set(one) && set(other))
}
