//! The identity of a VM: its UUID, and what clones and restored copies share with it
//! (facts-3 1.1 and 1.2, facts-4 57, 58).

use super::{check, send, wait};

const CONFIG: &str = "GET /nodes/pve1/qemu/100/config";
const CREATE: &str = "POST /nodes/pve1/qemu vmid=100 name=web";
const PUT: &str = "PUT /nodes/pve1/qemu/100/config";
const UUID: &str = "8F0C4E52-59D9-4a3e-8a25-3f1a9a0c8e11";

fn uuid_of(config: &str) -> String {
    config.split("uuid=").nth(1).unwrap().split(['"', ',']).next().unwrap().to_owned()
}

#[test]
fn each_create_generates_a_new_uuid() {
    let sim = check("{}", "[]", &[(CREATE, "200 OK"), ("task", r#""OK""#)]);
    let first = send(&sim, CONFIG);
    assert!(first.contains(r#""vmgenid":""#) && first.contains(r#""meta":"creation-qemu="#));
    for step in ["DELETE /nodes/pve1/qemu/100", CREATE] {
        let ended = wait(&sim, send(&sim, step).split('"').nth(3).unwrap());
        assert!(ended.contains(r#""OK""#), "{ended}");
    }
    let second = send(&sim, CONFIG);
    assert_eq!(uuid_of(&first).len(), 36);
    assert_ne!(uuid_of(&first), uuid_of(&second), "a new VM with the same vmid has a new UUID");
}

#[test]
fn smbios1_is_stored_as_sent() {
    check(
        "{}",
        "[]",
        &[
            (&format!("{CREATE} smbios1=serial=abc,uuid={UUID}"), "200 OK"),
            ("task", r#""OK""#),
            (CONFIG, &format!(r#""smbios1":"serial=abc,uuid={UUID}""#)),
            (&format!("{PUT} name=other"), "200 OK"),
            (CONFIG, UUID),
            (&format!("{PUT} smbios1=manufacturer=x"), "200 OK"),
            (CONFIG, r#""smbios1":"manufacturer=x""#),
            (&format!("{PUT} smbios1=uuid=nonsense"), "value does not match the regex pattern"),
            (&format!("{PUT} delete=smbios1"), "200 OK"),
        ],
    );
}

#[test]
fn smbios1_needs_the_hardware_privilege() {
    let faults = r#"[{"when": "* /**", "then": {"withdraw": {"path": "/vms", "privilege": "VM.Config.HWType"}}}]"#;
    let denied = "403 Permission check failed (/vms/100, VM.Config.HWType)";
    let vm =
        r#"{"vms": {"100": {"config": {"smbios1": "uuid=8f0c4e52-59d9-4a3e-8a25-3f1a9a0c8e11"}}}}"#;
    check(
        vm,
        faults,
        &[
            (&format!("{PUT} smbios1=manufacturer=x"), denied),
            (&format!("{PUT} delete=smbios1"), denied),
        ],
    );
}

#[test]
fn a_world_can_have_clones_and_restored_copies() {
    let world = format!(
        r#"{{"resources_lag": 0, "vms": {{
        "100": {{"config": {{"name": "web", "tags": "pve-pipeline", "description": "mark\n", "smbios1": "uuid={UUID}"}}}},
        "101": {{"config": {{"name": "Copy-of-VM-web", "tags": "pve-pipeline", "description": "mark\n", "smbios1": "uuid=11111111-2222-4333-8444-555555555555"}}}},
        "102": {{"config": {{"name": "web", "tags": "pve-pipeline", "description": "mark\n", "smbios1": "uuid={UUID}"}}}},
        "103": {{"config": {{"lock": "clone", "description": " qmclone temporary file"}}}}}}}}"#
    );
    check(
        &world,
        "[]",
        &[
            ("GET /nodes/pve1/qemu/101/config", r#""name":"Copy-of-VM-web""#),
            ("GET /nodes/pve1/qemu/102/config", UUID),
            ("GET /nodes/pve1/qemu/103/config", r#""description":" qmclone temporary file""#),
            ("GET /cluster/resources type=vm", r#""lock":"clone""#),
            ("PUT /nodes/pve1/qemu/103/config name=x", "500 VM is locked (clone)"),
            ("POST /nodes/pve1/qemu vmid=103", "VM 103 already exists on node 'pve1'"),
            ("DELETE /nodes/pve1/qemu/103", "200 OK"),
            ("task", "TASK ERROR: VM is locked (clone)"),
        ],
    );
}
