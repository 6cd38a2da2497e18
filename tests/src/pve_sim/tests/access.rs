//! Tokens, privileges, and filtered lists (facts 36, 50 to 54).

use super::wire::Wire;
use super::{check, start};

#[test]
fn tokens_are_valid_or_not() {
    let sim = start(
        r#"{"access": {"roles": {}, "acl": [],
            "users": {"a@pve": {}, "off@pve": {"enable": false}},
            "tokens": {"a@pve!t": {"secret": "s"}, "a@pve!old": {"secret": "s", "expired": true},
                       "off@pve!t": {"secret": "s"}}}}"#,
        "[]",
    );
    for (token, expected) in [
        ("a@pve!t=s", "200 OK"),
        ("a@pve!t=x", "401 Authentication failed!"),
        ("a@pve!none=s", "401 Authentication failed!"),
        ("a@pve!old=s", "401 Authentication failed!"),
        ("off@pve!t=s", "401 Authentication failed!"),
        ("nonsense", "401 Authentication failed!"),
    ] {
        let got = Wire::connect(&sim).with_token(token).ask("GET", "/version", b"");
        assert_eq!(got.status, expected, "{token}");
        assert_eq!(got.body.is_empty(), expected.starts_with("401"), "{token}");
    }
}

#[test]
fn a_missing_privilege_is_named() {
    let withdraw = |path: &str, privilege: &str| {
        format!(
            r#"[{{"when": "* /**", "then": {{"withdraw": {{"path": "{path}", "privilege": "{privilege}"}}}}}}]"#
        )
    };
    let vm = r#"{"vms": {"100": {}}}"#;
    for (path, privilege, step, expected) in [
        ("/vms", "VM.Audit", "GET /nodes/pve1/qemu/100/config", "(/vms/100, VM.Audit)"),
        ("/vms", "VM.Audit", "GET /nodes/pve1/qemu/999/config", "(/vms/999, VM.Audit)"),
        ("/vms", "VM.Audit", "GET /nodes/pve1/qemu", r#"200 OK {"data":[]}"#),
        ("/vms", "VM.Allocate", "POST /nodes/pve1/qemu vmid=101", "403 Permission check failed {"),
        (
            "/vms",
            "VM.Config.CPU",
            "POST /nodes/pve1/qemu vmid=101 cores=2",
            "(/vms/101, VM.Config.CPU)",
        ),
        (
            "/vms",
            "VM.Config.HWType",
            "POST /nodes/pve1/qemu vmid=101 serial0=socket",
            "(/vms/101, VM.Config.HWType)",
        ),
        (
            "/vms",
            "VM.Config.Disk",
            "PUT /nodes/pve1/qemu/100/config virtio0=local-lvm:1",
            "(/vms/100, VM.Config.Disk)",
        ),
        (
            "/vms",
            "VM.PowerMgmt",
            "POST /nodes/pve1/qemu/100/status/start",
            "(/vms/100, VM.PowerMgmt)",
        ),
        (
            "/storage/local-lvm",
            "Datastore.AllocateSpace",
            "POST /nodes/pve1/qemu vmid=101 virtio0=local-lvm:1",
            "(/storage/local-lvm, Datastore.AllocateSpace)",
        ),
        (
            "/storage/local-lvm",
            "Datastore.AllocateSpace",
            "POST /nodes/pve1/qemu vmid=101 virtio0=local-zfs:1",
            "200 OK",
        ),
        (
            "/sdn/zones/localnetwork",
            "SDN.Use",
            "POST /nodes/pve1/qemu vmid=101 net0=virtio,bridge=vmbr0,tag=5",
            "(/sdn/zones/localnetwork/vmbr0/5, SDN.Use)",
        ),
        (
            "/storage/local",
            "Datastore.Allocate",
            "DELETE /nodes/pve1/storage/local/content/local:import/a.raw",
            "(/storage/local, Datastore.Allocate)",
        ),
        (
            "/nodes",
            "Sys.AccessNetwork",
            "GET /nodes/pve1/query-url-metadata url=https://a.b/c",
            "403 Permission check failed {",
        ),
        ("/nodes", "Sys.Audit", "GET /nodes/pve1/status", "(/nodes/pve1, Sys.Audit)"),
        (
            "/vms",
            "VM.Console",
            "PUT /nodes/pve1/qemu/100/config startup=order=1",
            "(/, Sys.Modify)",
        ),
        (
            "/vms",
            "VM.Console",
            "PUT /nodes/pve1/qemu/100/config args=-foo",
            "500 only root can set 'args' config",
        ),
        (
            "/vms",
            "VM.Console",
            "POST /nodes/pve1/qemu vmid=101 pool=none",
            "403 Permission check failed (pool 'none' does not exist) {",
        ),
        // PVE: pve-manager, API2/Cluster.pm: everyone can read the options, but most are left out.
        ("/vms", "VM.Console", "GET /cluster/options", r#"200 OK {"data":{"allowed-tags":[]}}"#),
    ] {
        check(vm, &withdraw(path, privilege), &[(step, expected)]);
    }
}

#[test]
fn tasks_are_visible_to_owners_and_auditors() {
    let other = r#"{"tasks": [{"node": "pve1", "type": "qmstart", "id": "9", "user": "root@pam", "exitstatus": "OK",
        "upid": "UPID:pve1:00000001:00000001:00000001:qmstart:9:root@pam:"}]}"#;
    let status =
        "GET /nodes/pve1/tasks/UPID:pve1:00000001:00000001:00000001:qmstart:9:root@pam:/status";
    check(other, "[]", &[(status, "200 OK"), ("GET /nodes/pve1/tasks", "qmstart")]);
    let blind = r#"[{"when": "* /**", "then": {"withdraw": {"path": "/nodes", "privilege": "Sys.Audit"}}}]"#;
    check(
        other,
        blind,
        &[
            (status, "403 Permission check failed (/nodes/pve1, Sys.Audit)"),
            ("GET /nodes/pve1/tasks", r#"{"data":[]}"#),
            ("POST /nodes/pve1/qemu vmid=100", "200 OK"),
            ("task", r#""exitstatus":"OK""#),
        ],
    );
}
