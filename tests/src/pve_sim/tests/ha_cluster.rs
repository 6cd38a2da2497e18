//! HA in a cluster: migration, fencing and recovery, disarmed stacks, and HA's own endpoints.

use super::{check, send, start, wait};
use crate::pve_sim::PveSim;

const POST: &str = "POST /nodes/pve1/qemu/101/migrate target=pve2 online=1";

/// Three nodes and a VM under HA; the caller has all privileges.
fn world(running: bool, resource: &str, more: &str) -> String {
    format!(
        r#"{{"version": "9.2.6", "resources_lag": 0, "nodes": {{"pve1": {{}}, "pve2": {{}}, "pve3": {{}}}},
        "vms": {{"101": {{"running": {running}, "config": {{"scsi0": "local-lvm:vm-101-disk-0,size=1G"}}}},
            "102": {{"node": "pve2", "running": true}}}},
        "ha": {{"101": {resource}, "102": {{}}}},
        "access": {{"users": {{"pipeline@pve": {{}}}},
            "tokens": {{"pipeline@pve!apply": {{"secret": "00000000-0000-4000-8000-000000000001", "privsep": false}}}},
            "acl": [{{"path": "/", "who": "pipeline@pve", "role": "Administrator"}}]}}{more}}}"#
    )
}

/// Returns node, power and HA state of VM 101 in each of the next reads.
fn reads(sim: &PveSim, count: usize) -> Vec<String> {
    let read = |_| {
        let seen = send(sim, "GET /cluster/resources type=vm");
        let row = seen.split("qemu/101").nth(1).unwrap().to_owned();
        let field = |key: &str| {
            let rest = row.split(&format!("\"{key}\":\"")).nth(1).unwrap_or_default();
            rest.split('"').next().unwrap_or_default().to_owned()
        };
        format!("{} {} {}", field("node"), field("status"), field("hastate"))
    };
    (0..count).map(read).collect()
}

