//! 50 VMs of one image of 2 GiB, as linked clones and by import: writes, bytes and wall time. Copies take time
//! by their size, as on a disk.

use crate::cluster::{document, trusting};
use crate::measure::Tool;
use crate::table::Table;
use serde_json::json;
use std::error::Error;
use std::time::Instant;
use test_support::pve_sim::{Options, Pace, PveSim, World};

const VMS: usize = 50;
const IMAGE: u64 = 2 << 30;
/// A seed's disk, at most.
const SEED: u64 = 4 << 20;
/// What a storage of the simulator writes in a second.
const RATE: u64 = 1 << 30;

/// What one way to create the VMs has cost.
struct Cost {
    seconds: f64,
    /// Writes to the API for one VM.
    writes: f64,
    /// Bytes that the disks' storage has written.
    bytes: u64,
}

/// Runs all measurements of this file.
pub(crate) fn measure(table: &mut Table) -> Result<(), Box<dyn Error>> {
    let clone = create("clone")?;
    let import = create("import")?;
    let gib = |bytes: u64| bytes as f64 / (1u64 << 30) as f64;
    let least = IMAGE + VMS as u64 * SEED;
    table.at_most("clone, 50 VMs of one image: writes for each VM", clone.writes, 7.0);
    table.at_most(
        "clone, 50 VMs of 2 GiB, with the template: GiB written",
        gib(clone.bytes),
        gib(least) * 1.05,
    );
    table.seen("import, 50 VMs of 2 GiB: GiB written", gib(import.bytes));
    table.seen("clone, 50 VMs of 2 GiB, with the template: seconds", clone.seconds);
    table.seen("import, 50 VMs of 2 GiB: seconds", import.seconds);
    let ratio = clone.seconds / import.seconds;
    table.at_most("clone, 50 VMs of 2 GiB: time / import", ratio, 0.1);
    Ok(())
}

/// Creates the VMs on a new node, templates included.
fn create(how: &str) -> Result<Cost, Box<dyn Error>> {
    let image = json!({"volid": "local:import/debian-12-0123456789ab.qcow2", "node": "pve1", "size": IMAGE,
        "virtual_size": IMAGE, "used": IMAGE, "format": "qcow2"});
    let world = World::from_json(&json!({"volumes": [image]}).to_string())?;
    let (pace, copy_rate) = (Pace::Millis(1), Some(RATE));
    let sim = PveSim::start(world, Options { pace, copy_rate, ..Options::default() })?;
    let mut whole = document(&sim, VMS);
    whole["images"] = json!({"debian-12": "local:import/debian-12-0123456789ab.qcow2"});
    for vm in whole["vms"].as_array_mut().into_iter().flatten() {
        vm["create"] = json!(how);
        vm["disk"] = json!(4);
    }
    let home = tempfile::tempdir()?;
    let tool = |name, args: &[&str], stdin: Vec<u8>| {
        trusting(Tool::new(name), &sim, home.path()).args(args.iter().copied()).stdin(stdin).once()
    };
    let begun = Instant::now();
    let published = tool("image-publish", &[], whole.to_string().into_bytes())?.stdout;
    let before = writes(&sim);
    let at_once = ["apply", "--parallelism", "10", "--imports-per-storage", "10"];
    tool("pve-apply", &at_once, published)?;
    let seconds = begun.elapsed().as_secs_f64();
    let writes = (writes(&sim) - before) as f64 / VMS as f64;
    let bytes = sim.written().get("local-lvm").copied().unwrap_or_default();
    Ok(Cost { seconds, writes, bytes })
}

fn writes(sim: &PveSim) -> usize {
    sim.requests().iter().filter(|request| request.is_write()).count()
}
