//! The mark's `seed=FINGERPRINT@SLOT;ud:DIGEST;nc:DIGEST;vd:DIGEST`. Does no I/O.

use std::fmt;

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
