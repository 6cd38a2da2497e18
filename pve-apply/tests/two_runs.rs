//! Two runs of one deployment at once: never two VMs of one name, never a VM of the other run
//! destroyed, and honest exit codes on both sides.
//!
//! Each try has a cluster of its own and two runs that begin some time apart. They know nothing of each
//! other's lock, as on two machines, but for every tenth try. The offsets are drawn from a fixed seed.

#![expect(clippy::disallowed_methods, reason = "door: a test starts the tool")]
#![expect(clippy::print_stdout, reason = "a test tells its figures")]
#![expect(clippy::unwrap_used, reason = "a test may")]

use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Child;
use std::time::Duration;
use test_support::pve_sim::world::vm::Vm;
use test_support::pve_sim::{Options, Pace, PveSim, World};
use test_support::{parallel, process};

/// How many tries.
const TRIES: usize = 100;
/// The number of parallel runs: they wait more than they work.
const WORKERS: usize = 8;
const NAMES: [&str; 3] = ["edge", "db", "app"];
/// The vmid of the image's template.
const TEMPLATE: u32 = 9000;
const NODES: [&str; 3] = ["pve1", "pve2", "pve3"];

/// One try: how far apart the runs begin, how long tasks take, what they meet.
#[derive(Clone, Copy, Debug)]
struct Try {
    number: usize,
    offset: Duration,
    /// The longest task, in milliseconds.
    longest: u64,
    fixed: bool,
    one_machine: bool,
    /// A stranger has the vmids that the first run sees as candidates, and goes before the second looks.
    moved_candidates: bool,
    /// The VMs are on three nodes; the second run's list has another node for the last one.
    several_nodes: bool,
    /// The VMs are clones of the image's template.
    clones: bool,
}

impl Try {
    fn new(number: usize) -> Self {
        let mut state = 0x5eed_0000 + number as u64;
        let mut draw = |bound: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % bound
        };
        let longest = [5, 40, 400, 1500][number % 4];
        Self {
            number,
            offset: Duration::from_millis(draw(2 * longest + 60)),
            longest,
            fixed: number.is_multiple_of(3),
            one_machine: number % 10 == 9,
            moved_candidates: number % 3 == 1,
            several_nodes: false,
            clones: false,
        }
    }

    fn document(&self, sim: &PveSim, is_second: bool) -> String {
        let vm = |(index, name): (usize, &&str)| {
            let mut vm = json!({
                "name": name, "image": "debian-12", "cores": 1, "memory": 512, "disk": 10,
                "bridge": "vmbr0", "ip": "dhcp", "user_data": format!("#cloud-config\n# {name}\n"),
                "meta_data": format!("instance-id: {name}-1\n"), "network_config": "version: 2\n",
                "seed_fingerprint": format!("5eed{index}"),
            });
            if self.fixed {
                vm["vmid"] = json!(101 + index);
            }
            if self.clones {
                vm["create"] = json!("clone");
            }
            if self.several_nodes {
                vm["node"] = json!(if is_second && index == 2 { NODES[1] } else { NODES[index] });
                vm["node_from_list"] = json!(index == 2);
            }
            vm
        };
        let vms: Vec<Value> = NAMES.iter().enumerate().map(vm).collect();
        let mut document = json!({
            "site": "lab", "deployment": "dev", "node": "pve1", "vmid_range": "200-260",
            "api_endpoint": sim.endpoint(), "api_token": sim.token(), "datastore": "local-lvm",
            "image_datastore": "local", "images": {"debian-12": "local:import/debian-12.qcow2"},
            "vms": vms,
        });
        if self.several_nodes {
            document["nodes"] = NODES.iter().map(|node| (*node, json!({}))).collect();
        }
        if self.clones {
            document["templates"] = json!([{"image": "debian-12", "node": "pve1",
                "storage": "local-lvm", "vmid": TEMPLATE}]);
        }
        document.to_string()
    }

    fn world(&self) -> World {
        let image = |node: &&str| {
            json!({"volid": "local:import/debian-12.qcow2", "node": node,
                "size": 1_048_576, "virtual_size": 2_147_483_648_u64})
        };
        let nodes = if self.several_nodes { &NODES[..] } else { &NODES[..1] };
        let mut vms = json!({});
        if self.moved_candidates {
            // A stranger at every second vmid of the range.
            for vmid in (200..=260).step_by(2) {
                vms[vmid.to_string()] = json!({"config": {"name": "precious"}});
            }
        }
        if self.clones {
            vms[TEMPLATE.to_string()] = json!({"config": {
                "name": "debian-12-0123456789ab", "tags": "pve-pipeline", "template": "1",
                "description": format!("<!-- pve-pipeline v=1 kind=image site=lab image=debian-12 \
                    digest=0123456789ab node=pve1 storage=local-lvm vmid={TEMPLATE} \
                    uuid=11111111-2222-4333-8444-000000009000 -->"),
                "boot": "order=virtio0", "smbios1": "uuid=11111111-2222-4333-8444-000000009000",
                "virtio0": format!("local-lvm:base-{TEMPLATE}-disk-0,size=2G"),
            }});
        }
        let images: Vec<Value> = nodes.iter().map(image).collect();
        let nodes: Value = nodes.iter().map(|node| (*node, json!({}))).collect();
        let world = json!({"nodes": nodes, "volumes": images, "vms": vms});
        World::from_json(&world.to_string()).unwrap()
    }
}

