//! The rules of ARCHITECTURE.md and CONTRIBUTING.md that can be checked automatically.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use test_support::peer::Peer;

const LIBRARIES: [&str; 4] = ["stage", "machine", "pve-client", "pve-stage"];
const TOOLS: [&str; 5] =
    ["resolve", "mint-token", "cloudinit-render", "image-publish", "pve-apply"];

/// Which of our crates may use which, in addition to test-support as a dev-dependency.
const ARROWS: [(&str, &[&str]); 11] = [
    ("stage", &[]),
    ("machine", &["stage"]),
    ("pve-client", &[]),
    ("pve-stage", &["stage", "pve-client"]),
    ("resolve", &["stage", "machine"]),
    ("mint-token", &["stage"]),
    ("cloudinit-render", &["stage", "machine"]),
    ("image-publish", &["stage", "machine", "pve-client", "pve-stage"]),
    ("pve-apply", &["stage", "machine", "pve-client", "pve-stage"]),
    ("test-support", &[]),
    (
        "fuzzed",
        &[
            "stage",
            "machine",
            "pve-client",
            "resolve",
            "mint-token",
            "cloudinit-render",
            "image-publish",
            "pve-apply",
        ],
    ),
];

const NETWORK: [&str; 6] = ["ureq", "rustls", "native-tls", "hyper", "tokio", "reqwest"];
/// What draws live progress: only stages that work long have it.
const LIVE: [&str; 2] = ["indicatif", "console"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// Returns tracked and new files with this ending, with their text.
fn texts(ending: &str) -> Vec<(String, String)> {
    let output = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .unwrap();
    let names = String::from_utf8(output.stdout).unwrap();
    let matching = names.lines().filter(|name| name.ends_with(ending));
    let read =
        |name: &str| Some((name.to_owned(), std::fs::read_to_string(root().join(name)).ok()?));
    let texts: Vec<_> = matching.filter_map(read).collect();
    assert!(!texts.is_empty(), "no {ending} files: is this a git checkout?");
    texts
}

fn assert_none(broken: &[String], rule: &str) {
    assert!(broken.is_empty(), "{rule}:\n  {}", broken.join("\n  "));
}

#[test]
fn each_file_starts_with_a_module_comment() {
    let broken: Vec<_> = texts(".rs")
        .into_iter()
        .filter(|(_, text)| {
            let first = text.lines().find(|line| !line.starts_with("#!"));
            !first.is_some_and(|line| line.starts_with("//!"))
        })
        .map(|(name, _)| name)
        .collect();
    assert_none(&broken, "a file starts with `//!`");
}

#[test]
fn files_are_short() {
    let limit = |name: &str| if name.ends_with("/src/main.rs") { 15 } else { 400 };
    let broken: Vec<_> = texts(".rs")
        .into_iter()
        .map(|(name, text)| (text.lines().count(), name))
        .filter(|(lines, name)| *lines > limit(name))
        .map(|(lines, name)| format!("{name}: {lines} lines"))
        .collect();
    assert_none(&broken, "a file has at most 400 lines, a tool's main.rs 15");
}

#[test]
fn nothing_is_left_behind() {
    // Written so that this file does not match itself.
    let marks =
        [["to", "do!("], ["TO", "DO"], ["FIX", "ME"], ["#[ign", "ore"], ["unimpl", "emented!("]];
    let mut broken = Vec::new();
    for (name, text) in texts(".rs") {
        for (number, line) in text.lines().enumerate() {
            if marks.iter().any(|mark| line.contains(&mark.concat())) {
                broken.push(format!("{name}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    assert_none(&broken, "finished code only");
}

#[test]
fn module_names_are_specific() {
    let barred = ["utils", "util", "helpers", "helper", "common", "manager", "misc"];
    let broken: Vec<_> = texts(".rs")
        .into_iter()
        .map(|(name, _)| name)
        .filter(|name| {
            let words =
                Path::new(name).iter().map(|part| part.to_string_lossy().replace(".rs", ""));
            words.into_iter().any(|word| barred.contains(&word.as_str()))
        })
        .collect();
    assert_none(&broken, "a module is named after what it contains");
}

#[test]
fn each_dependency_has_a_reason() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let (_, rest) = manifest.split_once("[workspace.dependencies]").unwrap();
    let (block, _) = rest.split_once("\n[").unwrap();
    let versioned = block.lines().filter(|line| line.contains('=') && !line.starts_with('#'));
    let third_party = versioned.filter(|line| !line.contains("path ="));
    let broken: Vec<_> =
        third_party.filter(|line| !line.contains(" # ")).map(str::to_owned).collect();
    assert_none(&broken, "a dependency has a comment on its line");
}

#[test]
fn crates_depend_on_each_other_as_documented() {
    let metadata = metadata();
    let ours: BTreeSet<&str> = ARROWS.iter().map(|(name, _)| *name).collect();
    let mut seen = BTreeSet::new();
    let mut broken = Vec::new();
    for package in metadata["packages"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        let Some((_, allowed)) =
            ARROWS.iter().find(|(n, _)| *n == name && package["source"].is_null())
        else {
            continue;
        };
        seen.insert(name);
        for dependency in package["dependencies"].as_array().unwrap() {
            let to = dependency["name"].as_str().unwrap();
            let dev_support = to == "test-support" && dependency["kind"] == "dev";
            if ours.contains(to)
                && dependency["path"].is_string()
                && !allowed.contains(&to)
                && !dev_support
            {
                broken.push(format!("{name} -> {to}"));
            }
        }
    }
    assert_eq!(seen, ours, "the table has each of our crates");
    assert_none(&broken, "a dependency that ARCHITECTURE.md does not allow");
}

#[test]
fn pure_tools_link_neither_network_code_nor_live_progress() {
    let metadata = metadata();
    let mut broken = Vec::new();
    for tool in ["resolve", "mint-token", "cloudinit-render", "stage"] {
        for linked in linked_by(&metadata, tool) {
            if NETWORK.contains(&linked.as_str()) || LIVE.contains(&linked.as_str()) {
                broken.push(format!("{tool} links {linked}"));
            }
        }
    }
    for seen in ["ureq", "indicatif"] {
        assert!(
            linked_by(&metadata, "pve-apply").contains(seen),
            "the check can see what is linked"
        );
    }
    assert_none(&broken, "these tools must not link this");
}

#[test]
fn licences_are_permissive() {
    let text = std::fs::read_to_string(root().join("deny.toml")).unwrap();
    let config: toml::Table = text.parse().unwrap();
    let allowed: BTreeSet<&str> = config["licenses"]["allow"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| name.as_str().unwrap())
        .collect();
    let metadata = metadata();
    let broken: Vec<_> = metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|package| !is_allowed(package["license"].as_str().unwrap_or_default(), &allowed))
        .map(|package| format!("{}: {}", package["name"], package["license"]))
        .collect();
    assert_none(&broken, "each dependency has a licence of deny.toml");
}

/// Returns whether an expression such as `(MIT OR Apache-2.0) AND Unicode-3.0` leaves a choice of these
/// licences. A deeper one counts as not allowed.
fn is_allowed(expression: &str, allowed: &BTreeSet<&str>) -> bool {
    let choices = |part: &str| part.replace('/', " OR ").replace(['(', ')'], "");
    let one = |part: &str| choices(part).split(" OR ").any(|one| allowed.contains(one.trim()));
    expression.split(" AND ").all(one)
}

#[test]
fn updates_that_are_tried_on_a_node_come_one_by_one() {
    let read = |name: &str| std::fs::read_to_string(root().join(name)).unwrap();
    let (page, bot, lock) =
        (read("CONTRIBUTING.md"), read(".github/dependabot.yml"), read("Cargo.lock"));
    let row = page.lines().find_map(|line| line.strip_prefix("| update ")).unwrap();
    let names = row.split(" |").next().unwrap().replace(" or ", ", ");
    let names: Vec<_> = names.split(", ").collect();
    assert!(names.len() >= 5, "{names:?}");
    let apart = bot.lines().find(|line| line.contains("exclude-patterns:")).unwrap();
    let broken: Vec<_> = names
        .into_iter()
        .filter(|name| {
            let is_apart = [format!("\"{name}\""), format!("\"{name}*\"")]
                .iter()
                .any(|pattern| apart.contains(pattern));
            !is_apart || !lock.contains(&format!("\nname = \"{name}\"\n"))
        })
        .map(str::to_owned)
        .collect();
    assert_none(&broken, "a dependency, which dependabot updates on its own");
}

#[test]
fn peer_shellcheck_has_nothing_to_say_about_our_scripts() {
    let Some(shellcheck) = Peer::find("shellcheck") else { return };
    let scripts = [texts(".sh"), texts(".ci/run")].concat();
    let scripts: Vec<_> = scripts.into_iter().map(|(name, _)| root().join(name)).collect();
    assert!(scripts.len() >= 12, "{scripts:?}");
    let output = shellcheck.run(&scripts);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn each_tool_has_a_case_for_each_exit_code() {
    // Only pve-apply has exit codes 3 and 4.
    let mut broken = Vec::new();
    for tool in TOOLS {
        let seen = statuses(tool);
        let mut wanted = vec!["0", "1", "2"];
        if tool == "pve-apply" {
            wanted.extend(["3", "4"]);
        }
        broken.extend(
            wanted
                .into_iter()
                .filter(|code| !seen.contains(*code))
                .map(|code| format!("{tool}: no case ends with {code}")),
        );
    }
    assert_none(&broken, "a case for each exit code of each tool");
}

#[test]
fn make_check_needs_no_built_tools() {
    let makefile = std::fs::read_to_string(root().join("Makefile")).unwrap();
    let (_, check) = makefile.split_once("\ncheck:").unwrap();
    let line = check.lines().find(|line| line.contains("$(CARGO) test")).unwrap();
    let targets: Vec<_> =
        line.split("--test ").skip(1).map(|rest| rest.split(' ').next().unwrap()).collect();
    assert!(targets.contains(&"tidy"), "{line}");
    // Written so that this file does not match itself: only the case runner finds the tools.
    let mark = ["test_support", "::case"].concat();
    let broken: Vec<_> = targets
        .into_iter()
        .filter(|target| {
            let path = root().join("tests").join(target).with_extension("rs");
            std::fs::read_to_string(path).unwrap().contains(&mark)
        })
        .map(str::to_owned)
        .collect();
    assert_none(&broken, "`make check` runs before the tools are built");
}

#[test]
fn libraries_and_tools_are_at_the_top_level() {
    for folder in LIBRARIES.iter().chain(&TOOLS).chain(&["tests"]) {
        assert!(root().join(folder).join("Cargo.toml").exists(), "{folder}");
    }
}

/// Returns the exit codes that the cases of a tool expect.
fn statuses(tool: &str) -> BTreeSet<String> {
    let cases = root().join(tool).join("tests/cases");
    let mut seen = BTreeSet::new();
    for case in cases.read_dir().into_iter().flatten() {
        let status = std::fs::read_to_string(case.unwrap().path().join("status"));
        seen.insert(status.map_or("0".to_owned(), |s| s.trim().to_owned()));
    }
    seen
}

/// Returns cargo's metadata of our crates and of each crate that they link on this platform.
///
/// Without the filter, cargo also needs the crates for other platforms, which no build
/// has fetched. With it, a machine that has built the workspace needs no network.
fn metadata() -> Value {
    let host = host();
    let arguments = ["metadata", "--format-version=1", "--locked", "--filter-platform", &host];
    serde_json::from_str(&cargo(&arguments)).unwrap()
}

/// Returns the platform that cargo builds for, such as `x86_64-unknown-linux-gnu`.
fn host() -> String {
    let version = cargo(&["--version", "--verbose"]);
    version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap().to_owned()
}

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO")).args(arguments).current_dir(root()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Returns the names of all crates linked into one of ours, without dev- and build-dependencies.
fn linked_by(metadata: &Value, package: &str) -> BTreeSet<String> {
    let names: BTreeMap<&str, &str> = metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| (p["id"].as_str().unwrap(), p["name"].as_str().unwrap()))
        .collect();
    let nodes: BTreeMap<&str, &Value> = metadata["resolve"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|n| (n["id"].as_str().unwrap(), n))
        .collect();
    let ours = |id: &&&str| id.starts_with("path+") && names[**id] == package;
    let mut open = vec![*names.keys().find(ours).unwrap()];
    let mut linked = BTreeSet::new();
    while let Some(id) = open.pop() {
        for dependency in nodes[id]["deps"].as_array().unwrap() {
            let kinds = dependency["dep_kinds"].as_array().unwrap();
            let to = dependency["pkg"].as_str().unwrap();
            if kinds.iter().any(|k| k["kind"].is_null()) && linked.insert(names[to].to_owned()) {
                open.push(to);
            }
        }
    }
    linked
}
