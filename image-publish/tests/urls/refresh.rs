//! When web servers are asked for checksums, and what counts when they do not answer.

use serde_json::{Value, json};
use test_support::pve_sim::World;

use super::web::{Page, Web};
use super::{Ran, Scene, check_published, check_refused, image, sha256};

/// A list of sums that names the image.
pub(super) fn sums(bytes: &[u8]) -> Page {
    Page::ok(format!("{}  a.qcow2\n", sha256(bytes)).into_bytes())
}

/// A scene with an image that one of the lists beside it names.
fn scene(list: &str) -> (Scene, Value) {
    let scene = Scene::new(vec![("/a.qcow2", Page::ok(image())), (list, sums(&image()))]);
    let source = json!({"url": scene.web.url("/a.qcow2"), "mode": "upload"});
    (scene, source)
}

/// The same once the image was published, with what a run with these options says.
pub(super) fn published(list: &str, args: &'static [&'static str]) -> (Scene, Value) {
    let (mut scene, source) = scene(list);
    check_published(&scene, &scene.run(&source), "/upload");
    scene.web.forget();
    scene.args = args;
    (scene, source)
}

/// The image is used as it is on the storage: one GET, nothing sent.
fn check_kept(ran: &Ran) {
    let expected = format!("local:import/a-{}.qcow2", &sha256(&image())[..12]);
    assert_eq!((ran.status, ran.volid.as_deref()), (0, Some(expected.as_str())), "{}", ran.stderr);
    assert_eq!(ran.requests, "GET /nodes/pve1/storage/local/content?content=import\n");
}

/// Today, as a message has it.
fn is_a_day(text: &str) -> bool {
    let day = text.split_whitespace().find(|word| word.starts_with("20")).unwrap_or_default();
    day.len() >= 10 && day[..10].split('-').count() == 3
}

/// Puts volumes on the storage, oldest first.
pub(super) fn store(scene: &Scene, names: &[String]) {
    let volume = |name: &String| {
        json!({"volid": format!("local:import/{name}"), "size": image().len(),
        "virtual_size": 2u64 << 30, "sha256": sha256(&image())})
    };
    let world = json!({"volumes": names.iter().map(volume).collect::<Vec<_>>()});
    let volumes = World::from_json(&world.to_string()).unwrap().volumes;
    scene.sim.edit(|world| world.volumes = volumes);
}

#[test]
fn a_stored_image_is_used_without_asking_and_this_is_reported() {
    let (scene, source) = published("/SHA256SUMS", &[]);
    let ran = scene.run(&source);
    check_kept(&ran);
    assert_eq!(scene.web.asked(), Vec::<String>::new());
    let told = "/SHA256SUMS; `--refresh always` fetches it again";
    assert!(ran.stderr.contains(told) && is_a_day(&ran.stderr), "{}", ran.stderr);
    assert!(!ran.stderr.contains("warning"), "{}", ran.stderr);
}

#[test]
fn the_list_that_answered_is_asked_first() {
    let (scene, source) = published("/SHA512SUMS", &["--refresh", "always"]);
    // Four lists may lie beside an image: this is the last.
    check_kept(&scene.run(&source));
    assert_eq!(scene.web.asked(), ["/SHA512SUMS"]);
    // Once it is gone, the others are asked again.
    scene.web.put("/SHA512SUMS", Page::status("404 Not Found"));
    scene.web.put("/SHA256SUMS", sums(&image()));
    scene.web.forget();
    check_kept(&scene.run(&source));
    assert_eq!(scene.web.asked(), ["/SHA512SUMS", "/a.qcow2.sha256", "/SHA256SUMS"]);
}

#[test]
fn refresh_always_follows_a_moving_url() {
    let (mut scene, source) = published("/SHA256SUMS", &[]);
    let mut changed = image();
    changed[19000] = 1;
    scene.web.put("/a.qcow2", Page::ok(changed.clone()));
    scene.web.put("/SHA256SUMS", sums(&changed));
    check_kept(&scene.run(&source));
    scene.args = &["--refresh", "always"];
    let ran = scene.run(&source);
    assert_eq!(ran.volid.unwrap(), format!("local:import/a-{}.qcow2", &sha256(&changed)[..12]));
    // From now on it is the known one.
    scene.args = &[];
    scene.web.forget();
    let again = scene.run(&source);
    assert_eq!(again.volid.unwrap(), format!("local:import/a-{}.qcow2", &sha256(&changed)[..12]));
    assert_eq!(scene.web.asked(), Vec::<String>::new());
}

