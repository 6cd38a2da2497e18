//! A file on a web server that is not, or not yet, the one whose checksum is asked for.

use serde_json::json;

use super::refresh::store;
use super::web::Page;
use super::{Scene, check_published, image, sha256};

/// The same image with more behind it, as a newer version would be longer.
fn longer() -> Vec<u8> {
    let mut bytes = image();
    bytes.resize(bytes.len() + 4096, 7);
    bytes
}

#[test]
fn a_stored_image_stays_when_the_url_has_moved_on() {
    // A raw disk: the newer file may have another format too.
    let mut raw = vec![0; 1 << 20];
    raw[510..512].copy_from_slice(&[0x55, 0xaa]);
    let page = b"<html>Log in</html>".to_vec();
    for (moved, is_image) in [(longer(), true), (raw, true), (page, false)] {
        let scene = Scene::new(vec![("/a.qcow2", Page::ok(moved))]);
        let file = format!("a-{}.qcow2", &sha256(&image())[..12]);
        store(&scene, std::slice::from_ref(&file));
        let sum = format!("sha256:{}", sha256(&image()));
        let source = json!({"url": scene.web.url("/a.qcow2"), "checksum": sum});
        // The second run may know more than the first.
        for _ in 0..2 {
            let ran = scene.run(&source);
            assert_eq!(ran.status, 0, "{}\n{}", ran.stderr, ran.requests);
            assert_eq!(ran.volid, Some(format!("local:import/{file}")));
            assert_eq!(scene.stored(), [sha256(&image())]);
            assert!(!ran.requests.contains("DELETE"), "{}", ran.requests);
            let warning = "no longer has the file with this checksum";
            // A page is not an image, and the server may be broken.
            assert_eq!(ran.stderr.contains(warning), is_image, "{}", ran.stderr);
        }
    }
}

#[test]
fn the_length_of_a_wrong_file_is_not_remembered() {
    // The list is new, and the file still the old one, as on a mirror that is being updated.
    let sums = format!("{}  a.qcow2\n", sha256(&image())).into_bytes();
    let pages = vec![("/a.qcow2", Page::ok(longer())), ("/SHA256SUMS", Page::ok(sums))];
    let scene = Scene::new(pages);
    let source = json!({"url": scene.web.url("/a.qcow2"), "mode": "upload"});
    let ran = scene.run(&source);
    assert_ne!(ran.status, 0, "{}", ran.stderr);
    scene.web.put("/a.qcow2", Page::ok(image()));
    check_published(&scene, &scene.run(&source), "/upload");
    for _ in 0..2 {
        let ran = scene.run(&source);
        assert_eq!(ran.status, 0, "{}", ran.stderr);
        assert_eq!(ran.requests, "GET /nodes/pve1/storage/local/content?content=import\n");
        assert_eq!(scene.stored(), [sha256(&image())]);
    }
}

/// The cache knows a wrong length, as an earlier release kept it; the token may let the node remove files, but
/// not compare them.
#[test]
fn a_complete_image_of_unexpected_length_is_kept() {
    let sums = format!("{}  a.qcow2\n", sha256(&image())).into_bytes();
    let pages = vec![("/a.qcow2", Page::ok(image())), ("/SHA256SUMS", Page::ok(sums))];
    for withdrawn in [false, true] {
        let scene = Scene::new(pages.clone());
        let source = json!({"url": scene.web.url("/a.qcow2")});
        check_published(&scene, &scene.run(&source), "/download-url");
        let path = scene.home.path().join(".cache/pve-pipeline/images.json");
        let cache = std::fs::read_to_string(&path).unwrap();
        let length = format!("\"length\":{}", image().len());
        assert!(cache.contains(&length), "{cache}");
        std::fs::write(&path, cache.replace(&length, "\"length\":5")).unwrap();
        if withdrawn {
            let withdraw = json!([{"when": "* /**",
                "then": {"withdraw": {"path": "/nodes", "privilege": "Sys.AccessNetwork"}}}]);
            for fault in test_support::pve_sim::faults::from_json(&withdraw.to_string()).unwrap() {
                scene.sim.add_fault(fault);
            }
        }
        let ran = scene.run(&source);
        assert_eq!(ran.status, 0, "{}", ran.stderr);
        assert_eq!(scene.stored(), [sha256(&image())]);
        assert!(!ran.requests.contains("DELETE"), "{}", ran.requests);
    }
}
