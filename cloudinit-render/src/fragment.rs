//! Fragments: files with the same keys as the document's `cloud_init`.
//!
//! DOOR: reads the files named by `--fragment`.

mod positions;

use crate::additions::Additions;
use positions::Positions;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};
use serde_yaml::{MergeKeyPolicy, MessageFormatter, Options, UserMessageFormatter};
use stage::{Entry, Failure, Fields, Place, Position, Report, shown};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

/// A fragment that is valid YAML; its values are not checked yet.
pub struct Fragment {
    path: String,
    json: Map<String, Value>,
    text: String,
}

/// Anything larger would not fit into a seed, and a device never ends.
const LARGEST: u64 = stage::seed::MAX_IMAGE as u64;

/// Reads the files and reports the problems of all of them.
pub(crate) fn load(paths: &[PathBuf]) -> Result<Vec<Fragment>, Failure> {
    let mut report = Report::new();
    let mut fragments = Vec::new();
    for path in paths {
        let read = read(path).map_err(|e| {
            Entry::error("unreadable", Place::file(path.display().to_string()), "cannot be read")
                .cause(&e)
                .into()
        });
        match read.and_then(|bytes| utf8(path, bytes)).and_then(|text| parse(path, text)) {
            Ok(fragment) => fragments.push(fragment),
            Err(problem) => report.extend(problem),
        }
    }
    if report.has_errors() { Err(report.into()) } else { Ok(fragments) }
}

#[expect(clippy::disallowed_methods, reason = "door: fragments are read here")]
fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = std::fs::File::open(path)?.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if read as u64 > LARGEST { Err(ErrorKind::FileTooLarge.into()) } else { Ok(bytes) }
}

fn utf8(path: &Path, bytes: Vec<u8>) -> Result<String, Report> {
    String::from_utf8(bytes).map_err(|error| {
        let position = Position::of_invalid_utf8(error.as_bytes());
        let place = Place::File { path: path.display().to_string(), position, excerpt: None };
        Entry::error("unreadable", place, "is not UTF-8").into()
    })
}

/// Returns how fragments are read: `0644` and other texts that only look like numbers stay texts.
fn options() -> Options {
    serde_yaml::options! {
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        reject_unsupported_tags: true,
    }
}

fn parse(path: &Path, text: String) -> Result<Fragment, Report> {
    let path = path.display().to_string();
    let parsed: Result<Option<Map<String, Value>>, _> =
        serde_yaml::from_str_with_options(&text, options());
    let mut json = parsed.map_err(|error| not_yaml(&path, &error))?.unwrap_or_default();
    // As ordinary keys, two `<<` are a duplicate. resolve takes the last one, this reader the first.
    let literal = serde_yaml::options! { merge_keys: MergeKeyPolicy::AsOrdinary };
    let second: Result<Option<IgnoredAny>, _> = serde_yaml::from_str_with_options(&text, literal);
    second.map_err(|error| {
        let fact = "a mapping has two `<<`, which YAML readers understand differently";
        Entry::error("duplicate-key", place(&path, &error), fact)
            .hint("write one `<<` with a list; its first mapping wins")
    })?;
    // As in the site's YAML: for notes and anchors.
    json.retain(|key, _| !key.starts_with("x-"));
    Ok(Fragment { path, json, text })
}

fn place(path: &str, error: &serde_yaml::Error) -> Place {
    let at = error.location();
    let position = at.map(|l| Position { line: l.line() as usize, column: l.column() as usize });
    Place::File { path: path.to_owned(), position, excerpt: None }
}

fn not_yaml(path: &str, error: &serde_yaml::Error) -> Report {
    // Without the position, which the message starts with, without advice for programmers, and
    // without quotations: the user may have named another file, one with secrets.
    let why = UserMessageFormatter.format_message(error.without_snippet());
    let fact = format!("is not a YAML mapping: {}", shown::foreign(&why));
    Entry::error("not-yaml", place(path, error), fact).into()
}

impl Fragment {
    /// Reads the values; the place of a problem is where the field is in the file.
    /// `users` are those that cloud-init creates.
    pub(crate) fn read(&self, users: &[&str], report: &mut Report) -> Additions {
        let mut own = Report::new();
        let additions = Additions::read(&mut Fields::new(&self.json, "", &mut own), users);
        if !own.entries().is_empty() {
            report.extend(self.in_file(&own));
        }
        additions
    }

    /// Returns the findings of fields as findings of the file.
    fn in_file(&self, report: &Report) -> Report {
        let positions = Positions::read(&self.text, options());
        let mut moved = Report::new();
        for entry in report.entries() {
            moved.push(match &entry.place {
                Place::Input(field) => {
                    let position = positions.of(field);
                    let place = Place::File { path: self.path.clone(), position, excerpt: None };
                    let fact = format!("`{field}`: {}", entry.fact);
                    Entry { place, fact, ..entry.clone() }
                }
                _ => entry.clone(),
            });
        }
        moved.sort_by_key(|entry| match entry.place {
            Place::File { position, .. } => position,
            _ => None,
        });
        moved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test writes a file")]
    fn a_fragment_is_at_most_as_large_as_a_seed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fragment.yaml");
        let mut text = vec![b'#'; usize::try_from(LARGEST).unwrap()];
        std::fs::write(&path, &text).unwrap();
        assert_eq!(read(&path).unwrap(), text);
        text.push(b'#');
        std::fs::write(&path, &text).unwrap();
        assert_eq!(read(&path).unwrap_err().kind(), ErrorKind::FileTooLarge);
    }
}
