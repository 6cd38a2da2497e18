//! The privileges that `pve-apply privileges` prints for a document with a network: they are enough for its
//! whole life, and each of them is necessary.

#![expect(clippy::unwrap_used, reason = "a test may")]

use serde_json::{Value, json};
use std::collections::BTreeMap;
use test_support::pve_sim::{Options, PveSim, World};
use test_support::{parallel, process};

const USER: &str = "iac@pve";
const TOKEN: &str = "iac@pve!pipeline";
const SECRET: &str = "00000000-0000-4000-8000-000000000001";
const WORKERS: usize = 4;

/// Path → the privileges that are printed for it.
type Grants = BTreeMap<String, Vec<String>>;

/// A VXLAN network with a VM on it.
fn document(sim: &PveSim, alias: &str) -> Value {
    json!({
        "site": "lab", "deployment": "dev", "node": "pve1", "api_endpoint": sim.endpoint(),
        "api_token": format!("{TOKEN}={SECRET}"), "datastore": "local-lvm",
        "image_datastore": "local", "images": {"debian-12": "local:import/debian-12.qcow2"},
        "networks": [{
            "zone": "lab", "type": "vxlan", "config": {"peers": ["10.0.12.2", "10.0.12.3"]},
            "vnets": [{
                "vnet": "lan", "config": {"tag": 100, "alias": alias},
                "subnets": [{"subnet": "10.50.0.0/24", "config": {"gateway": "10.50.0.1"}}],
            }],
        }],
        "network_names": ["lab"],
        "vms": [{
            "name": "edge", "vmid": 101, "image": "debian-12", "power": "running", "bridge": "lan",
            "cores": 1, "memory": 512, "disk": 3,
            "user_data": "u", "meta_data": "m", "network_config": "version: 2\n",
            "instance_id": "edge-1", "seed_fingerprint": "5eed0101",
        }],
    })
}

fn start(grants: &Grants) -> PveSim {
    let role = |(at, list): (usize, &Vec<String>)| (format!("R{at}"), json!(list));
    let roles: BTreeMap<String, Value> = grants.values().enumerate().map(role).collect();
    let both = |(at, path): (usize, &String)| {
        [USER, TOKEN].map(|who| json!({"path": path, "who": who, "role": format!("R{at}")}))
    };
    let acl: Vec<Value> = grants.keys().enumerate().flat_map(both).collect();
    let world = json!({
        "nodes": {"pve1": {}, "pve2": {}},
        "volumes": [{"volid": "local:import/debian-12.qcow2", "size": 1 << 20, "virtual_size": 2u64 << 30}],
        "access": {"users": {USER: {}}, "tokens": {TOKEN: {"secret": SECRET}}, "roles": roles, "acl": acl},
    });
    PveSim::start(World::from_json(&world.to_string()).unwrap(), Options::default()).unwrap()
}

/// Runs the tool; its stdout, or what it reported if it failed.
fn run(
    sim: &PveSim,
    home: &std::path::Path,
    args: &[&str],
    document: &Value,
) -> Result<String, String> {
    let program = env!("CARGO_BIN_EXE_pve-apply");
    let child = process::spawn(program, sim, home, args, &document.to_string());
    let output = child.wait_with_output().unwrap();
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(format!("{args:?}: {}", String::from_utf8_lossy(&output.stderr))),
    }
}

/// Creates, changes and destroys the network and its VM.
fn life(grants: &Grants) -> Result<(), String> {
    let (sim, home) = (start(grants), tempfile::tempdir().unwrap());
    let home = home.path();
    let (first, second) = (document(&sim, "Lab network"), document(&sim, "Lab"));
    run(&sim, home, &["apply"], &first)?;
    run(&sim, home, &["plan", "--expect-no-changes"], &first)?;
    run(&sim, home, &["apply"], &second)?;
    run(&sim, home, &["destroy", "--yes"], &second)?;
    let world = sim.world();
    assert!(world.vms.is_empty() && world.sdn.running.zones.is_empty(), "{}", world.to_json());
    assert_eq!(sim.refused(), Vec::<String>::new());
    Ok(())
}

/// Reads the commands of `pve-apply privileges`, without the comments.
fn printed() -> Grants {
    let sim = start(&Grants::new());
    let home = tempfile::tempdir().unwrap();
    let text =
        run(&sim, home.path(), &["privileges", "--document"], &document(&sim, "Lab")).unwrap();
    let (mut roles, mut grants) = (BTreeMap::new(), Grants::new());
    for words in text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()) {
        match words[..] {
            ["pveum", "role", "add", role, "--privs", list] => {
                let list = list.trim_matches('"').split(',').map(str::to_owned);
                roles.insert(role.to_owned(), list.collect::<Vec<_>>());
            }
            ["pveum", "acl", "modify", path, "--users", _, "--tokens", _, "--roles", role] => {
                grants.entry(path.to_owned()).or_default().extend(roles[role].clone());
            }
            _ => {}
        }
    }
    grants
}

#[test]
fn what_is_printed_is_enough_and_each_is_necessary() {
    let grants = printed();
    let paths: Vec<&String> = grants.keys().collect();
    assert_eq!(
        paths,
        ["/sdn", "/sdn/zones/lab/lan", "/storage/local", "/storage/local-lvm", "/vms"]
    );
    life(&grants).unwrap_or_else(|reported| panic!("not enough: {reported}"));
    let is_of_networks = |path: &str| path.starts_with("/sdn");
    let each: Vec<(&String, &String)> = grants
        .iter()
        .filter(|(path, _)| is_of_networks(path))
        .flat_map(|(path, list)| list.iter().map(move |privilege| (path, privilege)))
        .collect();
    let needless = parallel::each(WORKERS, each.len(), |number| {
        let (path, privilege) = each.get(number).unwrap_or_else(|| panic!("{number}"));
        let mut fewer = grants.clone();
        fewer.get_mut(*path).unwrap().retain(|other| other != *privilege);
        let Err(reported) = life(&fewer) else {
            return Err(format!("{privilege} on {path}: everything works without it"));
        };
        let line = reported.lines().find(|line| line.contains("error: ")).unwrap_or_default();
        println!("without {privilege} on {path}: {line}");
        match reported.contains("SDN.") {
            true => Ok(()),
            false => Err(format!("{privilege} on {path} is not named: {reported}")),
        }
    });
    assert!(needless.is_empty(), "{}", needless.join("\n"));
    println!("{} privileges, each necessary", each.len());
}
