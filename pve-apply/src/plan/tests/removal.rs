//! Tests of `plan`: what is destroyed, and what has left the document.

use super::*;

#[test]
fn what_left_the_document_is_in_every_plan() {
    let names = |list: &[&str]| Some(list.iter().map(|name| (*name).to_owned()).collect());
    let build = |known: Option<BTreeSet<String>>| {
        move |desired: &mut Desired, world: &mut Observed| {
            desired.vm_names = known;
            put(world, 101, "pve1", Power::Running, config("edge", 101));
            put(world, 102, "pve1", Power::Running, config("db", 102));
        }
    };
    check(build(names(&["edge"])), &["unchanged edge", "left over db 102"]);
    check(build(names(&["edge", "db"])), &["unchanged edge"]);
    check(build(None), &["unchanged edge"]);
    let (mut desired, mut world) = (desired(vec![desired_vm("edge", Some(101))]), world());
    build(names(&["edge"]))(&mut desired, &mut world);
    let expected = ["Destroy db [virtio0 virtio1] shutting down, destroying"];
    assert_eq!(lines(&plan_prune(&desired, &world)), expected);
}

#[test]
fn destroy_takes_only_what_is_ours() {
    let check = |config: Config, expected: &[&str]| {
        let (desired, mut world) = (desired(vec![desired_vm("edge", Some(101))]), world());
        put(&mut world, 101, "pve1", Power::Running, config);
        assert_eq!(lines(&plan_destroy(&desired, &world)), expected);
    };
    let with = |key: &str, value: &str| {
        let mut config = config("edge", 101);
        config.set(key, value);
        config
    };
    check(config("edge", 101), &["Destroy edge [virtio0 virtio1] shutting down, destroying"]);
    check(with("protection", "1"), &["blocked edge: Protected"]);
    check(with("lock", "backup"), &["blocked edge: Locked { lock: \"backup\" }"]);
    let is = "Untagged { deployment: \"dev\", vm: \"edge\" }";
    check(with("tags", "x"), &[&format!("blocked edge: NotOurs {{ is: {is} }}")]);
    check(
        with("ide2", "local:iso/x.iso,media=cdrom"),
        &["Destroy edge [virtio0 virtio1] shutting down, destroying"],
    );
}

#[test]
fn of_two_vms_of_one_name_destroy_takes_the_one_with_the_vmid() {
    let (desired, mut world) = (desired(vec![desired_vm("edge", Some(101))]), world());
    put(&mut world, 101, "pve1", Power::Running, config("edge", 101));
    put(&mut world, 102, "pve1", Power::Running, config("edge", 102));
    put(&mut world, 103, "pve1", Power::Running, Config::settled([("name", "edge")]));
    let at =
        |number| lines(&crate::plan::plan_destroy(&Removal::at(&desired, &world, &[vmid(number)])));
    let all = "blocked edge: MarkedTwice { vmids: [101, 102] }";
    assert_eq!(lines(&plan_destroy(&desired, &world)), [all]);
    assert_eq!(at(102), ["Destroy edge [virtio0 virtio1] shutting down, destroying"]);
    let plan = crate::plan::plan_destroy(&Removal::at(&desired, &world, &[vmid(102)]));
    assert_eq!(plan.vms[0].vmid, Some(vmid(102)));
    assert_eq!(at(103), ["blocked VM 103: NotOurs { is: Unmarked }"]);
    assert_eq!(at(104), ["blocked VM 104: NotThere"]);
}

#[test]
fn destroy_of_what_is_gone_does_nothing() {
    let desired = desired(vec![desired_vm("edge", Some(101))]);
    assert_eq!(lines(&plan_destroy(&desired, &world())), ["unchanged edge"]);
}

#[test]
fn children_go_before_their_parents_and_come_after_them() {
    let mut child = desired_vm("app", Some(102));
    child.parent = Some("edge".into());
    let desired = desired(vec![desired_vm("edge", Some(101)), child]);
    let mut made = world();
    made.free.insert(vmid(102), true);
    let after = |plan: &Plan| {
        plan.vms.iter().map(|vm| (vm.name.clone(), vm.after.join(" "))).collect::<Vec<_>>()
    };
    let pair = |name: &str, after: &str| (name.to_owned(), after.to_owned());
    assert_eq!(after(&plan(&desired, &made)), [pair("edge", ""), pair("app", "edge")]);
    put(&mut made, 101, "pve1", Power::Stopped, config("edge", 101));
    put(&mut made, 102, "pve1", Power::Stopped, config("app", 102));
    assert_eq!(after(&plan_destroy(&desired, &made)), [pair("edge", "app"), pair("app", "")]);
}

#[test]
fn a_removal_lists_each_volume() {
    let (desired, mut world) = (desired(vec![desired_vm("edge", Some(101))]), world());
    let mut config = config("edge", 101);
    config.set("unused3", "tank:vm-101-disk-3");
    config.set("ide2", "local:iso/a.iso,media=cdrom");
    config.set("efidisk0", "tank:vm-101-disk-4,size=528K");
    // A disk that could not be plugged in, and one that another takes the place of at the next start.
    config.set_next("scsi5", Some("tank:vm-101-disk-5,size=3G"));
    config.set_next("virtio1", Some("tank:vm-101-disk-6"));
    put(&mut world, 101, "pve1", Power::Stopped, config);
    let plan = plan_destroy(&desired, &world);
    let goes =
        plan.vms[0].changes.iter().map(|c| format!("{} {}", c.field, c.from.as_ref().unwrap()));
    assert_eq!(
        goes.collect::<Vec<_>>(),
        [
            "efidisk0 tank:vm-101-disk-4 (528 KiB)",
            "scsi5 tank:vm-101-disk-5 (3 GiB)",
            "unused3 tank:vm-101-disk-3",
            "virtio0 local-lvm:vm-101-disk-0 (10 GiB)",
            "virtio1 local-lvm:vm-101-disk-1 (1 MiB)",
            "virtio1 tank:vm-101-disk-6",
        ]
    );
}
