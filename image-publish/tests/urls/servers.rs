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
fn a_server_that_sends_on_is_followed() {
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
    let text = "/a.qcow2.sha256: the sums cannot be fetched: the server answered with status 503";
    check_refused(&scene, &scene.run(&source), text);
    // S3 says 403 of what it does not have.
    scene.web.put("/a.qcow2.sha256", Page::status("403 Forbidden"));
    let sums = format!("{}  a.qcow2\n", sha256(&image())).into_bytes();
    scene.web.put("/SHA256SUMS", Page::ok(sums));
    check_published(&scene, &scene.run(&source), "/upload");
}

#[test]
fn statuses_that_bring_no_file() {
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
