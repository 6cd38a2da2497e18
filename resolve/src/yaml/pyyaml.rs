//! PyYAML judges how we read YAML: the reference reads sites with it.

#![expect(clippy::disallowed_methods, reason = "door: reads the sites of our cases")]

use super::*;
use crate::source::SourceFile;
use reading::Reading as Read;
use serde_json::{Value, json};
use stage::Severity;
use stage::shown::Masked;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use test_support::peer::Peer;

const SCRIPT: [&str; 2] = ["-c", include_str!("pyyaml.py")];

/// What we refuse and PyYAML reads, and why we do.
const STRICTER: [(&str, &str); 3] = [
    ("duplicate-key", "PyYAML takes the last value, and the others are lost"),
    ("missing-space", "`{name:a}` is a key without a value"),
    ("not-a-space", "a value that begins with a no-break space is never meant"),
];

/// Returns a scalar in the form of pyyaml.py.
fn scalar(reading: Read, text: &str) -> String {
    match reading {
        Read::Null => "null:".to_owned(),
        Read::Flag(value) => format!("flag:{value}"),
        Read::Whole(Some(value)) => format!("whole:{value}"),
        Read::Whole(None) => "whole:large".to_owned(),
        Read::Fraction(value) if value.is_nan() => "fraction:nan".to_owned(),
        Read::Fraction(value) => format!("fraction:{:016x}", value.to_bits()),
        Read::Other => "other:".to_owned(),
        Read::Text => format!("text:{text}"),
    }
}

/// Returns a tree as YAML 1.1 reads it, in the form of pyyaml.py.
fn tree(node: &Node) -> Value {
    match &node.kind {
        NodeKind::Scalar(one) => scalar(one.readings().0, &one.text).into(),
        NodeKind::List(items) => items.iter().map(tree).collect(),
        NodeKind::Map(map) => {
            let entry = |(key, value): &(Key, Node)| {
                let one = Scalar { text: key.text.clone(), plain: key.plain };
                json!([scalar(one.readings().0, &key.text), tree(value)])
            };
            json!({"map": map.0.iter().map(entry).collect::<Vec<_>>()})
        }
    }
}

/// Returns the tree of a text, and the findings.
fn parsed(text: String) -> (Option<Value>, Report) {
    let mut sources = Sources::new("");
    let file = SourceFile::new("", "f.yaml", Ok(text)).with_mask(Masked::default());
    let file = sources.add(file);
    let mut report = Report::new();
    let root = parse(&sources, file, &mut report);
    (root.map(|root| tree(&root)), report)
}

/// Returns how a file is read, or how PyYAML disagrees.
fn compare(text: Option<String>, answer: &Value) -> Result<&'static str, String> {
    let is_refused = answer["error"].is_string();
    let Some(text) = text else {
        return if is_refused { Ok("not UTF-8") } else { Err("not UTF-8".to_owned()) };
    };
    let (tree, report) = parsed(text);
    let with = |severity: Severity| report.entries().iter().filter(move |e| e.severity == severity);
    let stricter = |code: &str| STRICTER.into_iter().find(|(known, _)| *known == code);
    if let Some(error) = with(Severity::Error).next() {
        return match stricter(error.code) {
            _ if is_refused => Ok("refused by both"),
            Some((code, _)) => Ok(code),
            None => Err(format!("we refuse it: {}", error.fact)),
        };
    }
    let is_empty = tree == Some(json!({"map": []})) && *answer == "null:";
    if tree.as_ref() == Some(answer) || is_empty {
        return Ok("the same");
    }
    let is_announced = with(Severity::Warning).any(|warning| warning.code == "yaml-1-1-syntax");
    let difference = || format!("we read\n{}\nPyYAML\n{answer}", tree.unwrap_or_default());
    if is_announced { Ok("with a warning") } else { Err(difference()) }
}

