//! What every stage promises of stdin, stdout and stderr.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use test_support::case::tool_folder;

const PURE: [&[&str]; 3] = [
    &["resolve", "--site", "examples/site", "--env", "dev", "--node", "pve1"],
    &["mint-token", "--site", "examples/site"],
    &["cloudinit-render"],
];

const DOCUMENT: &str = r#"{"node":"pve1","automation_user":"homestak","spec_server":"","vms":[],"our_own":{"x":[1.0,null]}}"#;

/// Runs a tool at the project's root with a document on stdin.
fn run(words: &[&str], stdout: impl Into<Stdio>, stdin: &[u8]) -> Output {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), stdin).unwrap();
    let child = Command::new(tool_folder().unwrap().join(words[0]))
        .args(&words[1..])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
        .env("SOURCE_DATE_EPOCH", "1760000000")
        .stdin(std::fs::File::open(file.path()).unwrap())
        .stdout(stdout)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.wait_with_output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_closed_stdout_ends_a_stage_quietly() {
    for words in PURE {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = run(words, writer, DOCUMENT.as_bytes());
        assert_eq!(output.status.code(), Some(141), "{words:?}: {}", said(&output));
        assert!(!said(&output).contains("error"), "{words:?}: {}", said(&output));
    }
}

#[test]
fn a_full_disk_is_reported() {
    for words in PURE {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let output = run(words, full, DOCUMENT.as_bytes());
        assert_eq!(output.status.code(), Some(1), "{words:?}");
        assert!(said(&output).contains("stdout: cannot be written: No space left"), "{words:?}");
    }
}

/// What a file has, and who may read it; none when there is no file.
fn kept(path: &Path) -> Option<(Vec<u8>, u32)> {
    use std::os::unix::fs::PermissionsExt;
    let mode = path.metadata().ok()?.permissions().mode() & 0o777;
    Some((std::fs::read(path).ok()?, mode))
}

#[test]
fn a_document_is_kept_whole_and_for_its_owner_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("document.json");
    let name = path.to_str().unwrap();
    for words in PURE {
        let printed = run(words, Stdio::piped(), DOCUMENT.as_bytes()).stdout;
        std::fs::write(&path, "older, and for all to read").unwrap();
        let output = run(&[words, &["-o", name]].concat(), Stdio::piped(), DOCUMENT.as_bytes());
        assert_eq!(output.status.code(), Some(0), "{words:?}: {}", said(&output));
        assert!(output.stdout.is_empty(), "{words:?}");
        assert_eq!(kept(&path), Some((printed.clone(), 0o600)), "{words:?}");
        let output = run(&[words, &["-o", "-"]].concat(), Stdio::piped(), DOCUMENT.as_bytes());
        assert_eq!(output.stdout, printed, "{words:?}");
    }
    for words in [PURE[1], PURE[2], &["image-publish"], &["pve-apply", "plan"]] {
        std::fs::write(&path, "older").unwrap();
        let output = run(&[words, &["--output", name]].concat(), Stdio::piped(), b"{");
        assert_eq!(output.status.code(), Some(1), "{words:?}");
        assert_eq!(kept(&path).unwrap().0, b"older", "a run that fails changes nothing");
    }
    assert_eq!(folder.path().read_dir().unwrap().count(), 1, "nothing is left beside it");
}

#[test]
fn no_output_replaces_a_device_a_link_or_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let (link, target) = (folder.path().join("link"), folder.path().join("target"));
    std::fs::write(&target, "not ours").unwrap();
    std::os::unix::fs::symlink(&target, &link).unwrap();
    let names = [link.to_str().unwrap(), "/dev/null", folder.path().to_str().unwrap(), "/no/file"];
    let stages: [&[&str]; 5] =
        [PURE[0], PURE[1], PURE[2], &["image-publish"], &["pve-apply", "apply"]];
    for words in stages {
        for name in names {
            let output =
                run(&[words, &["--output", name]].concat(), Stdio::piped(), DOCUMENT.as_bytes());
            let expected = format!("{}: error: {name}: cannot be written: ", words[0]);
            assert_eq!(output.status.code(), Some(1), "{words:?} {name}");
            assert!(said(&output).starts_with(&expected), "{words:?} {name}: {}", said(&output));
        }
        assert!(link.is_symlink() && !Path::new("/dev/null").is_file(), "{words:?}");
        assert_eq!(std::fs::read(&target).unwrap(), b"not ours");
    }
}

#[test]
fn the_stages_that_change_the_world_keep_their_result_too() {
    let line = "resolve --site examples/site --env dev --node pve1 --endpoint $PVE_SIM_ENDPOINT \
        | mint-token --site examples/site | cloudinit-render \
        | image-publish --image-dir examples/site/images -o images.json 2>&1 >&3 | grep error
        pve-apply apply --output result.json <images.json 2>/dev/null
        stat -c '%n %a' images.json result.json; grep -c vm_ids result.json";
    let outcome = test_support::case::run_line(&format!("exec 3>&1\n{line}")).unwrap();
    let expected = "images.json 600\nresult.json 600\n1\n";
    assert_eq!(outcome.stdout, expected, "{}", outcome.stderr);
}

#[test]
fn fields_that_a_stage_does_not_know_pass_untouched() {
    for words in &PURE[1..] {
        let output = run(words, Stdio::piped(), DOCUMENT.as_bytes());
        let came: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let given: serde_json::Value = serde_json::from_str(DOCUMENT).unwrap();
        assert_eq!(came, given, "{words:?}");
    }
}

#[test]
fn every_stage_refuses_invalid_documents() {
    let stages: [&[&str]; 4] = [PURE[1], PURE[2], &["image-publish"], &["pve-apply", "plan"]];
    let bad: [&[u8]; 7] =
        [b"", b"\n", b"[]", b"{", b"\xff\xfe{}", br#"{"vms":7}"#, br#"{"vms":[null]}"#];
    for words in stages {
        for input in bad {
            let output = run(words, Stdio::piped(), input);
            let shown = format!("{words:?} on {:?}", String::from_utf8_lossy(input));
            assert_eq!(output.status.code(), Some(1), "{shown}: {}", said(&output));
            assert!(output.stdout.is_empty(), "{shown}");
            // Without input, the cause is the stage before, and it has said so.
            let error =
                if input.trim_ascii().is_empty() { "stdin: no document" } else { "error: stdin" };
            assert!(said(&output).contains(&format!("{}: {error}", words[0])), "{shown}");
            assert!(!said(&output).contains("panicked"), "{shown}");
        }
    }
}
