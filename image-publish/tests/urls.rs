//! Images from a web server: who fetches them, which sum they must have, and what a lost connection costs.
//!
//! The web server and the node are on the loopback; the tool runs as a process.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test may unwrap, read files and the clock, also in the functions that its tests share"
)]

#[path = "urls/busy.rs"]
mod busy;
#[path = "urls/commands.rs"]
mod commands;
#[path = "urls/incomplete.rs"]
mod incomplete;
#[path = "urls/moved.rs"]
mod moved;
#[path = "urls/nodes.rs"]
mod nodes;
#[path = "urls/proxies.rs"]
mod proxies;
#[path = "urls/redirects.rs"]
mod redirects;
#[path = "urls/refresh.rs"]
mod refresh;
#[path = "urls/resume.rs"]
mod resume;
#[path = "urls/secrets.rs"]
mod secrets;
#[path = "urls/servers.rs"]
mod servers;
#[path = "urls/web.rs"]
mod web;

use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use test_support::pve_sim::{Options, Pace, PveSim, World, requests};
use web::{Page, Web};

/// The example's image.
fn image() -> Vec<u8> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    std::fs::read(root.join("examples/site/images/debian-12/debian-12.qcow2")).unwrap()
}

/// The same in xz.
fn packed() -> Vec<u8> {
    let case = "tests/cases/compressed-sources-are-unpacked-while-streaming/in/xz.img";
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(case)).unwrap()
}

fn sha256(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(&Sha256::digest(bytes))
}

/// A node, a web server and a scratch folder.
struct Scene {
    sim: PveSim,
    web: Web,
    home: tempfile::TempDir,
    variables: Vec<(&'static str, String)>,
    args: &'static [&'static str],
}

/// What the tool has left behind.
struct Ran {
    status: i32,
    volid: Option<String>,
    stderr: String,
    requests: String,
}

impl Scene {
    /// Starts both; `urls` tells the node what the web server has.
    fn new(pages: Vec<(&str, Page)>) -> Self {
        let web = Web::start(pages);
        let image = image();
        let known =
            json!({"size": image.len(), "virtual_size": 2u64 << 30, "sha256": sha256(&image)});
        let world = json!({"urls": {web.url("/a.qcow2"): known}});
        let world = World::from_json(&world.to_string()).unwrap();
        let sim = PveSim::start(world, Options::default()).unwrap();
        Self { sim, web, home: tempfile::tempdir().unwrap(), args: &[], variables: Vec::new() }
    }

    /// The same, with tasks that take so long.
    fn with_tasks_of(millis: u64, pages: Vec<(&str, Page)>) -> Self {
        let scene = Self::new(pages);
        let options = Options { pace: Pace::Millis(millis), ..Options::default() };
        let sim = PveSim::start(scene.sim.world(), options).unwrap();
        Self { sim, ..scene }
    }

    /// Runs the filter on a document with one image, whose source is given.
    fn run(&self, source: &Value) -> Ran {
        self.run_all(&serde_json::Map::from_iter([("a".to_owned(), source.clone())]))
    }

    /// Runs with these arguments on a document without images.
    fn run_with(&self, args: &[&str]) -> Ran {
        self.start(&serde_json::Map::new(), args)
    }

    /// Runs the filter on a document with images, each of which a VM has; the volid is that of `a`.
    fn run_all(&self, sources: &serde_json::Map<String, Value>) -> Ran {
        self.start(sources, self.args)
    }

    fn start(&self, sources: &serde_json::Map<String, Value>, args: &[&str]) -> Ran {
        let vm = |name: &String| json!({"name": name, "image": name, "cores": 1, "memory": 512, "disk": 10});
        let document = json!({
            "node": "pve1", "api_endpoint": self.sim.endpoint(), "api_token": self.sim.token(),
            "image_sources": sources,
            "vms": sources.keys().map(vm).collect::<Vec<_>>(),
        });
        self.run_document(&document, args)
    }

    /// Runs the filter on a document.
    fn run_on(&self, document: &Value) -> Ran {
        self.run_document(document, self.args)
    }

    fn run_document(&self, document: &Value, args: &[&str]) -> Ran {
        self.sim.forget_requests();
        let output = assert_cmd::Command::new(env!("CARGO_BIN_EXE_image-publish"))
            .args(args)
            .env_clear()
            .env("HOME", self.home.path())
            .envs(self.variables.clone())
            .env("PVE_FINGERPRINT", self.sim.fingerprint())
            .write_stdin(document.to_string())
            .output()
            .unwrap();
        let stdout: Option<Value> = serde_json::from_slice(&output.stdout).ok();
        Ran {
            status: output.status.code().unwrap(),
            volid: stdout.and_then(|d| Some(d["images"]["a"].as_str()?.to_owned())),
            stderr: String::from_utf8(output.stderr).unwrap(),
            requests: requests::to_text(&self.sim.requests()),
        }
    }

    /// Returns the sums of what is on the storage.
    fn stored(&self) -> Vec<String> {
        self.sim.settle();
        self.sim.world().volumes.iter().filter_map(|volume| volume.sha256.clone()).collect()
    }

