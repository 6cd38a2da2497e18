//! Holds docs/accidents.md and the case folders together.

#![expect(clippy::disallowed_methods, reason = "door: a test reads the page and the sources")]

use std::collections::BTreeSet;
use std::path::Path;

/// The prefixes of cases that are named after somebody's accident.
const PEERS: [&str; 7] =
    ["bpg-", "capmox-", "clustercreator-", "omni-", "peers-", "telmate-", "virtrigaud-"];

#[test]
fn every_accident_has_its_test_and_every_such_test_its_line() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("../docs/accidents.md")).unwrap();
    let mut cases: BTreeSet<String> = BTreeSet::new();
    for folder in root.join("tests/cases").read_dir().unwrap() {
        cases.insert(folder.unwrap().file_name().into_string().unwrap());
    }
    let mut named = BTreeSet::new();
    for row in page.lines().filter(|line| line.starts_with("| ")) {
        let columns: Vec<&str> = row.trim_matches('|').split(" | ").collect();
        let [_, _, _, shown] = columns[..] else { continue };
        named.extend(shown.split('`').skip(1).step_by(2).map(str::to_owned));
    }
    assert!(named.len() > 40, "the page's tables are not read: {named:?}");
    for name in &named {
        match name.rsplit_once("::") {
            None => assert!(cases.contains(name), "no case folder {name}"),
            Some((run, test)) if run.starts_with("boundaries::") => {
                assert!(boundaries(root, run, test), "no test {name}");
            }
            Some((path, test)) => assert!(unit_test(root, path, test), "no unit test {name}"),
        }
    }
    let peers = |name: &&String| PEERS.iter().any(|prefix| name.starts_with(prefix));
    for case in cases.iter().filter(peers) {
        assert!(named.contains(case), "docs/accidents.md does not name {case}");
    }
}

/// Returns whether `boundaries.rs` has this run, and tries this on each.
fn boundaries(root: &Path, run: &str, test: &str) -> bool {
    let text = std::fs::read_to_string(root.join("tests/boundaries.rs")).unwrap_or_default();
    let run = run.trim_start_matches("boundaries::");
    text.contains(&format!("    {run}: \"")) && text.contains(&format!("fn {test}()"))
}

/// Returns whether the module's file holds the test.
fn unit_test(root: &Path, path: &str, test: &str) -> bool {
    let path = path.replace("::", "/");
    let parent = path.trim_end_matches("/tests");
    let files =
        [format!("src/{path}.rs"), format!("src/{path}/mod.rs"), format!("src/{parent}.rs")];
    let texts = files.iter().filter_map(|file| std::fs::read_to_string(root.join(file)).ok());
    texts.into_iter().any(|text| text.contains(&format!("fn {test}()")))
}
