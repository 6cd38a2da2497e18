//! Redirects: what goes along, and where nobody is followed to.

use serde_json::json;

use super::web::{Page, Web};
use super::{Scene, check_published, check_refused, image, sha256};

/// A scene whose second web server speaks TLS and is trusted.
fn with_tls(pages: Vec<(&str, Page)>) -> (Scene, Web) {
    let mut scene = Scene::new(vec![("/a.qcow2", Page::ok(image()))]);
    let (web, ca_pem) = Web::start_tls(pages);
    let ca_file = scene.home.path().join("ca.pem");
    std::fs::write(&ca_file, ca_pem).unwrap();
    scene.variables = vec![("SSL_CERT_FILE", ca_file.display().to_string())];
    (scene, web)
}

fn sums() -> Page {
    Page::ok(format!("{}  a.qcow2\n", sha256(&image())).into_bytes())
}

#[test]
fn a_password_does_not_follow_a_redirect_to_another_port() {
    let scene = Scene::new(vec![]);
    let other = Web::start(vec![("/a.qcow2", Page::ok(image()))]);
    scene.web.put("/a.qcow2", Page::moved_to("/b.qcow2"));
    scene.web.put("/b.qcow2", Page::moved_to(&other.url("/a.qcow2")));
    let url = scene.web.url("/a.qcow2").replace("http://", "http://me:s3cret@");
    let sum = format!("sha256:{}", sha256(&image()));
    let ran = scene.run(&json!({"url": url, "checksum": sum, "mode": "upload"}));
    check_published(&scene, &ran, "/upload");
    let basic = "authorization: Basic bWU6czNjcmV0";
    let own = scene.web.heads();
    assert_eq!(own.matches(basic).count(), own.matches("GET ").count(), "{own}");
    assert!(own.contains("GET /b.qcow2"), "its own server gets it again: {own}");
    let heads = other.heads().to_ascii_lowercase();
    assert!(heads.contains("get /a.qcow2") && !heads.contains("authorization"), "{heads}");
    assert!(!heads.contains("cookie"), "{heads}");
}

#[test]
fn a_redirect_cannot_set_the_credentials() {
    let scene = Scene::new(vec![("/b.qcow2", Page::ok(image()))]);
    let user = scene.web.url("/b.qcow2").replace("http://", "http://me:s3cret@");
    scene.web.put("/a.qcow2", Page::moved_to(&user));
    let sum = format!("sha256:{}", sha256(&image()));
    let source = json!({"url": scene.web.url("/a.qcow2"), "checksum": sum, "mode": "upload"});
    check_published(&scene, &scene.run(&source), "/upload");
    assert!(!scene.web.heads().to_ascii_lowercase().contains("authorization"));
}

const SENT_ON: &str = "the server redirects from https:// to http://";

#[test]
fn a_checksum_list_does_not_leave_https() {
    let (scene, web) = with_tls(vec![("/a.qcow2", Page::ok(image()))]);
    scene.web.put("/SHA256SUMS", sums());
    web.put("/SHA256SUMS", Page::moved_to(&scene.web.url("/SHA256SUMS")));
    for source in [
        json!({"url": web.url("/a.qcow2"), "mode": "upload"}),
        json!({"url": web.url("/a.qcow2"), "checksum_url": web.url("/SHA256SUMS")}),
    ] {
        check_refused(&scene, &scene.run(&source), SENT_ON);
    }
    assert!(!scene.web.heads().contains("SUMS"), "it is not even asked for");
}

#[test]
fn an_image_without_a_pinned_checksum_does_not_leave_https() {
    let (scene, web) = with_tls(vec![("/SHA256SUMS", sums())]);
    web.put("/a.qcow2", Page::moved_to(&scene.web.url("/a.qcow2")));
    for mode in ["upload", "auto"] {
        let source = json!({"url": web.url("/a.qcow2"), "mode": mode});
        check_refused(&scene, &scene.run(&source), SENT_ON);
    }
    assert_eq!(scene.web.asked(), Vec::<String>::new());
    // A sum beside the URL finds out whatever happens on the way.
    let sum = format!("sha256:{}", sha256(&image()));
    let pinned = json!({"url": web.url("/a.qcow2"), "mode": "upload", "checksum": sum});
    check_published(&scene, &scene.run(&pinned), "/upload");
}

#[test]
fn https_to_the_end_is_fine() {
    let (scene, web) = with_tls(vec![("/there/a.qcow2", Page::ok(image()))]);
    web.put("/there/SHA256SUMS", sums());
    web.put("/SHA256SUMS", Page::moved_to("there/SHA256SUMS"));
    web.put("/a.qcow2", Page::moved_to(&web.url("/there/a.qcow2")));
    let source = json!({"url": web.url("/a.qcow2"), "mode": "upload"});
    check_published(&scene, &scene.run(&source), "/upload");
}

#[test]
fn a_redirect_to_another_scheme_is_refused() {
    let sum = format!("sha256:{}", sha256(&image()));
    for location in ["file:///etc/passwd", "ftp://x/a"] {
        let scene = Scene::new(vec![("/a.qcow2", Page::moved_to(location))]);
        let source = json!({"url": scene.web.url("/a.qcow2"), "mode": "upload", "checksum": sum});
        check_refused(&scene, &scene.run(&source), "not an `https://` or `http://` URL");
    }
}
