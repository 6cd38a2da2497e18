//! What web servers answer: moved, unknown, of unknown length, broken.

use serde_json::json;

use super::web::Page;
use super::{Scene, check_published, check_refused, image, sha256};

#[test]
fn a_file_of_unknown_length_is_fetched_here() {
    let scene = Scene::new(vec![("/a.qcow2", Page::ok(image()).without_length())]);
    let sum = format!("sha256:{}", sha256(&image()));
    let source = json!({"url": scene.web.url("/a.qcow2"), "checksum": sum});
    check_published(&scene, &scene.run(&source), "/upload");
}

#[test]
fn redirects_are_followed() {
    let scene = Scene::new(vec![("/there", Page::ok(image()))]);
    scene.web.put("/a.qcow2", Page::moved_to(&scene.web.url("/there")));
    scene.web.put("/loop", Page::moved_to(&scene.web.url("/loop")));
    let sum = format!("sha256:{}", sha256(&image()));
    let looping = scene.run(&json!({"url": scene.web.url("/loop"), "checksum": sum}));
    check_refused(&scene, &looping, "too many redirects");
    let ran =
        scene.run(&json!({"url": scene.web.url("/a.qcow2"), "checksum": sum, "mode": "upload"}));
    check_published(&scene, &ran, "/upload");
}

#[test]
fn a_broken_server_is_not_taken_for_one_without_sums() {
    let scene = Scene::new(vec![
        ("/a.qcow2", Page::ok(image())),
        ("/a.qcow2.sha256", Page::status("503 Service Unavailable")),
    ]);
    let source = json!({"url": scene.web.url("/a.qcow2"), "mode": "upload"});
    let text =
        "/a.qcow2.sha256: the checksum list cannot be fetched: the server answered with status 503";
    check_refused(&scene, &scene.run(&source), text);
    // S3 says 403 of what it does not have.
    scene.web.put("/a.qcow2.sha256", Page::status("403 Forbidden"));
    let sums = format!("{}  a.qcow2\n", sha256(&image())).into_bytes();
    scene.web.put("/SHA256SUMS", Page::ok(sums));
    check_published(&scene, &scene.run(&source), "/upload");
}

#[test]
fn the_hint_for_a_missing_list_has_the_usual_names() {
    let scene = Scene::new(vec![("/a.qcow2", Page::ok(image()))]);
    let source =
        json!({"url": scene.web.url("/a.qcow2"), "checksum_url": scene.web.url("/d/SUMS?key=k")});
    let ran = scene.run(&source);
    check_refused(&scene, &ran, "/d/SUMS?…: the server has no such checksum list");
    let hint =
        format!("hint: look in {} for its name; Debian calls it SHA512SUMS", scene.web.url("/d/"));
    assert!(ran.stderr.contains(&hint), "{}", ran.stderr);
    let ran = scene.run(&json!({"url": scene.web.url("/a.qcow2")}));
    let hint =
        "hint: looked for a.qcow2.sha256, SHA256SUMS, a.qcow2.sha512, SHA512SUMS; add `checksum:`";
    check_refused(&scene, &ran, hint);
    assert!(ran.stderr.contains("Rocky and AlmaLinux CHECKSUM"), "{}", ran.stderr);
}

#[test]
fn the_hint_for_a_moved_file_has_its_directory() {
    let sum = format!("sha256:{}", sha256(&image()));
    let scene = Scene::new(vec![]);
    let hint = format!("hint: look in {}: the file may have been moved", scene.web.url("/d/"));
    for mode in ["auto", "upload"] {
        let source = json!({"url": scene.web.url("/d/a.qcow2"), "checksum": sum, "mode": mode});
        check_refused(&scene, &scene.run(&source), &hint);
    }
    // A file that needs a password is not one that has moved.
    scene.web.put("/d/a.qcow2", Page::status("401 Unauthorized"));
    let ran = scene.run(&json!({"url": scene.web.url("/d/a.qcow2"), "checksum": sum}));
    assert!(!ran.stderr.contains("may have been moved"), "{}", ran.stderr);
}

#[test]
fn statuses_without_a_file() {
    let sum = format!("sha256:{}", sha256(&image()));
    for status in
        ["206 Partial Content", "401 Unauthorized", "416 Range Not Satisfiable", "500 Oops"]
    {
        let scene = Scene::new(vec![("/a.qcow2", Page::status(status))]);
        let source = json!({"url": scene.web.url("/a.qcow2"), "checksum": sum, "mode": "upload"});
        let expected = format!("the server answered with status {}", &status[..3]);
        check_refused(&scene, &scene.run(&source), &expected);
    }
}