/// Collects the YAML under a directory: sites, and what cloudinit-render and pve-apply write.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let seed = ["user-data", "vendor-data", "meta-data", "network-config"];
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !path.is_symlink() {
            collect(&path, files);
        } else if path.is_file() && (name.ends_with(".yaml") || seed.contains(&&*name)) {
            files.push(path);
        }
    }
}

#[test]
fn peer_pyyaml_reads_sites_as_we_do() {
    let Some(python) = Peer::python_with("yaml") else { return };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = vec![root.join("pve-apply/tests/cases/export-describes-vms-as-an-env/stdout")];
    let tools = ["resolve", "mint-token", "cloudinit-render", "image-publish", "pve-apply"];
    let cases = tools.map(|tool| format!("{tool}/tests/cases"));
    let sites = ["examples", "schemas/samples/site", "tests/pipelines"].map(str::to_owned);
    for folder in cases.iter().chain(&sites) {
        collect(&root.join(folder), &mut files);
    }
    let requests: Vec<Value> = files.iter().map(|file| json!({"file": file})).collect();
    let mut seen = BTreeMap::new();
    for (file, answer) in files.iter().zip(python.ask(&SCRIPT, &requests)) {
        let result = compare(std::fs::read_to_string(file).ok(), &answer);
        let how = result.unwrap_or_else(|fault| panic!("{}: {fault}", file.display()));
        *seen.entry(how).or_insert(0) += 1;
    }
    println!("{} files: {seen:?}", files.len());
    assert!(seen["the same"] > 2000 && seen["refused by both"] > 20, "{seen:?}");
    for (code, _) in STRICTER {
        assert!(seen.contains_key(code), "no file is refused only by us for {code}");
    }
}

/// Words that mean something in YAML 1.1 or look as if they did.
const WORDS: &str = "yes no on off true false null y n .inf -.inf +.inf .nan ~ = << -";

/// Pieces of numbers and dates.
const PIECES: &str = "0 1 5 59 60 08 0b 0o 0x 1f _ - + . : e E T t Z - : . inf nan a x 2026 2026- -11- -23 T01 \
                      :02: 03 1:30 1_0 .5 1e3 +3 99999999999999999999";

/// Returns each word in each case that YAML 1.1 knows, and texts from words and pieces.
fn scalars(count: usize) -> Vec<String> {
    let title = |word: &str| {
        let first = word.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(0);
        word[..=first].to_ascii_uppercase() + &word[first + 1..]
    };
    let cases = |word: &str| [word.to_owned(), title(word), word.to_ascii_uppercase()];
    let words: Vec<String> = WORDS.split_whitespace().flat_map(cases).collect();
    let pieces: Vec<&str> =
        PIECES.split_whitespace().chain(words.iter().map(String::as_str)).collect();
    // Numerical Recipes' generator: the same texts in each run.
    let mut state = 0x5eed_u32;
    let mut next = |below: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as usize % below
    };
    let mixed = |_| (0..=next(6)).map(|_| pieces[next(pieces.len())]).collect::<String>();
    (0..count).map(mixed).chain(words.clone()).collect()
}

#[test]
fn peer_pyyaml_reads_plain_scalars_as_we_do() {
    let Some(python) = Peer::python_with("yaml") else { return };
    let texts = scalars(20_000);
    let requests: Vec<Value> = texts.iter().map(|text| json!({"scalar": text})).collect();
    let mut kinds = BTreeMap::new();
    for (text, answer) in texts.iter().zip(python.ask(&SCRIPT, &requests)) {
        let ours = scalar(Read::yaml_1_1(text), text);
        assert_eq!(json!(ours), answer, "{text:?}");
        *kinds.entry(ours.split(':').next().unwrap().to_owned()).or_insert(0) += 1;
    }
    println!("{} scalars: {kinds:?}", texts.len());
    assert!(kinds.len() == 6 && kinds.values().all(|count| *count > 20), "{kinds:?}");
}
