//! The privileges that `pve-apply privileges` prints for a document. With a network they are enough for its whole
//! life, and each of them is necessary; and the cases that say so use a token that has them and no others.

#![expect(clippy::disallowed_methods, reason = "door: a test reads its cases")]
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

/// Runs `pve-apply privileges` for a document.
fn printed(document: impl Fn(&PveSim) -> Value) -> Grants {
    let sim = start(&Grants::new());
    let home = tempfile::tempdir().unwrap();
    granted(&run(&sim, home.path(), &["privileges", "--document"], &document(&sim)).unwrap())
}

/// Reads commands of `pveum`, without the comments.
fn granted(text: &str) -> Grants {
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
    let grants = printed(|sim| document(sim, "Lab"));
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

/// Returns what user and token of a case's world both have.
fn of_world(access: &Value) -> Grants {
    let mut both: BTreeMap<(String, String), Vec<&str>> = BTreeMap::new();
    for entry in access["acl"].as_array().unwrap() {
        let text = |key: &str| entry[key].as_str().unwrap();
        let grant = (text("path").to_owned(), text("role").to_owned());
        both.entry(grant).or_default().push(text("who"));
    }
    let mut grants = Grants::new();
    for ((path, role), who) in both {
        assert_eq!(who, ["pipeline@pve", "pipeline@pve!apply"], "{path}");
        let list = access["roles"][&role].as_array().unwrap().iter();
        let list = list.map(|privilege| privilege.as_str().unwrap().to_owned());
        grants.entry(path).or_default().extend(list);
    }
    grants
}

#[test]
fn cases_with_the_printed_privileges_have_exactly_these() {
    let cases = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let folders = std::fs::read_dir(cases).unwrap().map(|entry| entry.unwrap().path());
    let mut count = 0;
    let is_one = |path: &std::path::PathBuf| {
        path.display().to_string().ends_with("-with-the-printed-privileges")
    };
    for folder in folders.filter(is_one) {
        let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
        let world: Value = serde_json::from_str(&read("world.json")).unwrap();
        let document = |sim: &PveSim| {
            let text = read("stdin").replace("$PVE_SIM_ENDPOINT", &sim.endpoint());
            serde_json::from_str(&text.replace("$PVE_SIM_TOKEN", &sim.token())).unwrap()
        };
        assert_eq!(of_world(&world["access"]), printed(document), "{}", folder.display());
        count += 1;
    }
    println!("{count} cases");
    assert!(count >= 2);
}