#[test]
fn an_image_that_is_no_longer_stored_is_fetched_again() {
    let (scene, source) = published("/SHA256SUMS", &[]);
    scene.sim.edit(|world| world.volumes.clear());
    check_published(&scene, &scene.run(&source), "/upload");
    assert_eq!(scene.web.asked(), ["/SHA256SUMS", "/a.qcow2"]);
}

/// What the messages have about a server that asks to wait for an hour.
const ASKS_TO_WAIT: &str = "status 503";

/// Answers without a list, each with what the message says about it.
fn silent() -> Vec<(Option<Page>, &'static str)> {
    vec![
        (None, "the server cannot be reached"),
        (Some(Page::status("500 Oops")), "the server answered with status 500"),
        (Some(Page::status("503 Unavailable").with_header("Retry-After: 3600")), ASKS_TO_WAIT),
        (Some(sums(&image()).cut_off_after(9, 9)), "the connection was closed"),
    ]
}

#[test]
fn without_a_list_the_last_known_checksum_counts() {
    let more = [
        (Some(Page::status("404 Not Found")), "no SHA-256 or SHA-512 checksum found"),
        (Some(Page::status("403 Forbidden")), "no SHA-256 or SHA-512 checksum found"),
        (Some(Page::status("401 Unauthorized")), "the server answered with status 401"),
        (Some(Page::ok(b"<html>Log in</html>".to_vec())), "no SHA-256 or SHA-512 checksum found"),
    ];
    for (page, cause) in silent().into_iter().chain(more) {
        let (mut scene, mut source) = scene("/SHA256SUMS");
        // The list is on a server of its own, so that the image can still be fetched.
        let lists = Web::start(vec![("/SHA256SUMS", sums(&image()))]);
        let by_itself = page.is_none();
        if by_itself {
            source["checksum_url"] = json!(lists.url("/SHA256SUMS"));
        }
        check_published(&scene, &scene.run(&source), "/upload");
        scene.sim.edit(|world| world.volumes.clear());
        scene.args = &["--retries", "0"];
        match page {
            Some(page) => {
                for list in ["/SHA256SUMS", "/a.qcow2.sha256"] {
                    scene.web.put(list, page.clone());
                }
            }
            None => drop(lists.stop()),
        }
        let ran = scene.run(&source);
        check_published(&scene, &ran, "/upload");
        let warning = ran.stderr.lines().find(|line| line.contains("warning:")).unwrap_or_default();
        let said = warning.contains(cause) && warning.contains("using the checksum from 20");
        assert!(said && ran.stderr.matches("warning:").count() == 1, "{cause}: {}", ran.stderr);
        assert!(ran.stderr.contains("`--refresh always` makes this an error"), "{}", ran.stderr);
    }
}

#[test]
fn a_list_with_another_checksum_counts() {
    let (scene, source) = published("/SHA256SUMS", &[]);
    scene.sim.edit(|world| world.volumes.clear());
    let named = {
        let mut source = source.clone();
        source["checksum_url"] = json!(scene.web.url("/SHA256SUMS"));
        source
    };
    check_published(&scene, &scene.run(&named), "/upload");
    scene.sim.edit(|world| world.volumes.clear());
    scene.web.put("/SHA256SUMS", Page::ok(format!("{}  b.qcow2\n", "0".repeat(64)).into_bytes()));
    check_refused(&scene, &scene.run(&named), "has no checksum for \"a.qcow2\"");
}

#[test]
fn with_always_a_server_that_does_not_answer_is_an_error() {
    for (page, cause) in silent() {
        let (mut scene, source) =
            published("/SHA256SUMS", &["--refresh", "always", "--retries", "0"]);
        match page {
            Some(page) => scene.web.put("/SHA256SUMS", page),
            None => scene.web = scene.web.stop(),
        }
        let ran = scene.run(&source);
        assert_eq!(ran.status, 1, "{}", ran.stderr);
        assert!(ran.stderr.contains(cause), "{}", ran.stderr);
        let is_short = cause != ASKS_TO_WAIT;
        let hint = "`--refresh missing` uses the last known checksum";
        assert_eq!(ran.stderr.contains(hint), is_short, "{}", ran.stderr);
    }
}

