//! The mark's `seed=FINGERPRINT@SLOT;ud:DIGEST;nc:DIGEST;vd:DIGEST;FIELD:DIGEST;…;vol:DIGEST`.
//! Does no I/O.
//!
//! `vol` is the volume in the slot: any other volume is not ours to replace. Each FIELD is one that
//! user-data was rendered from.

use stage::Gather as _;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// The files of a seed, by their names in the mark and for people.
const FILES: [(&str, &str); 3] =
    [("ud", "user-data"), ("nc", "network-config"), ("vd", "vendor-data")];

/// The prefix of the part that names the volume.
const VOLUME: &str = "vol:";

/// The placeholder for an unknown fingerprint.
const UNKNOWN: &str = "none";

/// The seed data that a VM was given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SeedNote {
    /// The document's `seed_fingerprint`; `none` when it is unknown, as for an adopted VM.
    pub(crate) fingerprint: String,
    /// The config key of the seed's disk; empty when it is unknown.
    pub(crate) slot: String,
    /// A short digest of each part, such as `ud:9f2c41aa`, including those of later builds.
    pub(crate) parts: Vec<String>,
}

impl SeedNote {
    /// The note of a VM whose seed data is unknown.
    pub(crate) fn unknown() -> Self {
        Self { fingerprint: UNKNOWN.to_owned(), ..Self::default() }
    }

    /// The digest of the seed's volume; `None` when a run that ended early, or an earlier build, did
    /// not record it.
    pub(crate) fn volume(&self) -> Option<&str> {
        let digest = self.parts.iter().find_map(|part| part.strip_prefix(VOLUME));
        digest.filter(|digest| !digest.is_empty())
    }

    /// The same note, for a seed whose volume is recorded once it exists.
    pub(crate) fn with_open_volume(mut self) -> Self {
        if self.volume().is_none() && !self.slot.is_empty() {
            self.parts.retain(|part| part != VOLUME);
            self.parts.push(VOLUME.to_owned());
        }
        self
    }

    /// The same note without a volume.
    pub(crate) fn without_volume(mut self) -> Self {
        self.parts.retain(|part| !part.starts_with(VOLUME));
        self
    }

    /// The same note with the volume filled in, where it is to be recorded.
    pub(super) fn filled_in(mut self, digest: Option<String>) -> Self {
        if let Some(part) = self.parts.iter_mut().find(|part| *part == VOLUME) {
            part.extend(digest);
        }
        self.parts.retain(|part| part != VOLUME);
        self
    }

    /// Returns what differs in another note: fields where both notes know fields, and files. Empty when
    /// that is unknown, as for the seed of an earlier build.
    pub(crate) fn differences(&self, other: &Self) -> Vec<String> {
        let (old, new) = (self.digests(), other.digests());
        let is_file = |name: &str| FILES.iter().any(|(file, _)| *file == name);
        let knows_fields = |digests: &BTreeMap<&str, &str>| digests.keys().any(|n| !is_file(n));
        let compares_fields = knows_fields(&old) && knows_fields(&new);
        let all: BTreeSet<&str> = old.keys().chain(new.keys()).copied().collect();
        let changed = all.into_iter().filter(|name| old.get(name) != new.get(name));
        let (files, fields): (Vec<&str>, Vec<&str>) = changed.partition(|name| is_file(name));
        let mut named: Vec<String> = Vec::new();
        if compares_fields {
            named.extend(fields.into_iter().map(str::to_owned));
        }
        // The fields say what has changed in user-data. Where none of them has, its bytes can still
        // differ, by a token minted again or by its layout, so another file comes first. Without
        // one it is user-data that has changed: a newer build renders other scripts.
        let is_explained = !named.is_empty() || compares_fields && files.iter().any(|f| *f != "ud");
        let is_listed = |file: &str| files.contains(&file) && (file != "ud" || !is_explained);
        let rendered: Vec<&str> =
            FILES.iter().filter(|(file, _)| is_listed(file)).map(|(_, name)| *name).collect();
        named.extend(rendered.into_iter().map(str::to_owned));
        named
    }

    /// Returns the digests of files and fields by name, without the volume's.
    fn digests(&self) -> BTreeMap<&str, &str> {
        let parts = self.parts.iter().filter(|part| !part.starts_with(VOLUME));
        parts.filter_map(|part| part.split_once(':')).gather()
    }

    /// Returns whether this is such a note.
    pub(crate) fn is_unknown(&self) -> bool {
        self.fingerprint == UNKNOWN
    }

    /// Reads the field's value; every text is valid.
    pub(super) fn parse(text: &str) -> Self {
        let mut words = text.split(';');
        let head = words.next().unwrap_or_default();
        let (fingerprint, slot) = head.split_once('@').unwrap_or((head, ""));
        Self {
            fingerprint: fingerprint.to_owned(),
            slot: slot.to_owned(),
            parts: words.map(str::to_owned).collect(),
        }
    }
}

impl fmt::Display for SeedNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.fingerprint)?;
        if !self.slot.is_empty() {
            write!(f, "@{}", self.slot)?;
        }
        self.parts.iter().try_for_each(|part| write!(f, ";{part}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(old: &str, new: &str, expected: &[&str]) {
        assert_eq!(SeedNote::parse(old).differences(&SeedNote::parse(new)), expected);
    }

    #[test]
    fn what_has_changed_is_named() {
        let old = "a@scsi30;ud:01;nc:02;packages:1111;user:2222;vol:33";
        check(old, "b@scsi30;ud:09;nc:02;packages:9999;user:2222;vol:", &["packages"]);
        check(old, "b@scsi30;ud:09;nc:09;user:2222", &["packages", "network-config"]);
        check(old, "b@scsi30;ud:01;nc:02;vd:07;packages:1111;user:2222", &["vendor-data"]);
        check(old, "b@scsi30;ud:09;nc:02;packages:1111;user:2222", &["user-data"]);
        check("a@scsi30;ud:01;nc:02;user:2", "b@scsi30;ud:09;nc:09;user:2", &["network-config"]);
        check("a@virtio1;ud:01;nc:02", "b@scsi30;ud:09;nc:02;user:2222", &["user-data"]);
        check("a@virtio1", "a@virtio1", &[]);
    }

    #[test]
    fn the_seed_of_an_earlier_build_names_nothing() {
        check("a", "b@scsi30;ud:09;nc:02", &["user-data", "network-config"]);
    }
}
