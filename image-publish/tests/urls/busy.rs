//! Servers that are busy: they are asked again, when they say so.

use std::time::{Duration, Instant};

use serde_json::json;

use super::web::Page;
use super::{Scene, check_published, check_refused, image, sha256};

#[test]
fn a_busy_server_is_asked_again() {
    for status in
        ["429 Too Many Requests", "502 Bad Gateway", "503 Service Unavailable", "504 Timeout"]
    {
        let sums = format!("{}  a.qcow2\n", sha256(&image())).into_bytes();
        let scene = Scene::new(vec![
            ("/a.qcow2", Page::ok(image()).after(status, "Retry-After: 0\r\n")),
            ("/SHA256SUMS", Page::ok(sums).after(status, "")),
        ]);
        let ran = scene.run(&json!({"url": scene.web.url("/a.qcow2"), "mode": "upload"}));
        check_published(&scene, &ran, "/upload");
        let told = format!("(1 of 2): the server answered with status {}", &status[..3]);
        assert!(ran.stderr.contains(&told), "{}", ran.stderr);
        let asked = scene.web.asked();
        let times = |path: &str| asked.iter().filter(|asked| *asked == path).count();
        // The image: the refused look at its first bytes, that look, and the download.
        assert_eq!((times("/SHA256SUMS"), times("/a.qcow2")), (2, 3), "{asked:?}");
    }
}

#[test]
fn retry_after_is_respected() {
    let dates =
        "Date: Sun, 29 Nov 2026 12:00:00 GMT\r\nRetry-After: Sun, 29 Nov 2026 12:00:02 GMT\r\n";
    for headers in ["Retry-After: 2\r\n", dates] {
        let page = Page::ok(image()).after("503 Service Unavailable", headers);
        let scene = Scene::new(vec![("/a.qcow2", page)]);
        let sum = format!("sha256:{}", sha256(&image()));
        let started = Instant::now();
        let ran = scene
            .run(&json!({"url": scene.web.url("/a.qcow2"), "mode": "upload", "checksum": sum}));
        assert!(started.elapsed() >= Duration::from_secs(2), "{}", ran.stderr);
        check_published(&scene, &ran, "/upload");
        let told = "waiting 2 s, as the server asks, then trying again (1 of 2)";
        assert!(ran.stderr.contains(told), "{}", ran.stderr);
    }
}

#[test]
fn a_download_resumes_after_a_busy_server() {
    let page = Page::ok(image()).with_validator("ETag", "\"one\"");
    let busy = page.clone().after("503 Service Unavailable", "Retry-After: 1\r\n");
    let page = page.cut_off_after(9000, 1).but_not_at_first().then(busy);
    let scene = Scene::new(vec![("/a.qcow2", page)]);
    let sum = format!("sha256:{}", sha256(&image()));
    let ran =
        scene.run(&json!({"url": scene.web.url("/a.qcow2"), "mode": "upload", "checksum": sum}));
    check_published(&scene, &ran, "/upload");
    let told = "waiting 1 s, as the server asks, then fetching the rest from byte 9000 (2 of 2)";
    assert!(ran.stderr.contains(told), "{}", ran.stderr);
}

#[test]
fn a_server_that_asks_for_an_hour_is_given_up() {
    let page = Page::ok(image()).after("429 Too Many Requests", "Retry-After: 3600\r\n");
    let scene = Scene::new(vec![("/a.qcow2", page)]);
    let sum = format!("sha256:{}", sha256(&image()));
    let source = json!({"url": scene.web.url("/a.qcow2"), "mode": "upload", "checksum": sum});
    check_refused(&scene, &scene.run(&source), "the server asks to wait 3600 s");
    assert_eq!(scene.web.asked(), ["/a.qcow2"]);
}

#[test]
fn a_server_that_stays_busy_is_an_error_after_the_last_retry() {
    let mut page = Page::ok(image());
    for _ in 0..3 {
        page = page.after("503 Service Unavailable", "Retry-After: 0\r\n");
    }
    let scene = Scene::new(vec![("/a.qcow2", page)]);
    let sum = format!("sha256:{}", sha256(&image()));
    let source = json!({"url": scene.web.url("/a.qcow2"), "mode": "upload", "checksum": sum});
    check_refused(&scene, &scene.run(&source), "the server answered with status 503");
    assert_eq!(scene.web.asked().len(), 3);
}
