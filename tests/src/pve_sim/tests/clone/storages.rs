//! Bases, links and features of each type of storage (facts-3 1.1, facts-4 11 to 15 and 20).

use super::{CLONE, CONFIG, DONE, check, send, volumes, world};
use crate::pve_sim::tests::start;

const TEMPLATE: &str = "POST /nodes/pve1/qemu/9000/template";
const FEATURE: &str = "GET /nodes/pve1/qemu/9000/feature feature=clone";

/// Makes a template of a disk and clones it: the volid of the base, of the link, and its parent.
fn linked(volid: &str, base: &str, link: &str, parent: &str) {
    let vm = format!(
        r#""9000": {{"config": {{"virtio0": "{volid},size=2G", "ide2": "none,media=cdrom"}}}}"#
    );
    let sim = check(
        &world(&vm, ""),
        "[]",
        &[
            (TEMPLATE, ":qmtemplate:9000:"),
            DONE,
            ("GET /nodes/pve1/qemu/9000/config", &format!(r#""virtio0":"{base},size=2G""#)),
            (FEATURE, r#"{"hasFeature":1,"#),
            (&format!("{CLONE} newid=400"), ":qmclone:9000:"),
            DONE,
            (CONFIG, &format!(r#""virtio0":"{link},size=2G""#)),
        ],
    );
    let storage = volid.split(':').next().unwrap();
    let list = send(&sim, &format!("GET /nodes/pve1/storage/{storage}/content vmid=400"));
    assert!(list.contains(&format!(r#""volid":"{link}""#)), "{list}");
    assert!(list.contains(&format!(r#""parent":{parent}"#)), "{list}");
}

#[test]
fn each_type_of_storage_names_base_and_link_its_own_way() {
    linked(
        "dira:9000/vm-9000-disk-0.qcow2",
        "dira:9000/base-9000-disk-0.qcow2",
        "dira:9000/base-9000-disk-0.qcow2/400/vm-400-disk-0.qcow2",
        r#""../9000/base-9000-disk-0.qcow2""#,
    );
    linked(
        "dira:9000/vm-9000-disk-1.raw",
        "dira:9000/base-9000-disk-1.raw",
        "dira:9000/base-9000-disk-1.raw/400/vm-400-disk-0.qcow2",
        r#""../9000/base-9000-disk-1.raw""#,
    );
    linked("thin:vm-9000-disk-0", "thin:base-9000-disk-0", "thin:vm-400-disk-0", "null");
    for id in ["tank", "ceph"] {
        linked(
            &format!("{id}:vm-9000-disk-0"),
            &format!("{id}:base-9000-disk-0"),
            &format!("{id}:base-9000-disk-0/vm-400-disk-0"),
            r#""base-9000-disk-0@__base__""#,
        );
    }
    linked(
        "sub:9000/vm-9000-disk-0.raw",
        "sub:9000/base-9000-disk-0.raw",
        "sub:400/vm-400-disk-0.raw",
        "null",
    );
}

#[test]
fn thick_lvm_silently_makes_no_base() {
    let vm = r#""9000": {"config": {"virtio0": "thick:vm-9000-disk-0,size=2G"}}"#;
    let refused = "500 Linked clone feature is not supported for 'thick:vm-9000-disk-0' (virtio0)";
    check(
        &world(vm, ""),
        "[]",
        &[
            (TEMPLATE, "200 OK"),
            DONE,
            ("GET /nodes/pve1/qemu/9000/config", r#""template":1,"virtio0":"thick:vm-9000-disk-0"#),
            (FEATURE, r#"{"hasFeature":0,"nodes":["pve1"]}"#),
            (&format!("{CLONE} newid=400"), refused),
            (&format!("{CLONE} newid=400 full=1"), "200 OK"),
            DONE,
            (CONFIG, r#""virtio0":"thick:vm-400-disk-0,size=2G""#),
        ],
    );
}

#[test]
fn btrfs_links_to_a_vm_that_is_no_template() {
    let vm = r#""9000": {"config": {"virtio0": "sub:9000/vm-9000-disk-0.raw,size=2G"}}"#;
    let line = "create linked clone of drive virtio0 (sub:9000/vm-9000-disk-0.raw)";
    check(
        &world(vm, ""),
        "[]",
        &[
            (FEATURE, r#"{"hasFeature":1,"#),
            (&format!("{CLONE} newid=400 full=0"), "200 OK"),
            ("task", line),
            (CONFIG, r#""virtio0":"sub:400/vm-400-disk-0.raw,size=2G""#),
        ],
    );
}

#[test]
fn a_template_of_a_linked_clone_is_a_base_of_its_own() {
    let vm = super::bare("dira:9000/base-9000-disk-0.qcow2");
    check(
        &world(&vm, ""),
        "[]",
        &[
            (&format!("{CLONE} newid=970"), "200 OK"),
            DONE,
            ("POST /nodes/pve1/qemu/970/template", "200 OK"),
            DONE,
            (
                "GET /nodes/pve1/qemu/970/config",
                r#""dira:9000/base-9000-disk-0.qcow2/970/base-970-disk-0.qcow2,size=2G""#,
            ),
            ("POST /nodes/pve1/qemu/970/clone newid=971", "200 OK"),
            DONE,
            (
                "GET /nodes/pve1/qemu/971/config",
                r#""dira:970/base-970-disk-0.qcow2/971/vm-971-disk-0.qcow2,size=2G""#,
            ),
            ("DELETE /nodes/pve1/qemu/970", "200 OK"),
            ("task", "base-970-disk-0.qcow2' is still in use by linked cloned"),
        ],
    );
}

#[test]
fn the_flag_alone_makes_no_base() {
    // Facts-4 13 and 14.
    let qemu = "POST /nodes/pve1/qemu vmid=9000";
    let config = "GET /nodes/pve1/qemu/9000/config";
    let volume = r#"{"volid": "local:import/a.qcow2", "size": 1048576}"#;
    check(
        &world("", &format!(r#", "volumes": [{volume}]"#)),
        "[]",
        &[
            (
                &format!("{qemu} template=1 virtio0=dira:0,import-from=local:import/a.qcow2"),
                "200 OK",
            ),
            DONE,
            (config, r#""virtio0":"dira:9000/vm-9000-disk-0.qcow2"#),
            (FEATURE, r#"{"hasFeature":0,"#),
            (TEMPLATE, "500 you can't convert a template to a template"),
            (&format!("{TEMPLATE} disk=virtio0"), "200 OK"),
            DONE,
            (FEATURE, r#"{"hasFeature":1,"#),
            (&format!("{TEMPLATE} disk=virtio7"), "200 OK"),
            DONE,
            ("PUT /nodes/pve1/qemu/9000/config delete=template", "200 OK"),
            (FEATURE, r#"{"hasFeature":1,"#),
            ("PUT /nodes/pve1/qemu/9000/config template=1", "200 OK"),
            ("POST /nodes/pve1/qemu/9000/config scsi1=thin:1", "200 OK"),
            DONE,
            (config, r#""scsi1":"thin:base-9000-disk-0,size=1G""#),
            ("PUT /nodes/pve1/qemu/9000/config scsi2=thin:1", "200 OK"),
            (config, r#""scsi2":"thin:base-9000-disk-1,size=1G""#),
            ("POST /nodes/pve1/qemu vmid=9001 template=1 virtio0=tank:1", "200 OK"),
            DONE,
            ("GET /nodes/pve1/qemu/9001/config", r#""virtio0":"tank:base-9001-disk-0,size=1G""#),
            ("POST /nodes/pve1/qemu vmid=9002 template=1 virtio0=thick:1", "200 OK"),
            ("task", "unable to create VM 9002 - can't create base images in lvm storage"),
        ],
    );
}

#[test]
fn every_disk_becomes_a_base_but_cds_and_the_cloud_init_drive() {
    let vm = r#""9000": {"config": {"efidisk0": "dira:9000/vm-9000-disk-0.raw,size=528K",
        "tpmstate0": "thin:vm-9000-disk-0,size=4M,version=v2.0", "virtio0": "tank:vm-9000-disk-0,size=2G",
        "ide0": "local:iso/a.iso,media=cdrom", "ide2": "thin:vm-9000-cloudinit,media=cdrom",
        "unused0": "thin:vm-9000-disk-1"}}"#;
    let sim = check(&world(vm, ""), "[]", &[(TEMPLATE, "200 OK"), DONE]);
    let bases = volumes(&sim).into_iter().filter(|volid| volid.contains("base-"));
    assert_eq!(
        bases.collect::<Vec<_>>(),
        ["dira:9000/base-9000-disk-0.raw", "tank:base-9000-disk-0", "thin:base-9000-disk-0"]
    );
}

#[test]
fn a_template_is_flagged_first_and_made_disk_by_disk() {
    let vm = r#""9000": {"config": {"scsi0": "thin:vm-9000-disk-0,size=1G", "scsi1": "thin:vm-9000-disk-1,size=1G"}}"#;
    let fault = r#"[{"when": "POST /nodes/*/qemu/*/template", "then": {"task": {"exitstatus": "unexpected status", "keeps": ["scsi0"], "length": 5}}}]"#;
    let sim = check(
        &world(vm, ""),
        fault,
        &[
            (TEMPLATE, "200 OK"),
            ("GET /nodes/pve1/qemu/9000/config", r#""scsi0":"thin:vm-9000-disk-0,size=1G""#),
            ("GET /nodes/pve1/qemu/9000/config", r#""template":1"#),
            ("task", "unexpected status"),
            (
                "GET /nodes/pve1/qemu/9000/config",
                r#""scsi0":"thin:base-9000-disk-0,size=1G","scsi1":"thin:vm-"#,
            ),
            (FEATURE, r#"{"hasFeature":0,"#),
            (&format!("{TEMPLATE} disk=scsi1"), "200 OK"),
            DONE,
            (FEATURE, r#"{"hasFeature":1,"#),
        ],
    );
    assert_eq!(volumes(&sim), ["thin:base-9000-disk-0", "thin:base-9000-disk-1"]);
}

#[test]
fn a_base_of_that_name_is_not_overwritten() {
    let vm = r#""9000": {"config": {"virtio0": "dira:9000/vm-9000-disk-0.raw,size=1G"}}"#;
    let other = r#", "volumes": [{"volid": "dira:9000/base-9000-disk-0.raw"}]"#;
    let text = "file '/mnt/pve/dira/images/9000/base-9000-disk-0.raw' already exists";
    let sim = check(&world(vm, other), "[]", &[(TEMPLATE, "200 OK"), ("task", text)]);
    assert_eq!(volumes(&sim).len(), 2);
    // The flag was first.
    assert_eq!(sim.world().vms[&9000].config["template"], "1");
}

#[test]
fn what_cannot_become_a_template() {
    for (rest, refusal) in [
        (r#""running": true"#, "500 you can't convert a VM to template if VM is running"),
        (r#""snapshots": ["a"]"#, "500 unable to create template, because VM contains snapshots"),
    ] {
        let vm = format!(r#""9000": {{"config": {{}}, {rest}}}"#);
        check(&world(&vm, ""), "[]", &[(TEMPLATE, refusal)]);
    }
    let locked = r#""9000": {"config": {"lock": "backup"}}"#;
    check(&world(locked, ""), "[]", &[(TEMPLATE, "500 VM is locked (backup)")]);
    let held = r#""9000": {"lock_held": 60}"#;
    let timeout = "can't lock file '/var/lock/qemu-server/lock-9000.conf' - got timeout";
    let sim = check(&world(held, ""), "[]", &[(TEMPLATE, "200 OK"), ("task", timeout)]);
    assert!(!sim.world().vms[&9000].config.contains_key("template"));
    let sim = start(&world(r#""9000": {}"#, ""), "[]");
    sim.edit(|world| world.quorate = Some(false));
    let upid = send(&sim, TEMPLATE);
    let upid = upid.split('"').find(|part| part.starts_with("UPID:")).unwrap();
    let seen = crate::pve_sim::tests::wait(&sim, upid);
    assert!(seen.contains("Permission denied"), "{seen}");
}

#[test]
fn features_depend_on_the_storage_and_on_the_nodes_that_have_it() {
    let vms = r#""9000": {"config": {"virtio0": "ceph:vm-9000-disk-0,size=1G"}, "snapshots": ["now"]},
        "100": {"config": {"virtio0": "dira:100/vm-100-disk-0.raw,size=1G"}}, "101": {}"#;
    let nodes = r#", "nodes": {"pve1": {}, "pve2": {}}"#;
    let ask = |vmid: u32, rest: &str| format!("GET /nodes/pve1/qemu/{vmid}/feature feature={rest}");
    check(
        &world(vms, nodes),
        "[]",
        &[
            (&ask(9000, "clone"), r#"{"hasFeature":0,"nodes":["pve1","pve2"]}"#),
            (&ask(9000, "clone snapname=now"), r#"{"hasFeature":1,"#),
            (&ask(9000, "clone snapname=later"), "500 snapshot 'later' does not exist"),
            (&ask(9000, "snapshot"), r#"{"hasFeature":1,"#),
            (&ask(9000, "copy"), r#"{"hasFeature":1,"#),
            (&ask(100, "snapshot"), r#"{"hasFeature":0,"nodes":["pve1"]}"#),
            (&ask(101, "clone"), r#"{"hasFeature":1,"nodes":["pve1","pve2"]}"#),
            (&ask(102, "clone"), "500 unable to find configuration file for VM 102 on node 'pve1'"),
        ],
    );
}
