//! The commands besides the filter, when a web server does not answer.

use serde_json::json;

use super::refresh::{published, store, sums};
use super::web::Page;
use super::{Scene, image, sha256};

#[test]
fn verify_compares_with_the_known_checksum() {
    let (mut scene, source) = published("/SHA256SUMS", &["verify"]);
    scene.web = scene.web.stop();
    let ran = scene.run(&source);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert!(ran.requests.contains("/download-url"), "{}", ran.requests);
    scene.args = &["verify", "--refresh", "always", "--retries", "0"];
    let ran = scene.run(&source);
    assert_eq!(ran.status, 1, "{}", ran.stderr);
    assert!(ran.stderr.contains("the server cannot be reached"), "{}", ran.stderr);
}

#[test]
fn verify_needs_a_checksum() {
    let mut scene = Scene::new(vec![]);
    scene.web = scene.web.stop();
    scene.args = &["verify", "--retries", "0"];
    store(&scene, &["a-aaaaaaaaaaaa.qcow2".to_owned()]);
    let ran = scene.run(&json!({"url": scene.web.url("/a.qcow2")}));
    assert_eq!(ran.status, 1, "{}", ran.stderr);
    assert!(ran.stderr.contains("no checksum is known to compare it with"), "{}", ran.stderr);
}

#[test]
fn prune_always_fetches_the_list() {
    let (mut scene, source) = published("/SHA256SUMS", &["prune"]);
    let old = "a-aaaaaaaaaaaa.qcow2".to_owned();
    let current = format!("a-{}.qcow2", &sha256(&image())[..12]);
    store(&scene, &[old, current]);
    let web = scene.web.stop();
    scene.web = web;
    scene.args = &["prune", "--retries", "0"];
    let ran = scene.run(&source);
    assert_eq!(ran.status, 1, "{}", ran.stderr);
    assert!(!ran.stderr.contains("--refresh"), "prune has no such option: {}", ran.stderr);
    assert_eq!(scene.sim.world().volumes.len(), 2);
}

#[test]
fn publish_uses_known_checksums_too() {
    let mut scene =
        Scene::new(vec![("/a.qcow2", Page::ok(image())), ("/SHA256SUMS", sums(&image()))]);
    let url = scene.web.url("/a.qcow2");
    let publish = |scene: &Scene| scene.run_with(&["publish", &url, "--retries", "0"]);
    let first = publish(&scene);
    assert_eq!(first.status, 0, "{}", first.stderr);
    scene.web = scene.web.stop();
    let second = publish(&scene);
    assert_eq!(second.status, 0, "{}", second.stderr);
    assert!(second.stderr.contains("`--refresh always` fetches it again"), "{}", second.stderr);
    assert_eq!(second.requests, "GET /nodes/pve1/storage/local/content?content=import\n");
}
