//! The first create gets a vmid, on whichever node (facts 5 and 32).

use std::sync::Barrier;

use super::{check, send, start, wait};

const TWO: &str = r#"{"nodes": {"pve1": {}, "pve2": {}}}"#;

#[test]
fn one_of_many_concurrent_creates_gets_the_vmid() {
    let sim = start(TWO, "[]");
    let barrier = Barrier::new(8);
    let claim = |number: usize| {
        barrier.wait();
        send(&sim, &format!("POST /nodes/pve{}/qemu vmid=100 name=run{number}", 1 + number % 2))
    };
    let answers: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|number| scope.spawn(move || claim(number))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let won: Vec<usize> = (0..8).filter(|at| answers[*at].starts_with("200 ")).collect();
    let [winner] = won[..] else { panic!("{answers:?}") };
    let node = format!("pve{}", 1 + winner % 2);
    let lost = format!("500 unable to create VM 100 - VM 100 already exists on node '{node}'");
    let losers = answers.iter().filter(|answer| answer.starts_with(&lost));
    assert_eq!(losers.count(), 7, "{answers:?}");
    let ended = wait(&sim, answers[winner].split('"').nth(3).unwrap());
    assert!(ended.contains(r#""OK""#), "{ended}");
    let config = send(&sim, &format!("GET /nodes/{node}/qemu/100/config"));
    assert!(config.contains(&format!(r#""name":"run{winner}""#)), "{config}");
}

#[test]
fn a_claimed_vmid_is_in_use_and_shows_only_its_lock() {
    let long = r#"[{"when": "POST /nodes/*/qemu", "then": {"task": {"length": 9}}}]"#;
    let lock_only = r#""lock":"create","node":"pve2","status":"unknown","type":"qemu","vmid":100"#;
    let sim = check(
        TWO,
        long,
        &[
            ("GET /cluster/nextid", r#""100""#),
            ("POST /nodes/pve2/qemu vmid=100 name=web tags=ours description=mark", "200 OK"),
            ("GET /cluster/nextid", r#""101""#),
            ("GET /cluster/nextid vmid=100", r#"400 Parameter verification failed. {"data":null"#),
            ("GET /nodes/pve2/qemu", r#""name":"VM 100""#),
            ("GET /nodes/pve2/qemu/100/config", r#"{"data":{"lock":"create","digest":""#),
            ("PUT /nodes/pve2/qemu/100/config name=x", "500 VM is locked (create)"),
        ],
    );
    let seen = send(&sim, "GET /cluster/resources type=vm");
    assert!(lock_only.split(',').all(|part| seen.contains(part)), "{seen}");
    assert!(!seen.contains("tags"), "{seen}");
    assert_eq!(sim.shutdown().vms[&100].config["tags"], "ours");
}

#[test]
fn a_create_on_the_same_node_waits_for_the_lock_file() {
    let locked = "500 unable to create VM 100 - can't lock file '/var/lock/qemu-server/lock-100.conf' - got timeout";
    let exists = "500 unable to create VM 100 - VM 100 already exists on node 'pve1'";
    let fault = |length: u32| {
        format!(r#"[{{"when": "POST /nodes/*/qemu", "then": {{"task": {{"length": {length}}}}}}}]"#)
    };
    let (here, there) = ("POST /nodes/pve1/qemu vmid=100", "POST /nodes/pve2/qemu vmid=100");
    check(TWO, &fault(20), &[(here, "200 OK"), (here, locked), (there, exists), (here, locked)]);
    check(TWO, &fault(3), &[(here, "200 OK"), (here, exists)]);
    check(TWO, &fault(20), &[(here, "200 OK"), ("task", r#""OK""#), (here, exists)]);
}

#[test]
fn the_next_id_is_in_the_datacenters_range() {
    let world = r#"{"options": {"next-id": "lower=500,upper=502"}, "vms": {"500": {}}}"#;
    check(
        world,
        "[]",
        &[
            ("GET /cluster/nextid", r#""501""#),
            ("GET /cluster/nextid vmid=100", r#""100""#),
            ("POST /nodes/pve1/qemu vmid=501", "200 OK"),
            ("GET /cluster/nextid", "500 unable to get any free VMID in range [500, 502]"),
        ],
    );
}
