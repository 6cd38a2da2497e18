//! VMs under high availability: power is only requested and changes later (facts-3 4.1 and 4.2).

use super::{check, send, start, wait};
use crate::pve_sim::{Options, Pace, PveSim, World};

const CURRENT: &str = "GET /nodes/pve1/qemu/101/status/current";
const START: &str = "POST /nodes/pve1/qemu/101/status/start";
const STOP: &str = "POST /nodes/pve1/qemu/101/status/stop";
const SHUTDOWN: &str = "POST /nodes/pve1/qemu/101/status/shutdown";
const STATUS: &str = "GET /nodes/pve1/tasks/$UPID/status";

fn world(running: bool, resource: &str) -> String {
    format!(
        r#"{{"resources_lag": 0, "vms": {{"101": {{"running": {running}, "config": {{"name": "web"}}}}}}, "ha": {{"101": {resource}}}}}"#
    )
}

/// Returns power and HA state in each of the next reads.
fn reads(sim: &PveSim, count: usize) -> Vec<String> {
    let field = |text: &str, key: &str| {
        let rest = text.split(&format!("\"{key}\":\"")).nth(1).unwrap_or_default();
        rest.split('"').next().unwrap_or_default().to_owned()
    };
    let read = |_| {
        let seen = send(sim, CURRENT);
        format!("{} {}", field(&seen, "status"), field(&seen, "state"))
    };
    (0..count).map(read).collect()
}

