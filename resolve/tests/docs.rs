//! docs/site-config.md: its tables match resolve, and its examples are valid.
#![expect(clippy::disallowed_methods, reason = "a test reads files")]

use std::path::{Path, PathBuf};

fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/site-config.md")
}

/// The table of a kind is between `<!-- keys: env -->` and `<!-- end of keys -->`.
#[test]
fn tables_match_resolve() {
    let text = std::fs::read_to_string(page()).unwrap();
    let mut parts = text.split("<!-- keys: ");
    let mut made = parts.next().unwrap().to_owned();
    let mut seen = Vec::new();
    for part in parts {
        let (kind, rest) = part.split_once(" -->").unwrap();
        let (_, rest) = rest.split_once("<!-- end of keys -->").unwrap();
        let table = resolve::reference(kind).unwrap();
        made.push_str(&format!("<!-- keys: {kind} -->\n{table}<!-- end of keys -->{rest}"));
        seen.push(kind.to_owned());
    }
    if std::env::var_os("UPDATE").is_some_and(|v| v == "1") {
        // Replaced atomically, since the other test may be reading the page.
        let new = page().with_extension("new");
        std::fs::write(&new, &made).unwrap();
        std::fs::rename(&new, page()).unwrap();
    } else {
        assert!(made == text, "docs/site-config.md: `make docs` writes its tables");
    }
    seen.sort();
    let kinds = resolve::schema_kinds().chain(resolve::SHARED_TABLES);
    let mut kinds: Vec<_> = kinds.map(str::to_owned).collect();
    kinds.sort();
    assert_eq!(seen, kinds, "each kind of file has its table");
}

/// The list of schemas is what `resolve schema` accepts.
#[test]
fn schemas_are_listed() {
    let text = std::fs::read_to_string(page()).unwrap();
    let kinds: Vec<_> = resolve::schema_kinds().collect();
    let list = format!("There is one for each kind: {}.", kinds.join(", "));
    assert!(text.contains(&list), "docs/site-config.md must say: {list}");
}

/// YAML blocks start with a path such as `# envs/dev.yaml`; together they are one site.
#[test]
fn examples_are_valid() {
    let text = std::fs::read_to_string(page()).unwrap();
    let mut files = Vec::new();
    for block in text.split("```yaml\n").skip(1) {
        let (yaml, _) = block.split_once("```").unwrap();
        let first = yaml.lines().next().unwrap();
        files.push((first.strip_prefix("# ").expect("a block begins with its path"), yaml));
    }
    assert!(files.len() > 6);
    let report = resolve::memory::check(&files);
    assert!(report.entries().is_empty(), "{:#?}", report.entries());
}
