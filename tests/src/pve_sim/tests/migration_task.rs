//! The task of a migration: when the config moves, what stops it, and what it leaves behind.

use super::{check, send, start, wait};
use crate::pve_sim::PveSim;

const POST: &str = "POST /nodes/pve1/qemu/101/migrate target=pve2";
const STATUS: &str = "GET /nodes/pve1/qemu/101/config";

/// A VM on the first of three nodes, with `vm` and `more` in the world.
fn world(config: &str, vm: &str, more: &str) -> String {
    let entry = |who: &str| format!(r#"{{"path": "/", "who": "{who}", "role": "PVEAdmin"}}"#);
    format!(
        r#"{{"nodes": {{"pve1": {{}}, "pve2": {{}}, "pve3": {{"online": false}}}},
        "vms": {{"101": {{"config": {{{config}}}{vm}}}}},
        "storages": {{"lvm": {{"type": "lvmthin", "content": ["images"]}},
            "dir": {{"type": "dir", "content": ["images", "iso"]}},
            "zfs": {{"type": "zfspool", "content": ["images"]}},
            "nfs": {{"type": "nfs", "content": ["images"], "shared": true}},
            "rbd": {{"type": "rbd", "content": ["images"]}}}},
        "access": {{"users": {{"pipeline@pve": {{}}}},
            "tokens": {{"pipeline@pve!apply": {{"secret": "00000000-0000-4000-8000-000000000001", "privsep": false}}}},
            "acl": [{}]}}{more}}}"#,
        entry("pipeline@pve")
    )
}

/// Returns node, lock and volumes of the VM at the end.
fn place(sim: &PveSim) -> (String, Option<String>, Vec<String>) {
    let world = sim.world();
    let vm = &world.vms[&101];
    let volumes = world.volumes.iter();
    let volumes = volumes.map(|v| format!("{} {}", v.node.as_deref().unwrap_or("-"), v.volid));
    (vm.node.clone(), vm.config.get("lock").cloned(), volumes.collect())
}

