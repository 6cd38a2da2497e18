//! VMs that exist: what the measurements of unchanged VMs begin with.

use crate::cluster::trusting;
use crate::measure::Tool;
use serde_json::{Value, json};
use std::error::Error;
use test_support::pve_sim::world::storage::Volume;
use test_support::pve_sim::{Options, Pace, PveSim, World};

/// How many VMs one simulator creates. Each create reads the list of all VMs, so the cost of thousands in
/// one simulator grows with their square.
const AT_ONCE: usize = 25;

/// Starts a simulator of this world in which all VMs of a document exist, and points the document to it.
///
/// `pve-apply` has created each of them, on one of several simulators whose VMs are then put into one world.
/// The VMs of the document must have vmids.
pub(crate) fn start(world: &World, document: &mut Value) -> Result<PveSim, Box<dyn Error>> {
    let vms = document["vms"].as_array().cloned().unwrap_or_default();
    let mut all = world.clone();
    for some in vms.chunks(AT_ONCE) {
        document["vms"] = json!(some);
        let created = create(world.clone(), document)?;
        all.vms.extend(created.vms);
        let is = |old: &Volume, new: &Volume| (&old.node, &old.volid) == (&new.node, &new.volid);
        let is_new = |new: &Volume| !world.volumes.iter().any(|old| is(old, new));
        all.volumes.extend(created.volumes.into_iter().filter(is_new));
    }
    document["vms"] = json!(vms);
    serve(all, document)
}

/// Creates the VMs of a document and returns the world in which they exist.
fn create(world: World, document: &mut Value) -> Result<World, Box<dyn Error>> {
    let sim = serve(world, document)?;
    let folder = std::env::temp_dir();
    let tool = trusting(Tool::new("pve-apply"), &sim, &folder);
    let args = ["apply", "--parallelism", "8", "--imports-per-storage", "8"];
    tool.args(args).stdin(document.to_string().into_bytes()).once()?;
    Ok(sim.shutdown())
}

/// Starts a simulator whose tasks take no time, and points the document to it.
fn serve(world: World, document: &mut Value) -> Result<PveSim, Box<dyn Error>> {
    let sim = PveSim::start(world, Options { pace: Pace::Polls(0), ..Options::default() })?;
    document["api_endpoint"] = json!(sim.endpoint());
    document["api_token"] = json!(sim.token());
    Ok(sim)
}
