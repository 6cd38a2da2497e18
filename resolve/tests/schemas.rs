//! The schemas for editors: checked in as resolve prints them, correct for all samples, and never
//! stricter than resolve.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test reads files")]

use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

fn validators() -> BTreeMap<&'static str, jsonschema::Validator> {
    let validator = |kind| {
        let text =
            std::fs::read_to_string(root().join(format!("schemas/site/{kind}.json"))).unwrap();
        (kind, jsonschema::validator_for(&serde_json::from_str(&text).unwrap()).unwrap())
    };
    resolve::schema_kinds().map(validator).collect()
}

/// Reads a file like an editor.
fn yaml(text: &str) -> Option<Value> {
    let options = serde_yaml::options! {
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
    };
    let value: Value = serde_yaml::from_str_with_options(text, options).ok()?;
    Some(if value.is_null() { Value::Object(serde_json::Map::new()) } else { value })
}

fn has_errors(kind: &str, text: &str) -> bool {
    resolve::memory::validate(kind, text).unwrap().has_errors()
}

#[test]
fn checked_in_schemas_match_resolve() {
    let update = std::env::var_os("UPDATE").is_some_and(|v| v == "1");
    for kind in resolve::schema_kinds() {
        let path = root().join(format!("schemas/site/{kind}.json"));
        let made = resolve::schema(kind).unwrap();
        if update {
            // Replaced atomically, since the other tests read the schemas.
            let new = path.with_extension("new");
            std::fs::write(&new, &made).unwrap();
            std::fs::rename(&new, &path).unwrap();
        }
        let stored = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(stored == made, "{}: UPDATE=1 writes it", path.display());
    }
}

#[test]
fn samples_are_judged_alike_by_schema_and_resolve() {
    let validators = validators();
    let mut seen = BTreeMap::new();
    for (folder, valid) in [("valid", true), ("invalid", false)] {
        for entry in root().join("schemas/samples/site").join(folder).read_dir().unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap();
            let (kind, _) = name.split_once('-').unwrap();
            let text = std::fs::read_to_string(&path).unwrap();
            let by_schema = validators[kind].is_valid(&yaml(&text).unwrap());
            assert_eq!(by_schema, valid, "the schema on {}", path.display());
            assert_eq!(!has_errors(kind, &text), valid, "resolve on {}", path.display());
            *seen.entry((kind.to_owned(), valid)).or_insert(0) += 1;
        }
    }
    for kind in resolve::schema_kinds() {
        for valid in [true, false] {
            assert!(seen.contains_key(&(kind.to_owned(), valid)), "{kind} has no {valid} sample");
        }
    }
}

/// resolve reports everything that an editor marks, in every file of every case.
#[test]
fn no_schema_is_stricter_than_resolve() {
    let validators = validators();
    let mut judged = 0;
    for (path, kind) in site_files() {
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        let Some(value) = yaml(&text) else { continue };
        judged += 1;
        if !validators[kind].is_valid(&value) {
            // resolve only warns about YAML 1.1.
            let report = resolve::memory::validate(kind, &text).unwrap();
            assert!(!report.entries().is_empty(), "{}: only the schema complains", path.display());
        }
    }
    assert!(judged > 200, "{judged} files are too few to prove anything");
}

#[test]
fn the_example_matches_the_schemas() {
    let validators = validators();
    let example = root().join("examples/site");
    let files: Vec<_> = site_files().into_iter().filter(|(p, _)| p.starts_with(&example)).collect();
    assert!(files.len() > 8);
    for (path, kind) in files {
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(validators[kind].is_valid(&yaml(&text).unwrap()), "{}", path.display());
    }
}

/// Returns the YAML files of the example and of all cases, with their kinds.
fn site_files() -> Vec<(PathBuf, &'static str)> {
    let mut files = Vec::new();
    let mut folders = vec![root().join("examples/site"), root().join("resolve/tests/cases")];
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "yaml") {
                files.extend(kind(&path).map(|kind| (path, kind)));
            }
        }
    }
    files
}

fn kind(path: &Path) -> Option<&'static str> {
    let folder = path.parent()?.file_name()?.to_str()?;
    match (folder, path.file_name()?.to_str()?) {
        (_, "site.yaml") => Some("site"),
        (_, "secrets.yaml") => Some("secrets"),
        ("secrets.d", _) => Some("tokens"),
        ("nodes", _) => Some("node"),
        ("networks", _) => Some("network"),
        ("envs", _) => Some("env"),
        ("vms", _) => Some("template"),
        ("presets", _) => Some("preset"),
        ("manifests", _) => Some("manifest"),
        ("specs", _) => Some("spec"),
        ("postures", _) => Some("posture"),
        _ => None,
    }
}
