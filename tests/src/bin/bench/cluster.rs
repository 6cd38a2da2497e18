//! pve-apply against the simulator: calls, connections, memory, and wall time
//! compared with the shortest time that the simulator's tasks allow.

use crate::existing;
use crate::measure::Tool;
use crate::table::Table;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::error::Error;
use std::path::Path;
use test_support::pve_sim::{Options, Pace, PveSim, World};

/// How long the simulator's tasks take in the timed run, in milliseconds.
const LENGTHS: [(&str, u64); 5] =
    [("imgcopy", 200), ("qmcreate", 2_000), ("imgdel", 200), ("resize", 200), ("qmstart", 500)];

const IMAGE: &str = r#"{"volumes":[{"volid":"local:import/debian-12.qcow2","node":"pve1","size":1048576,"virtual_size":2147483648}]}"#;

/// Runs all measurements of this file.
pub(crate) fn measure(table: &mut Table) -> Result<(), Box<dyn Error>> {
    calls(table)?;
    critical_path(table)?;
    memory(table, 2_000)?;
    whole_machines(table, 2_000)
}

/// Measures how many calls a create and an unchanged apply need.
fn calls(table: &mut Table) -> Result<(), Box<dyn Error>> {
    let one = start(Pace::Polls(0))?;
    apply(&one, 1, &[])?;
    let writes = one.requests().iter().filter(|r| r.is_write()).count();
    table.at_most("apply, 1 new VM: writes", writes as f64, 6.0);
    let sim = start(Pace::Polls(0))?;
    apply(&sim, 50, &[])?;
    for command in ["plan", "apply"] {
        sim.forget_requests();
        pve_apply(&sim, &document(&sim, 50), &[command]).once()?;
        let asked = sim.requests();
        let connections: BTreeSet<u64> = asked.iter().map(|r| r.connection).collect();
        let writes = asked.iter().filter(|r| r.is_write()).count();
        table.at_most(
            &format!("{command}, 50 VMs unchanged: GETs"),
            (asked.len() - writes) as f64,
            55.0,
        );
        table.at_most(&format!("{command}, 50 VMs unchanged: writes"), writes as f64, 0.0);
        // The default is four workers; each has one connection.
        table.at_most(
            &format!("{command}, 50 VMs unchanged: connections"),
            connections.len() as f64,
            4.0,
        );
    }
    Ok(())
}

/// Measures 50 new VMs, ten at a time: the wall time compared with that of the tasks alone.
fn critical_path(table: &mut Table) -> Result<(), Box<dyn Error>> {
    let sim = start(Pace::Millis(200))?;
    let shortest = 5.0 * LENGTHS.iter().map(|(_, ms)| *ms as f64).sum::<f64>();
    let begun = std::time::Instant::now();
    apply(&sim, 50, &["--parallelism", "10", "--imports-per-storage", "10"])?;
    let ratio = begun.elapsed().as_secs_f64() * 1e3 / shortest;
    table.at_most("apply, 50 new VMs, ten at a time: time / critical path", ratio, 1.15);
    Ok(())
}

/// Counts the calls that a plan of unchanged VMs on several nodes needs.
pub(crate) fn several_nodes(
    table: &mut Table,
    vms: usize,
    nodes: usize,
) -> Result<(), Box<dyn Error>> {
    let names: Vec<String> = (1..=nodes).map(|number| format!("pve{number}")).collect();
    let by_name: Value = names.iter().map(|name| (name.clone(), json!({}))).collect();
    let image = |node: &String| {
        json!({"volid": "local:import/debian-12.qcow2", "node": node, "size": 1_048_576,
            "virtual_size": 2_147_483_648_u64})
    };
    let images: Vec<Value> = names.iter().map(image).collect();
    let world = json!({"nodes": by_name.clone(), "volumes": images});
    let world = World::from_json(&world.to_string())?;
    let mut document = without_endpoint(vms);
    document["nodes"] = by_name;
    for (index, vm) in document["vms"].as_array_mut().into_iter().flatten().enumerate() {
        vm["node"] = json!(names.get(index % nodes));
    }
    let sim = existing::start(&world, &mut document)?;
    pve_apply(&sim, &document, &["plan", "--expect-no-changes"]).once()?;
    table.at_most(
        &format!("plan, {vms} VMs on {nodes} nodes unchanged: calls"),
        sim.requests().len() as f64,
        (vms + 5 + nodes) as f64,
    );
    Ok(())
}

