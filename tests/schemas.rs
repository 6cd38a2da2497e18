//! Each valid sample validates, each invalid one does not, and the output of the tools is valid.

#[path = "schemas/opentofu.rs"]
mod opentofu;
#[path = "schemas/opentofu_documents.rs"]
mod opentofu_documents;
#[path = "schemas/opentofu_types.rs"]
mod opentofu_types;

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

fn json(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn validator(schema: &str) -> jsonschema::Validator {
    jsonschema::validator_for(&json(&root().join("schemas").join(schema))).unwrap()
}

#[test]
fn samples_of_the_document() {
    let validator = validator("tfvars.json");
    for (kind, valid) in [("valid", true), ("invalid", false)] {
        let folder = root().join("schemas/samples/tfvars").join(kind);
        let samples: Vec<_> = folder.read_dir().unwrap().map(|e| e.unwrap().path()).collect();
        assert!(!samples.is_empty(), "{} is empty", folder.display());
        for sample in samples {
            assert_eq!(validator.is_valid(&json(&sample)), valid, "{}", sample.display());
        }
    }
}

/// Returns the documents that the cases of these stages expect, and the valid samples.
fn documents(stages: &[&str]) -> Vec<(PathBuf, Value)> {
    let list = |folder: &str| -> Vec<PathBuf> {
        let entries = root().join(folder).read_dir().unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    };
    let cases = stages.iter().flat_map(|stage| list(&format!("{stage}/tests/cases")));
    let files = cases.map(|case| case.join("stdout")).chain(list("schemas/samples/tfvars/valid"));
    let document = |path: PathBuf| {
        let document: Value = serde_json::from_str(&std::fs::read_to_string(&path).ok()?).ok()?;
        (document["vms"].is_array() && document["node"].is_string()).then_some((path, document))
    };
    files.filter_map(document).collect()
}

#[test]
fn the_documents_of_our_cases_are_valid() {
    let validator = validator("tfvars.json");
    // The other stages pass on what their cases do not have.
    let documents = documents(&["resolve", "image-publish"]);
    assert!(documents.len() > 140, "{} documents", documents.len());
    for (path, document) in documents {
        let problems: Vec<_> = validator.iter_errors(&document).map(|e| e.to_string()).collect();
        assert!(problems.is_empty(), "{}: {problems:?}", path.display());
    }
}

#[test]
fn the_output_of_the_pure_stages_is_valid() {
    let validator = validator("tfvars.json");
    let site = "--site examples/site";
    let resolve = format!("resolve {site} --env dev --node pve1");
    let mint = format!("{resolve} | mint-token {site}");
    let render = format!("{mint} | cloudinit-render");
    for pipe in [resolve, mint, render] {
        let document = run(&pipe);
        let problems: Vec<_> = validator.iter_errors(&document).map(|e| e.to_string()).collect();
        assert!(problems.is_empty(), "{pipe}: {problems:?}");
    }
}

fn run(pipe: &str) -> Value {
    let output = Command::new("sh")
        .args(["-c", pipe])
        .current_dir(root())
        .env("PATH", test_support::case::search_path().unwrap())
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{pipe}: {e}\n{stderr}"))
}
