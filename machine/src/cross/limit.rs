//! Rate limits of drives, and which of them can be combined. Does no I/O.

use super::view::{Options, View, get, problem};
use crate::config_key::ConfigKey;
use crate::settings::Problem;

/// Options that require another one that is not 0.
// PVE: qemu-server, Drive.pm, parse_drive.
const NEEDED: [(&str, &str); 9] = [
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

pub(super) fn validate(
    view: &View<'_>,
    key: ConfigKey,
    options: &Options,
    problems: &mut Vec<Problem>,
) {
    limits(key, options, problems);
    in_bytes(key, options, problems);
    // Without a new VM, other options are unknown.
    if view.new.is_some() {
        needed(key, options, problems);
    }
}

fn needed(key: ConfigKey, options: &Options, problems: &mut Vec<Problem>) {
    let is_set = |name: &str| get(options, name).is_some_and(|value| value != "0");
    for (name, other) in NEEDED.iter().filter(|(name, other)| is_set(name) && !is_set(other)) {
        problems.push(problem(key, name, format!("requires `{other}`"), None));
    }
}

/// PVE: qemu-server, Drive.pm, parse_drive: limits in bytes become 0 megabytes.
fn in_bytes(key: ConfigKey, options: &Options, problems: &mut Vec<Problem>) {
    for (name, kept) in [("bps", "mbps"), ("bps_rd", "mbps_rd"), ("bps_wr", "mbps_wr")] {
        let Some(value) = get(options, name) else { continue };
        if value != "0" || get(options, kept).is_some() {
            let hint = format!("use `{kept}`");
            let fact = "cannot be set: PVE does not enforce it";
            problems.push(problem(key, name, fact, Some(&hint)));
        }
    }
}

/// QEMU refuses a total limit together with one for reading or writing, and a burst limit below the
/// normal one.
fn limits(key: ConfigKey, options: &Options, problems: &mut Vec<Problem>) {
    if !options.keys().any(|name| name.starts_with("mbps") || name.starts_with("iops")) {
        return;
    }
    let number = |name: &str| get(options, name)?.parse::<f64>().ok().filter(|n| *n > 0.0);
    for what in ["mbps", "iops"] {
        for end in ["", "_max"] {
            let all = format!("{what}{end}");
            let one = ["rd", "wr"].map(|way| format!("{what}_{way}{end}"));
            if number(&all).is_some()
                && let Some(one) = one.iter().find(|name| number(name).is_some())
            {
                problems.push(problem(key, one, format!("cannot be combined with `{all}`"), None));
            }
        }
        for way in ["", "_rd", "_wr"] {
            let (usual, most) = (format!("{what}{way}"), format!("{what}{way}_max"));
            if let (Some(low), Some(high)) = (number(&usual), number(&most))
                && high < low
            {
                problems.push(problem(key, &most, format!("is less than `{usual}`"), None));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check, unknown};
    use serde_json::json;

    #[test]
    fn limits_of_drives() {
        check(
            &[
                (
                    json!({"virtio0": {"mbps": 5, "mbps_wr": 5}}),
                    "virtio0.mbps_wr cannot be combined with `mbps`",
                ),
                (
                    json!({"virtio0": {"iops_max": 5, "iops_rd_max": 5}}),
                    "virtio0.iops_rd_max cannot be combined with `iops_max`",
                ),
                (
                    json!({"virtio0": {"iops_rd": 5, "iops_rd_max": 4}}),
                    "virtio0.iops_rd_max is less than `iops_rd`",
                ),
                (json!({"virtio0": {"mbps_rd_max": 5}}), "virtio0.mbps_rd_max requires `mbps_rd`"),
                (
                    json!({"virtio0": {"mbps": 0, "mbps_max": 0.5}}),
                    "virtio0.mbps_max requires `mbps`",
                ),
                (
                    json!({"virtio0": {"iops_wr_max_length": 5}}),
                    "virtio0.iops_wr_max_length requires `iops_wr_max`",
                ),
                (
                    json!({"virtio0": {"bps": 1_048_576}}),
                    "virtio0.bps cannot be set: PVE does not enforce it",
                ),
                (
                    json!({"virtio0": {"bps_rd": 0, "mbps_rd": 5}}),
                    "virtio0.bps_rd cannot be set: PVE does not enforce it",
                ),
            ],
            &[
                json!({"virtio0": {"mbps_rd": 5, "mbps_wr": 5.5, "iops": 0, "iops_rd": 7}}),
                json!({"virtio0": {"mbps": 5, "mbps_max": 9.5, "bps_max_length": 4}}),
                json!({"virtio0": {"iops_max": 5, "iops_max_length": 4, "mbps_max": 0, "bps": 0}}),
            ],
        );
        unknown(&[json!({"scsi1": {"mbps_max": 5}})]);
    }
}
