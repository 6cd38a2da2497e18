//! Before a migration: the preconditions, and what PVE refuses at once (facts-3 4.4).

use super::{check, send, start};

const GET: &str = "GET /nodes/pve1/qemu/101/migrate";
const POST: &str = "POST /nodes/pve1/qemu/101/migrate";

/// Three nodes, the third one offline; a token that can migrate, and more with `more`.
fn world(version: &str, config: &str, vm: &str, more: &str) -> String {
    let entry = |path: &str, role: &str| {
        ["pipeline@pve", "pipeline@pve!apply"]
            .map(|who| format!(r#"{{"path": "{path}", "who": "{who}", "role": "{role}"}}"#))
            .join(",")
    };
    let acl = [entry("/vms", "Mover"), entry("/storage/other", "PVEDatastoreUser")].join(",");
    format!(
        r#"{{"version": "{version}", "nodes": {{"pve1": {{}}, "pve2": {{}}, "pve3": {{"online": false}}}},
        "storages": {{"local": {{"type": "dir", "content": ["iso", "images"]}},
            "lvm": {{"type": "lvmthin", "content": ["images"]}},
            "other": {{"type": "lvmthin", "content": ["images"]}},
            "files": {{"type": "dir", "content": ["iso"]}},
            "nfs": {{"type": "nfs", "content": ["images"], "shared": true}},
            "two": {{"type": "nfs", "content": ["images"], "shared": true, "nodes": ["pve1", "pve3"]}}}},
        "volumes": [{{"volid": "files:iso/a.iso", "node": "pve1", "size": 1}}],
        "vms": {{"101": {{"config": {{{config}}}{vm}}}}},
        "mappings": {{"pci": {{
            "gpu": {{"map": ["node=pve1,path=0000:01:00.0,id=10de:1eb8", "node=pve2,path=0000:01:00.0,id=10de:1eb8"]}},
            "vgpu": {{"map": ["node=pve1,path=0000:02:00.0,id=10de:1eb8"], "live-migration-capable": true}}}}}},
        "access": {{"users": {{"pipeline@pve": {{}}}},
            "tokens": {{"pipeline@pve!apply": {{"secret": "00000000-0000-4000-8000-000000000001"}}}},
            "roles": {{"Mover": ["VM.Audit", "VM.Migrate", "VM.Config.Disk"]}}, "acl": [{acl}]}}{more}}}"#
    )
}