    /// Returns what is left in the cache folder besides the cache itself.
    fn spooled(&self) -> usize {
        let folder = self.home.path().join(".cache/pve-pipeline");
        let files = std::fs::read_dir(folder).into_iter().flatten();
        files.filter(|file| file.as_ref().unwrap().file_name() != "images.json").count()
    }
}

fn check_published(scene: &Scene, ran: &Ran, way: &str) {
    let image = image();
    let expected = format!("local:import/a-{}.qcow2", &sha256(&image)[..12]);
    assert_eq!((ran.status, ran.volid.as_deref()), (0, Some(expected.as_str())), "{}", ran.stderr);
    assert_eq!(scene.stored(), [sha256(&image)]);
    assert!(ran.requests.contains(way), "{}", ran.requests);
    assert_eq!(scene.spooled(), 0);
}

fn check_refused(scene: &Scene, ran: &Ran, text: &str) {
    assert_eq!((ran.status, ran.volid.as_deref()), (1, None), "{}", ran.stderr);
    assert!(ran.stderr.contains(text), "{}", ran.stderr);
    assert!(scene.stored().is_empty());
    assert_eq!(scene.spooled(), 0);
}

#[test]
fn the_node_downloads_what_it_can_use_as_it_is() {
    let scene = Scene::new(vec![("/a.qcow2", Page::ok(image()))]);
    let source = json!({"url": scene.web.url("/a.qcow2"), "checksum": format!("sha256:{}", sha256(&image()))});
    check_published(&scene, &scene.run(&source), "/download-url");
    // Unchanged: one GET, and the web server is not asked again, for the site gives the sum.
    scene.web.forget();
    let again = scene.run(&source);
    assert_eq!(again.requests, "GET /nodes/pve1/storage/local/content?content=import\n");
    assert_eq!(scene.web.asked(), Vec::<String>::new());
}

#[test]
fn progress_comes_from_the_log_of_the_node() {
    let mut scene = Scene::with_tasks_of(3000, vec![("/a.qcow2", Page::ok(image()))]);
    scene.args = &["--log-format", "json"];
    let sum = format!("sha256:{}", sha256(&image()));
    let ran = scene.run(&json!({"url": scene.web.url("/a.qcow2"), "checksum": sum}));
    check_published(&scene, &ran, "/download-url");
    let events = ran.stderr.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let told: Vec<u64> = events
        .filter(|event| event["event"] == "progress" && event["subject"] == "a")
        .filter_map(|event| event["percent"].as_u64())
        .collect();
    let rises = told.windows(2).all(|two| two[0] <= two[1]);
    assert!(rises && told.iter().any(|percent| (1..100).contains(percent)), "{}", ran.stderr);
}

#[test]
fn an_incomplete_file_is_removed_before_the_node_downloads() {
    let scene = Scene::new(vec![("/a.qcow2", Page::ok(image()))]);
    let file = format!("local:import/a-{}.qcow2", &sha256(&image())[..12]);
    let half = json!({"volumes": [{"volid": file, "size": 100, "sha256": "0".repeat(64)}]});
    let half = World::from_json(&half.to_string()).unwrap().volumes;
    scene.sim.edit(|world| world.volumes = half);
    let sum = format!("sha256:{}", sha256(&image()));
    let ran = scene.run(&json!({"url": scene.web.url("/a.qcow2"), "checksum": sum}));
    check_published(&scene, &ran, "/download-url");
    assert!(
        ran.requests.contains(&format!("DELETE /nodes/pve1/storage/local/content/{file}")),
        "{}",
        ran.requests
    );
}

#[test]
fn an_image_that_changes_upstream_gets_another_name() {
    let sums = |bytes: &[u8]| Page::ok(format!("{}  a.qcow2\n", sha256(bytes)).into_bytes());
    let mut changed = image();
    changed[19000] = 1;
    let pages = vec![("/a.qcow2", Page::ok(image())), ("/SHA256SUMS", sums(&image()))];
    let scene = Scene { args: &["--refresh", "always"], ..Scene::new(pages) };
    let source = json!({"url": scene.web.url("/a.qcow2"), "mode": "upload"});
    let first = scene.run(&source);
    check_published(&scene, &first, "/upload");
    scene.web.put("/a.qcow2", Page::ok(changed.clone()));
    scene.web.put("/SHA256SUMS", sums(&changed));
    let second = scene.run(&source);
    assert_ne!(first.volid, second.volid);
    let mut stored = scene.stored();
    stored.sort();
    let mut expected = [sha256(&image()), sha256(&changed)];
    expected.sort();
    assert_eq!(stored, expected, "the old version stays until it is pruned");
}

