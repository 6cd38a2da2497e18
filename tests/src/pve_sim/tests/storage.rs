//! Storages, uploads and downloads (facts 38 to 44).

use sha2::{Digest, Sha256};

use super::wire::send_upload;
use super::{check, send, start, wait};
use crate::pve_sim::multipart::hex;

/// Uploads a file and expects a text in the answer or in the task's result.
fn check_upload(
    world: &str,
    storage: &str,
    fields: &[(&str, &str)],
    name: &str,
    file: &[u8],
    expected: &str,
) {
    let sim = start(world, "[]");
    let sent = send_upload(&sim, storage, fields, name, file);
    let seen = match sent.find("UPID:") {
        Some(at) => wait(&sim, sent[at..].split('"').next().unwrap()),
        None => sent,
    };
    assert!(seen.contains(expected), "{name}\n  wanted: {expected}\n  got:    {seen}");
}

#[test]
fn uploads_are_checked_as_in_pve() {
    let import = [("content", "import")];
    let sum = hex(&Sha256::digest(b"hello"));
    let summed =
        [("content", "import"), ("checksum-algorithm", "sha256"), ("checksum", sum.as_str())];
    let wrong = [("content", "import"), ("checksum-algorithm", "sha256"), ("checksum", "00")];
    let swapped = [("content", "import"), ("checksum", "00"), ("checksum-algorithm", "sha256")];
    for (storage, fields, name, expected) in [
        ("local", &summed[..], "a.raw", "OK, checksum verified"),
        ("local", &import[..], "a.raw", r#""exitstatus":"OK""#),
        ("local", &wrong[..], "a.raw", "TASK ERROR: checksum mismatch: got '"),
        ("local", &swapped[..], "a.raw", "400 Bad Request "),
        ("local", &import[..], "a.img", r#""filename":"invalid filename or wrong extension""#),
        ("local", &import[..], "a.qcow2", "Image is not in qcow2 format"),
        ("local", &[("content", "iso")][..], "a.img", r#""exitstatus":"OK""#),
        (
            "local",
            &[("content", "snippets")][..],
            "a.yaml",
            r#""content":"value 'snippets' does not have a value in the enumeration 'iso, vztmpl, import'""#,
        ),
        ("local", &[][..], "a.raw", r#""content":"property is missing and it is not optional""#),
    ] {
        check_upload("{}", storage, fields, name, b"hello", expected);
    }
    check_upload(
        r#"{"version": "8.3.5"}"#,
        "local",
        &import,
        "a.raw",
        b"hello",
        "400 Parameter verification failed.",
    );
    check_upload(
        r#"{"version": "8.4.1"}"#,
        "local",
        &import,
        "a.raw",
        b"hello",
        r#""exitstatus":"OK""#,
    );
    let iso_only = r#"{"storages": {"local": {"content": ["iso"]}}}"#;
    check_upload(
        iso_only,
        "local",
        &import,
        "a.raw",
        b"hello",
        "500 storage 'local' does not support 'import' content",
    );
    let small = r#"{"storages": {"local": {"content": ["import"], "total": 4}}}"#;
    check_upload(small, "local", &import, "a.raw", b"hello", "No space left on device");
    let tmp = r#"{"nodes": {"pve1": {"tmp_free": 4}}}"#;
    check_upload(
        tmp,
        "local",
        &import,
        "a.raw",
        b"hello",
        "500 write to temporary file failed - No space left on device",
    );
}

#[test]
fn a_file_being_copied_is_listed_and_short() {
    const LIST: &str = "GET /nodes/pve1/storage/local/content content=import";
    let long = r#"[{"when": "POST /nodes/*/storage/*/upload", "then": {"task": {"length": 9}}}]"#;
    let sim = start("{}", long);
    let bytes = [7; 1000];
    send_upload(&sim, "local", &[("content", "import")], "a.raw", &bytes);
    // Not before the task has started to write its log.
    let size = |listed: String| {
        let (_, rest) = listed.split_once(r#""size":"#)?;
        rest.split([',', '}']).next()?.parse::<u64>().ok()
    };
    let sizes: Vec<u64> = (0..8).filter_map(|_| size(send(&sim, LIST))).collect();
    assert!(sizes.is_sorted() && sizes.len() > 4 && sizes.len() < 8, "{sizes:?}");
    assert!(sizes.iter().all(|size| (1..1000).contains(size)), "{sizes:?}");
    sim.settle();
    assert!(send(&sim, LIST).contains(r#""size":1000"#));
}

#[test]
fn a_killed_copy_leaves_half_a_file_and_a_failed_one_nothing() {
    for (exitstatus, left) in [("unexpected status", Some(500)), ("import failed", None)] {
        let faults = format!(
            r#"[{{"when": "POST /nodes/*/storage/*/upload", "then": {{"task": {{"exitstatus": "{exitstatus}"}}}}}}]"#
        );
        let sim = start("{}", &faults);
        send_upload(&sim, "local", &[("content", "import")], "a.raw", &[7; 1000]);
        sim.settle();
        let world = sim.world();
        let found = world.volumes.iter().find(|volume| volume.volid == "local:import/a.raw");
        assert_eq!(found.map(|volume| volume.size), left, "{exitstatus}");
    }
}

#[test]
fn an_upload_silently_overwrites_and_is_listed() {
    let sim = start("{}", "[]");
    for bytes in [&b"one"[..], b"second"] {
        send_upload(&sim, "local", &[("content", "import")], "dir/a b.raw", bytes);
        sim.settle();
    }
    let listed = send(&sim, "GET /nodes/pve1/storage/local/content content=import");
    assert!(
        listed.contains(
            r#""volid":"local:import/a_b.raw","content":"import","format":"raw","size":6"#
        ),
        "{listed}"
    );
    assert_eq!(sim.volume_bytes("pve1", "local:import/a_b.raw").as_deref(), Some(&b"second"[..]));
}

#[test]
fn an_upload_without_permission_is_cut_off_early() {
    let sim = start(
        "{}",
        r#"[{"when": "* /**", "then": {"withdraw": {"path": "/storage/local", "privilege": "Datastore.AllocateTemplate"}}}]"#,
    );
    let small = send_upload(&sim, "local", &[("content", "import")], "a.raw", b"hello");
    let large = vec![0; 4 << 20];
    assert_eq!(send_upload(&sim, "local", &[("content", "import")], "a.raw", &large), "");
    assert_eq!(sim.requests().iter().map(|request| request.status).collect::<Vec<_>>(), [403, 403]);
    assert_eq!(small, "403 Permission check failed (/storage/local, Datastore.AllocateTemplate) ");
}

#[test]
fn downloads_are_checked_as_in_pve() {
    let world = r#"{"urls": {"https://a.b/c.qcow2": {"size": 1000, "virtual_size": 2147483648, "sha256": "aa"},
        "https://a.b/disk.img": {"size": 1024, "sha256": "aa", "format": "raw"},
        "https://a.b/gone": {"status": 404}}}"#;
    let get = |parameters: &str| {
        format!("POST /nodes/pve1/storage/local/download-url content=import {parameters}")
    };
    let summed =
        get("url=https://a.b/c.qcow2 filename=c.qcow2 checksum-algorithm=sha256 checksum=aa");
    let plain = get("url=https://a.b/c.qcow2 filename=c.qcow2");
    check(
        world,
        "[]",
        &[
            ("GET /nodes/pve1/query-url-metadata url=https://a.b/c.qcow2", r#""size":1000"#),
            (&get("url=https://a.b/disk.img filename=d.qcow2"), "200 OK"),
            (
                "task",
                "TASK ERROR: qemu-img: Could not open '/var/lib/vz/import/d.qcow2.tmp_dwnl.1': Image is not in qcow2 format",
            ),
            (&get("url=https://a.b/disk.img filename=d.raw"), "200 OK"),
            ("task", r#""exitstatus":"OK""#),
            (&get("url=https://a.b/gone filename=x.qcow2"), "200 OK"),
            ("task", "TASK ERROR: download failed: exit code 8"),
            (
                &get(
                    "url=https://a.b/c.qcow2 filename=c.qcow2 checksum-algorithm=sha256 checksum=bb",
                ),
                "200 OK",
            ),
            ("task", "TASK ERROR: checksum mismatch: got 'aa' != expect 'bb'"),
            (&summed, "200 OK"),
            ("task", "100%"),
            (&summed, "200 OK"),
            ("task", "got correct file already, no need to download"),
            (&plain, "200 OK"),
            ("task", "TASK ERROR: refusing to override existing file '/var/lib/vz/import/c.qcow2'"),
            ("GET /nodes/pve1/storage/local/content/local:import/c.qcow2", r#""size":2147483648"#),
            ("DELETE /nodes/pve1/storage/local/content/local:import/no.raw", "200 OK"),
            ("task", r#""exitstatus":"OK""#),
            (
                "GET /nodes/pve1/storage/local/content/local:import/no.raw",
                "500 volume_size_info on",
            ),
            ("GET /nodes/pve1/storage/nope/content", "403"),
        ],
    );
}
