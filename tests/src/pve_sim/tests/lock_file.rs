//! The lock file of a VM's config, and a cleanup that runs after a start.

use super::check;

const TIMEOUT: &str = "can't lock file '/var/lock/qemu-server/lock-100.conf' - got timeout";
const CONFIG: &str = "PUT /nodes/pve1/qemu/100/config cores=4";
const START: &str = "POST /nodes/pve1/qemu/100/status/start";
const STOP: &str = "POST /nodes/pve1/qemu/100/status/stop";

fn world(version: &str, rest: &str) -> String {
    format!(
        r#"{{"version": "{version}", "late_cleanup": 30,
            "vms": {{"100": {{"config": {{"virtio0": "local-lvm:1"}}, {rest}}}}}}}"#
    )
}

#[test]
fn taking_a_held_lock_file_waits_ten_seconds() {
    let held = world("9.2.11", r#""running": false, "lock_held": 51"#);
    let sim = check(
        &held,
        "[]",
        &[
            (CONFIG, TIMEOUT),
            ("POST /nodes/pve1/qemu/100/config cores=4", "200 OK"),
            ("task", TIMEOUT),
            ("PUT /nodes/pve1/qemu/100/resize disk=virtio0 size=2G", "200 OK"),
            ("task", TIMEOUT),
            ("POST /nodes/pve1/qemu/100/move_disk disk=virtio0 storage=local-zfs", "200 OK"),
            ("task", TIMEOUT),
            ("DELETE /nodes/pve1/qemu/100", "200 OK"),
            ("task", TIMEOUT),
            (START, "200 OK"),
            ("task", "OK"),
        ],
    );
    assert_eq!(sim.waited().as_secs(), 51);
    assert!(sim.world().vms[&100].running);
}

#[test]
fn before_9_2_a_change_waits_for_the_file_before_its_task_starts() {
    const CHANGE: &str = "POST /nodes/pve1/qemu/100/config cores=4";
    for (version, first) in [
        ("8.4.1", [(CHANGE, TIMEOUT)].as_slice()),
        ("9.1.7", &[(CHANGE, TIMEOUT)]),
        ("9.2.11", &[(CHANGE, "200 OK"), ("task", TIMEOUT)]),
    ] {
        let then = [(CHANGE, "200 OK"), ("task", "OK")];
        let held = world(version, r#""running": false, "lock_held": 11"#);
        let sim = check(&held, "[]", &[first, &then].concat());
        assert_eq!(sim.waited().as_secs(), 11, "{version}");
    }
}

#[test]
fn a_cleanup_after_the_start_holds_the_file() {
    let stop_and_start = [(STOP, "200 OK"), ("task", "OK"), (START, "200 OK"), ("task", "OK")];
    let running = r#""running": true"#;
    let check_config = |version: &str, first: &str| {
        let steps: Vec<_> = stop_and_start.into_iter().chain([(CONFIG, first)]).collect();
        check(&world(version, running), "[]", &steps);
    };
    check_config("9.2.11", TIMEOUT);
    // PVE: qemu-server before 9.1.14 does not wait.
    check_config("9.1.7", "200 OK");
}

#[test]
fn after_a_reboot_the_cleanup_itself_starts_the_vm() {
    let steps = [
        ("POST /nodes/pve1/qemu/100/status/reboot", "200 OK"),
        ("task", "OK"),
        ("GET /nodes/pve1/qemu/100/status/current", r#""status":"stopped""#),
        ("GET /nodes/pve1/qemu/100/status/current", r#""status":"running""#),
        (CONFIG, "200 OK"),
    ];
    check(&world("9.2.11", r#""running": true"#), "[]", &steps);
}