#[test]
fn without_the_privilege_it_is_fetched_here_and_uploaded() {
    let scene = Scene::new(vec![("/a.qcow2", Page::ok(image()))]);
    let withdraw = json!([{"when": "POST /nodes/*/storage/*/download-url",
        "then": {"withdraw": {"path": "/nodes", "privilege": "Sys.AccessNetwork"}}}]);
    for fault in test_support::pve_sim::faults::from_json(&withdraw.to_string()).unwrap() {
        scene.sim.add_fault(fault);
    }
    let source = json!({"url": scene.web.url("/a.qcow2"), "checksum": format!("sha256:{}", sha256(&image()))});
    let ran = scene.run(&source);
    check_published(&scene, &ran, "/upload");
    assert!(ran.stderr.contains("Sys.AccessNetwork"), "{}", ran.stderr);
}

#[test]
fn a_url_that_the_node_cannot_reach_is_fetched_here_and_uploaded() {
    for (code, reason) in [(4, "the node cannot reach"), (5, "the node does not trust the server")]
    {
        let scene = Scene::new(vec![("/a.qcow2", Page::ok(image()))]);
        let status = format!("download failed: exit code {code}");
        let fails = json!([{"when": "POST /nodes/*/storage/*/download-url",
            "then": {"task": {"exitstatus": status, "log": [], "works": false}}}]);
        for fault in test_support::pve_sim::faults::from_json(&fails.to_string()).unwrap() {
            scene.sim.add_fault(fault);
        }
        let sum = format!("sha256:{}", sha256(&image()));
        let ran = scene.run(&json!({"url": scene.web.url("/a.qcow2"), "checksum": sum}));
        check_published(&scene, &ran, "/upload");
        assert!(ran.stderr.contains(reason), "{}", ran.stderr);
    }
}

#[test]
fn a_compressed_image_is_fetched_and_unpacked_here() {
    let packed = packed();
    let scene = Scene::new(vec![
        ("/a.qcow2.xz", Page::ok(packed.clone())),
        ("/a.qcow2.xz.sha256", Page::ok(sha256(&packed).into_bytes())),
    ]);
    let source = json!({"url": scene.web.url("/a.qcow2.xz")});
    check_published(&scene, &scene.run(&source), "/upload");
    // What is inside is known from the first time: the file itself is not fetched again.
    scene.web.forget();
    let again = scene.run(&source);
    assert_eq!(again.requests, "GET /nodes/pve1/storage/local/content?content=import\n");
    assert_eq!(scene.web.asked(), Vec::<String>::new());
    let by_node = scene.run(&json!({"url": scene.web.url("/a.qcow2.xz"), "mode": "download-url"}));
    assert!(by_node.stderr.contains("must not be download-url"), "{}", by_node.stderr);
}

#[test]
fn a_wrong_checksum_leaves_nothing_behind() {
    let scene = Scene::new(vec![("/a.qcow2", Page::ok(image()))]);
    let source = json!({"url": scene.web.url("/a.qcow2"), "mode": "upload", "checksum": format!("sha256:{}", "0".repeat(64))});
    check_refused(&scene, &scene.run(&source), "the site says");
    scene.web.put("/SHA256SUMS", Page::ok(format!("{}  a.qcow2\n", "1".repeat(64)).into_bytes()));
    let listed = json!({"url": scene.web.url("/a.qcow2"), "mode": "upload"});
    check_refused(&scene, &scene.run(&listed), "/SHA256SUMS says");
}

#[test]
fn without_a_checksum_nothing_is_used() {
    let scene = Scene::new(vec![
        ("/a.qcow2", Page::ok(image())),
        ("/SHA256SUMS", Page::ok(b"no sums\n".to_vec())),
    ]);
    check_refused(
        &scene,
        &scene.run(&json!({"url": scene.web.url("/a.qcow2")})),
        "no SHA-256 or SHA-512 checksum found",
    );
}

#[test]
fn a_missing_file_or_another_format_is_refused() {
    let html = b"<!DOCTYPE html>".to_vec();
    let scene = Scene::new(vec![("/page", Page::ok(html.clone()))]);
    let source = |path: &str| json!({"url": scene.web.url(path), "checksum": format!("sha256:{}", sha256(&html))});
    check_refused(
        &scene,
        &scene.run(&source("/nothing.qcow2")),
        "the server answered with status 404",
    );
    // Nothing is guessed: only a local file may be in parts.
    assert_eq!(scene.web.asked(), ["/nothing.qcow2"]);
    check_refused(&scene, &scene.run(&source("/page")), "is not a disk image");
}

#[test]
fn after_a_lost_connection_a_download_starts_over() {
    let scene = Scene::new(vec![("/a.qcow2", Page::ok(image()).cut_off_after(9000, 2))]);
    let source = json!({"url": scene.web.url("/a.qcow2"), "mode": "upload", "checksum": format!("sha256:{}", sha256(&image()))});
    // Once while its first bytes are looked at, and once while it is fetched.
    let started = std::time::Instant::now();
    let ran = scene.run(&source);
    assert!(started.elapsed().as_secs() >= 1, "a server needs time to start anew");
    check_published(&scene, &ran, "/upload");
    let again = "trying again (1 of 2): the connection was closed";
    assert!(ran.stderr.contains(again), "{}", ran.stderr);
}
