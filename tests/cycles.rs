//! No two files of a crate import each other, directly or in a cycle: what is read first can be
//! understood first. A module and its submodules may: they are one thing in several files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The crates of the tools. The simulator's world is one value in many files, as PVE's is.
const CRATES: [&str; 9] = [
    "stage",
    "machine",
    "pve-client",
    "pve-stage",
    "resolve",
    "mint-token",
    "cloudinit-render",
    "image-publish",
    "pve-apply",
];

/// Path of a module in its crate → its text.
type Modules = BTreeMap<Vec<String>, String>;

#[test]
fn files_have_no_import_cycles() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut rings = Vec::new();
    for name in CRATES {
        let mut modules = Modules::new();
        read(&root.join(name).join("src"), &[], &mut modules);
        assert!(modules.len() > 3, "{name} has too few files: were they found?");
        rings.extend(rings_of(&modules).into_iter().map(|ring| format!("{name}: {ring}")));
    }
    assert!(rings.is_empty(), "files that import each other:\n  {}", rings.join("\n  "));
}

#[test]
fn a_cycle_is_found() {
    let modules = |texts: &[(&str, &str)]| -> Modules {
        let path = |name: &str| -> Vec<String> {
            name.split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect()
        };
        texts.iter().map(|(name, text)| (path(name), (*text).to_owned())).collect()
    };
    let ring = modules(&[
        ("", "mod a; mod b; mod c;"),
        ("a", "use super::b::B;"),
        ("b", "use crate::{c::{C, D}, x};"),
        ("c", "use crate::a;"),
    ]);
    assert_eq!(rings_of(&ring), ["a, b, c"]);
    let family = modules(&[
        ("", "use a::A;"),
        ("a", "use self::b::B;"),
        ("a::b", "use super::A;\nuse crate::c::C;"),
        ("c", "// use crate::a::A;"),
    ]);
    assert_eq!(rings_of(&family), Vec::<String>::new());
}

fn read(folder: &Path, path: &[String], modules: &mut Modules) {
    for entry in folder.read_dir().unwrap() {
        let entry = entry.unwrap().path();
        let stem = entry.file_stem().unwrap().to_str().unwrap().to_owned();
        let own = || path.iter().cloned().chain([stem.clone()]).collect::<Vec<_>>();
        if entry.is_dir() {
            read(&entry, &own(), modules);
        } else if stem != "tests" && entry.extension().is_some_and(|e| e == "rs") {
            let is_folder = ["mod", "lib", "main"].contains(&stem.as_str());
            let name = if is_folder { path.to_vec() } else { own() };
            modules.entry(name).or_default().push_str(&std::fs::read_to_string(entry).unwrap());
        }
    }
}

fn rings_of(modules: &Modules) -> Vec<String> {
    let edges: Edges<'_> =
        modules.iter().map(|(path, text)| (path, imports(path, text, modules))).collect();
    let all: BTreeMap<_, _> = modules.keys().map(|path| (path, reached(path, &edges))).collect();
    let ring = |path: &Vec<String>| {
        let members = all[path].iter().filter(|other| all[*other].contains(path));
        members.map(|member| member.join("::")).collect::<Vec<_>>().join(", ")
    };
    let rings: BTreeSet<String> = modules.keys().map(ring).filter(|r| !r.is_empty()).collect();
    rings.into_iter().collect()
}

type Edges<'m> = BTreeMap<&'m Vec<String>, BTreeSet<Vec<String>>>;

fn reached<'e>(from: &'e Vec<String>, edges: &'e Edges<'_>) -> BTreeSet<&'e Vec<String>> {
    let (mut seen, mut open) = (BTreeSet::new(), vec![from]);
    while let Some(at) = open.pop() {
        open.extend(edges[at].iter().filter(|to| seen.insert(*to)));
    }
    seen
}

/// Returns the modules that a module imports from, except its parents and submodules.
fn imports(path: &[String], text: &str, modules: &Modules) -> BTreeSet<Vec<String>> {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let code: Vec<&str> = code.lines().map(|line| line.split("//").next().unwrap()).collect();
    let code = format!("\n{}", code.join("\n"));
    let statements = code.split(['\n', ' ']).collect::<Vec<_>>().join(" ");
    let uses = statements.split(" use ").skip(1).filter_map(|rest| rest.split(';').next());
    let named = uses.flat_map(|tree| leaves(tree.trim()));
    let target = |leaf: String| {
        let full = absolute(path, &leaf)?;
        (0..=full.len()).rev().map(|n| full[..n].to_vec()).find(|p| modules.contains_key(p))
    };
    let family = |other: &Vec<String>| path.starts_with(other) || other.starts_with(path);
    named.filter_map(target).filter(|other| !family(other)).collect()
}

/// `a::{b, c::{d, e}}` → `a::b`, `a::c::d`, `a::c::e`.
fn leaves(tree: &str) -> Vec<String> {
    let Some((before, rest)) = tree.split_once('{') else { return vec![tree.trim().to_owned()] };
    let inner = rest.rsplit_once('}').map_or(rest, |(inner, _)| inner);
    let (mut parts, mut depth, mut part) = (Vec::new(), 0, String::new());
    for sign in inner.chars() {
        depth += i32::from(sign == '{') - i32::from(sign == '}');
        if sign == ',' && depth == 0 {
            parts.push(std::mem::take(&mut part));
        } else {
            part.push(sign);
        }
    }
    parts.push(part);
    let parts = parts.iter().filter(|part| !part.trim().is_empty());
    parts.flat_map(|part| leaves(&format!("{}{}", before.trim(), part.trim()))).collect()
}

/// Returns the path from the crate's root; `None` for another crate.
fn absolute(path: &[String], leaf: &str) -> Option<Vec<String>> {
    let mut base = path.to_vec();
    let mut rest: Vec<&str> = leaf.split("::").map(str::trim).collect();
    match rest.first().copied()? {
        "crate" => base.clear(),
        "self" => {}
        "super" => _ = base.pop(),
        _ => return None,
    }
    rest.remove(0);
    while rest.first() == Some(&"super") {
        base.pop();
        rest.remove(0);
    }
    base.extend(rest.into_iter().map(str::to_owned));
    Some(base)
}
