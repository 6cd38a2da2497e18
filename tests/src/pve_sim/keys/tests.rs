//! Compares the table with PVE's schema.

use std::collections::BTreeSet;

use super::*;
use crate::pve_sim::schema::by_template;

/// Parameters of a create that are not config keys.
const REQUEST: [&str; 13] = [
    "archive",
    "bwlimit",
    // Another name of `ide2`.
    "cdrom",
    "force",
    "ha-managed",
    "import-working-storage",
    "live-restore",
    "node",
    "pool",
    "start",
    "storage",
    "unique",
    "vmid",
];

#[test]
fn every_key_of_a_create_has_a_row_and_no_other_is_settable() {
    let create = by_template("POST", "/nodes/{node}/qemu").unwrap();
    let names: BTreeSet<(&str, bool)> = create
        .parameters
        .keys()
        .map(|name| match name.strip_suffix("[n]") {
            Some(stem) => (stem, true),
            None => (name.as_str(), false),
        })
        .filter(|(name, _)| !REQUEST.contains(name))
        .collect();
    let rows: BTreeSet<(&str, bool)> = all()
        .iter()
        .filter(|row| row.settable)
        .map(|row| (row.stem, row.slots.is_some()))
        .collect();
    assert_eq!(rows, names);
}

#[test]
fn rows_are_unique_and_say_who_may_write_them() {
    let once: BTreeSet<(&str, bool)> =
        all().iter().map(|row| (row.stem, row.slots.is_some())).collect();
    assert_eq!(once.len(), all().len());
    for row in all() {
        for release in [(8, 4), (9, 0), (9, 1), (9, 2)] {
            let open = [Case::Always, Case::Disk, Case::Mapped]
                .iter()
                .any(|case| row.needs(*case, release).next().is_some());
            let root = row.root_only(&[Case::Always], release).is_some();
            assert!(open != root || row.since > release, "{} in {release:?}", row.stem);
        }
        assert!(!row.source.is_empty(), "{}", row.stem);
    }
}

#[test]
fn options_match_the_schema() {
    let create = by_template("POST", "/nodes/{node}/qemu").unwrap();
    for row in all().iter().filter(|row| row.settable) {
        let name = if row.slots.is_some() { format!("{}0", row.stem) } else { row.stem.to_owned() };
        let known: Vec<&str> = match &create.parameter(&name).unwrap().format {
            Some(crate::pve_sim::schema::Format::Keys(keys)) => {
                keys.keys().map(String::as_str).collect()
            }
            Some(crate::pve_sim::schema::Format::Named(format)) => {
                let keys = crate::pve_sim::schema::named(format).into_iter().flatten();
                keys.map(|(key, _)| key.as_str()).collect()
            }
            None => Vec::new(),
        };
        let drive = crate::pve_sim::world::disk::is_drive(&name);
        for option in row.options {
            // The buses share one list of options.
            assert!(drive || known.contains(&option.name), "{name}: {}", option.name);
        }
        let aliases = ["volume", "import-from", "bps", "bps_rd", "bps_wr"];
        let listed = |key: &str| {
            row.options.iter().any(|option| option.name == key)
                || aliases.contains(&key)
                || key.ends_with("_length") && !key.ends_with("_max_length")
        };
        let all_buses = matches!(row.stem, "ide" | "sata" | "scsi" | "virtio");
        for key in known.iter().filter(|_| all_buses) {
            assert!(listed(key), "{name}: {key} is not in the table");
        }
    }
}

#[test]
fn keys_are_found_by_their_name() {
    for (key, found) in [
        ("net31", Some("net")),
        ("net32", None),
        ("net", None),
        ("numa", Some("numa")),
        ("numa7", Some("numa")),
        ("smbios1", Some("smbios1")),
        ("rng0", Some("rng0")),
        ("efidisk0", Some("efidisk0")),
        ("efidisk1", None),
        ("unused255", Some("unused")),
        ("cdrom", None),
        ("nix", None),
    ] {
        assert_eq!(find(key).map(|row| row.stem), found, "{key}");
    }
    assert_eq!(find("numa").unwrap().slots, None);
    assert_eq!(find("numa0").unwrap().slots, Some(8));
}
