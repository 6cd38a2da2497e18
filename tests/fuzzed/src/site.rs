//! The YAML of a site.

use crate::document::is_well_placed;
use machine::Settings;
use resolve::memory::{check, document, validate};
use resolve::selection::VmSource;
use serde_json::{Map, Value};
use stage::{Deployment, Document, Place, Report};

const NODE: (&str, &str) = ("nodes/n.yaml", "{datastore: local, api_endpoint: 'https://n:8006'}");
const SECRETS: (&str, &str) =
    ("secrets.yaml", "api_tokens: {n: 'a@pve!b=00000000-0000-4000-8000-000000000001'}");

/// A file of each kind that a document is made of.
const KINDS: [&str; 9] = [
    "site.yaml",
    "envs/e.yaml",
    "manifests/m.yaml",
    "vms/t.yaml",
    "vms/presets/p.yaml",
    "presets/p.yaml",
    "postures/dev.yaml",
    "specs/s.yaml",
    "networks/lab.yaml",
];

/// The input has files: a line `== PATH`, then the file. Without such a line it is each kind of file.
///
/// Every finding has a place that is in one of the files; the same site makes the same document; a document without
/// errors is read by the later stages without errors, its `config` too.
pub fn site(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut files = files(text);
    if files.is_empty() {
        for kind in resolve::schema_kinds() {
            is_placed_in(&[(kind, text)], &validate(kind, text).unwrap());
        }
        files = KINDS.into_iter().map(|path| (path, text)).collect();
    }
    files.truncate(20);
    for other in [NODE, SECRETS] {
        if files.iter().all(|(path, _)| *path != other.0) {
            files.push(other);
        }
    }
    let report = check(&files);
    is_placed_in(&files, &report);
    for source in [VmSource::Env("e".into()), VmSource::Manifest("m".into())] {
        let (made, report) = document(&files, source.clone(), "n");
        is_placed_in(&files, &report);
        let (again, _) = document(&files, source, "n");
        assert_eq!(again.to_bytes(), made.to_bytes());
        if !report.has_errors() && !made.json().is_empty() {
            is_readable(&made);
        }
    }
}

fn files(text: &str) -> Vec<(&str, &str)> {
    text.split("== ").skip(1).filter_map(|part| part.split_once('\n')).collect()
}

/// Checks that each place in a file is in its text.
fn is_placed_in(files: &[(&str, &str)], report: &Report) {
    is_well_placed(report);
    for entry in report.entries() {
        let Place::File { path, position: Some(at), excerpt } = &entry.place else { continue };
        let known = files.iter().filter(|(name, _)| name == path);
        // The parser counts a line after the last line break too.
        let lines = |text: &str| text.split(['\n', '\r']).count();
        assert!(known.into_iter().any(|(_, text)| at.line <= lines(text)), "{entry:?}");
        assert!(at.line > 0 && at.column > 0, "{entry:?}");
        if let Some(excerpt) = excerpt {
            assert!(excerpt.column > 0 && excerpt.width > 0, "{entry:?}");
            assert!(!excerpt.text.contains('\n'), "{entry:?}");
        }
    }
}

fn is_readable(made: &Document) {
    let (deployment, report) = Deployment::read(made);
    assert!(!report.has_errors(), "{report:?}");
    for vm in &deployment.vms {
        let config = vm.config.clone().unwrap_or_default();
        let (settings, problems) = Settings::read(&config);
        assert_eq!(problems, []);
        assert_eq!(Settings::read(&settings.to_json()).0, settings);
    }
    let of_site =
        |value: &Map<String, Value>| value.contains_key("vms") && value.contains_key("node");
    assert!(of_site(made.json()), "{made:?}");
}
