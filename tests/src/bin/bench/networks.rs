//! What networks cost pve-apply, as counts: reads of an unchanged deployment, and commits.

use crate::cluster::{self, trusting};
use crate::measure::Tool;
use crate::table::Table;
use serde_json::{Value, json};
use std::error::Error;
use test_support::pve_sim::{Options, Pace, PveSim, World};

/// The nodes of the cluster.
const NODES: usize = 5;
/// The vnets of the document, in two zones.
const VNETS: usize = 4;

/// Runs all measurements of this file.
pub(crate) fn measure(table: &mut Table) -> Result<(), Box<dyn Error>> {
    let plain = start()?;
    run(&plain, &cluster::document(&plain, 1), "apply")?;
    plain.forget_requests();
    run(&plain, &cluster::document(&plain, 1), "apply")?;
    let without = plain.requests().len();
    let sim = start()?;
    let document = with_networks(&sim);
    run(&sim, &document, "apply")?;
    table.at_most("apply, 2 new networks: commits", commits(&sim), 1.0);
    for command in ["plan", "apply"] {
        sim.forget_requests();
        run(&sim, &document, command)?;
        let more = sim.requests().len() as f64 - without as f64;
        let limit = (3 + VNETS + NODES) as f64;
        let what = format!("{command}, 2 networks unchanged");
        // At most three reads, one for each vnet and one for each node.
        table.at_most(&format!("{what}: GETs more than without"), more, limit);
        let writes = sim.requests().iter().filter(|request| request.is_write()).count();
        table.at_most(&format!("{what}: writes"), writes as f64, 0.0);
    }
    sim.forget_requests();
    run(&sim, &document, "destroy")?;
    table.at_most("destroy, 2 networks: commits", commits(&sim), 1.0);
    Ok(())
}

/// Counts the commits so far.
fn commits(sim: &PveSim) -> f64 {
    sim.requests().iter().filter(|request| request.line() == "PUT /cluster/sdn").count() as f64
}

/// Starts a cluster whose token can do everything.
fn start() -> Result<PveSim, Box<dyn Error>> {
    let nodes: Vec<(String, Value)> =
        (1..=NODES).map(|number| (format!("pve{number}"), json!({}))).collect();
    let mut world = World::from_json(
        &json!({
            "nodes": nodes.into_iter().collect::<serde_json::Map<_, _>>(),
            "volumes": [{"volid": "local:import/debian-12.qcow2", "node": "pve1",
                         "size": 1_048_576, "virtual_size": 2_147_483_648_u64}],
        })
        .to_string(),
    )?;
    let entries: Vec<_> = world.access.acl.iter().filter(|entry| entry.path == "/nodes").collect();
    let mut more = Vec::new();
    for entry in entries {
        let mut entry = entry.clone();
        (entry.path, entry.role) = ("/sdn".to_owned(), "Net".to_owned());
        more.push(entry);
    }
    let net = ["SDN.Allocate", "SDN.Audit", "SDN.Use"].map(str::to_owned);
    world.access.roles.insert("Net".to_owned(), net.into());
    world.access.acl.extend(more);
    Ok(PveSim::start(world, Options { pace: Pace::Polls(0), ..Options::default() })?)
}

/// Returns a document with one VM and two networks.
fn with_networks(sim: &PveSim) -> Value {
    let mut document = cluster::document(sim, 1);
    let vnet = |number: usize| {
        let subnet = json!({"subnet": format!("10.{number}.0.0/24"), "config": {}});
        json!({"vnet": format!("vnet{number}"), "config": {"tag": 100 + number}, "subnets": [subnet]})
    };
    let zone = |name: &str, numbers: [usize; VNETS / 2]| {
        let vnets: Vec<Value> = numbers.into_iter().map(vnet).collect();
        json!({"zone": name, "type": "vxlan", "config": {"peers": ["192.0.2.1"]}, "vnets": vnets})
    };
    document["site"] = "bench".into();
    document["networks"] = json!([zone("one", [1, 2]), zone("two", [3, 4])]);
    document["network_names"] = json!(["one", "two"]);
    document["vms"][0]["bridge"] = "vnet1".into();
    document
}

fn run(sim: &PveSim, document: &Value, command: &str) -> Result<(), Box<dyn Error>> {
    let folder = std::env::temp_dir();
    let mut tool = trusting(Tool::new("pve-apply"), sim, &folder).arg(command);
    if command == "destroy" {
        tool = tool.arg("--yes");
    }
    tool.stdin(document.to_string().into_bytes()).once().map(drop)
}
