//! The mark's `seed=FINGERPRINT@SLOT;ud:DIGEST;nc:DIGEST;vd:DIGEST;vol:DIGEST`. Does no I/O.
//!
//! `vol` is the volume in the slot: another one there is not ours to replace.

use std::fmt;

/// Begins the part that names the volume.
const VOLUME: &str = "vol:";

/// What stands in the place of a fingerprint that is not known.
const UNKNOWN: &str = "none";

/// The seed data that a VM was given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SeedNote {
    /// The document's `seed_fingerprint`; `none` when it is not known, as for an adopted VM.
    pub(crate) fingerprint: String,
    /// The config key of the seed's disk; empty when it is not known.
    pub(crate) slot: String,
    /// A short digest of each part, as `ud:9f2c41aa`; those of later builds too.
    pub(crate) parts: Vec<String>,
}

impl SeedNote {
    /// The note of a VM whose seed data is not known.
    pub(crate) fn unknown() -> Self {
        Self { fingerprint: UNKNOWN.to_owned(), ..Self::default() }
    }

    /// The digest of the seed's volume; `None`: a run that ended early, or an earlier build, has not
    /// noted it.
    pub(crate) fn volume(&self) -> Option<&str> {
        let digest = self.parts.iter().find_map(|part| part.strip_prefix(VOLUME));
        digest.filter(|digest| !digest.is_empty())
    }

    /// The same note, of a seed whose volume is to be noted once it is there.
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

    /// The same note with the volume in its place, where that is to be noted.
    pub(super) fn filled_in(mut self, digest: Option<String>) -> Self {
        if let Some(part) = self.parts.iter_mut().find(|part| *part == VOLUME) {
            part.extend(digest);
        }
        self.parts.retain(|part| part != VOLUME);
        self
    }

    /// Returns whether it is the note of such a VM.
    pub(crate) fn is_unknown(&self) -> bool {
        self.fingerprint == UNKNOWN
    }

    /// Reads the field's value; every text is one.
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