#[test]
fn the_config_moves_at_the_end() {
    let config = r#""scsi0": "lvm:vm-101-disk-0,size=1G,discard=on", "scsi1": "nfs:101/vm-101-disk-0.raw,size=1G",
        "unused0": "lvm:vm-101-disk-1""#;
    let sim = check(
        &world(config, "", ""),
        r#"[{"when": "POST /nodes/*/qemu/*/migrate", "then": {"task": {"length": 3}}}]"#,
        &[
            (&format!("{POST} online=1"), "UPID:pve1:"),
            (STATUS, r#""lock":"migrate""#),
            ("PUT /nodes/pve1/qemu/101/config cores=2", "500 VM is locked (migrate)"),
            ("task", "found local disk 'lvm:vm-101-disk-0' (attached)"),
            (STATUS, "500 Configuration file 'nodes/pve1/qemu-server/101.conf' does not exist"),
            (
                "GET /nodes/pve2/qemu/101/config",
                r#""scsi0":"lvm:vm-101-disk-0,discard=on,size=1G""#,
            ),
        ],
    );
    let expected =
        ["- nfs:101/vm-101-disk-0.raw", "pve2 lvm:vm-101-disk-0", "pve2 lvm:vm-101-disk-1"];
    assert_eq!(place(&sim), ("pve2".to_owned(), None, expected.map(str::to_owned).to_vec()));
    assert_eq!(sim.refused(), Vec::<String>::new());
}

#[test]
fn a_running_vm_keeps_running() {
    let config = r#""scsi0": "lvm:vm-101-disk-0,size=1G", "net0": "virtio=BC:24:11:00:00:01,bridge=vmbr0", "memory": "1024""#;
    let sim = check(
        &world(config, r#", "running": true"#, ""),
        "[]",
        &[
            (&format!("{POST} online=1 with-local-disks=1"), "UPID:pve1:"),
            ("GET /nodes/pve1/qemu/101/status/current", r#""status":"running""#),
            ("task", "migration active, transferred 102.4 MiB of 1.0 GiB VM-state"),
            ("GET /nodes/pve2/qemu/101/status/current", r#""status":"running""#),
        ],
    );
    assert_eq!(place(&sim).2, ["pve2 lvm:vm-101-disk-0"]);
}

#[test]
fn disks_change_their_storage_and_name() {
    let volumes = r#", "volumes": [{"volid": "lvm:vm-101-disk-0", "node": "pve2", "size": 1}]"#;
    let config =
        r#""scsi0": "lvm:vm-101-disk-0,size=1G", "scsi1": "dir:101/vm-101-disk-0.qcow2,size=1G""#;
    for (map, expected) in [
        ("", "pve2 dir:101/vm-101-disk-0.qcow2|pve2 lvm:vm-101-disk-0|pve2 lvm:vm-101-disk-1"),
        (
            " targetstorage=zfs",
            "pve2 lvm:vm-101-disk-0|pve2 zfs:vm-101-disk-0|pve2 zfs:vm-101-disk-1",
        ),
        (
            " targetstorage=lvm:zfs",
            "pve2 dir:101/vm-101-disk-0.qcow2|pve2 lvm:vm-101-disk-0|pve2 zfs:vm-101-disk-0",
        ),
    ] {
        let sim = check(
            &world(config, "", volumes),
            "[]",
            &[(&format!("{POST}{map}"), "200 OK"), ("task", r#""OK""#)],
        );
        assert_eq!(place(&sim).2.join("|"), expected, "{map}");
    }
}

/// Expects a migration to fail in its task, with this line, and the VM to be as before.
fn refused(config: &str, vm: &str, more: &str, expected: &str) {
    let sim = start(&world(config, vm, more), "[]");
    let seen = send(&sim, &format!("{POST} online=1"));
    let upid = seen.split('"').nth(3).unwrap();
    let ended = wait(&sim, upid);
    assert!(ended.contains(expected), "wanted: {expected}\n{ended}");
    assert!(ended.contains(r#""exitstatus":"migration aborted""#), "{ended}");
    let (node, lock, _) = place(&sim);
    assert_eq!((node.as_str(), lock), ("pve1", None));
}

#[test]
fn what_only_the_task_finds() {
    let running = r#", "running": true"#;
    let disk = r#""scsi0": "lvm:vm-101-disk-0,size=1G""#;
    let scan = "Problem found while scanning volumes - can't migrate";
    refused(
        disk,
        running,
        "",
        "can't live migrate attached local disks without with-local-disks option",
    );
    refused(disk, running, "", scan);
    refused(
        r#""ide2": "dir:iso/a.iso,media=cdrom""#,
        "",
        "",
        "can't migrate local disk 'dir:iso/a.iso': local cdrom image",
    );
    refused(r#""ide2": "cdrom,media=cdrom""#, "", "", "can't migrate local cdrom drive");
    refused(disk, r#", "snapshots": ["s"]"#, "", "non-migratable snapshot exists");
    refused(
        r#""scsi0": "rbd:vm-101-disk-0""#,
        "",
        "",
        "can't migrate 'rbd:vm-101-disk-0' - storage type 'rbd' not supported",
    );
    refused(
        r#""scsi0": "dir:9000/base-9000-disk-0.raw/101/vm-101-disk-0.qcow2""#,
        "",
        "",
        "as it's a clone of 'base-9000-disk-0.raw'",
    );
    refused(r#""scsi0": "lvm:vm-102-disk-0""#, "", "", "owned by other VM (owner = VM 102)");
    refused(
        r#""hostpci0": "0000:01:00""#,
        "",
        "",
        "can't migrate VM which uses local devices: hostpci0",
    );
    let mapped = r#", "mappings": {"usb": {"key": {"map": ["node=pve1,id=1050:0407"]}}}"#;
    refused(
        r#""usb0": "mapping=key""#,
        "",
        mapped,
        "can't migrate to 'pve2': missing mapped devices usb0",
    );
    let both = mapped.replace("]}}}", r#", "node=pve2,id=1050:0407"]}}}"#);
    refused(
        r#""usb0": "mapping=key""#,
        running,
        &both,
        "can't live migrate running VM which uses following mapped devices: usb0:key",
    );
}

#[test]
fn an_offline_target_is_found_by_the_task() {
    let sim = start(&world("", "", ""), "[]");
    let seen = send(&sim, "POST /nodes/pve1/qemu/101/migrate target=pve3");
    let ended = wait(&sim, seen.split('"').nth(3).unwrap());
    assert!(ended.contains("Can't connect to destination address using public key"), "{ended}");
    assert_eq!(place(&sim).0, "pve1");
}

#[test]
fn the_target_may_lack_room_or_a_bridge() {
    let full = world(r#""scsi0": "lvm:vm-101-disk-0,size=1G""#, "", "")
        .replace(r#""lvm": {"#, r#""lvm": {"on": {"pve2": {"total": 0}}, "#);
    let full = full.replace(
        r#""access""#,
        r#""volumes": [{"volid": "lvm:vm-101-disk-0", "size": 5}], "access""#,
    );
    let sim = check(
        &full,
        "[]",
        &[
            (POST, "200 OK"),
            ("task", "storage migration for 'lvm:vm-101-disk-0' to storage 'lvm' failed"),
        ],
    );
    assert_eq!((place(&sim).0.as_str(), place(&sim).1), ("pve1", None));
    let bridge =
        world(r#""net0": "virtio=BC:24:11:00:00:01,bridge=vmbr7""#, r#", "running": true"#, "");
    let sim = check(
        &bridge,
        "[]",
        &[
            (&format!("{POST} online=1"), "200 OK"),
            ("task", "remote command failed with exit code 255"),
            (STATUS, "200 OK"),
        ],
    );
    let world = sim.world();
    assert!(world.vms[&101].running && !world.vms[&101].config.contains_key("lock"));
    assert_eq!(world.tasks[0].exitstatus.as_deref(), Some("migration problems"));
}

#[test]
fn a_failed_stopped_or_killed_migration() {
    let disk = r#""scsi0": "lvm:vm-101-disk-0,size=1G""#;
    let fault = |task: &str| {
        format!(r#"[{{"when": "POST /nodes/*/qemu/*/migrate", "then": {{"task": {task}}}}}]"#)
    };
    let source = vec!["pve1 lvm:vm-101-disk-0".to_owned()];
    let half = vec![source[0].clone(), "pve2 lvm:vm-101-disk-0".to_owned()];
    let moved = vec!["pve2 lvm:vm-101-disk-0".to_owned()];
    let locked = || Some("migrate".to_owned());
    for (task, node, lock, volumes) in [
        (r#"{"exitstatus": "migration aborted"}"#, "pve1", None, &source),
        (r#"{"exitstatus": "unexpected status", "leaves": ["scsi0"]}"#, "pve1", locked(), &half),
        (r#"{"exitstatus": "migration problems", "works": true}"#, "pve2", None, &moved),
        (r#"{"exitstatus": "unexpected status", "works": true}"#, "pve2", locked(), &moved),
    ] {
        let sim =
            check(&world(disk, "", ""), &fault(task), &[(POST, "200 OK"), ("task", "TASK ERROR")]);
        assert_eq!(place(&sim), (node.to_owned(), lock, volumes.clone()), "{task}");
    }
    let sim = start(&world(disk, "", ""), "[]");
    let seen = send(&sim, POST);
    let upid = seen.split('"').nth(3).unwrap().to_owned();
    send(&sim, &format!("DELETE /nodes/pve1/tasks/{upid}"));
    assert!(wait(&sim, &upid).contains(r#""exitstatus":"migration aborted""#));
    assert_eq!(place(&sim), ("pve1".to_owned(), None, source));
}

#[test]
fn a_migration_holds_the_lock_file() {
    let fault = r#"[{"when": "POST /nodes/*/qemu/*/migrate", "then": {"task": {"length": 60}}}]"#;
    check(
        &world("", "", ""),
        fault,
        &[
            (POST, "200 OK"),
            ("POST /nodes/pve1/qemu/101/status/start", ":qmstart:"),
            ("task", "can't lock file '/var/lock/qemu-server/lock-101.conf' - got timeout"),
        ],
    );
}

#[test]
fn a_migration_of_an_earlier_client_goes_on() {
    let tasks = r#", "tasks": [{"node": "pve1", "type": "qmigrate", "id": "101", "user": "pipeline@pve!apply",
        "runs": {"length": 2, "target": "pve2"}}]"#;
    let sim = check(
        &world(r#""scsi0": "lvm:vm-101-disk-0,size=1G""#, "", tasks),
        "[]",
        &[
            (STATUS, r#""lock":"migrate""#),
            (STATUS, "200 OK"),
            (STATUS, "500"),
            ("GET /nodes/pve2/qemu/101/config", "200 OK"),
        ],
    );
    assert_eq!(place(&sim), ("pve2".to_owned(), None, vec!["pve2 lvm:vm-101-disk-0".to_owned()]));
}

#[test]
fn someone_else_moves_a_vm_between_two_requests() {
    let fault = r#"[{"when": "GET /version", "then": {"move": {"vmid": 101, "node": "pve2"}}}]"#;
    let sim = check(
        &world(r#""scsi0": "lvm:vm-101-disk-0,size=1G""#, r#", "running": true"#, ""),
        fault,
        &[
            (STATUS, "200 OK"),
            ("GET /version", "200 OK"),
            (STATUS, "500 Configuration file"),
            ("GET /cluster/resources type=vm", r#""node":"pve2""#),
            ("GET /nodes/pve2/qemu/101/status/current", r#""status":"running""#),
        ],
    );
    assert_eq!(place(&sim).2, ["pve2 lvm:vm-101-disk-0"]);
}
