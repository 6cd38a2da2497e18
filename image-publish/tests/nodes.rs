//! Images on several nodes at once: how many uploads run at a time, what a signal leaves behind, and two runs that
//! share a node or a storage.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test may unwrap, start the tool and read files, also in what its tests share"
)]

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Map, Value, json};
use test_support::pve_sim::{Options, Pace, PveSim, World, faults};

/// A cluster, and a folder that is the home of the runs.
struct Scene {
    sim: PveSim,
    home: tempfile::TempDir,
}

/// A run that goes on, and its number.
struct Run<'a> {
    scene: &'a Scene,
    number: usize,
    child: Child,
}

impl Scene {
    /// Starts a cluster of nodes pve1, pve2 … with the storages `local` and `shared`.
    fn new(nodes: usize, millis: u64, faults: &str) -> Self {
        let node = |number: usize| (format!("pve{number}"), json!({}));
        let storage = |is_shared: bool| json!({"type": "dir", "content": ["import"], "total": 1u64 << 36, "shared": is_shared});
        let world = json!({
            "nodes": (1..=nodes).map(node).collect::<Map<_, _>>(),
            "storages": {"local": storage(false), "shared": storage(true)},
            "access": access(),
        });
        let world = World::from_json(&world.to_string()).unwrap();
        let faults = faults::from_json(faults).unwrap();
        let options = Options { pace: Pace::Millis(millis), faults, ..Options::default() };
        let sim = PveSim::start(world, options).unwrap();
        Self { sim, home: tempfile::tempdir().unwrap() }
    }

    /// Starts the filter on a document with a VM on each of these nodes.
    fn start(&self, number: usize, nodes: &[&str], storage: &str) -> Run<'_> {
        let document = self.document(nodes, storage);
        let mut child = Command::new(env!("CARGO_BIN_EXE_image-publish"))
            .current_dir(self.home.path())
            .env("HOME", self.home.path())
            .env_remove("XDG_CACHE_HOME")
            .env("PVE_FINGERPRINT", self.sim.fingerprint())
            .stdin(Stdio::piped())
            .stdout(File::create(self.home.path().join(format!("stdout{number}"))).unwrap())
            .stderr(File::create(self.home.path().join(format!("stderr{number}"))).unwrap())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(document.to_string().as_bytes()).unwrap();
        Run { scene: self, number, child }
    }

    fn document(&self, nodes: &[&str], storage: &str) -> Value {
        let vm = |node: &&str| json!({"name": format!("on-{node}"), "node": node, "image": "a", "cores": 1, "memory": 512, "disk": 10});
        let mut document = json!({
            "node": nodes[0], "image_datastore": storage,
            "api_endpoint": self.sim.endpoint(), "api_token": self.sim.token(),
            "image_sources": {"a": {"file": example()}},
            "vms": nodes.iter().map(vm).collect::<Vec<_>>(),
        });
        if nodes.len() > 1 {
            let all = nodes.iter().map(|node| ((*node).to_owned(), json!({})));
            document["nodes"] = Value::Object(all.collect());
        }
        document
    }

    /// Returns how many uploads were sent.
    fn uploads(&self) -> usize {
        self.sim.requests().iter().filter(|r| r.path.ends_with("/upload")).count()
    }

    /// Returns the node and the size of each volume; a shared one has no node.
    fn volumes(&self) -> Vec<(Option<String>, u64)> {
        let mut all: Vec<_> =
            self.sim.world().volumes.iter().map(|v| (v.node.clone(), v.size)).collect();
        all.sort();
        all
    }

    /// Returns the files of the runs in the cache folder: spooled ones and locks.
    fn own_files(&self) -> Vec<String> {
        let folder = self.home.path().join(".cache/pve-pipeline");
        let files = std::fs::read_dir(folder).into_iter().flatten();
        let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name != "images.json").collect()
    }
}

