//! Templates whose tasks are killed or forgotten, and several runs at once that make them: the next run finishes the
//! work, and the world is that of an undisturbed run. Cuts after each request and lost writes are in `sweeps.rs`.

#![expect(clippy::disallowed_methods, reason = "door: a test starts the tool")]
#![expect(clippy::print_stdout, reason = "a test tells its figures")]
#![expect(clippy::unwrap_used, reason = "a test may")]

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use test_support::parallel;
use test_support::pve_sim::world::access::AclEntry;
use test_support::pve_sim::{Options, Pace, PveSim, World, faults};

/// The number of tries at a time: they wait more than they work.
const WORKERS: usize = 16;
/// One run that is cut, one that may find its tasks still running, and one that finishes the work.
const RUNS: usize = 3;

/// A cluster, a document and a home.
struct Scene {
    sim: PveSim,
    home: tempfile::TempDir,
    /// Another document than the usual one.
    document: Option<Value>,
}

impl Scene {
    fn new(world: &str, faults: &str, pace: Pace, seed: u64) -> Self {
        let world = World::from_json(world).unwrap();
        let faults = faults::from_json(faults).unwrap();
        let options = Options { faults, pace, seed, ..Options::default() };
        let (sim, home) = (PveSim::start(world, options).unwrap(), tempfile::tempdir().unwrap());
        Self { sim, home, document: None }
    }

    /// A scene in which time is a count.
    fn counted(world: &str, faults: &str) -> Self {
        Self::new(world, faults, Options::default().pace, 0)
    }

    fn document(&self) -> Value {
        if let Some(document) = &self.document {
            return self.addressed(document.clone());
        }
        let vm = |name: &str, storage: &str| {
            json!({"name": name, "image": "debian-12", "create": "clone", "datastore": storage,
                   "cores": 1, "memory": 512, "disk": 10})
        };
        let vms = [vm("a", "local-lvm"), vm("b", "local-zfs"), vm("c", "local-lvm")];
        self.addressed(json!({"vms": vms}))
    }

    /// Completes a document.
    fn addressed(&self, mut document: Value) -> Value {
        document["site"] = "home".into();
        document["node"] = "pve1".into();
        document["image_datastore"] = "local".into();
        document["api_endpoint"] = self.sim.endpoint().into();
        document["api_token"] = self.sim.token().into();
        document["image_sources"] = json!({"debian-12": {"file": example()}});
        document
    }

    /// Starts the filter; runs with another number do not see each other's locks.
    fn start(&self, number: usize) -> Child {
        let home = self.home.path().join(number.to_string());
        std::fs::create_dir_all(&home).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_image-publish"))
            .env("HOME", &home)
            .env_remove("XDG_CACHE_HOME")
            .env("PVE_FINGERPRINT", self.sim.fingerprint())
            .stdin(Stdio::piped())
            .stdout(File::create(home.join("stdout")).unwrap())
            .stderr(File::create(home.join("stderr")).unwrap())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(self.document().to_string().as_bytes()).unwrap();
        child
    }

    fn read(&self, number: usize, what: &str) -> String {
        std::fs::read_to_string(self.home.path().join(number.to_string()).join(what)).unwrap()
    }

    /// Returns the vmids that a run has printed.
    fn vmids(&self, number: usize) -> Vec<u64> {
        let document: Value =
            serde_json::from_str(&self.read(number, "stdout")).unwrap_or_default();
        let rows = document["templates"].as_array().cloned().unwrap_or_default();
        rows.iter().filter_map(|row| row["vmid"].as_u64()).collect()
    }

    /// Runs until a run succeeds, at most this many times; the error has the output of the last run.
    fn finish(&self, runs: usize) -> Result<(), String> {
        let ends_well = |_| self.start(0).wait().unwrap().success();
        if (0..runs).any(ends_well) { Ok(()) } else { Err(self.read(0, "stderr")) }
    }

    /// Returns the world without uuids, and without the tasks that were needed.
    fn world(&self) -> String {
        self.sim.settle();
        let mut world: Value = serde_json::from_str(&self.sim.world().to_json()).unwrap();
        world.as_object_mut().unwrap().remove("tasks");
        for vm in world["vms"].as_object_mut().into_iter().flatten() {
            let config = vm.1["config"].as_object_mut().unwrap();
            config.remove("smbios1");
            config.remove("vmgenid");
            let description = config["description"].as_str().unwrap_or_default();
            let cut = description.find(" uuid=").unwrap_or(description.len());
            config["description"] = Value::from(&description[..cut]);
        }
        serde_json::to_string_pretty(&world).unwrap()
    }

    /// Compares the world, and what the last run printed.
    fn compare(&self, what: &str, expected: &Expected) -> Result<(), String> {
        let (world, vmids) = (self.world(), self.vmids(0));
        if world != expected.world {
            return Err(format!("{what}: the world is another:\n{world}"));
        }
        if vmids != expected.vmids {
            return Err(format!("{what}: {vmids:?} instead of {:?}", expected.vmids));
        }
        Ok(())
    }
}

/// What comes of an undisturbed run.
struct Expected {
    world: String,
    vmids: Vec<u64>,
    requests: Vec<String>,
}

impl Expected {
    fn of(world: &str) -> Self {
        let scene = Scene::counted(world, "[]");
        scene.finish(1).unwrap();
        let requests = scene.sim.requests();
        let requests = requests.iter().map(|r| format!("{} {}", r.method, r.path)).collect();
        assert_eq!(scene.sim.refused(), Vec::<String>::new());
        Self { world: scene.world(), vmids: scene.vmids(0), requests }
    }

