//! Changes that wait for a power cycle, that fail half-way, and power changes by others
//! (facts-4 25 to 27 and 51 to 56).

use super::{check, send, start};

const CONFIG: &str = "GET /nodes/pve1/qemu/100/config";
const CURRENT: &str = "GET /nodes/pve1/qemu/100/config current=1";
const PENDING: &str = "GET /nodes/pve1/qemu/100/pending";
const PUT: &str = "PUT /nodes/pve1/qemu/100/config";
const POST: &str = "POST /nodes/pve1/qemu/100/config";
const STATUS: &str = "GET /nodes/pve1/qemu/100/status/current";

fn world(vm: &str) -> String {
    let config = r#"{"cores": "1", "memory": "512", "net0": "virtio=BC:24:11:00:00:01,bridge=vmbr0",
        "virtio0": "local-lvm:vm-100-disk-0,size=10G", "boot": "order=virtio0"}"#;
    format!(r#"{{"vms": {{"100": {{{vm} "config": {config}}}}}}}"#)
}

#[test]
fn a_hotplug_that_fails_answers_400_and_stays_pending() {
    let vm = r#""running": true, "hotplug_fails": {"net0": "QEMU says no", "virtio1": "no slot"},"#;
    let failed = r#""errors":{"net0":"hotplug problem - QEMU says no\n"}"#;
    let net = "net0=virtio=BC:24:11:00:00:01,bridge=vmbr0,tag=5";
    check(
        &world(vm),
        "[]",
        &[
            (&format!("{PUT} {net} description=new cores=4"), "400 Parameter verification failed."),
            (PENDING, r#""pending":"virtio=BC:24:11:00:00:01,bridge=vmbr0,tag=5""#),
            (PENDING, r#"{"key":"cores","value":1,"pending":4}"#),
            (CURRENT, r#""description":"new""#),
            (CURRENT, r#""net0":"virtio=BC:24:11:00:00:01,bridge=vmbr0""#),
            // Again: it is retried and fails again.
            (&format!("{PUT} {net}"), failed),
            (&format!("{PUT} virtio1=local-lvm:1"), r#""virtio1":"hotplug problem - no slot\n""#),
            (PENDING, r#"{"key":"virtio1","pending":"local-lvm:vm-100-disk-1,size=1G"}"#),
            (&format!("{POST} {net}"), "200 OK"),
            ("task", "400 Parameter verification failed.\\nnet0: hotplug problem - QEMU says no"),
            ("POST /nodes/pve1/qemu/100/status/stop", "200 OK"),
            ("task", r#""OK""#),
            (CURRENT, "tag=5"),
            (CURRENT, r#""virtio1":"local-lvm:vm-100-disk-1,size=1G""#),
            (&format!("{PUT} net0=virtio=BC:24:11:00:00:01,bridge=vmbr0"), "200 OK"),
        ],
    );
}

#[test]
fn the_current_value_and_a_revert_clear_pending_changes() {
    let sim = check(
        &world(r#""running": true,"#),
        "[]",
        &[
            (&format!("{PUT} cores=4 memory=1024 sockets=2 cpu=host"), "200 OK"),
            (PENDING, r#"{"key":"sockets","pending":2}"#),
            (&format!("{PUT} memory=512"), "200 OK"),
            (&format!("{PUT} revert=cores,cpu"), "200 OK"),
            (PENDING, r#"{"key":"cores","value":1}"#),
            (PENDING, r#"{"key":"memory","value":"512"}"#),
            (&format!("{PUT} delete=sockets,cores"), "200 OK"),
            (PENDING, r#"{"key":"cores","value":1,"delete":1}"#),
            (&format!("{PUT} revert=cores"), "200 OK"),
        ],
    );
    let pending = send(&sim, PENDING);
    assert!(!pending.contains("pending") && !pending.contains("delete"), "{pending}");
    assert!(!pending.contains("sockets") && !pending.contains("cpu"), "{pending}");
}

#[test]
fn a_pending_new_disk_becomes_unused() {
    for undo in ["revert=sata0", "delete=sata0", "sata0=local-lvm:2"] {
        check(
            &world(r#""running": true,"#),
            "[]",
            &[
                (&format!("{PUT} sata0=local-lvm:1"), "200 OK"),
                (PENDING, r#"{"key":"sata0","pending":"local-lvm:vm-100-disk-1,size=1G"}"#),
                (&format!("{PUT} {undo}"), "200 OK"),
                (CONFIG, r#""unused0":"local-lvm:vm-100-disk-1""#),
            ],
        );
    }
}

#[test]
fn the_running_vm_decides_what_is_pending() {
    let pending = |key: &str, value: &str| format!(r#"{{"key":"{key}","pending":{value}}}"#);
    for (vm, change, seen) in [
        ("", "balloon=0", pending("balloon", "0")),
        ("", "balloon=256", r#"{"key":"balloon","value":256}"#.to_owned()),
        ("", "smbios1=manufacturer=x", pending("smbios1", r#""manufacturer=x""#)),
        ("", "agent=1", pending("agent", r#""1""#)),
        ("", "net1=virtio=BC:24:11:00:00:02,bridge=vmbr0", r#"{"key":"net1","value""#.to_owned()),
    ] {
        check(
            &world(&format!(r#""running": true,{vm}"#)),
            "[]",
            &[(&format!("{PUT} {change}"), "200 OK"), (PENDING, &seen)],
        );
    }
    let unplugged =
        world(r#""running": true,"#).replace(r#""cores""#, r#""hotplug": "0", "cores""#);
    check(
        &unplugged,
        "[]",
        &[
            (&format!("{PUT} net0=virtio=BC:24:11:00:00:01,bridge=vmbr0,tag=5"), "200 OK"),
            (CURRENT, "tag=5"),
            (&format!("{PUT} net0=e1000=BC:24:11:00:00:01,bridge=vmbr0"), "200 OK"),
            (PENDING, r#""pending":"e1000=BC:24:11:00:00:01"#),
            (&format!("{PUT} virtio1=local-lvm:1"), "200 OK"),
            (PENDING, r#"{"key":"virtio1","pending""#),
        ],
    );
}

#[test]
fn a_change_that_fails_half_way_is_half_pending() {
    check(
        &world(""),
        "[]",
        &[
            (
                &format!(
                    "{POST} cores=4 description=new virtio1=local-lvm:0,import-from=local:import/no.raw"
                ),
                "200 OK",
            ),
            ("task", "failed to stat '/var/lib/vz/import/no.raw'"),
            (CONFIG, r#""cores":4"#),
            (CURRENT, r#""cores":1"#),
            (PENDING, r#"{"key":"cores","value":1,"pending":4}"#),
            // Any later write applies it, and so would a start.
            (&format!("{PUT} name=web"), "200 OK"),
            (CURRENT, r#""cores":4"#),
            (CURRENT, r#""description":"new""#),
        ],
    );
}

#[test]
fn a_task_may_be_ok_and_do_nothing() {
    let nothing = |when: &str| {
        format!(r#"[{{"when": "{when}", "then": {{"task": {{"exitstatus": "OK"}}}}}}]"#)
    };
    let start = "POST /nodes/pve1/qemu/100/status/start";
    let stopped = r#""status":"stopped""#;
    check(
        &world(""),
        &nothing("POST /nodes/*/qemu/*/status/start"),
        &[
            (start, "200 OK"),
            ("task", r#""exitstatus":"OK""#),
            (STATUS, stopped),
            (start, "200 OK"),
            ("task", r#""OK""#),
            (STATUS, r#""status":"running""#),
        ],
    );
    check(
        &world(""),
        &nothing("POST /nodes/*/qemu/*/config"),
        &[
            (&format!("{POST} cores=4"), "200 OK"),
            ("task", r#""exitstatus":"OK""#),
            (CONFIG, r#""cores":1"#),
        ],
    );
    let put = r#"[{"when": "PUT /nodes/*/qemu/*/config", "then": {"body": {"data": null}}}]"#;
    check(
        &world(""),
        put,
        &[(&format!("{PUT} cores=4"), r#"200 OK {"data":null}"#), (CONFIG, r#""cores":1"#)],
    );
}

#[test]
fn others_can_change_power_and_config_at_any_request() {
    let nth = |nth: u32, edit: &str| {
        format!(
            r#"[{{"when": "* /**", "nth": {nth}, "then": {{"edit": {{"vmid": 100, {edit}}}}}}}]"#
        )
    };
    let (stopped, running) = (r#""status":"stopped""#, r#""status":"running""#);
    check(
        &world(""),
        &nth(3, r#""running": true"#),
        &[(STATUS, stopped), (STATUS, stopped), (STATUS, running)],
    );
    // A start or stop by others applies pending changes.
    check(
        &world(r#""running": true,"#),
        &nth(3, r#""running": false"#),
        &[
            (&format!("{PUT} cores=4"), "200 OK"),
            (CURRENT, r#""cores":1"#),
            (CURRENT, r#""cores":4"#),
            (STATUS, stopped),
        ],
    );
    let tags = nth(2, r#""set": {"tags": "theirs"}"#);
    let sim = start(&world(""), &tags);
    assert!(!send(&sim, CONFIG).contains("theirs"));
    assert!(send(&sim, CONFIG).contains(r#""tags":"theirs""#));
}

#[test]
fn an_answer_may_be_incomplete() {
    let faults = r#"[
        {"when": "GET /nodes/*/qemu", "then": {"body": {}}},
        {"when": "GET /nodes/*/qemu", "nth": 2, "then": {"body": {"data": null}}},
        {"when": "GET /nodes/*/qemu", "nth": 3, "then": {"row": {"drop": ["vmid", "name"], "set": {"status": 7}}}},
        {"when": "GET /nodes/*/qemu", "nth": 4, "then": {"row": {"at": 9, "drop": ["vmid"]}}}]"#;
    let list = "GET /nodes/pve1/qemu";
    let sim = check(
        &world(""),
        faults,
        &[
            (list, "200 OK {}"),
            (list, r#"200 OK {"data":null}"#),
            (list, r#""status":7"#),
            (list, r#""vmid":100"#),
        ],
    );
    sim.forget_requests();
    let row = r#"[{"when": "GET /nodes/*/qemu", "then": {"row": {"drop": ["vmid"]}}}]"#;
    assert!(!send(&start(&world(""), row), list).contains("vmid"));
}
