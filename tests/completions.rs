//! The bash completions know what a site holds.
#![expect(clippy::unwrap_used, reason = "a test runs bash")]

use std::path::Path;
use std::process::Command;
use test_support::case;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Returns what bash offers for the last word of a line.
fn offered(line: &str) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    let (tool, cur, prev) = (words[0], words[words.len() - 1], words[words.len() - 2]);
    let script = root().join(format!("completions/{tool}.bash"));
    let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    let program = format!(
        "complete() {{ registered=$2; }}; source '{}'; unset -f complete\n\
         COMP_WORDS=({}); COMP_CWORD={}\n\
         \"$registered\" {tool} '{cur}' '{prev}'; printf '%s ' \"${{COMPREPLY[@]}}\"",
        script.display(),
        quoted.join(" "),
        words.len() - 1
    );
    let path = std::env::var("PATH").unwrap();
    let output = Command::new("bash")
        .args(["--norc", "-c", &program])
        .env_clear()
        .env("PATH", format!("{}:{path}", case::tool_folder().unwrap().display()))
        .env("HOMESTAK_SITE_CONFIG", root().join("examples/site"))
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.stderr.is_empty(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn listed(kind: &str) -> String {
    let resolve = case::tool_folder().unwrap().join("resolve");
    let site = root().join("examples/site");
    let args = ["list", kind, "--names", "--site"];
    let output = Command::new(resolve).args(args).arg(site).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let names = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(!names.is_empty(), "the example has {kind}");
    names
}

#[test]
fn names_come_from_the_site() {
    for (line, kind) in [
        ("resolve --env ", "envs"),
        ("resolve explain --manifest ", "manifests"),
        ("resolve --node ", "nodes"),
        ("resolve --host ", "nodes"),
        ("resolve --vm new --preset ", "presets"),
        ("resolve spec ", "specs"),
        ("resolve explain ", "vms"),
        ("mint-token mint --spec ", "specs"),
        ("cloudinit-render --vm ", "vms"),
        ("image-publish list --node ", "nodes"),
        ("pve-apply plan --vm ", "vms"),
        ("pve-apply --vm ", "vms"),
    ] {
        assert_eq!(offered(line), listed(kind), "{line}");
    }
}

#[test]
fn a_name_is_completed_after_an_equals_sign_too() {
    let envs = listed("envs");
    let first = envs.split(' ').next().unwrap();
    assert_eq!(offered(&format!("resolve --env {first}")), first);
    assert_eq!(offered(&format!("resolve --env = {first}")), first);
    assert_eq!(offered("resolve --env ="), envs);
    assert_eq!(offered("resolve --env no-such-env"), "");
}

#[test]
fn the_site_of_the_line_counts() {
    assert_eq!(offered("resolve --site examples/site list --env "), listed("envs"));
    assert_eq!(offered("resolve --site tests --env "), "");
}

#[test]
fn everything_else_is_claps() {
    assert_eq!(offered("resolve che"), "check");
    assert_eq!(offered("pve-apply plan --detailed"), "--detailed-exitcode");
    assert_eq!(offered("pve-apply wait --for ss"), "ssh");
    assert!(offered("resolve --log-format ").contains("json"));
}
