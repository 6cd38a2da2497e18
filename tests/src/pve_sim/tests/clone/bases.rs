//! Base images with clones: what PVE protects, and what it does not (facts-4 1, 16 to 18 and 36).

use super::{CLONE, DONE, bare, check, volumes, world};

const DESTROY: &str = "DELETE /nodes/pve1/qemu/9000";
const CONFIG: &str = "GET /nodes/pve1/qemu/9000/config";

/// Destroys a template with a clone: the end of the task.
fn destroyed(base: &str, end: &str) {
    let sim = check(
        &world(&bare(base), ""),
        "[]",
        &[
            (&format!("{CLONE} newid=400"), "200 OK"),
            DONE,
            (&format!("{DESTROY} purge=1 destroy-unreferenced-disks=1"), "200 OK"),
            ("task", end),
        ],
    );
    let gone = end.contains("\"OK\"");
    assert_eq!(sim.world().vms.contains_key(&9000), !gone, "{base}");
    assert_eq!(volumes(&sim).len(), if gone { 1 } else { 2 }, "{base}");
}

#[test]
fn a_template_with_clones_is_destroyed_only_where_it_does_no_harm() {
    for base in [
        "dira:9000/base-9000-disk-0.qcow2",
        "dira:9000/base-9000-disk-0.raw",
        "tank:base-9000-disk-0",
        "ceph:base-9000-disk-0",
    ] {
        destroyed(base, &format!("base volume '{base}' is still in use by linked cloned"));
    }
    for base in ["thin:base-9000-disk-0", "sub:9000/base-9000-disk-0.raw"] {
        destroyed(base, r#""exitstatus":"OK""#);
    }
}

#[test]
fn an_orphan_keeps_a_template_from_being_destroyed() {
    let orphan =
        r#", "volumes": [{"volid": "dira:9000/base-9000-disk-0.qcow2/604/vm-604-disk-0.qcow2"}]"#;
    let sim = check(
        &world(&bare("dira:9000/base-9000-disk-0.qcow2"), orphan),
        "[]",
        &[
            (DESTROY, "200 OK"),
            ("task", "is still in use by linked cloned"),
            ("DELETE /nodes/pve1/storage/dira/content/9000/base-9000-disk-0.qcow2", "200 OK"),
            ("task", "base volume '9000/base-9000-disk-0.qcow2' is still in use by linked clones"),
            // The next clone to this ID gets another number.
            (&format!("{CLONE} newid=604"), "200 OK"),
            DONE,
            ("GET /nodes/pve1/qemu/604/config", "604/vm-604-disk-1.qcow2,size=2G"),
            ("DELETE /nodes/pve1/qemu/604 destroy-unreferenced-disks=1", "200 OK"),
            DONE,
            (DESTROY, "200 OK"),
            DONE,
        ],
    );
    assert_eq!(volumes(&sim), [""; 0]);
}

#[test]
fn a_plain_destroy_leaves_orphans() {
    let orphan = r#", "volumes": [{"volid": "thin:vm-400-disk-0", "size": 1}]"#;
    let sim = check(
        &world(r#""400": {"config": {"virtio0": "tank:vm-400-disk-0,size=1G"}}"#, orphan),
        "[]",
        &[("DELETE /nodes/pve1/qemu/400", "200 OK"), DONE],
    );
    assert_eq!(volumes(&sim), ["thin:vm-400-disk-0"]);
}

#[test]
fn a_vm_whose_flag_is_gone_is_destroyed_without_its_used_base() {
    let base = "dira:9000/base-9000-disk-0.qcow2";
    let warning = format!(
        "WARN: Could not remove disk '{base}', check manually: base volume \
         '9000/base-9000-disk-0.qcow2' is still in use by linked clones"
    );
    let sim = check(
        &world(&bare(base), ""),
        "[]",
        &[
            (&format!("{CLONE} newid=400"), "200 OK"),
            DONE,
            ("PUT /nodes/pve1/qemu/9000/config template=0", "200 OK"),
            (DESTROY, "200 OK"),
            ("task", &warning),
        ],
    );
    assert!(!sim.world().vms.contains_key(&9000));
    assert_eq!(sim.world().tasks.last().unwrap().exitstatus.as_deref(), Some("WARNINGS: 1"));
    assert_eq!(volumes(&sim).len(), 2);
}

#[test]
fn protection_comes_first() {
    let vm = bare("thin:base-9000-disk-0").replace("\"tags\"", "\"protection\": \"1\", \"tags\"");
    check(
        &world(&vm, ""),
        "[]",
        &[(DESTROY, "500 can't remove VM 9000 - protection mode enabled")],
    );
}

#[test]
fn a_base_neither_starts_nor_grows() {
    let path = "/mnt/pve/dira/images/9000/base-9000-disk-0.qcow2";
    let resize = format!(
        "command '/usr/bin/qemu-img resize --preallocation=metadata -f qcow2 {path} 3221225472' \
         failed: exit code 1"
    );
    check(
        &world(&bare("dira:9000/base-9000-disk-0.qcow2"), ""),
        "[]",
        &[
            ("POST /nodes/pve1/qemu/9000/status/start", "200 OK"),
            ("task", "you can't start a vm if it's a template"),
            ("PUT /nodes/pve1/qemu/9000/resize disk=virtio0 size=3G", "200 OK"),
            ("task", &resize),
            (CONFIG, "base-9000-disk-0.qcow2,size=2G"),
            ("PUT /nodes/pve1/qemu/9000/config memory=1024 description=new tags=a", "200 OK"),
        ],
    );
}

#[test]
fn a_linked_clone_grows_and_keeps_its_link() {
    check(
        &world(&bare("dira:9000/base-9000-disk-0.qcow2"), ""),
        "[]",
        &[
            (&format!("{CLONE} newid=400"), "200 OK"),
            DONE,
            ("PUT /nodes/pve1/qemu/400/resize disk=virtio0 size=5G", "200 OK"),
            DONE,
            ("PUT /nodes/pve1/qemu/400/resize disk=virtio0 size=+1G", "200 OK"),
            DONE,
            (
                super::CONFIG,
                r#""virtio0":"dira:9000/base-9000-disk-0.qcow2/400/vm-400-disk-0.qcow2,size=6G""#,
            ),
            ("PUT /nodes/pve1/qemu/400/resize disk=virtio0 size=1G", "200 OK"),
            ("task", "shrinking disks is not supported"),
            (DESTROY, "200 OK"),
            ("task", "is still in use"),
        ],
    );
}

#[test]
fn a_base_moves_and_its_clones_stay() {
    // Facts-4 1.
    let old = "dira:9000/base-9000-disk-0.qcow2";
    check(
        &world(&bare(old), ""),
        "[]",
        &[
            (&format!("{CLONE} newid=400"), "200 OK"),
            DONE,
            ("POST /nodes/pve1/qemu/9000/move_disk disk=virtio0 storage=dirb", "200 OK"),
            DONE,
            (CONFIG, r#""virtio0":"dirb:9000/base-9000-disk-0.qcow2,size=2G""#),
            (CONFIG, &format!(r#""unused0":"{old}""#)),
            (
                "PUT /nodes/pve1/qemu/9000/config delete=unused0",
                "500 base volume '9000/base-9000-disk-0.qcow2' is still in use by linked clones",
            ),
            (DESTROY, "200 OK"),
            ("task", &format!("base volume '{old}' is still in use by linked cloned")),
            // Moving a clone cuts its link.
            ("POST /nodes/pve1/qemu/400/move_disk disk=virtio0 storage=thin delete=1", "200 OK"),
            DONE,
            ("PUT /nodes/pve1/qemu/9000/config delete=unused0", "200 OK"),
            (DESTROY, "200 OK"),
            DONE,
        ],
    );
}

#[test]
fn a_used_base_stays_when_it_is_moved_away() {
    let sim = check(
        &world(&bare("dira:9000/base-9000-disk-0.qcow2"), ""),
        "[]",
        &[
            (&format!("{CLONE} newid=400"), "200 OK"),
            DONE,
            ("POST /nodes/pve1/qemu/9000/move_disk disk=virtio0 storage=dirb delete=1", "200 OK"),
            ("task", "base volume '9000/base-9000-disk-0.qcow2' is still in use by linked clones"),
        ],
    );
    assert_eq!(volumes(&sim).len(), 3);
    assert!(!sim.world().vms[&9000].config.contains_key("unused0"));
}

#[test]
fn a_linked_clone_and_a_used_base_stay_on_their_node() {
    let nodes = r#", "nodes": {"pve1": {}, "pve2": {}}"#;
    let migrate = |vmid: u32| format!("POST /nodes/pve1/qemu/{vmid}/migrate target=pve2");
    let sim = check(
        &world(&bare("dira:9000/base-9000-disk-0.qcow2"), nodes),
        "[]",
        &[
            (&format!("{CLONE} newid=400"), "200 OK"),
            DONE,
            (&migrate(400), "200 OK"),
            ("task", "as it's a clone of 'base-9000-disk-0.qcow2'"),
            (&migrate(9000), "200 OK"),
            ("task", "referenced by linked clone(s)"),
        ],
    );
    assert_eq!(sim.refused(), Vec::<String>::new());
}
