//! URLs that hold a password or a signature: these are sent to their server, and shown or kept nowhere.

use serde_json::json;

use super::web::Page;
use super::{Ran, Scene, check_published, check_refused, image, sha256};

fn check_nothing_shown(scene: &Scene, ran: &Ran) {
    let cache = scene.home.path().join(".cache/pve-pipeline/images.json");
    let cache = std::fs::read_to_string(cache).unwrap_or_default();
    let all = format!("{}{}{cache}", ran.stderr, ran.requests);
    assert!(!all.contains("s3cret"), "{all}");
}

#[test]
fn a_url_with_a_password_is_fetched_here_because_the_nodes_log_would_show_it() {
    let scene = Scene::new(vec![
        ("/a.qcow2", Page::ok(image())),
        ("/a.qcow2.sha256", Page::ok(sha256(&image()).into_bytes())),
    ]);
    let url = scene.web.url("/a.qcow2").replace("http://", "http://me:s3cret@");
    let ran = scene.run(&json!({"url": url}));
    check_published(&scene, &ran, "/upload");
    check_nothing_shown(&scene, &ran);
    let basic = "authorization: Basic bWU6czNjcmV0";
    let heads = scene.web.heads();
    assert_eq!(heads.matches(basic).count(), heads.matches("GET ").count(), "{heads}");
    let by_node = scene.run(&json!({"url": url, "mode": "download-url"}));
    let expected = "must not be download-url: the URL contains a password";
    assert!(by_node.stderr.contains(expected), "{}", by_node.stderr);
}

#[test]
fn no_message_shows_a_password_or_a_signature() {
    let scene = Scene::new(vec![("/a.qcow2", Page::status("500 Oops"))]);
    let sum = format!("sha256:{}", sha256(&image()));
    let url = scene.web.url("/a.qcow2?sig=s3cret").replace("http://", "http://me:s3cret@");
    for source in [
        json!({"url": url, "checksum": sum}),
        json!({"url": url}),
        json!({"url": url, "checksum": sum, "mode": "download-url"}),
        json!({"url": scene.web.url("/b.qcow2"), "checksum_url": url}),
        json!({"url": "ftp://me:s3cret@x/a.qcow2?sig=s3cret"}),
    ] {
        let ran = scene.run(&source);
        assert_eq!(ran.status, 1, "{}", ran.stderr);
        check_nothing_shown(&scene, &ran);
    }
}

#[test]
fn the_log_of_the_node_is_shown_without_signatures() {
    let scene = Scene::new(vec![("/b.qcow2?sig=s3cret", Page::ok(image()))]);
    let sum = format!("sha256:{}", sha256(&image()));
    let ran = scene.run(&json!({"url": scene.web.url("/b.qcow2?sig=s3cret"), "checksum": sum}));
    check_refused(&scene, &ran, "/b.qcow2?… to ");
    check_nothing_shown(&scene, &ran);
}
