//! No secret is shown: puts a canary into every field of every table, in the right place and in the likely
//! wrong ones, and expects none on stderr or in secret-free output, at every log level.
//!
//! The fields come from the schemas, which are generated from the tables; their column `x-shown` says which
//! are secret. A new field needs no change here.

#[path = "canaries/documents.rs"]
mod documents;
#[path = "canaries/fields.rs"]
mod fields;
#[path = "canaries/pipe.rs"]
mod pipe;
#[path = "canaries/variants.rs"]
mod variants;

use serde_json::json;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use test_support::case::tool_folder;
use test_support::pve_sim::{Options, PveSim, World};
use variants::Variant;

/// Every log level.
const LEVELS: [&[&str]; 6] = [
    &[],
    &["-v"],
    &["-vv"],
    &["--log-format", "json"],
    &["-v", "--log-format", "json"],
    &["-vv", "--log-format", "json"],
];

/// The number of faulty files in one site: further findings are only counted in text.
const FILES: usize = 12;

/// What a stage printed.
struct Printed {
    stdout: String,
    stderr: String,
}

/// Runs a tool with these arguments and `document` on stdin.
fn run(words: &[&str], variables: &[(&str, &str)], document: &str) -> Printed {
    let mut child = Command::new(tool_folder().unwrap().join(words[0]))
        .args(&words[1..])
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .envs(variables.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A stage that refuses its arguments does not read stdin.
    let _ = child.stdin.take().unwrap().write_all(document.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let printed = Printed { stdout: text(&output.stdout), stderr: text(&output.stderr) };
    assert!(!printed.stderr.contains("panicked"), "{words:?} on {document}: {}", printed.stderr);
    printed
}

/// Distributes work over the machine's cores; returns what each piece found.
fn spread<T: Sync>(work: &[T], one: impl Fn(&T) -> Vec<String> + Sync) -> Vec<String> {
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let found = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for part in work.chunks(work.len().div_ceil(cores).max(1)) {
            let (found, one) = (&found, &one);
            scope.spawn(move || part.iter().for_each(|w| found.lock().unwrap().extend(one(w))));
        }
    });
    found.into_inner().unwrap()
}

/// Returns the lines of a text that contain a canary.
fn leaks(what: &str, canary: &str, words: &[&str], text: &str) -> Option<String> {
    let lines: Vec<&str> = text.lines().filter(|line| line.contains(canary)).collect();
    (!lines.is_empty())
        .then(|| format!("{what}\n  {words:?} shows {canary}:\n  {}", lines.join("\n  ")))
}

fn assert_silent(leaks: &[String]) {
    let shown = &leaks[..leaks.len().min(12)];
    assert!(leaks.is_empty(), "{} leaks, such as\n{}", leaks.len(), shown.join("\n"));
}

/// A valid site, so that every step of resolve runs.
const BASE: [(&str, &str); 8] = [
    ("site.yaml", "images:\n  img: {file: img.qcow2}\n"),
    ("secrets.yaml", "api_tokens:\n  base: a@pve!b=00000000-0000-4000-8000-000000000001\n"),
    ("nodes/base.yaml", "api_endpoint: https://10.0.0.2:8006\ndatastore: local-lvm\n"),
    ("envs/base.yaml", "vms:\n- {name: vm, vm_preset: small, image: img}\n"),
    ("presets/small.yaml", "{cores: 1, memory: 512, disk: 4}\n"),
    ("postures/dev.yaml", "ssh_port: 22\n"),
    ("specs/base.yaml", "schema_version: 1\n"),
    ("hosts/base.yaml", "host: base\n"),
];

fn write(root: &Path, path: &str, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    let path = root.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
}