fn memory(table: &mut Table, vms: usize) -> Result<(), Box<dyn Error>> {
    let mut document = without_endpoint(vms);
    let sim = existing::start(&World::from_json(IMAGE)?, &mut document)?;
    let measure = pve_apply(&sim, &document, &["plan", "--expect-no-changes"]).once()?;
    table.at_most(
        &format!("plan, {vms} VMs unchanged: peak memory, MiB"),
        measure.peak_mib(),
        64.0,
    );
    table.seen(&format!("plan, {vms} VMs unchanged: CPU, ms"), measure.cpu_ms());
    Ok(())
}

/// Measures a plan of unchanged VMs with three NICs and three disks each, all set in the document.
fn whole_machines(table: &mut Table, vms: usize) -> Result<(), Box<dyn Error>> {
    let mut document = without_endpoint(vms);
    for (index, vm) in document["vms"].as_array_mut().into_iter().flatten().enumerate() {
        let mac =
            |nic: usize| format!("02:00:00:{nic:02X}:{:02X}:{:02X}", index / 256, index % 256);
        let nic =
            |number: usize| json!({"bridge": "vmbr0", "tag": 10 + number, "macaddr": mac(number)});
        vm["config"] = json!({
            "cores": 2, "memory": 2048, "cpu": "host", "agent": true, "onboot": true,
            "net0": nic(0), "net1": nic(1), "net2": nic(2),
            "virtio0": {"discard": "on", "iothread": true},
            "scsi1": {"size": 20, "ssd": true}, "scsi2": {"size": 4, "backup": false},
        });
    }
    let sim = existing::start(&World::from_json(IMAGE)?, &mut document)?;
    let measure = pve_apply(&sim, &document, &["plan", "--expect-no-changes"]).once()?;
    let what = format!("plan, {vms} VMs with 3 NICs and 3 disks unchanged");
    table.at_most(&format!("{what}: CPU, ms"), measure.cpu_ms(), 2_000.0);
    table.at_most(&format!("{what}: peak memory, MiB"), measure.peak_mib(), 96.0);
    Ok(())
}

/// Starts a simulator that has the image.
pub(crate) fn start(pace: Pace) -> Result<PveSim, Box<dyn Error>> {
    let lengths = match pace {
        Pace::Millis(_) => LENGTHS.map(|(kind, ms)| (kind.to_owned(), (ms, ms))).into(),
        _ => [].into(),
    };
    Ok(PveSim::start(World::from_json(IMAGE)?, Options { pace, lengths, ..Options::default() })?)
}

/// Creates the VMs, each with everything that cloudinit-render would have added.
fn apply(sim: &PveSim, vms: usize, options: &[&str]) -> Result<(), Box<dyn Error>> {
    let args: Vec<&str> = ["apply"].iter().chain(options).copied().collect();
    pve_apply(sim, &document(sim, vms), &args).once().map(drop)
}

fn pve_apply(sim: &PveSim, document: &Value, args: &[&str]) -> Tool {
    let folder = std::env::temp_dir();
    let tool = trusting(Tool::new("pve-apply"), sim, &folder).args(args.iter().copied());
    tool.stdin(document.to_string().into_bytes())
}

/// Makes a tool trust the simulator and keep its cache in `home`.
pub(crate) fn trusting(tool: Tool, sim: &PveSim, home: &Path) -> Tool {
    tool.env("PVE_FINGERPRINT", sim.fingerprint()).env("HOME", &home.display().to_string())
}

/// Returns a document with this many VMs for a simulator.
pub(crate) fn document(sim: &PveSim, vms: usize) -> Value {
    let mut document = without_endpoint(vms);
    document["api_endpoint"] = json!(sim.endpoint());
    document["api_token"] = json!(sim.token());
    document
}

fn without_endpoint(vms: usize) -> Value {
    let vm = |index: usize| {
        let mac = format!("02:00:00:00:{:02X}:{:02X}", index / 256, index % 256);
        json!({
            "name": format!("vm{index}"), "vmid": 1000 + index, "image": "debian-12", "cores": 2,
            "memory": 2048, "disk": 10, "bridge": "vmbr0", "ip": "dhcp", "mac": mac,
            "user_data": format!("#cloud-config\nhostname: vm{index}\n"),
            "meta_data": format!("instance-id: vm{index}-1\n"), "network_config": "version: 2\n",
            "instance_id": format!("vm{index}-1"), "seed_fingerprint": format!("{index:08x}"),
        })
    };
    json!({
        "deployment": "bench", "node": "pve1", "datastore": "local-lvm",
        "image_datastore": "local",
        "images": {"debian-12": "local:import/debian-12.qcow2"},
        "vms": (0..vms).map(vm).collect::<Vec<_>>(),
    })
}