#[test]
fn with_never_only_known_checksums_are_used() {
    let (scene, source) = published("/SHA256SUMS", &["--refresh", "never"]);
    check_kept(&scene.run(&source));
    assert_eq!(scene.web.asked(), Vec::<String>::new());
    let other = json!({"url": scene.web.url("/b.qcow2")});
    let ran = scene.run(&other);
    assert_eq!(ran.status, 1);
    let text = "/b.qcow2: its checksum is unknown, and `--refresh never` does not fetch it";
    assert!(ran.stderr.contains(text), "{}", ran.stderr);
    assert_eq!(scene.web.asked(), Vec::<String>::new());
}

#[test]
fn without_a_known_checksum_the_newest_stored_image_of_the_name_is_used() {
    let file = |digits: &str| format!("a-{digits}.qcow2");
    let all = [file("aaaaaaaaaaaa"), file("0123456789ab"), "b-bbbbbbbbbbbb.qcow2".to_owned()];
    for (page, cause) in silent() {
        let mut scene = Scene::new(vec![]);
        scene.args = &["--retries", "0"];
        match page {
            Some(page) => scene.web.put("/a.qcow2.sha256", page),
            None => scene.web = scene.web.stop(),
        }
        let source = json!({"url": scene.web.url("/a.qcow2")});
        check_refused(&scene, &scene.run(&source), cause);
        store(&scene, &all);
        let ran = scene.run(&source);
        // The simulator made all of them at the same time: then the name decides.
        let newest = format!("local:import/{}", all[0]);
        assert_eq!((ran.status, ran.volid), (0, Some(newest)), "{}", ran.stderr);
        let warning = ran.stderr.lines().find(|line| line.contains("warning:")).unwrap_or_default();
        let said = warning.contains(cause)
            && warning.contains("the newest image \"a\" on the storage, because");
        assert!(said && warning.contains(&all[0]), "{}", ran.stderr);
        scene.args = &["--retries", "0", "--refresh", "always"];
        assert_eq!(scene.run(&source).status, 1);
    }
}

#[test]
fn a_refusal_is_an_answer() {
    let scene = Scene::new(vec![]);
    store(&scene, &["a-aaaaaaaaaaaa.qcow2".to_owned()]);
    let ran = scene.run(&json!({"url": scene.web.url("/a.qcow2")}));
    assert_eq!(ran.status, 1, "{}", ran.stderr);
    assert!(ran.stderr.contains("no SHA-256 or SHA-512 checksum found"), "{}", ran.stderr);
}

#[test]
fn a_pinned_image_on_the_storage_needs_no_server() {
    let mut scene = Scene::new(vec![]);
    scene.web = scene.web.stop();
    let sum = format!("sha256:{}", sha256(&image()));
    store(&scene, &[format!("a-{}.qcow2", &sha256(&image())[..12])]);
    for refresh in ["missing", "always", "never"] {
        scene.args = match refresh {
            "missing" => &["--refresh", "missing"],
            "always" => &["--refresh", "always"],
            _ => &["--refresh", "never"],
        };
        let source = json!({"url": scene.web.url("/a.qcow2"), "checksum": sum});
        let ran = scene.run(&source);
        assert_eq!(ran.status, 0, "{refresh}: {}", ran.stderr);
        assert!(!ran.requests.contains("/upload"), "{}", ran.requests);
        // Its length is not known, so the node compares the bytes.
        assert!(ran.requests.contains("/download-url"), "{}", ran.requests);
    }
}

#[test]
fn without_a_server_an_incomplete_file_is_not_taken_for_a_pinned_image() {
    let mut scene = Scene::new(vec![]);
    scene.web = scene.web.stop();
    scene.args = &["--retries", "0"];
    store(&scene, &[format!("a-{}.qcow2", "0".repeat(12))]);
    let sum = format!("sha256:{}", "0".repeat(64));
    let ran = scene.run(&json!({"url": scene.web.url("/a.qcow2"), "checksum": sum}));
    assert_eq!(ran.status, 1, "{}", ran.stderr);
    assert!(ran.stderr.contains("the server cannot be reached"), "{}", ran.stderr);
}

#[test]
fn a_server_that_cannot_be_reached_is_asked_once_for_all_images() {
    for is_busy in [false, true] {
        let mut scene = Scene::new(vec![]);
        let lists = ["a", "b", "c"].map(|name| format!("/{name}.qcow2.sha256"));
        if is_busy {
            lists.iter().for_each(|list| scene.web.put(list, Page::status("503 Unavailable")));
        } else {
            scene.web = scene.web.stop();
        }
        let url = scene.web.url("");
        let sources = ["a", "b", "c"]
            .map(|name| (name.to_owned(), json!({"url": format!("{url}/{name}.qcow2")})));
        store(&scene, &["a", "b", "c"].map(|name| format!("{name}-aaaaaaaaaaaa.qcow2")));
        let ran = scene.run_all(&sources.into_iter().collect());
        assert_eq!(ran.status, 0, "{}", ran.stderr);
        assert_eq!(ran.stderr.matches("warning:").count(), 3, "{}", ran.stderr);
        assert_eq!(ran.stderr.matches("trying again").count(), 2, "{}", ran.stderr);
    }
}

