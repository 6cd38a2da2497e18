//! The grammar of a mark: the line in a description by which what we made in PVE is known to be ours.
//!
//! The line is a Markdown comment, so that PVE's Notes panel shows only what people wrote:
//!
//! ```text
//! <!-- pve-pipeline v=1 kind=… key=value … -->
//! ```
//! Fields are `key=value` of one word each, in any order. A higher `v` belongs to a later build and is
//! never written. What the fields mean is the business of each kind. Does no I/O.

/// The tag that everything of ours carries: PVE lists tags without reading configs.
pub const TAG: &str = "pve-pipeline";

/// The version of the grammar that this build writes.
pub const VERSION: u32 = 1;

const OPEN: &str = "<!-- pve-pipeline ";
const CLOSE: &str = " -->";

/// The fields of a line, without `v` and `kind`, in the order in which they were written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarkFields(Vec<(String, String)>);

impl MarkFields {
    /// Splits `key=value` fields; `None` if one is not a field, or a key appears twice.
    pub fn split(text: &str) -> Option<Self> {
        let mut fields: Vec<(String, String)> = Vec::new();
        for part in text.split(' ').filter(|part| !part.is_empty()) {
            let (key, value) = part.split_once('=')?;
            if fields.iter().any(|(known, _)| known == key) {
                return None;
            }
            fields.push((key.to_owned(), value.to_owned()));
        }
        Some(Self(fields))
    }

    /// Removes a field and returns its value.
    pub fn take(&mut self, key: &str) -> Option<String> {
        let at = self.0.iter().position(|(known, _)| known == key)?;
        Some(self.0.remove(at).1)
    }

    /// Returns the fields that were not taken.
    pub fn rest(self) -> Vec<(String, String)> {
        self.0
    }
}

/// A line of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MarkLine {
    /// A line of this build's grammar.
    Fields {
        /// What it marks: `vm` or `image`.
        kind: String,
        /// The other fields.
        fields: MarkFields,
    },
    /// A line of a later build, which may mean anything.
    Later {
        /// Its `v`.
        version: u32,
    },
    /// A line that cannot be read.
    Broken,
}

impl MarkLine {
    /// Returns whether a line of a description is ours.
    pub fn is_line(line: &str) -> bool {
        line.starts_with(OPEN)
    }

    /// Reads a line of ours.
    pub fn read(line: &str) -> Self {
        let inner = line.strip_prefix(OPEN).and_then(|rest| rest.strip_suffix(CLOSE));
        let Some(mut fields) = inner.and_then(MarkFields::split) else { return Self::Broken };
        match fields.take("v").and_then(|v| v.parse().ok()) {
            Some(VERSION) => {}
            Some(version) if version > VERSION => return Self::Later { version },
            _ => return Self::Broken,
        }
        match fields.take("kind") {
            Some(kind) => Self::Fields { kind, fields },
            None => Self::Broken,
        }
    }

    /// Returns the line with a kind and fields.
    pub fn write<'a>(kind: &str, fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
        let fields = fields.into_iter().map(|(key, value)| format!(" {key}={value}"));
        format!("{OPEN}v={VERSION} kind={kind}{}{CLOSE}", fields.collect::<String>())
    }
}

/// Returns whether our tag is among PVE's, which are compared without regard to case.
pub fn has_tag(tags: &str) -> bool {
    split_tags(tags).any(|tag| tag.eq_ignore_ascii_case(TAG))
}

/// Splits PVE's tags as they are spelled.
pub fn split_tags(tags: &str) -> impl Iterator<Item = &str> {
    // PVE: pve-guest-common, GuestHelpers.pm: `;`, `,` and white space all separate.
    tags.split(|c: char| c == ';' || c == ',' || c.is_whitespace()).filter(|tag| !tag.is_empty())
}
