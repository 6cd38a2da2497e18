//! The mark's `owns=`: what the last apply was asked for. Does no I/O.
//!
//! `cores` is a key, `cpu.cputype` an option. A NIC's or a drive's slot carries a digest of the MAC or
//! the volume, such as `net1:9f2c41aa`, so that a replacement made by hand does not count as ours;
//! `scsi1?` is one that is being created. `tags.web` is a tag.

use data_encoding::HEXLOWER;
use machine::{ConfigKey, Form, Parts};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;

/// What is known about a slot that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slot<'a> {
    /// It is being created: only the VM's config shows whether it exists.
    Making,
    /// The digest of what was created; empty where the run that writes the mark fills it in.
    Holds(&'a str),
}

/// Returns the entry of an option, or of a key without options.
pub(crate) fn entry(key: ConfigKey, part: &str) -> String {
    if part.is_empty() { key.to_string() } else { format!("{key}.{part}") }
}

/// Returns the entry of a slot.
pub(crate) fn slot_entry(key: ConfigKey, slot: Slot<'_>) -> String {
    match slot {
        Slot::Making => format!("{key}?"),
        Slot::Holds(digest) => format!("{key}:{digest}"),
    }
}

/// Returns the entry of a slot.
pub(crate) fn slot(owns: &BTreeSet<String>, key: ConfigKey) -> Option<Slot<'_>> {
    let name = key.to_string();
    let of_slot = |entry: &'_ String| -> bool {
        entry.strip_prefix(&name).is_some_and(|rest| rest.starts_with([':', '?']))
    };
    let mut near = owns.range(name.clone()..).take_while(|entry| entry.starts_with(&name));
    match key_of(near.find(|entry| of_slot(entry))?)? {
        (_, Part::Slot(slot)) => Some(slot),
        (_, Part::Option(_)) => None,
    }
}

/// Returns the config key that an entry is about, and whether it is about the slot itself; `None` for
/// what this build does not know.
pub(crate) fn key_of(entry: &str) -> Option<(ConfigKey, Part<'_>)> {
    if let Some((key, digest)) = entry.split_once(':') {
        return Some((ConfigKey::find(key)?, Part::Slot(Slot::Holds(digest))));
    }
    if let Some(key) = entry.strip_suffix('?') {
        return Some((ConfigKey::find(key)?, Part::Slot(Slot::Making)));
    }
    let (key, part) = entry.split_once('.').unwrap_or((entry, ""));
    Some((ConfigKey::find(key)?, Part::Option(part)))
}

/// The part of a config key that an entry is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part<'a> {
    /// The slot.
    Slot(Slot<'a>),
    /// An option; the empty name for a key without options.
    Option(&'a str),
}

/// Returns the digest by which the mark recognises what is in a slot: that of a NIC's MAC, or of a drive's volume.
pub(crate) fn digest(key: ConfigKey, text: Option<&str>) -> Option<String> {
    let parts = Parts::read(key.key, text?);
    let name = if matches!(key.key.form, Form::Nic(_)) { "macaddr" } else { "file" };
    parts.get(name).map(short_digest)
}

/// Returns a digest that is short enough for a mark.
pub(crate) fn short_digest(text: &str) -> String {
    HEXLOWER.encode(Sha256::digest(text).get(..4).unwrap_or_default())
}

/// Fills in the digests that are known only once the devices exist.
pub(crate) fn fill_in(
    owns: &BTreeSet<String>,
    digest: impl Fn(&str) -> Option<String>,
) -> BTreeSet<String> {
    let fill = |entry: &String| match entry.strip_suffix(':') {
        Some(key) => {
            digest(key).map_or_else(|| format!("{key}?"), |digest| format!("{key}:{digest}"))
        }
        None => entry.clone(),
    };
    owns.iter().map(fill).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owns(list: &[&str]) -> BTreeSet<String> {
        list.iter().map(|entry| (*entry).to_owned()).collect()
    }

    fn key(name: &str) -> ConfigKey {
        ConfigKey::find(name).unwrap()
    }

    #[test]
    fn slots_are_distinct_from_their_neighbours() {
        let list = owns(&["net1.tag", "net1:ab", "net10?", "scsi1.ssd", "tags.net2:x"]);
        assert_eq!(slot(&list, key("net1")), Some(Slot::Holds("ab")));
        assert_eq!(slot(&list, key("net10")), Some(Slot::Making));
        assert_eq!(slot(&list, key("scsi1")), None);
        assert_eq!(slot(&list, key("net2")), None);
        assert_eq!(key_of("net1.tag"), Some((key("net1"), Part::Option("tag"))));
        assert_eq!(key_of("cores"), Some((key("cores"), Part::Option(""))));
        assert_eq!(key_of("scsi1?"), Some((key("scsi1"), Part::Slot(Slot::Making))));
        assert_eq!(key_of("tags.web"), None);
        assert_eq!(key_of("later"), None);
    }

    #[test]
    fn only_what_is_there_gets_a_digest() {
        let list = owns(&["cores", "net1:", "scsi1:", "scsi2:cd"]);
        let filled = fill_in(&list, |key| (key == "net1").then(|| "ab".to_owned()));
        assert_eq!(filled, owns(&["cores", "net1:ab", "scsi1?", "scsi2:cd"]));
    }
}
