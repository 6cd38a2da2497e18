//! `ConfigKey`: a key of a VM's config, such as `cores` or `net1`. Does no I/O.

use crate::row::Key;
use crate::rows::KEYS;
use std::cmp::Ordering;
use std::fmt;

/// A key of the table, with its slot if it is a family. Sorts net2 before net10.
#[derive(Clone, Copy)]
pub struct ConfigKey {
    /// The row.
    pub key: &'static Key,
    /// The slot, for a family.
    pub slot: Option<u16>,
}

impl ConfigKey {
    /// Finds the row of a key; `None` if the table has no such key or the family no such slot.
    pub fn find(text: &str) -> Option<Self> {
        if let Some(key) = search(text, false) {
            return Some(Self { key, slot: None });
        }
        let stem = text.trim_end_matches(|c: char| c.is_ascii_digit());
        let digits = text.strip_prefix(stem).filter(|d| *d == "0" || !d.starts_with('0'))?;
        let slot = digits.parse::<u16>().ok()?;
        let key = search(stem, true)?;
        key.slots.is_some_and(|count| slot < count).then_some(Self { key, slot: Some(slot) })
    }

    /// Returns the family of a slot, even if the family has no such slot; for messages.
    pub fn family(text: &str) -> Option<&'static Key> {
        let stem = text.trim_end_matches(|c: char| c.is_ascii_digit());
        search(stem, true).filter(|_| stem != text)
    }
}

/// Finds a row by binary search, since documents contain many keys.
fn search(name: &str, is_family: bool) -> Option<&'static Key> {
    let place = |key: &&Key| (key.part.name, key.slots.is_some()).cmp(&(name, is_family));
    KEYS.binary_search_by(place).ok().and_then(|at| KEYS.get(at).copied())
}

impl fmt::Display for ConfigKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key.part.name)?;
        self.slot.map_or(Ok(()), |slot| write!(f, "{slot}"))
    }
}

impl fmt::Debug for ConfigKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl PartialEq for ConfigKey {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for ConfigKey {}

impl PartialOrd for ConfigKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ConfigKey {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.key.part.name, self.slot).cmp(&(other.key.part.name, other.slot))
    }
}

#[cfg(test)]
mod tests {
    use super::ConfigKey;

    #[test]
    fn keys_have_the_slots_that_pve_has() {
        for known in
            ["cores", "net0", "net31", "scsi30", "virtio15", "serial3", "numa", "numa7", "rng0"]
        {
            let key = ConfigKey::find(known);
            assert_eq!(key.map(|key| key.to_string()).as_deref(), Some(known));
        }
        for unknown in
            ["", "core", "net", "net32", "net01", "scsi31", "0", "cores1", "nett0", "numa8", "rng1"]
        {
            assert_eq!(ConfigKey::find(unknown), None, "{unknown}");
        }
        assert!(ConfigKey::family("net99").is_some());
        assert!(ConfigKey::family("net").is_none());
    }

    #[test]
    fn slots_sort_as_numbers() {
        let mut keys = ["net10", "net2", "cores"].map(|text| ConfigKey::find(text).unwrap());
        keys.sort();
        assert_eq!(keys.map(|key| key.to_string()), ["cores", "net2", "net10"]);
    }
}
