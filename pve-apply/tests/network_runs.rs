//! Two runs at once that change networks of one site: deployments that share a network, and one deployment twice.
//! Whoever comes second finds the work done, nothing is committed twice, and no lock remains.
//!
//! They know nothing of each other's lock, as on two machines, but for every third try.

#![expect(clippy::disallowed_methods, reason = "door: a test starts the tool")]
#![expect(clippy::unwrap_used, reason = "a test may")]

use serde_json::{Value, json};
use std::path::Path;
use std::process::Child;
use std::time::Duration;
use test_support::pve_sim::{Options, Pace, PveSim, World};
use test_support::{parallel, process};

/// How many tries.
const TRIES: usize = 60;
/// The number of parallel runs: they wait more than they work.
const WORKERS: usize = 8;

fn world() -> World {
    let case = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/network-alone-is-created");
    World::from_json(&std::fs::read_to_string(case.join("world.json")).unwrap()).unwrap()
}

fn document(sim: &PveSim, deployment: &str) -> String {
    let case = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/network-alone-is-created");
    let text = std::fs::read_to_string(case.join("stdin")).unwrap();
    let mut document: Value = serde_json::from_str(&text).unwrap();
    document["deployment"] = json!(deployment);
    document["api_endpoint"] = json!(sim.endpoint());
    document["api_token"] = json!(sim.token());
    document.to_string()
}

fn spawn(sim: &PveSim, document: &str, home: &Path, args: &[&str]) -> Child {
    process::spawn(env!("CARGO_BIN_EXE_pve-apply"), sim, home, args, document)
}

/// Starts two runs some time apart; returns the exit code and the output of each.
fn both(sim: &PveSim, number: usize, args: &[&str]) -> [(Option<i32>, String); 2] {
    let homes = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let names = if number.is_multiple_of(2) { ["dev", "test"] } else { ["dev", "dev"] };
    let second_home = &homes[usize::from(!number.is_multiple_of(3))];
    let first = spawn(sim, &document(sim, names[0]), homes[0].path(), args);
    // A run takes some tens of milliseconds: the second begins anywhere within it, or after it.
    std::thread::sleep(Duration::from_millis((number * 7 % 160) as u64));
    let second = spawn(sim, &document(sim, names[1]), second_home.path(), args);
    [first, second].map(|child| {
        let output = child.wait_with_output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    })
}

fn attempt(number: usize) -> Result<(), String> {
    let options = Options { pace: Pace::Millis([5, 60][number % 2]), ..Options::default() };
    let sim = PveSim::start(world(), options).unwrap();
    let create = ["apply", "--networks-only"];
    let destroy = ["destroy", "--networks-only", "--yes"];
    for (args, wanted) in [(&create[..], 1), (&destroy[..], 0)] {
        let ends = both(&sim, number, args);
        let said = || format!("{args:?}\n--- first\n{}\n--- second\n{}", ends[0].1, ends[1].1);
        sim.settle();
        let sdn = sim.world().sdn;
        if ends.iter().any(|(code, _)| *code != Some(0)) {
            return Err(format!("exit codes {:?} and {:?}, {}", ends[0].0, ends[1].0, said()));
        }
        if sdn.edited != sdn.running || sdn.running.zones.len() != wanted {
            return Err(format!("{:?}, {}", sdn.edited, said()));
        }
        if let Some(lock) = sdn.lock {
            return Err(format!("the lock remains: {lock}, {}", said()));
        }
    }
    Ok(())
}

#[test]
fn two_runs_share_a_network() {
    let failed = parallel::each(WORKERS, TRIES, |number| {
        attempt(number).map_err(|text| format!("try {number}: {text}"))
    });
    println!("{TRIES} tries, {} failed", failed.len());
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}
