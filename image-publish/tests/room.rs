//! What does not fit is refused before a byte of it is fetched or sent.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test may unwrap and read files, also in what its tests share"
)]

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;

use serde_json::json;
use test_support::pve_sim::{Options, PveSim, World};

/// More than any disk has.
const LENGTH: u64 = 1 << 60;

/// A web server whose one file has this length, and begins with these bytes.
fn endless(mut head: Vec<u8>, length: u64) -> String {
    head.resize(1 << 20, 0);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        listener.incoming().flatten().for_each(|s| answer(s, &head, length))
    });
    format!("http://127.0.0.1:{port}/a.qcow2")
}

fn answer(mut stream: TcpStream, head: &[u8], length: u64) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
    let is_image = lines.next().is_some_and(|first| first.contains("/a.qcow2 "));
    lines.find(String::is_empty);
    let (status, length) = if is_image { ("200 OK", length) } else { ("404 Not Found", 0) };
    let text =
        format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    let bytes = if is_image { head } else { &[] };
    // Whoever has gone away needs no answer.
    let _ = stream.write_all(&[text.as_bytes(), bytes].concat());
}

/// Runs the filter on a document with this one image; it must end with a finding that begins and ends so.
fn check(head: Vec<u8>, args: &[&str], place: &str, end: &str) {
    let program = env!("CARGO_BIN_EXE_image-publish");
    let args = [&["--cache-dir", "cache"], args].concat();
    let stderr = check_run((program, &args), endless(head, LENGTH), place, end);
    assert!(!stderr.contains("fetching http"), "{stderr}");
}

/// The same for a program that runs it, and a URL; returns what was said.
fn check_run((program, args): (&str, &[&str]), url: String, place: &str, end: &str) -> String {
    let sim = PveSim::start(World::from_json("{}").unwrap(), Options::default()).unwrap();
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join("vz")).unwrap();
    if args.contains(&"--local-dir") {
        // What a killed run has left makes room, and goes before the room is looked at.
        std::fs::create_dir(home.path().join("vz/import")).unwrap();
        std::fs::write(home.path().join("vz/import/.b-0123456789ab.raw.1"), "half").unwrap();
    }
    let sum = format!("sha256:{}", "0".repeat(64));
    let source = json!({"url": url, "checksum": sum, "mode": "upload"});
    let document = json!({
        "node": "pve1", "api_endpoint": sim.endpoint(), "api_token": sim.token(),
        "image_sources": {"a": source},
        "vms": [{"name": "vm", "image": "a", "cores": 1, "memory": 512, "disk": 10}],
    });
    let output = assert_cmd::Command::new(program)
        .args(args)
        .current_dir(home.path())
        .env("PVE_FINGERPRINT", sim.fingerprint())
        .write_stdin(document.to_string())
        .output()
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    let finding = stderr.lines().find(|line| line.starts_with(place)).unwrap_or_default();
    assert!(finding.ends_with(end), "{stderr}");
    assert!(!sim.requests().iter().any(|request| request.method == "POST"));
    let is_spooled = |name: &str| name.starts_with("spool-") || name.starts_with('.');
    for folder in ["cache", "vz/import"] {
        let files = std::fs::read_dir(home.path().join(folder)).into_iter().flatten();
        let mut names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        assert!(!names.any(|name| is_spooled(&name)), "{folder}");
    }
    stderr
}

/// The example's image.
fn image() -> Vec<u8> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    std::fs::read(root.join("examples/site/images/debian-12/debian-12.qcow2")).unwrap()
}

#[test]
fn a_storage_without_room() {
    let place = "image-publish: error: node pve1: storage \"local\" has 100.0 GiB free";
    check(image(), &[], place, ", but the image needs 1.0 EiB");
}

#[test]
fn a_folder_without_room() {
    let place = "image-publish: error: vz/import: has ";
    check(image(), &["--local-dir", "vz"], place, " free, but the image needs 1.0 EiB");
}

#[test]
fn a_cache_folder_without_room() {
    let packed = b"\x1f\x8b\x08\0\0\0\0\0\0\x03".repeat(1000);
    check(packed, &[], "image-publish: error: cache: has ", " free, but the file needs 1.0 EiB");
}

/// What is free says nothing of quotas, nor of limits on the size of files.
#[test]
fn a_cache_folder_that_refuses_a_write_is_named_and_the_server_not_asked_again() {
    let program = env!("CARGO_BIN_EXE_image-publish");
    let limited = format!("trap '' XFSZ; ulimit -f 8; exec {program} --cache-dir cache");
    let end = ": cannot store image \"a\" while it is fetched: File too large (os error 27)";
    let mut disk = vec![1; 1 << 20];
    disk[446..510].fill(0);
    disk[510..512].copy_from_slice(&[0x55, 0xaa]);
    let url = endless(disk, 1 << 20);
    let place = "image-publish: error: cache";
    let stderr = check_run(("sh", &["-c", &limited]), url, place, end);
    assert_eq!(stderr.matches("fetching").count(), 1, "{stderr}");
}