    fn writes(&self) -> usize {
        self.requests.iter().filter(|request| !request.starts_with("GET ")).count()
    }
}

fn example() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    root.join("examples/site/images/debian-12/debian-12.qcow2").display().to_string()
}

fn each(count: usize, attempt: impl Fn(usize) -> Result<(), String> + Sync) {
    let failed = parallel::each(WORKERS, count, attempt);
    println!("{count} cuts, {} not survived", failed.len());
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// Does something to each write of a run, in each of these ways.
fn check_writes(world: &str, ways: &[&str]) {
    let expected = Expected::of(world);
    each(ways.len() * expected.writes(), |number| {
        let (write, way) = (1 + number / ways.len(), ways[number % ways.len()]);
        let fault = format!(r#"[{{"when": "POST /**", "nth": {write}, "then": {way}}}]"#);
        let scene = Scene::counted(world, &fault);
        let what = format!("{way} at write {write}");
        scene.finish(RUNS).map_err(|text| format!("{what}: the runs end with\n{text}"))?;
        scene.compare(&what, &expected)
    });
}

#[test]
fn each_task_fails_or_vanishes() {
    let ways = [
        r#"{"task": {"exitstatus": "got no worker upid - start worker failed"}}"#,
        r#"{"task": {"exitstatus": "disk on fire", "keeps": []}}"#,
        r#"{"task": {"vanish": true}}"#,
        r#"{"answer": {"status": 500, "message": "got no worker upid - start worker failed"}}"#,
    ];
    check_writes("{}", &ways);
}

/// Several runs at once, on machines that do not see each other's locks: each template exists once, and all runs
/// print it.
#[test]
fn several_runs_at_once() {
    each(48, |number| {
        let longest = [5, 50, 300, 1000][number % 4];
        let pace = Pace::MillisBetween(1, longest);
        let scene = Scene::new("{}", "[]", pace, number as u64);
        let offset = Duration::from_millis(number as u64 * 7 % (longest + 1));
        let runs: Vec<(usize, Child)> = (0..2 + number % 2)
            .map(|run| {
                std::thread::sleep(offset * u32::from(run > 0));
                (run, scene.start(run))
            })
            .collect();
        let mut printed = Vec::new();
        for (run, mut child) in runs {
            if !child.wait().unwrap().success() {
                return Err(format!(
                    "{number}: run {run} ends with\n{}",
                    scene.read(run, "stderr")
                ));
            }
            printed.push(scene.vmids(run));
        }
        let count = scene.sim.world().vms.len();
        let is_same = printed.iter().all(|vmids| *vmids == printed[0]);
        if count == 2 && printed[0].len() == 2 && is_same {
            return Ok(());
        }
        let said: String = (0..printed.len()).map(|run| scene.read(run, "stderr")).collect();
        Err(format!("{number}: {count} templates, {printed:?}\n{said}"))
    });
}

/// Returns the creates and the making of templates in their order, each with its node.
fn order(scene: &Scene) -> Vec<String> {
    let requests = scene.sim.requests();
    let writes = requests.iter().filter(|r| r.method == "POST" && r.path.contains("/qemu"));
    let short = |path: &str| {
        let words: Vec<&str> = path.split('/').collect();
        format!("{} {}", words[2], words.last().unwrap())
    };
    writes.map(|request| short(&request.path)).collect()
}

/// A run for two nodes with a VM each on this storage; the create on pve1 takes a while.
fn two_nodes(storage: &str) -> Scene {
    let is_shared = storage == "ceph";
    let disks =
        json!({"type": "rbd", "content": ["images"], "total": 1u64 << 36, "shared": is_shared});
    let files = json!({"type": "dir", "content": ["import"], "total": 1u64 << 36});
    let mut world: Value = serde_json::from_str(&World::default().to_json()).unwrap();
    world["nodes"] = json!({"pve1": {}, "pve2": {}});
    world["storages"] = json!({"local": files, storage: disks});
    let slow = r#"[{"when": "POST /nodes/pve1/qemu", "then": {"task": {"length": 3000}}}]"#;
    let mut scene = Scene::new(&world.to_string(), slow, Pace::Millis(1), 0);
    scene.sim.edit(|world| {
        let path = format!("/storage/{storage}");
        let like = world.access.acl.iter().filter(|entry| entry.path == "/storage/local-lvm");
        let more: Vec<_> =
            like.map(|entry| AclEntry { path: path.clone(), ..entry.clone() }).collect();
        world.access.acl.extend(more);
    });
    let vm = |node: &str| {
        json!({"name": node, "node": node, "image": "debian-12", "create": "clone",
               "datastore": storage, "cores": 1, "memory": 512, "disk": 10})
    };
    let nodes = json!({"pve1": {}, "pve2": {}});
    scene.document = Some(json!({"nodes": nodes, "vms": [vm("pve1"), vm("pve2")]}));
    scene.finish(1).unwrap();
    scene
}

#[test]
fn one_import_at_a_time_on_a_shared_storage() {
    let expected = ["pve1 qemu", "pve1 template", "pve2 qemu", "pve2 template"];
    assert_eq!(order(&two_nodes("ceph")), expected);
}

/// The create on pve1 takes three seconds; meanwhile that on pve2 begins and ends.
#[test]
fn storages_of_their_own_do_not_wait_for_each_other() {
    let order = order(&two_nodes("tank"));
    let at = |what: &str| order.iter().position(|seen| seen == what);
    assert!(at("pve2 template") < at("pve1 template"), "{order:?}");
}