fn spawn(sim: &PveSim, document: &str, home: &Path, args: &[&str]) -> Child {
    process::spawn(env!("CARGO_BIN_EXE_pve-apply"), sim, home, args, document)
}

/// Waits for a run: its exit code, its result and what it said.
fn end(child: Child) -> (Option<i32>, Value, String) {
    let output = child.wait_with_output().unwrap();
    let result = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    (output.status.code(), result, String::from_utf8_lossy(&output.stderr).into_owned())
}

/// The VMs of ours in the world, by name, with their vmids; checks that each is whole.
fn ours(sim: &PveSim) -> Result<Vec<(String, u64)>, String> {
    sim.settle();
    let world: Value = serde_json::from_str(&sim.world().to_json()).unwrap();
    let mut found = Vec::new();
    for (vmid, vm) in world["vms"].as_object().unwrap() {
        let config = &vm["config"];
        let Some(line) = config["description"].as_str() else { continue };
        if line.contains("kind=image") {
            continue;
        }
        let name = config["name"].as_str().unwrap().to_owned();
        if !line.contains("stage=done") || vm["running"] != true {
            return Err(format!("{name} at {vmid} is not finished: {line}"));
        }
        found.push((name, vmid.parse().unwrap()));
    }
    let seeds = world["volumes"].as_array().unwrap().iter();
    let left: Vec<_> =
        seeds.filter_map(|v| v["volid"].as_str()).filter(|v| v.contains("-seed_")).collect();
    if left.is_empty() { Ok(found) } else { Err(format!("seeds are left: {left:?}")) }
}

fn attempt(one: Try) -> Result<(), String> {
    let options = Options {
        pace: Pace::MillisBetween(1, one.longest),
        seed: one.number as u64,
        ..Options::default()
    };
    let sim = PveSim::start(one.world(), options).unwrap();
    let homes = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let first = spawn(&sim, &one.document(&sim, false), homes[0].path(), &["apply"]);
    std::thread::sleep(one.offset);
    if one.moved_candidates {
        let precious = |vm: &Vm| vm.config.get("name").is_some_and(|name| name == "precious");
        sim.edit(|world| world.vms.retain(|vmid, vm| vmid % 4 != 0 || !precious(vm)));
    }
    let (document, home) = (one.document(&sim, true), &homes[usize::from(!one.one_machine)]);
    let second = spawn(&sim, &document, home.path(), &["apply"]);
    let ends = [end(first), end(second)];
    let said = || format!("\n--- first\n{}\n--- second\n{}", ends[0].2, ends[1].2);
    let found = ours(&sim).map_err(|text| text + &said())?;
    let names: BTreeSet<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
    if found.len() != NAMES.len() || names.len() != NAMES.len() {
        return Err(format!("VMs of ours: {found:?}{}", said()));
    }
    for (code, result, _) in &ends {
        if *code != Some(0) {
            return Err(format!("exit code {code:?}{}", said()));
        }
        // What a run has reported is still true when both are over.
        for (name, vmid) in &found {
            if result["vm_ids"][name] != json!(vmid) {
                return Err(format!("{name}: a run reports {}{}", result["vm_ids"][name], said()));
            }
        }
    }
    Ok(())
}