#[test]
fn a_migration_is_requested_and_happens_later() {
    for (running, resource, power, end) in [
        (true, r#"{"delay": 1}"#, "running", "started"),
        (false, r#"{"state": "stopped", "delay": 1}"#, "stopped", "stopped"),
    ] {
        let sim = check(
            &world(running, resource, ""),
            "[]",
            &[
                (POST, ":hamigrate:101:"),
                ("task", "Requesting HA migration for VM 101 to node pve2"),
                ("task", r#""OK""#),
            ],
        );
        let seen = reads(&sim, 9);
        assert_eq!(seen[0], format!("pve1 {power} {end}"), "{seen:?}");
        assert!(seen.contains(&format!("pve1 {power} migrate")), "{seen:?}");
        assert_eq!(seen[8], format!("pve2 {power} {end}"), "{seen:?}");
        let world = sim.world();
        assert_eq!(world.volumes[0].node.as_deref(), Some("pve2"), "HA takes local disks along");
        let kinds: Vec<_> =
            world.tasks.iter().map(|task| format!("{} {}", task.kind, task.user)).collect();
        assert!(kinds.contains(&"qmigrate root@pam".to_owned()), "{kinds:?}");
    }
}

#[test]
fn a_failed_move_leaves_the_service_where_it_was() {
    let sim = start(&world(true, r#"{"delay": 0}"#, ""), "[]");
    sim.edit(|world| {
        world
            .vms
            .get_mut(&101)
            .unwrap()
            .config
            .insert("net0".to_owned(), "virtio,bridge=vmbr9".to_owned());
    });
    send(&sim, POST);
    assert_eq!(reads(&sim, 9)[8], "pve1 running started");
}

#[test]
fn affinity_blocks_or_takes_along() {
    let rule = |affinity: &str| {
        format!(r#", "ha_rules": {{"r": {{"affinity": "{affinity}", "resources": [101, 102]}}}}"#)
    };
    let sim = start(&world(true, r#"{"delay": 0}"#, &rule("negative")), "[]");
    let ended = wait(&sim, send(&sim, POST).split('"').nth(3).unwrap());
    assert!(
        ended.contains("command 'ha-manager migrate vm:101 pve2' failed: exit code 2"),
        "{ended}"
    );
    assert!(
        ended.contains("- resource 'vm:102' on target node 'pve2' in negative affinity"),
        "{ended}"
    );
    assert_eq!(reads(&sim, 9)[8], "pve1 running started");
    let sim = start(&world(true, r#"{"delay": 0}"#, &rule("positive")), "[]");
    let step = POST.replace("target=pve2", "target=pve3");
    let ended = wait(&sim, send(&sim, &step).split('"').nth(3).unwrap());
    assert!(ended.contains("also migrate resource 'vm:102' in positive affinity"), "{ended}");
    sim.settle();
    let world = sim.world();
    assert_eq!((world.vms[&101].node.as_str(), world.vms[&102].node.as_str()), ("pve3", "pve3"));
}

#[test]
fn a_service_in_error_is_not_migrated() {
    let sim = start(&world(false, r#"{"service": "error"}"#, ""), "[]");
    let ended = wait(&sim, send(&sim, POST).split('"').nth(3).unwrap());
    assert!(ended.contains("failed: exit code 255"), "{ended}");
    assert!(ended.contains("in error state, must be disabled and fixed first"), "{ended}");
}

#[test]
fn a_lost_node_is_fenced_and_its_vms_recover_elsewhere() {
    let fault = r#"[{"when": "GET /version", "then": {"offline": "pve1"}}]"#;
    let shared =
        r#", "storages": {"local-lvm": {"type": "nfs", "content": ["images"], "shared": true}}"#;
    let nfs = world(true, r#"{"delay": 0}"#, shared)
        .replace("local-lvm:vm-101-disk-0", "local-lvm:101/vm-101-disk-0.raw");
    let sim = start(&nfs, fault);
    send(&sim, "GET /version");
    let seen = reads(&sim, 8);
    let states: Vec<&str> = seen.iter().map(|row| row.rsplit(' ').next().unwrap()).collect();
    assert_eq!(states[..3], ["fence", "recovery", "started"], "{seen:?}");
    assert_eq!(
        (seen[0].as_str(), seen[7].as_str()),
        ("pve1 unknown fence", "pve2 running started")
    );
    // A local disk stays behind, so the start fails.
    let sim = start(&world(true, r#"{"delay": 0}"#, ""), fault);
    send(&sim, "GET /version");
    assert_eq!(reads(&sim, 9)[8], "pve2 stopped error");
}

#[test]
fn without_quorum_the_manager_waits() {
    let sim = start(&world(false, r#"{"delay": 0}"#, r#", "quorate": false"#), "[]");
    assert_eq!(reads(&sim, 9)[8], "pve1 stopped stopped");
    sim.edit(|world| world.quorate = None);
    assert_eq!(reads(&sim, 9)[8], "pve1 running started");
}

#[test]
fn a_disarmed_stack_freezes_or_ignores() {
    let sim = start(
        &world(false, r#"{"state": "stopped", "delay": 0}"#, r#", "ha_disarmed": "freeze""#),
        "[]",
    );
    assert!(send(&sim, "POST /nodes/pve1/qemu/101/status/start").contains(":hastart:"));
    assert_eq!(reads(&sim, 9)[8], "pve1 stopped freeze");
    check(
        &world(false, r#"{"state": "stopped", "delay": 0}"#, r#", "ha_disarmed": "ignore""#),
        "[]",
        &[
            ("GET /nodes/pve1/qemu/101/status/current", r#""ha":{"managed":0}"#),
            ("GET /cluster/resources type=vm", r#""hastate":"stopped""#),
            ("GET /cluster/ha/status/current", r#""armed-state":"disarmed""#),
            ("POST /nodes/pve1/qemu/101/status/start", ":qmstart:"),
            ("task", r#""OK""#),
            ("GET /nodes/pve1/qemu/101/status/current", r#""status":"running""#),
            ("DELETE /nodes/pve1/qemu/101", "used in HA resources and purge parameter not set."),
        ],
    );
}

#[test]
fn a_state_may_change_between_two_requests() {
    let faults = r#"[{"when": "GET /version", "then": {"ha": {"vmid": 101, "service": "freeze"}}},
        {"when": "GET /cluster/options", "then": {"ha": {"vmid": 101, "service": "started", "idle": true}}}]"#;
    let sim = start(&world(true, r#"{"delay": 0}"#, ""), faults);
    send(&sim, "GET /version");
    assert_eq!(reads(&sim, 3)[2], "pve1 running freeze");
    send(&sim, "GET /cluster/options");
    assert_eq!(reads(&sim, 3)[2], "pve1 running started");
}

#[test]
fn a_stop_under_way_is_finished_before_a_start() {
    let sim = start(&world(true, r#"{"service": "request_stop", "delay": 0}"#, ""), "[]");
    let seen = reads(&sim, 9);
    assert!(seen.contains(&"pve1 stopped started".to_owned()), "{seen:?}");
    assert_eq!(seen[8], "pve1 running started");
}

#[test]
fn the_way_out_of_an_error_is_disabled() {
    let sim = check(
        &world(false, r#"{"service": "error", "delay": 0}"#, ""),
        "[]",
        &[
            ("GET /cluster/ha/status/current", r#""sid":"vm:101","node":"pve1","state":"error""#),
            (
                "PUT /cluster/ha/resources/vm:101 state=started",
                "500 service 'vm:101' in error state, must be disabled and fixed first",
            ),
            ("PUT /cluster/ha/resources/vm:101 state=disabled", "200 OK"),
            ("GET /cluster/ha/status/current", r#""state":"clearing error flag""#),
            ("GET /cluster/resources", "200 OK"),
            ("GET /cluster/ha/status/current", r#""state":"disabled""#),
            ("PUT /cluster/ha/resources/101 state=started", "200 OK"),
            ("GET /cluster/ha/status/current", r#""state":"starting""#),
            ("GET /cluster/ha/resources", r#""sid":"vm:101","type":"vm","state":"started""#),
            ("GET /cluster/ha/resources/vm:999", "500 no such resource 'vm:999'"),
            (
                "PUT /cluster/ha/resources/vm:999 state=started",
                "500 update resources config failed: no such resource 'vm:999'",
            ),
            ("PUT /cluster/ha/resources/vm:101 state=on", "400"),
        ],
    );
    assert_eq!(reads(&sim, 9)[8], "pve1 running started");
    assert_eq!(sim.refused(), Vec::<String>::new());
}

#[test]
fn the_usual_token_has_no_rights_to_ha() {
    check(
        "{}",
        "[]",
        &[
            ("GET /cluster/ha/resources", "403 Permission check failed (/, Sys.Audit)"),
            ("GET /cluster/ha/resources/vm:101", "403 Permission check failed (/, Sys.Audit)"),
            ("GET /cluster/ha/status/current", "403 Permission check failed (/, Sys.Audit)"),
            (
                "PUT /cluster/ha/resources/vm:101 state=started",
                "403 Permission check failed (/, Sys.Console)",
            ),
            (
                "POST /nodes/pve1/qemu vmid=101 ha-managed=1",
                "403 Permission check failed (/, Sys.Console)",
            ),
        ],
    );
}
