//! Rules for names in PVE. Does no I/O.

use super::definition::{Rule, is_word};
use stage::guest;

/// A unicast MAC address.
pub const MAC: Rule = Rule::new(
    "a unicast MAC address such as BC:24:11:10:00:01",
    |s| guest::mac(s).is_ok(),
    "^[0-9A-Fa-f][02468ACEace](:[0-9A-Fa-f]{2}){5}$",
);

/// An interface name, as PVE limits it.
pub const BRIDGE: Rule = Rule::new(
    "a bridge such as vmbr0: at most 15 letters, digits, _, . and -, starting with a letter",
    |s| is_word(s, 15, "_.-") && s.starts_with(|c: char| c.is_ascii_alphabetic()),
    "^[A-Za-z][A-Za-z0-9_.-]{0,14}$",
);

/// A PVE storage.
pub const STORAGE: Rule = Rule::new(
    "a storage such as local-lvm: letters, digits, -, _ and ., starting with a letter and ending with a letter or digit",
    is_storage,
    "^[A-Za-z][A-Za-z0-9_.-]*[A-Za-z0-9]$",
);

/// An image. A file name has at most 255 bytes; checksum, extension and temporary suffix need up to
/// 28. PVE: pve-storage, Plugin.pm: names of content `import` have only these characters.
pub const IMAGE: Rule = Rule::new(
    "an image name: at most 200 letters, digits, ., +, =, _ and -, starting with a letter or digit",
    |s| is_word(s, 200, ".+=_-") && s.starts_with(|c: char| c.is_ascii_alphanumeric()),
    "^[A-Za-z0-9][A-Za-z0-9.+=_-]*$",
);

/// A PVE tag. PVE: a tag starts with a letter, a digit or `_`, followed by these, `+`, `.` and `-`.
pub const TAG: Rule = Rule::new(
    "a tag: letters, digits, _, -, + and ., starting with a letter, digit or _",
    is_tag,
    "^[A-Za-z0-9_][A-Za-z0-9_.+-]*$",
);

/// A device of the boot order.
pub const BOOT_DEVICE: Rule = Rule::new(
    "a drive, NIC or device such as scsi0 or net0",
    |s| s.ends_with(|c: char| c.is_ascii_digit()) && is_word(s, 12, ""),
    "^[a-z]+[0-9]+$",
);

/// A volume of PVE: `STORAGE:NAME`, or `none` and `cdrom` for a CD drive.
pub const VOLUME: Rule = Rule::new(
    "a volume such as local:iso/debian.iso, none or cdrom",
    |s| matches!(s, "none" | "cdrom") || is_volume(s),
    "^(none|cdrom|[A-Za-z][A-Za-z0-9_.-]*[A-Za-z0-9]:[^, ]+)$",
);

/// A volume of PVE: `STORAGE:NAME`.
pub const VOLUME_ID: Rule = Rule::new(
    "a volume such as local:snippets/network.yaml",
    is_volume,
    "^[A-Za-z][A-Za-z0-9_.-]*[A-Za-z0-9]:[^, ]+$",
);

/// The ID of a resource mapping, or any other `configid` of PVE.
pub const MAPPING: Rule = Rule::new(
    "a mapping ID: two or more letters, digits, _ and -, starting with a letter",
    |s| s.len() >= 2 && is_word(s, 128, "_-") && s.starts_with(|c: char| c.is_ascii_alphabetic()),
    "^[A-Za-z][A-Za-z0-9_-]+$",
);

fn is_volume(s: &str) -> bool {
    s.split_once(':').is_some_and(|(storage, name)| {
        is_storage(storage) && !name.is_empty() && !name.contains([',', ' '])
    })
}

fn is_storage(s: &str) -> bool {
    s.len() >= 2
        && is_word(s, 100, "-_.")
        && s.starts_with(|c: char| c.is_ascii_alphabetic())
        && s.ends_with(|c: char| c.is_ascii_alphanumeric())
}

fn is_tag(s: &str) -> bool {
    let first = |c: char| c.is_ascii_alphanumeric() || c == '_';
    s.starts_with(first) && s.chars().all(|c| first(c) || "-+.".contains(c))
}