/// Writes a site with these faulty files; returns what leaks.
fn try_site(variants: &[&Variant]) -> Vec<String> {
    let site = tempfile::tempdir().unwrap();
    let root = site.path();
    BASE.iter().for_each(|(path, text)| write(root, path, text));
    for (index, variant) in variants.iter().enumerate() {
        let (_, place) = fields::KINDS.iter().find(|(kind, _)| *kind == variant.kind).unwrap();
        match place.ends_with(".yaml") {
            true => write(root, place, &variant.text),
            false => write(root, &format!("{place}/v{index}.yaml"), &variant.text),
        }
    }
    let root = root.to_str().unwrap();
    let check = LEVELS.map(|level| [&["resolve", "check", "--site", root], level].concat());
    let others: [&[&str]; 4] = [
        &["resolve", "check", "--no-secrets", "--site", root],
        &["resolve", "list", "--json", "--site", root],
        &["resolve", "explain", "vm", "--env", "base", "--node", "base", "--site", root],
        &["resolve", "--no-secrets", "--env", "base", "--node", "base", "--site", root],
    ];
    let mut found = Vec::new();
    // These commands read only what the valid env needs, none of the other files.
    let is_read = variants.iter().any(|variant| ["site", "secrets"].contains(&variant.kind));
    let others = others.into_iter().filter(|_| is_read);
    for words in check.iter().map(Vec::as_slice).chain(others) {
        let printed = run(words, &[], "");
        for Variant { what, canary, .. } in variants {
            found.extend(leaks(what, canary, words, &(printed.stderr.clone() + &printed.stdout)));
        }
    }
    found
}

#[test]
fn resolve_shows_no_canary_of_any_field_of_a_site() {
    let fields = fields::of_site();
    let variants = variants::of_site(&fields);
    let count = |shown| fields.iter().filter(|field| field.shown == shown).count();
    println!(
        "{} fields ({} secret, {} addresses), {} variants",
        fields.len(),
        count(fields::Shown::Never),
        count(fields::Shown::Address),
        variants.len()
    );
    assert!(count(fields::Shown::Never) > 15 && count(fields::Shown::Address) > 8);
    // A site has only one site.yaml and one secrets.yaml.
    let (single, many): (Vec<_>, Vec<_>) =
        variants.iter().partition(|variant| ["site", "secrets"].contains(&variant.kind));
    let (site, secrets): (Vec<_>, Vec<_>) =
        single.into_iter().partition(|variant| variant.kind == "site");
    let mut many = many.chunks(FILES);
    let mut sites = Vec::new();
    for index in 0..site.len().max(secrets.len()) {
        let mut files: Vec<&Variant> = many.next().unwrap_or_default().to_vec();
        files.extend(site.get(index).copied());
        files.extend(secrets.get(index).copied());
        sites.push(files);
    }
    sites.extend(many.map(<[&Variant]>::to_vec));
    assert_silent(&spread(&sites, |files| try_site(files)));
}

#[test]
fn no_stage_shows_a_canary_of_any_field_of_the_document() {
    let world = json!({"volumes": [{"volid": documents::IMAGE, "node": "pve1", "size": 1 << 20,
        "virtual_size": 1 << 30, "format": "qcow2"}]});
    let world = World::from_json(&world.to_string()).unwrap();
    let sim = PveSim::start(world, Options::default()).unwrap();
    let fields = fields::of_document();
    let documents = documents::of(&fields, &sim.endpoint(), &sim.token());
    println!("{} fields of the document, {} variants", fields.len(), documents.len());
    let home = tempfile::tempdir().unwrap();
    let variables =
        [("HOME", home.path().to_str().unwrap()), ("PVE_FINGERPRINT", sim.fingerprint())];
    let key = "ab".repeat(32);
    let signing = [variables[0], ("HOMESTAK_SIGNING_KEY", key.as_str())];
    let stages: [&[&str]; 4] = [
        &["mint-token"],
        &["cloudinit-render"],
        &["image-publish", "--dry-run", "--retries", "0"],
        &["pve-apply", "plan"],
    ];
    let found = spread(&documents, |document| {
        let mut found = Vec::new();
        for (stage, level) in stages.iter().flat_map(|s| document.levels().map(move |l| (s, l))) {
            let words = [*stage, level].concat();
            let variables = if stage[0] == "mint-token" { &signing } else { &variables };
            let printed = run(&words, variables, &document.text);
            // A filter prints the document; the text of a plan must not contain secrets.
            let data = if stage[0] == "pve-apply" { printed.stdout.as_str() } else { "" };
            let shown = format!("{}{data}", printed.stderr);
            found.extend(leaks(&document.what, &document.canary, &words, &shown));
        }
        found
    });
    assert_silent(&found);
}