#[test]
fn every_other_node_is_judged_offline_ones_too() {
    let config = r#""scsi0": "two:101/vm-101-disk-0.raw,size=1G""#;
    let sim = start(&world("9.1.7", config, "", ""), "[]");
    let seen = send(&sim, GET);
    assert!(seen.contains(r#""running":0,"allowed_nodes":["pve3"]"#), "{seen}");
    let refused = r#""not_allowed_nodes":{"pve2":{"unavailable_storages":["two"]},"pve3":{}}"#;
    assert!(seen.contains(refused), "an allowed node is in both: {seen}");
    assert!(seen.contains(r#""local_disks":[]"#) && seen.contains(r#""has-dbus-vmstate":1"#));
    assert!(!seen.contains("dependent-ha-resources"), "only under HA: {seen}");
    let old = start(&world("8.4.1", config, "", ""), "[]");
    assert!(!send(&old, GET).contains("has-dbus-vmstate"));
}

#[test]
fn local_disks_are_listed_with_their_use() {
    let config = r#""scsi0": "lvm:vm-101-disk-0,size=2G", "ide2": "files:iso/a.iso,media=cdrom",
        "ide3": "none,media=cdrom", "unused0": "lvm:vm-101-disk-1", "scsi1": "nfs:101/vm-101-disk-2.raw""#;
    let seen = send(&start(&world("9.1.7", config, "", ""), "[]"), GET);
    for expected in [
        r#""volid":"lvm:vm-101-disk-0","cdrom":0,"is_unused":0,"is_attached":1"#,
        r#""size":2147483648,"drivename":"scsi0""#,
        r#""volid":"files:iso/a.iso","cdrom":1"#,
        r#""volid":"lvm:vm-101-disk-1","cdrom":0,"is_unused":1"#,
    ] {
        assert!(seen.contains(expected), "{expected}: {seen}");
    }
    assert!(!seen.contains("nfs:") && !seen.contains("none"), "{seen}");
}

#[test]
fn devices_bind_a_vm() {
    let config = r#""hostpci0": "mapping=gpu", "hostpci1": "mapping=vgpu", "serial0": "socket",
        "serial1": "/dev/ttyS0", "usb0": "spice""#;
    for (vm, local) in
        [("", r#"["serial1"]"#), (r#", "running": true"#, r#"["hostpci0","serial1"]"#)]
    {
        let seen = send(&start(&world("9.1.7", config, vm, ""), "[]"), GET);
        assert!(seen.contains(&format!(r#""local_resources":{local}"#)), "{seen}");
        let mapped = r#""mapped-resource-info":{"hostpci0":{"name":"gpu"},"hostpci1":{"name":"vgpu","live-migration":1}}"#;
        assert!(seen.contains(mapped), "{seen}");
        let missing = r#""pve2":{"unavailable-resources":["hostpci1"]}"#;
        assert!(seen.contains(missing), "{seen}");
    }
}

#[test]
fn ha_resources_that_stay_apart_or_together() {
    let more = r#", "ha": {"101": {}, "102": {}, "103": {}},
        "ha_rules": {"apart": {"affinity": "negative", "resources": [101, 102]},
            "together": {"affinity": "positive", "resources": [101, 103]}}"#;
    let other = r#"}, "102": {"node": "pve2"}, "103": {"node": "pve1""#;
    let seen = send(&start(&world("9.1.7", "", other, more), "[]"), GET);
    let blocking =
        r#""pve2":{"blocking-ha-resources":[{"sid":"vm:102","cause":"resource-affinity"}]}"#;
    assert!(seen.contains(blocking), "{seen}");
    assert!(seen.contains(r#""dependent-ha-resources":["vm:103"]"#), "{seen}");
    let seen = send(&start(&world("9.0.3", "", other, more), "[]"), GET);
    assert!(!seen.contains("ha-resources"), "since 9.1: {seen}");
}

#[test]
fn refusals_before_the_task() {
    let config = r#""scsi0": "lvm:vm-101-disk-0,size=1G", "scsi1": "two:101/vm-101-disk-0.raw""#;
    check(
        &world("9.1.7", config, r#", "running": true"#, ""),
        "[]",
        &[
            (&format!("{POST} target=pve1"), r#"{"target":"target is local node."}"#),
            (&format!("{POST} target=pve9"), "500 no such cluster node 'pve9'"),
            (
                &format!("{POST} target=pve2 force=1"),
                r#"{"force":"Only root may use this option."}"#,
            ),
            (&format!("{POST} target=pve2 migration_type=insecure"), "Only root may use"),
            (&format!("{POST} target=pve2"), "500 can't migrate running VM without --online"),
            (
                &format!("{POST} target=pve2 online=1"),
                "500 storage 'two' is not available on node 'pve2'",
            ),
            (
                &format!("{POST} target=pve2 online=1 targetstorage=1"),
                "500 storage 'two' is not available",
            ),
            (
                &format!("{POST} target=pve2 online=1 targetstorage=nix"),
                "500 storage 'nix' does not exist",
            ),
            (
                &format!("{POST} target=pve2 online=1 targetstorage=lvm"),
                "403 Permission check failed (/storage/lvm, Datastore.AllocateSpace)",
            ),
            (
                &format!("{POST} target=pve2 online=1 targetstorage=a/b"),
                "invalid format - entry 'a/b' contains invalid ID",
            ),
            (
                &format!("{POST} target=pve2 online=1 targetstorage=lvm:other,lvm:other"),
                "failed to parse storage map: duplicate mapping for source 'lvm'",
            ),
            (&format!("{POST} online=1"), "property is missing and it is not optional"),
            (
                "POST /nodes/pve2/qemu/101/migrate target=pve1",
                "500 Configuration file 'nodes/pve2/qemu-server/101.conf' does not exist",
            ),
        ],
    );
}

#[test]
fn refusals_because_of_a_lock_or_of_content() {
    let config = r#""scsi0": "lvm:vm-101-disk-0,size=1G""#;
    let locked = config.replace(r#""scsi0""#, r#""lock": "backup", "scsi0""#);
    let locked = world("9.1.7", &locked, "", "");
    check(
        &locked,
        "[]",
        &[
            (GET, "500 VM is locked (backup)"),
            (&format!("{POST} target=pve2"), "500 VM is locked (backup)"),
        ],
    );
    let files = world("9.1.7", r#""scsi0": "files:101/vm-101-disk-0.raw""#, "", "");
    check(
        &files,
        "[]",
        &[(
            &format!("{POST} target=pve2"),
            "500 files:101/vm-101-disk-0.raw: content type 'images' is not available on storage 'files'",
        )],
    );
}

#[test]
fn privileges() {
    let with = |role: &str| {
        let all = world("9.1.7", r#""scsi0": "lvm:vm-101-disk-0,size=1G""#, "", "");
        all.replace(r#"["VM.Audit", "VM.Migrate", "VM.Config.Disk"]"#, role)
    };
    check(
        &with(r#"["VM.Audit"]"#),
        "[]",
        &[
            (GET, "403 Permission check failed (/vms/101, VM.Migrate)"),
            (&format!("{POST} target=pve2"), "403 Permission check failed (/vms/101, VM.Migrate)"),
        ],
    );
    check(
        &with(r#"["VM.Migrate"]"#),
        "[]",
        &[
            (
                &format!("{POST} target=pve2 targetstorage=other"),
                "403 Permission check failed (/vms/101, VM.Config.Disk)",
            ),
            (&format!("{POST} target=pve2 targetstorage=1"), ":qmigrate:101:"),
        ],
    );
    check(&with(r#"["VM.Migrate"]"#), "[]", &[(&format!("{POST} target=pve2"), ":qmigrate:101:")]);
}

#[test]
fn conntrack_state_since_nine() {
    let step = format!("{POST} target=pve2 with-conntrack-state=1");
    check(&world("8.4.1", "", "", ""), "[]", &[(&step, "property is not defined in schema")]);
    check(&world("9.0.3", "", "", ""), "[]", &[(&step, ":qmigrate:101:")]);
}