/// One saved plan, carried out by two runs that would each undo what they have made.
fn attempt_saved(one: Try) -> Result<(), String> {
    let options = Options {
        pace: Pace::MillisBetween(1, one.longest),
        seed: one.number as u64,
        ..Options::default()
    };
    let one = Try { moved_candidates: false, ..one };
    let sim = PveSim::start(one.world(), options).unwrap();
    let document = one.document(&sim, false);
    let homes = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let file = homes[0].path().join("plan.json");
    let file = file.to_str().unwrap();
    let (code, _, said) = end(spawn(&sim, &document, homes[0].path(), &["plan", "--out", file]));
    assert_eq!(code, Some(0), "{said}");
    let apply = ["apply", "--plan", file, "--on-error", "rollback"];
    let first = spawn(&sim, &document, homes[0].path(), &apply);
    std::thread::sleep(one.offset);
    let second = spawn(&sim, &document, homes[1].path(), &apply);
    let ends = [end(first), end(second)];
    let said = || format!("\n--- first\n{}\n--- second\n{}", ends[0].2, ends[1].2);
    sim.settle();
    let world: Value = serde_json::from_str(&sim.world().to_json()).unwrap();
    let none = serde_json::Map::new();
    let vms = world["vms"].as_object().unwrap_or(&none);
    let is_template = |vm: &&Value| vm["config"]["template"] == "1";
    let count = vms.values().filter(|vm| !is_template(vm)).count();
    let made = vms.values().filter(|vm| !is_template(vm));
    let names: BTreeSet<&str> = made.filter_map(|vm| vm["config"]["name"].as_str()).collect();
    if names.len() != count || names.len() != NAMES.len() {
        return Err(format!("{count} VMs, {names:?}{}", said()));
    }
    // Whoever says that all is well has its VMs; a run that met the other one says so.
    for (code, result, _) in ends.iter().filter(|(code, ..)| *code == Some(0)) {
        for name in NAMES {
            let vmid = &result["vm_ids"][name];
            if vms.get(&vmid.to_string()).is_none_or(|vm| vm["running"] != true) {
                return Err(format!("{code:?}: {name} at {vmid} is missing{}", said()));
            }
        }
    }
    Ok(())
}

fn try_all(tries: usize, attempt: impl Fn(Try) -> Result<(), String> + Sync) {
    let failed = parallel::each(WORKERS, tries, |number| {
        let one = Try::new(number);
        attempt(one).map_err(|text| format!("{one:?}: {text}"))
    });
    println!("{tries} tries, {} failed", failed.len());
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}

#[test]
fn two_runs_of_one_document_make_each_vm_once() {
    try_all(TRIES, attempt);
}

#[test]
fn two_runs_on_three_nodes_make_each_vm_once() {
    try_all(TRIES / 2, |one| attempt(Try { several_nodes: true, ..one }));
}

#[test]
fn two_runs_of_one_saved_plan_never_undo_each_others_work() {
    try_all(TRIES / 4, attempt_saved);
}

#[test]
fn two_runs_that_clone_make_each_vm_once() {
    try_all(TRIES / 2, |one| attempt(Try { clones: true, ..one }));
}

#[test]
fn two_runs_of_one_saved_plan_of_clones_never_undo_each_others_work() {
    try_all(TRIES / 8, |one| attempt_saved(Try { clones: true, ..one }));
}

/// The first run is killed while the second one waits for it or works beside it; the second makes each VM once.
fn attempt_killed(one: Try) -> Result<(), String> {
    let options = Options {
        pace: Pace::MillisBetween(1, one.longest),
        seed: one.number as u64,
        ..Options::default()
    };
    let sim = PveSim::start(one.world(), options).unwrap();
    let homes = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let mut first = spawn(&sim, &one.document(&sim, false), homes[0].path(), &["apply"]);
    std::thread::sleep(one.offset);
    let second = spawn(&sim, &one.document(&sim, true), homes[1].path(), &["apply"]);
    std::thread::sleep(one.offset + Duration::from_millis(one.longest / 2));
    let has_ended = first.try_wait().unwrap().is_some();
    first.kill().unwrap();
    first.wait().unwrap();
    let (code, result, said) = end(second);
    if code != Some(0) {
        return Err(format!("exit code {code:?}\n{said}"));
    }
    // A seed that was uploaded after the second run's look is found by the next one.
    let (code, _, said) = end(spawn(&sim, &one.document(&sim, true), homes[1].path(), &["apply"]));
    let found = ours(&sim).map_err(|text| format!("{text}\n{said}"))?;
    let names: BTreeSet<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
    if code != Some(0) || found.len() != NAMES.len() || names.len() != NAMES.len() {
        return Err(format!("exit code {code:?}, {found:?}, first had ended: {has_ended}\n{said}"));
    }
    match found.iter().find(|(name, vmid)| result["vm_ids"][name] != json!(vmid)) {
        Some((name, _)) => Err(format!("{name}: it reports {}\n{said}", result["vm_ids"][name])),
        None => Ok(()),
    }
}

#[test]
fn a_run_that_clones_finishes_what_a_killed_one_has_left() {
    try_all(TRIES / 2, |one| attempt_killed(Try { clones: true, moved_candidates: false, ..one }));
}
