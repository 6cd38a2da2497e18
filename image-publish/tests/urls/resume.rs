//! Downloads that break off: what is continued, and what begins anew.

use serde_json::json;

use super::web::Page;
use super::{Ran, Scene, check_published, check_refused, image, sha256};

/// Fetches `/a.qcow2`, by its sum.
fn fetch(scene: &Scene) -> Ran {
    let sum = format!("sha256:{}", sha256(&image()));
    scene.run(&json!({"url": scene.web.url("/a.qcow2"), "mode": "upload", "checksum": sum}))
}

fn scene(page: Page) -> Scene {
    Scene::new(vec![("/a.qcow2", page)])
}

/// Returns the ranges that were asked for, in order; `whole` is a request without one.
fn ranges(scene: &Scene) -> Vec<String> {
    let heads = scene.web.heads();
    let requests = heads.split("\n\n").filter(|head| head.contains("GET /a.qcow2"));
    let range = |head: &str| {
        let lines = head.lines().filter_map(|line| line.split_once(": "));
        let mut range = lines.filter(|(name, _)| name.eq_ignore_ascii_case("range"));
        range.next().map_or("whole", |(_, value)| value).to_owned()
    };
    requests.map(range).collect()
}

fn check_ranges(scene: &Scene, ran: &Ran, expected: &[&str]) {
    check_published(scene, ran, "/upload");
    assert_eq!(ranges(scene), expected, "{}", ran.stderr);
}

/// The look at the first bytes gets a whole answer, and the download one that breaks off.
fn broken(bytes: Vec<u8>) -> Page {
    Page::ok(bytes).cut_off_after(9000, 1).but_not_at_first()
}

#[test]
fn a_download_resumes_where_it_broke() {
    for (header, value) in [("ETag", "\"one\""), ("Last-Modified", "Sun, 29 Nov 2026 12:00:00 GMT")]
    {
        let page = broken(image()).with_header("Date: Sun, 29 Nov 2026 12:00:09 GMT");
        let scene = scene(page.with_validator(header, value));
        let ran = fetch(&scene);
        check_ranges(&scene, &ran, &["whole", "whole", "bytes=9000-"]);
        let told = "fetching the rest from byte 9000 (1 of 2): the connection was closed";
        assert!(ran.stderr.contains(told), "{}", ran.stderr);
        let if_range = format!("if-range: {value}");
        assert!(scene.web.heads().to_lowercase().contains(&if_range.to_lowercase()));
    }
}

#[test]
fn a_download_that_breaks_twice_resumes_twice() {
    let scene = scene(broken(image()).cut_off_after(9000, 2).with_validator("ETag", "\"one\""));
    let ran = fetch(&scene);
    check_ranges(&scene, &ran, &["whole", "whole", "bytes=9000-", "bytes=18000-"]);
}

#[test]
fn without_a_strong_validator_a_download_starts_over() {
    for (header, value) in
        [("ETag", "W/\"one\""), ("Last-Modified", "Sun, 29 Nov 2026 12:00:09 GMT")]
    {
        let page = broken(image()).with_header("Date: Sun, 29 Nov 2026 12:00:09 GMT");
        let scene = scene(page.with_validator(header, value));
        check_ranges(&scene, &fetch(&scene), &["whole", "whole", "whole"]);
    }
}

#[test]
fn without_ranges_a_download_starts_over() {
    let scene = scene(broken(image()).with_validator("ETag", "\"one\"").without_parts());
    let ran = fetch(&scene);
    check_ranges(&scene, &ran, &["whole", "whole", "bytes=9000-", "whole"]);
    let told = "fetching again from the start: the server cannot resume the file";
    assert!(ran.stderr.contains(told), "{}", ran.stderr);
}

#[test]
fn another_range_than_the_requested_one_is_not_used() {
    for range in ["bytes 0-20479/20480", "bytes 9000-20479/20481", "bytes 9000-9001/20480", "x"] {
        let page = broken(image()).with_validator("ETag", "\"one\"").with_range(range);
        let scene = scene(page);
        let ran = fetch(&scene);
        check_ranges(&scene, &ran, &["whole", "whole", "bytes=9000-", "whole"]);
    }
}

#[test]
fn after_a_change_a_download_starts_over() {
    let mut old = image();
    old[19000] = 1;
    let old = broken(old).with_validator("ETag", "\"old\"");
    let new = Page::ok(image()).with_validator("ETag", "\"new\"");
    let scene = scene(old.then(new));
    let ran = fetch(&scene);
    check_ranges(&scene, &ran, &["whole", "whole", "bytes=9000-", "whole"]);
}

#[test]
fn a_shorter_file_starts_over() {
    let old = broken(image()).with_validator("ETag", "\"one\"");
    let shorter = Page::ok(image()[..5000].to_vec()).with_validator("ETag", "\"one\"");
    let scene = scene(old.then(shorter));
    let ran = fetch(&scene);
    check_refused(&scene, &ran, "SHA-256 is");
    assert_eq!(ranges(&scene), ["whole", "whole", "bytes=9000-", "whole"], "{}", ran.stderr);
}

/// A server that gives two files one name: only the sum finds out.
#[test]
fn a_mix_of_two_files_is_fetched_again_as_a_whole() {
    let mut other = image();
    other[8000] ^= 1;
    let other = broken(other).with_validator("ETag", "\"one\"");
    let page = Page::ok(image()).with_validator("ETag", "\"one\"");
    let scene = scene(other.then(page));
    let ran = fetch(&scene);
    check_ranges(&scene, &ran, &["whole", "whole", "bytes=9000-", "whole"]);
    assert!(ran.stderr.contains("fetching it again from the start"), "{}", ran.stderr);
}

#[test]
fn retries_are_counted_together() {
    let scene = scene(broken(image()).cut_off_after(1000, 9).with_validator("ETag", "\"one\""));
    let ran = fetch(&scene);
    assert_eq!(ran.status, 1, "{}", ran.stderr);
    assert!(ran.stderr.contains("(2 of 2)") && !ran.stderr.contains("(3 of"), "{}", ran.stderr);
}

#[test]
fn progress_resets_the_count_of_retries() {
    let mut long = image();
    long.resize(5 << 20, 0);
    let page = Page::ok(long.clone()).with_validator("ETag", "\"one\"");
    let mut scene = scene(page.cut_off_after(1 << 20, 4).but_not_at_first());
    scene.args = &["--retries", "1"];
    let sum = format!("sha256:{}", sha256(&long));
    let source = json!({"url": scene.web.url("/a.qcow2"), "mode": "upload", "checksum": sum});
    let ran = scene.run(&source);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert_eq!(scene.stored(), [sha256(&long)]);
}

/// Starting over is not progress, however many bytes arrive.
#[test]
fn a_server_that_always_breaks_off_is_given_up() {
    let mut disk = vec![0; 4 << 20];
    disk[510..512].copy_from_slice(&[0x55, 0xaa]);
    let sum = format!("sha256:{}", sha256(&disk));
    let page = Page::ok(disk).cut_off_after(2 << 20, 7).but_not_at_first();
    let scene = scene(page.with_validator("ETag", "\"one\"").without_parts());
    let ran =
        scene.run(&json!({"url": scene.web.url("/a.qcow2"), "mode": "upload", "checksum": sum}));
    assert_eq!(ran.status, 1, "{}", ran.stderr);
    assert!(ran.stderr.contains("(2 of 2)"), "{}", ran.stderr);
}