#[test]
fn a_start_ends_at_once_and_the_vm_starts_later() {
    let resource = r#"{"state": "stopped", "delay": 2}"#;
    let sim = check(
        &world(false, resource),
        "[]",
        &[
            (CURRENT, r#""ha":{"managed":1,"state":"stopped"}"#),
            (START, ":hastart:101:"),
            (STATUS, r#""status":"stopped","exitstatus":"OK""#),
            ("task", r#"{"n":1,"t":"Requesting HA start for VM 101"}"#),
        ],
    );
    let expected = [
        "stopped stopped",
        "stopped stopped",
        "stopped started",
        "stopped started",
        "running started",
    ];
    assert_eq!(reads(&sim, 5), expected);
    assert_eq!(sim.refused(), Vec::<String>::new());
}

#[test]
fn stop_and_shutdown_change_the_requested_state() {
    for (step, deaf) in [(STOP, true), (SHUTDOWN, false), (SHUTDOWN, true)] {
        let guest = format!(r#"{{"guest": {{"shuts_down": {}}}, "#, !deaf);
        let world = world(true, r#"{"delay": 0}"#).replacen('{', &guest, 1);
        let sim = check(
            &world,
            "[]",
            &[(step, ":hastop:101:"), (STATUS, r#""exitstatus":"OK""#), ("task", "HA stop")],
        );
        let expected = ["running request_stop", "running request_stop", "stopped stopped"];
        assert_eq!(reads(&sim, 3), expected, "{step}");
        assert_eq!(sim.world().ha[&101].state, "stopped", "and stays so");
        assert_eq!(reads(&sim, 9)[8], "stopped stopped");
    }
}

#[test]
fn delays_use_the_clock_when_tasks_do() {
    let world = World::from_json(&world(true, r#"{"delay": 150}"#)).unwrap();
    let options = Options { pace: Pace::Millis(1), ..Options::default() };
    let sim = PveSim::start(world, options).unwrap();
    let begun = std::time::Instant::now();
    send(&sim, STOP);
    while reads(&sim, 1)[0] != "stopped stopped" {
        assert!(begun.elapsed().as_secs() < 30);
    }
    assert!(begun.elapsed().as_millis() >= 150);
}

#[test]
fn a_reboot_involves_ha_only_for_the_start() {
    let sim = check(
        &world(true, r#"{"delay": 0}"#),
        "[]",
        &[("POST /nodes/pve1/qemu/101/status/reboot", ":qmreboot:101:"), ("task", r#""OK""#)],
    );
    let reads = reads(&sim, 5);
    assert!(reads[0].starts_with("stopped") && reads[4] == "running started", "{reads:?}");
    let world = sim.shutdown();
    let kinds: Vec<_> = world.tasks.iter().map(|task| task.kind.as_str()).collect();
    assert_eq!(kinds, ["qmreboot", "hastart", "qmstart"]);
}

#[test]
fn the_manager_keeps_the_requested_state() {
    let sim = start(&world(true, r#"{"delay": 0}"#), "[]");
    sim.edit(|world| world.vms.get_mut(&101).unwrap().running = false);
    assert_eq!(reads(&sim, 4)[3], "running started");
    let sim = start(&world(true, r#"{"state": "disabled", "delay": 0}"#), "[]");
    assert_eq!(reads(&sim, 4)[3], "stopped stopped");
}

#[test]
fn a_manager_may_be_idle_or_reach_another_state() {
    let sim = start(&world(true, r#"{"idle": true, "delay": 0}"#), "[]");
    assert!(send(&sim, STOP).contains(":hastop:"));
    assert_eq!(reads(&sim, 20)[19], "running started");
    for end in ["error", "fence"] {
        let resource = format!(r#"{{"state": "stopped", "delay": 1, "ends": "{end}"}}"#);
        let sim = start(&world(false, &resource), "[]");
        assert!(send(&sim, START).contains(":hastart:"));
        assert_eq!(reads(&sim, 20)[19], format!("stopped {end}"));
    }
    let locked = world(true, r#"{"delay": 0}"#).replace(r#""name""#, r#""lock": "backup", "name""#);
    let sim = start(&locked, "[]");
    send(&sim, STOP);
    assert_eq!(reads(&sim, 9)[8], "running error");
}

#[test]
fn a_service_in_error_refuses_requests() {
    let resource = r#"{"service": "error"}"#;
    for (step, command) in
        [(START, "set vm:101 --state started"), (STOP, "crm-command stop vm:101 0")]
    {
        let sim = start(&world(false, resource), "[]");
        let ended = wait(&sim, send(&sim, step).split('"').nth(3).unwrap());
        let status = format!("command 'ha-manager {command}' failed: exit code 255");
        assert!(ended.contains(&status), "{ended}");
        let why = "service 'vm:101' in error state, must be disabled and fixed first";
        assert!(ended.contains(why), "{ended}");
    }
}

#[test]
fn an_ignored_resource_is_not_managed() {
    check(
        &world(false, r#"{"state": "ignored"}"#),
        "[]",
        &[
            (CURRENT, r#""ha":{"managed":0}"#),
            ("GET /cluster/resources", r#""hastate":"ignored""#),
            (START, ":qmstart:101:"),
            ("task", r#""OK""#),
            (CURRENT, r#""status":"running""#),
            ("DELETE /nodes/pve1/qemu/101", "500 unable to remove VM 101 - used in HA resources"),
        ],
    );
}

#[test]
fn a_destroy_needs_purge_and_removes_the_resource() {
    let sim = check(
        &world(true, r#"{"delay": 0}"#),
        "[]",
        &[
            ("GET /cluster/resources type=vm", r#""hastate":"started""#),
            (
                "DELETE /nodes/pve1/qemu/101",
                "500 unable to remove VM 101 - used in HA resources and purge parameter not set.",
            ),
            ("DELETE /nodes/pve1/qemu/101 purge=1", "500 VM 101 is running - destroy failed"),
            (&format!("{STOP} overrule-shutdown=1"), "Not applicable for HA resources."),
            (STOP, "200 OK"),
            (CURRENT, "request_stop"),
            (CURRENT, "request_stop"),
            (CURRENT, r#""ha":{"managed":1,"state":"stopped"}"#),
            ("DELETE /nodes/pve1/qemu/101 purge=1", "200 OK"),
            ("task", "NOTE: removed VM 101 from HA resource configuration."),
        ],
    );
    assert!(sim.shutdown().ha.is_empty());
}

#[test]
fn a_resource_needs_a_vm_and_a_valid_state() {
    for (json, expected) in [
        (r#"{"ha": {"101": {}}}"#.to_owned(), "ha 101: no such vm"),
        (world(true, r#"{"state": "enabled"}"#), "ha 101: `state` is \"enabled\""),
    ] {
        let error = World::from_json(&json).unwrap_err();
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn shutdown_finishes_the_managers_work() {
    let sim = start(&world(false, r#"{"state": "stopped", "delay": 50}"#), "[]");
    send(&sim, START);
    let text = sim.shutdown().to_json();
    assert!(text.contains(r#""running": true"#) && text.contains(r#""service": "started""#));
    assert_eq!(World::from_json(&text).unwrap().to_json(), text);
}
