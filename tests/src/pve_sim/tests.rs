//! Requests and their answers over a real TLS connection: one table per subject.

mod access;
mod answers;
mod claim;
mod clone;
mod cluster;
mod connections;
mod disks;
mod faults;
mod ha;
mod ha_cluster;
mod half;
mod hardware;
mod identity;
mod keys;
mod life;
mod lock_file;
mod migration;
mod migration_task;
mod pending;
mod pools;
mod replay;
mod sdn;
mod storage;
mod tags;
mod tasks;
mod vm;
mod wire;

use super::faults::from_json;
use super::{Options, PveSim, World};
use wire::Wire;

/// Starts a simulator with a world and faults as JSON.
fn start(world: &str, faults: &str) -> PveSim {
    let world = World::from_json(world).unwrap();
    let options = Options { faults: from_json(faults).unwrap(), ..Options::default() };
    PveSim::start(world, options).unwrap()
}

/// Sends each step and expects its text in `STATUS REASON BODY`.
///
/// A step is `METHOD /path key=value key=value`; `$UPID` is the task started last; the step
/// `task` waits for that one and expects the text in its exit status and log.
fn check(world: &str, faults: &str, steps: &[(&str, &str)]) -> PveSim {
    let sim = start(world, faults);
    let mut upid = String::new();
    for (step, expected) in steps {
        let seen = match *step {
            "task" => wait(&sim, &upid),
            step => send(&sim, &step.replace("$UPID", &upid)),
        };
        if let Some(at) = seen.find("\"UPID:") {
            upid = seen[at + 1..].split('"').next().unwrap().to_owned();
        }
        assert!(seen.contains(expected), "{step}\n  wanted: {expected}\n  got:    {seen}");
    }
    sim
}

fn send(sim: &PveSim, step: &str) -> String {
    let mut words = step.split(' ');
    let (method, path) = (words.next().unwrap(), words.next().unwrap());
    let form: Vec<String> = words
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap();
            format!("{key}={}", wire::escape(value))
        })
        .collect();
    let form = form.join("&");
    let mut wire = Wire::connect(sim);
    if matches!(method, "POST" | "PUT") {
        wire.ask(method, path, form.as_bytes()).text()
    } else if form.is_empty() {
        wire.ask(method, path, b"").text()
    } else {
        wire.ask(method, &format!("{path}?{form}"), b"").text()
    }
}

/// Polls until the task has stopped; returns exit status and log as one text.
fn wait(sim: &PveSim, upid: &str) -> String {
    let node = upid.split(':').nth(1).unwrap();
    let path = format!("/nodes/{node}/tasks/{upid}");
    for _ in 0..50 {
        let status = Wire::connect(sim).ask("GET", &format!("{path}/status"), b"").text();
        if status.contains("\"stopped\"") {
            let log = Wire::connect(sim).ask("GET", &format!("{path}/log?limit=0"), b"").text();
            return format!("{status} {log}");
        }
    }
    panic!("{upid} does not end");
}
