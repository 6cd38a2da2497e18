//! Images behind an HTTP proxy. The web server of these tests plays the proxy.

use serde_json::json;

use super::web::Page;
use super::{Scene, check_published, image, sha256};

const URL: &str = "http://images.invalid/a.qcow2";

/// A scene whose proxy wants a password and has the image.
fn behind_a_proxy() -> Scene {
    let sums = format!("{}  a.qcow2\n", sha256(&image())).into_bytes();
    let mut scene = Scene::new(vec![
        (URL, Page::ok(image())),
        ("http://images.invalid/SHA256SUMS", Page::ok(sums)),
    ]);
    let proxy = scene.web.url("").replace("http://", "http://me:s3cret@");
    scene.variables = ["http_proxy", "HTTPS_PROXY"].map(|name| (name, proxy.clone())).into();
    scene
}

#[test]
fn images_and_their_sums_are_fetched_through_the_proxy_and_pve_is_not() {
    let scene = behind_a_proxy();
    let ran = scene.run(&json!({"url": URL, "mode": "upload"}));
    check_published(&scene, &ran, "/upload");
    let asked = scene.web.asked();
    assert!(asked.iter().all(|url| url.starts_with("http://images.invalid/")), "{asked:?}");
    assert!(scene.web.heads().contains("Proxy-Authorization: Basic bWU6czNjcmV0"));
    assert!(!ran.stderr.contains("s3cret"), "{}", ran.stderr);
}

#[test]
fn a_proxy_that_refuses_is_named_without_its_password() {
    let scene = behind_a_proxy();
    scene.web.put(URL, Page::status("407 Proxy Authentication Required"));
    let sum = format!("sha256:{}", sha256(&image()));
    let ran = scene.run(&json!({"url": URL, "mode": "upload", "checksum": sum}));
    assert_eq!(ran.status, 1);
    let expected = "http://images.invalid/a.qcow2: cannot be fetched: the server cannot be reached: HTTP proxy 127.0.0.1:";
    assert!(ran.stderr.contains(expected) && ran.stderr.contains("status 407"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("s3cret"), "{}", ran.stderr);
}

#[test]
fn hosts_of_no_proxy_are_asked_directly() {
    let mut scene = behind_a_proxy();
    scene.variables.push(("NO_PROXY", "localhost,127.0.0.0/8".to_owned()));
    scene.web.put("/a.qcow2", Page::ok(image()));
    let sum = format!("sha256:{}", sha256(&image()));
    let url = scene.web.url("/a.qcow2");
    let ran = scene.run(&json!({"url": url, "mode": "upload", "checksum": sum}));
    check_published(&scene, &ran, "/upload");
    assert!(scene.web.asked().iter().all(|path| path == "/a.qcow2"), "{:?}", scene.web.asked());
}