impl Run<'_> {
    fn read(&self, what: &str) -> String {
        let file = format!("{what}{}", self.number);
        std::fs::read_to_string(self.scene.home.path().join(file)).unwrap()
    }

    /// Waits until it has written a text on stderr this many times.
    fn wait_for(&mut self, text: &str, times: usize) {
        while self.read("stderr").matches(text).count() < times {
            assert!(self.child.try_wait().unwrap().is_none(), "{}", self.read("stderr"));
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until this many uploads have been answered.
    fn wait_for_uploads(&mut self, count: usize) {
        while self.scene.uploads() < count {
            assert!(self.child.try_wait().unwrap().is_none(), "{}", self.read("stderr"));
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits for the end, and returns the exit code, stdout and stderr.
    fn end(mut self) -> (Option<i32>, String, String) {
        let code = self.child.wait().unwrap().code();
        (code, self.read("stdout"), self.read("stderr"))
    }
}

/// The default token, and what publishing needs.
fn access() -> Value {
    let entry = |who: &str, path: &str, role: &str| json!({"path": path, "who": who, "role": role});
    let of = |who: &str| [entry(who, "/storage", "Image"), entry(who, "/nodes", "Node")];
    let acl = [of("pipeline@pve"), of("pipeline@pve!apply")].concat();
    json!({
        "users": {"pipeline@pve": {}},
        "tokens": {"pipeline@pve!apply": {"secret": "00000000-0000-4000-8000-000000000001"}},
        "roles": {"Image": ["Datastore.Allocate", "Datastore.AllocateTemplate", "Datastore.Audit"],
                  "Node": ["Sys.Audit"]},
        "acl": acl,
    })
}

fn example() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    root.join("examples/site/images/debian-12/debian-12.qcow2").canonicalize().unwrap()
}

/// PVE's copy belongs to the upload: until it has ended, the file also occupies `/var/tmp`.
#[test]
fn at_most_four_uploads_run_at_once() {
    let scene = Scene::new(7, 700, "[]");
    let nodes = ["pve1", "pve2", "pve3", "pve4", "pve5", "pve6", "pve7"];
    let mut run = scene.start(1, &nodes, "local");
    let mut most = 0;
    while run.child.try_wait().unwrap().is_none() {
        let tasks = scene.sim.world().tasks;
        most = most.max(tasks.iter().filter(|task| task.exitstatus.is_none()).count());
        std::thread::sleep(Duration::from_millis(5));
    }
    let (code, _, stderr) = run.end();
    assert_eq!((code, scene.volumes().len()), (Some(0), 7), "{stderr}");
    assert!(stderr.contains("waiting until one of the other uploads has ended"), "{stderr}");
    assert!((2..=4).contains(&most), "{most}: {stderr}");
}

#[test]
fn a_signal_stops_the_uploads_to_all_nodes() {
    let scene = Scene::new(3, 60_000, "[]");
    let mut run = scene.start(1, &["pve1", "pve2", "pve3"], "local");
    run.wait_for_uploads(3);
    let pid = run.child.id().to_string();
    assert!(Command::new("kill").args(["-s", "INT", &pid]).status().unwrap().success());
    let (code, stdout, stderr) = run.end();
    assert_eq!((code, &*stdout), (Some(3), ""), "{stderr}");
    let line = "node pve1: uploading image \"a\": stopped by a signal";
    assert!(stderr.contains(line), "{stderr}");
    assert!(stderr.contains("the same for node pve2, node pve3"), "{stderr}");
    assert_eq!(stderr.matches("still running: task UPID").count(), 3, "{stderr}");
    assert_eq!(scene.own_files(), Vec::<String>::new());
    scene.sim.settle();
    let (code, _, stderr) = scene.start(2, &["pve1", "pve2", "pve3"], "local").end();
    assert_eq!((code, scene.uploads()), (Some(0), 3), "{stderr}");
}

#[test]
fn uploads_that_wait_for_others_do_not_begin_after_a_signal() {
    let scene = Scene::new(6, 60_000, "[]");
    let nodes = ["pve1", "pve2", "pve3", "pve4", "pve5", "pve6"];
    let mut run = scene.start(1, &nodes, "local");
    run.wait_for_uploads(4);
    run.wait_for("waiting until one of the other uploads has ended", 2);
    let pid = run.child.id().to_string();
    assert!(Command::new("kill").args(["-s", "INT", &pid]).status().unwrap().success());
    let (code, _, stderr) = run.end();
    assert_eq!(code, Some(3), "{stderr}");
    assert_eq!(stderr.matches("still running: task UPID").count(), 4, "{stderr}");
    assert_eq!(scene.uploads(), 4, "{stderr}");
    assert!(stderr.contains("image \"a\" was not published: stopped by a signal"), "{stderr}");
    assert_eq!(scene.own_files(), Vec::<String>::new());
}

/// The first upload is on its way when the second run looks: PVE shows nothing of it.
const SLOW: &str =
    r#"[{"when": "POST /nodes/*/storage/*/upload", "times": 0, "then": {"delay_ms": 1500}}]"#;

fn check_two_runs(first: &[&str], second: &[&str], storage: &str, uploads: usize) {
    let scene = Scene::new(3, 10, SLOW);
    let mut one = scene.start(1, first, storage);
    one.wait_for(": uploading", first.len().min(uploads));
    let two = scene.start(2, second, storage);
    for (code, stdout, stderr) in [one.end(), two.end()] {
        assert_eq!(code, Some(0), "{stderr}");
        assert!(stdout.contains(":import/a-"), "{stdout}");
    }
    assert_eq!(scene.uploads(), uploads, "{first:?} {second:?}");
    let mut volumes = scene.volumes();
    volumes.dedup();
    assert_eq!((volumes.len(), scene.volumes().len()), (uploads, uploads));
    assert!(scene.volumes().iter().all(|(_, size)| *size == 20480));
    assert_eq!(scene.own_files(), Vec::<String>::new());
}

#[test]
fn a_shared_storage_gets_the_image_of_two_runs_once() {
    check_two_runs(&["pve1"], &["pve2", "pve3"], "shared", 1);
    check_two_runs(&["pve2", "pve3"], &["pve1"], "shared", 1);
    check_two_runs(&["pve1", "pve2"], &["pve2", "pve3"], "shared", 1);
}

#[test]
fn a_local_storage_gets_the_image_of_two_runs_once() {
    check_two_runs(&["pve1"], &["pve1", "pve2"], "local", 2);
    check_two_runs(&["pve1", "pve2"], &["pve2"], "local", 2);
    check_two_runs(&["pve1", "pve2"], &["pve2", "pve3"], "local", 3);
}

/// Runs on different nodes do not wait for each other.
#[test]
fn uploads_to_local_storages_of_one_run_overlap() {
    let scene = Scene::new(2, 60_000, "[]");
    let mut run = scene.start(1, &["pve1", "pve2"], "local");
    run.wait_for(": uploading", 2);
    run.child.kill().unwrap();
    let stderr = run.end().2;
    assert!(!stderr.contains("another run on this machine"), "{stderr}");
}
