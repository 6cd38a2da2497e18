//! Compares the documents with the code: tables with schemas, links with files.

use serde_json::Value;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

fn schema() -> Value {
    serde_json::from_str(&read("schemas/tfvars.json")).unwrap()
}

#[test]
fn the_table_of_fields_matches_the_schema() {
    let page = read("docs/pipeline.md");
    let (_, table) = page.split_once("<!-- fields:").unwrap();
    let (table, _) = table.split_once("<!-- end of fields -->").unwrap();
    let rows: Vec<(String, String)> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .map(|line| {
            let (field, rest) = line.split_once("` | ").unwrap();
            (field.to_owned(), rest.split(" | ").next().unwrap().to_owned())
        })
        .collect();
    assert_eq!(rows, fields_of(&schema()));
}

#[test]
fn links_have_a_target() {
    let mut broken = Vec::new();
    let mut links = 0;
    for page in markdown(&root()) {
        let text = std::fs::read_to_string(&page).unwrap();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = target.split('#').next().unwrap();
            if path.is_empty() || path.contains("://") {
                continue;
            }
            links += 1;
            if !page.parent().unwrap().join(path).exists() {
                broken.push(format!("{}: {target}", page.display()));
            }
        }
    }
    assert!(links > 0);
    assert!(broken.is_empty(), "broken links:\n{}", broken.join("\n"));
}

#[test]
fn architecture_names_existing_paths() {
    let text = read("ARCHITECTURE.md");
    let named = text.split('`').skip(1).step_by(2).filter(|name| is_path(name));
    let broken: Vec<_> = named.filter(|name| !root().join(name).exists()).collect();
    assert!(broken.is_empty(), "ARCHITECTURE.md names missing paths: {broken:?}");
}

#[test]
fn field_reports_have_their_cases() {
    let page = read("docs/field-reports.md");
    let rows: Vec<&str> = page.lines().filter_map(|line| line.strip_suffix("` |")).collect();
    let cases = rows.iter().map(|row| row.rsplit('`').next().unwrap());
    let is_test = |case: &&str| {
        let path = root().join(case);
        path.join("cmd").exists()
            || path.extension().is_some_and(|end| end == "rs") && path.exists()
    };
    let missing: Vec<&str> = cases.filter(|case| !is_test(case)).collect();
    assert!(rows.len() > 50, "docs/field-reports.md has too few rows: has its form changed?");
    assert!(missing.is_empty(), "docs/field-reports.md names missing cases: {missing:?}");
}

/// A name without `::` is a case of pve-apply, another one ends with the name of a test in Rust.
#[test]
fn accidents_have_their_tests() {
    let page = read("docs/accidents.md");
    let rows: Vec<&str> = page.lines().filter_map(|line| line.strip_suffix("` |")).collect();
    let shown = rows.iter().filter_map(|row| row.rsplit(" | ").next());
    let names: Vec<&str> = shown.flat_map(|shown| shown.split('`').skip(1).step_by(2)).collect();
    let sources = rust_sources(&root().join("pve-apply"));
    let is_test = |name: &&str| match name.rsplit_once("::") {
        None => root().join("pve-apply/tests/cases").join(name).join("cmd").exists(),
        Some((_, test)) => sources.contains(&format!("fn {test}()")),
    };
    let missing: Vec<&str> = names.iter().copied().filter(|name| !is_test(name)).collect();
    assert!(names.len() > 100, "docs/accidents.md has too few rows: has its form changed?");
    assert!(missing.is_empty(), "docs/accidents.md names missing tests: {missing:?}");
}

/// Returns the texts of all Rust files in a folder.
fn rust_sources(folder: &Path) -> String {
    let mut text = String::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            text += &rust_sources(&path);
        } else if path.extension().is_some_and(|end| end == "rs") {
            text += &std::fs::read_to_string(&path).unwrap();
        }
    }
    text
}

fn is_path(name: &str) -> bool {
    let ends = [".rs", ".md", ".json", ".yaml", ".toml", "/"].iter().any(|end| name.ends_with(end));
    ends && name.contains('/') && !name.starts_with('/') && !name.contains(['*', '<', ' '])
}

/// Returns field and description, in the schema's order, with a VM's fields after `vms`.
fn fields_of(schema: &Value) -> Vec<(String, String)> {
    let mut fields = Vec::new();
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        fields.push((name.clone(), text(field)));
        let inner = fields_of(&field["items"]);
        fields.extend(inner.into_iter().map(|(n, text)| (format!("{name}[].{n}"), text)));
    }
    fields
}

fn text(field: &Value) -> String {
    field["description"].as_str().unwrap().to_owned()
}

fn markdown(folder: &Path) -> Vec<PathBuf> {
    let mut pages = Vec::new();
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !name.starts_with('.') && name != "target" {
            pages.extend(markdown(&path));
        } else if name.ends_with(".md") {
            pages.push(path);
        }
    }
    pages
}
