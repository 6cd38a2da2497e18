//! Replays the corpora of the fuzz targets, so that what was found once is not lost: each file through its target.

use fuzzed::TARGETS;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// A corpus with fewer inputs has been lost, or was never kept.
const FEWEST: usize = 10;
/// All corpora together, in bytes: they are part of every checkout.
const LARGEST: usize = 512 * 1024;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz").join(name)
}

/// Returns the names in a folder without their extensions.
fn names(folder: &Path) -> BTreeSet<String> {
    let entries = folder.read_dir().unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let stem = |path: PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
    entries.map(|entry| stem(entry.unwrap().path())).collect()
}

#[test]
fn every_input_of_a_corpus_holds_the_properties() {
    let (mut failed, mut count) = (Vec::new(), 0);
    for target in &TARGETS {
        let files = names(&folder("corpus").join(target.name));
        for name in &files {
            let path = folder("corpus").join(target.name).join(name);
            let bytes = std::fs::read(&path).unwrap();
            if catch_unwind(AssertUnwindSafe(|| (target.check)(&bytes))).is_err() {
                failed.push(format!("{}/{name}", target.name));
            }
        }
        println!("{}: {} inputs", target.name, files.len());
        count += files.len();
    }
    println!("{count} inputs of {} targets", TARGETS.len());
    assert_eq!(failed, Vec::<String>::new());
}

#[test]
fn each_target_has_a_corpus_and_a_program() {
    let known: BTreeSet<String> = TARGETS.iter().map(|target| target.name.to_owned()).collect();
    assert_eq!(known.len(), TARGETS.len());
    for name in &known {
        let inputs = names(&folder("corpus").join(name)).len();
        assert!(inputs >= FEWEST, "{name} has only {inputs} inputs");
    }
    assert_eq!(names(&folder("corpus")), known);
    assert_eq!(names(&folder("fuzz_targets")), known);
    let manifest = std::fs::read_to_string(folder("Cargo.toml")).unwrap();
    let programs = manifest.lines().filter_map(|line| line.strip_prefix("path = \"fuzz_targets/"));
    let programs: BTreeSet<String> =
        programs.filter_map(|rest| Some(rest.strip_suffix(".rs\"")?.to_owned())).collect();
    assert_eq!(programs, known);
}

#[test]
fn corpora_are_small() {
    let mut all = 0;
    for target in &TARGETS {
        for name in names(&folder("corpus").join(target.name)) {
            let is_hash = name.len() == 12 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
            // Those by hand stay when a corpus is made smaller.
            let is_by_hand = name.starts_with("finding-") || name.starts_with("seed-");
            assert!(is_hash || is_by_hand, "{}/{name}", target.name);
            let path = folder("corpus").join(target.name).join(name);
            all += usize::try_from(path.metadata().unwrap().len()).unwrap();
        }
    }
    println!("{all} bytes");
    assert!(all <= LARGEST, "{all} bytes");
}
