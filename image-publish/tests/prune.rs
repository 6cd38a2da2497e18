//! `prune` of templates, whatever happens: removals that are lost, fail or have no effect, and a signal. The next run
//! finishes the work, and the world is that of an undisturbed run. Cuts after each request are in `sweeps.rs`.

#![expect(clippy::disallowed_methods, reason = "door: a test starts the tool")]
#![expect(clippy::print_stdout, reason = "a test tells its figures")]
#![expect(clippy::unwrap_used, reason = "a test may")]

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use test_support::parallel;
use test_support::pve_sim::{Options, PveSim, World, faults};

/// The number of tries at a time: they wait more than they work.
const WORKERS: usize = 16;
/// One run that is cut, one that may find its tasks still running, and one that finishes the work.
const RUNS: usize = 3;

/// The case whose world has templates of every kind, old images, and a clone.
const CASE: &str = "tests/cases/prune-templates";

/// A cluster and a home.
struct Scene {
    sim: PveSim,
    home: tempfile::TempDir,
}

impl Scene {
    fn new(faults: &str) -> Self {
        let world = World::from_json(&file(&format!("{CASE}/world.json"))).unwrap();
        let options = Options { faults: faults::from_json(faults).unwrap(), ..Options::default() };
        Self { sim: PveSim::start(world, options).unwrap(), home: tempfile::tempdir().unwrap() }
    }

    fn start(&self) -> Child {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_image-publish"))
            .args(["prune", "--keep", "1", "--image-dir"])
            .arg(root.join("examples/site/images"))
            .env("HOME", self.home.path())
            .env_remove("XDG_CACHE_HOME")
            .env("PVE_FINGERPRINT", self.sim.fingerprint())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let document =
            file(&format!("{CASE}/stdin")).replace("$PVE_SIM_ENDPOINT", &self.sim.endpoint());
        child.stdin.take().unwrap().write_all(document.as_bytes()).unwrap();
        child
    }

    /// Runs until a run succeeds; returns whether one did.
    fn finish(&self) -> bool {
        (0..RUNS).any(|_| self.start().wait().unwrap().success())
    }

    /// Returns the world without its tasks.
    fn world(&self) -> String {
        self.sim.settle();
        let mut world: Value = serde_json::from_str(&self.sim.world().to_json()).unwrap();
        world.as_object_mut().unwrap().remove("tasks");
        serde_json::to_string_pretty(&world).unwrap()
    }

    fn compare(&self, what: &str, expected: &str) -> Result<(), String> {
        if !self.finish() {
            return Err(format!("{what}: no run ends well"));
        }
        let world = self.world();
        if world == expected { Ok(()) } else { Err(format!("{what}: the world is\n{world}")) }
    }
}

fn file(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// Returns the world after an undisturbed run, and its requests.
fn undisturbed() -> (String, Vec<String>) {
    let scene = Scene::new("[]");
    assert!(scene.start().wait().unwrap().success());
    assert_eq!(scene.sim.refused(), Vec::<String>::new());
    let requests =
        scene.sim.requests().iter().map(|r| format!("{} {}", r.method, r.path)).collect();
    (scene.world(), requests)
}

fn each(count: usize, attempt: impl Fn(usize) -> Result<(), String> + Sync) {
    let failed = parallel::each(WORKERS, count, attempt);
    println!("{count} cuts, {} not survived", failed.len());
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn each_removal_is_lost_or_fails() {
    let (expected, requests) = undisturbed();
    let is_removal = |request: &&String| request.starts_with("DELETE /nodes/pve1/qemu/");
    let removals = requests.iter().filter(is_removal).count();
    assert_eq!(removals, 3);
    let ways = [
        r#"{"cut": "before"}"#,
        r#"{"cut": "after"}"#,
        r#"{"answer_after": {"status": 596, "message": "Connection timed out"}}"#,
        r#"{"answer": {"status": 500, "message": "got no worker upid - start worker failed"}}"#,
        r#"{"task": {"exitstatus": "can't lock file '/var/lock/qemu-server/lock-20002.conf' - got timeout"}}"#,
        r#"{"task": {"exitstatus": "OK"}}"#,
        r#"{"task": {"vanish": true}}"#,
    ];
    each(ways.len() * removals, |number| {
        let (removal, way) = (1 + number / ways.len(), ways[number % ways.len()]);
        let fault = format!(
            r#"[{{"when": "DELETE /nodes/pve1/qemu/*", "nth": {removal}, "then": {way}}}]"#
        );
        Scene::new(&fault).compare(&format!("{way} at removal {removal}"), &expected)
    });
}

#[test]
fn a_signal_ends_the_wait_for_a_removal_and_begins_no_other() {
    let (expected, _) = undisturbed();
    let long = r#"[{"when": "DELETE /**", "then": {"task": {"length": 100000}}}]"#;
    let scene = Scene::new(long);
    let mut child = scene.start();
    let asks = |path: &str| scene.sim.requests().iter().filter(|r| r.path.contains(path)).count();
    while asks("qmdestroy") == 0 {
        assert!(child.try_wait().unwrap().is_none(), "it waits for the first removal");
        std::thread::sleep(Duration::from_millis(1));
    }
    let sent = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    assert_eq!(child.wait().unwrap().code(), Some(3));
    let removals = scene.sim.requests().iter().filter(|r| r.method == "DELETE").count();
    assert_eq!(removals, 1);
    scene.sim.settle();
    scene.compare("after a signal", &expected).unwrap();
}
