//! Fragments: files with the same keys as the document's `cloud_init`.
//!
//! DOOR: reads the files named by `--fragment`.

use crate::additions::Additions;
use serde_json::{Map, Value};
use serde_yaml::{MessageFormatter, UserMessageFormatter};
use stage::{Entry, Failure, Fields, Place, Position, Report, shown};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

/// A fragment that is valid YAML; its values are not checked yet.
pub struct Fragment {
    path: String,
    json: Map<String, Value>,
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
        match read.and_then(|text| parse(path, &text)) {
            Ok(fragment) => fragments.push(fragment),
            Err(problem) => report.extend(problem),
        }
    }
    if report.has_errors() { Err(report.into()) } else { Ok(fragments) }
}

#[expect(clippy::disallowed_methods, reason = "door: fragments are read here")]
fn read(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    let read = std::fs::File::open(path)?.take(LARGEST + 1).read_to_string(&mut text)?;
    if read as u64 > LARGEST { Err(ErrorKind::FileTooLarge.into()) } else { Ok(text) }
}

fn parse(path: &Path, text: &str) -> Result<Fragment, Report> {
    let path = path.display().to_string();
    // Keeps strings that only look like numbers: `0644` must not become 644.
    let options = serde_yaml::options! {
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
    };
    let parsed: Result<Option<Map<String, Value>>, _> =
        serde_yaml::from_str_with_options(text, options);
    match parsed {
        Ok(json) => Ok(Fragment { path, json: json.unwrap_or_default() }),
        Err(error) => {
            let at = error.location();
            let position =
                at.map(|l| Position { line: l.line() as usize, column: l.column() as usize });
            let place = Place::File { path, position, excerpt: None };
            // Without the position, which the message starts with, without advice for programmers,
            // and without quotations: the user may have named another file, one with secrets.
            let why = UserMessageFormatter.format_message(error.without_snippet());
            Err(Entry::error(
                "not-yaml",
                place,
                format!("is not a YAML mapping: {}", shown::foreign(&why)),
            )
            .into())
        }
    }
}

impl Fragment {
    /// Reads the values; the place of a problem is the file and the field.
    /// `users` are those that cloud-init creates.
    pub(crate) fn read(&self, users: &[&str], report: &mut Report) -> Additions {
        let mut own = Report::new();
        let additions = Additions::read(&mut Fields::new(&self.json, "", &mut own), users);
        report.extend(in_file(&own, &self.path));
        additions
    }
}

/// Returns the findings with the file as their place.
fn in_file(report: &Report, path: &str) -> Report {
    let mut moved = Report::new();
    for entry in report.entries() {
        let place = match &entry.place {
            Place::Input(field) => Place::Named(format!("{path}: {field}")),
            other => other.clone(),
        };
        moved.push(Entry { place, ..entry.clone() });
    }
    moved
}