#[test]
fn a_broken_cache_counts_as_empty() {
    let (scene, source) = published("/SHA256SUMS", &[]);
    let path = scene.home.path().join(".cache/pve-pipeline/images.json");
    let whole = std::fs::read_to_string(&path).unwrap();
    let short = whole.replace(&sha256(&image()), "12");
    for broken in [
        &whole[..whole.len() / 2],
        "",
        "{}",
        "[]",
        &short,
        &whole.replace("\"version\":2", "\"version\":1"),
    ] {
        std::fs::write(&path, broken).unwrap();
        scene.web.forget();
        let ran = scene.run(&source);
        assert_eq!(ran.status, 0, "{broken}: {}", ran.stderr);
        assert!(scene.web.asked().contains(&"/SHA256SUMS".to_owned()), "{broken}");
    }
    // A cache of an earlier build has no sums, and what else it holds is used.
    let mut old: Value = serde_json::from_str(&whole).unwrap();
    assert!(old.as_object_mut().unwrap().remove("sums").is_some(), "{whole}");
    std::fs::write(&path, old.to_string()).unwrap();
    scene.web.forget();
    check_kept(&scene.run(&source));
    assert_eq!(scene.web.asked(), ["/a.qcow2.sha256", "/SHA256SUMS"]);
}

#[test]
fn the_list_of_a_local_file_is_remembered_too() {
    let mut scene = Scene::new(vec![("/SHA256SUMS", sums(&image()))]);
    let path = scene.home.path().join("a.qcow2");
    std::fs::write(&path, image()).unwrap();
    let source = json!({"file": path, "checksum_url": scene.web.url("/SHA256SUMS")});
    check_published(&scene, &scene.run(&source), "/upload");
    scene.web.forget();
    check_kept(&scene.run(&source));
    assert_eq!(scene.web.asked(), Vec::<String>::new());
    scene.sim.edit(|world| world.volumes.clear());
    scene.web = scene.web.stop();
    scene.args = &["--retries", "0"];
    let ran = scene.run(&source);
    check_published(&scene, &ran, "/upload");
    assert!(ran.stderr.contains("using the checksum from 20"), "{}", ran.stderr);
}

#[test]
fn neither_a_password_nor_a_signature_gets_into_the_cache() {
    let (scene, _) = scene("/SHA256SUMS");
    scene.web.put("/a.qcow2?sig=s3cret", Page::ok(image()));
    let url = scene.web.url("/a.qcow2?sig=s3cret").replace("http://", "http://me:s3cret@");
    check_published(&scene, &scene.run(&json!({"url": url})), "/upload");
    let cache = std::fs::read_to_string(scene.home.path().join(".cache/pve-pipeline/images.json"));
    let cache = cache.unwrap();
    assert!(cache.contains("\"sums\"") && !cache.contains("s3cret"), "{cache}");
    // Two files whose addresses differ in what is not shown are two.
    scene.web.put("/a.qcow2?sig=other", Page::ok(image()));
    scene.web.forget();
    let other = scene.run(&json!({"url": scene.web.url("/a.qcow2?sig=other")}));
    assert_eq!(other.status, 0, "{}", other.stderr);
    assert!(scene.web.asked().contains(&"/SHA256SUMS".to_owned()));
}

#[test]
fn guesses_of_an_earlier_release_in_the_cache_are_ignored() {
    let (scene, source) = published("/SHA256SUMS", &[]);
    let path = scene.home.path().join(".cache/pve-pipeline/images.json");
    let whole = std::fs::read_to_string(&path).unwrap();
    let mut old: Value = serde_json::from_str(&whole).unwrap();
    for facts in old["urls"].as_object_mut().unwrap().values_mut() {
        facts["virtual_size"] = Value::Null;
        facts["length"] = Value::Null;
        facts["format"] = json!("raw");
    }
    std::fs::write(&path, old.to_string()).unwrap();
    check_kept(&scene.run(&source));
}
