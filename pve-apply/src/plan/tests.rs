//! Tests of `plan`: one small world each, and all that is planned, blocked and noticed for it.

use super::worlds::{config, desired, desired_vm, image, put, vmid, world};
use super::*;
use crate::action::{Plan, Step};
use crate::blocked::What;
use crate::desired::{Consent, SeedWay};
use crate::observed::{Config, Look, Power};

/// All that a plan says, a line each.
fn said(plan: &Plan) -> Vec<String> {
    let mut lines = Vec::new();
    for vm in &plan.vms {
        let fields: Vec<_> = vm.changes.iter().map(|c| c.field.as_str()).collect();
        let steps: Vec<_> = vm.steps.iter().map(Step::doing).collect();
        let fields = if vm.action == crate::action::Action::Create {
            String::new()
        } else {
            fields.join(" ")
        };
        lines.push(format!("{:?} {} [{fields}] {}", vm.action, vm.name, steps.join(", ")));
    }
    lines.extend(plan.unchanged.iter().map(|vm| format!("unchanged {}", vm.name)));
    lines.extend(plan.blocked.iter().map(|b| format!("blocked {}: {:?}", b.name, b.why)));
    lines.extend(plan.notices.iter().map(|n| match &n.what {
        What::SeedChanged => format!("notice {}: seed", n.name),
        What::Unmanaged { keys } | What::PendingByHand { keys } => {
            format!("notice {}: {}", n.name, keys.join(" "))
        }
    }));
    lines
}

/// Plans one VM `edge` with vmid 101 in a world.
fn check(build: impl FnOnce(&mut Desired, &mut Observed), expected: &[&str]) {
    let (mut desired, mut world) = (desired(vec![desired_vm("edge", Some(101))]), world());
    build(&mut desired, &mut world);
    assert_eq!(said(&plan(&desired, &world)), expected);
}

/// The same where `edge` is there as it shall be, but for `change`.
fn check_change(power: Power, consent: Consent, change: &[(&str, &str)], expected: &[&str]) {
    check(
        |desired, world| {
            desired.consent = consent;
            let mut config = config("edge", 101);
            for (key, value) in change {
                if value.is_empty() { config.remove(key) } else { config.set(key, value) }
            }
            put(world, 101, "pve1", power, config);
        },
        expected,
    );
}

const REBOOT: Consent = Consent { reboot: true, stop: false, reseed: false, shutdown_seconds: 60 };
const RESEED: Consent = Consent { reboot: false, stop: true, reseed: true, shutdown_seconds: 60 };

#[test]
fn what_is_not_there_is_made() {
    let line = "Create edge [] uploading the seed, creating, deleting the uploaded seed, \
                growing the disk, starting";
    check(|_, _| (), &[line]);
}

#[test]
fn an_image_of_the_right_size_is_not_grown() {
    let line = "Create edge [] uploading the seed, creating, deleting the uploaded seed, starting";
    check(|_, world| _ = world.images.insert(image(), Some(10 << 30)), &[line]);
}

#[test]
fn an_image_that_does_not_fit_or_is_not_there_blocks() {
    check(
        |_, world| _ = world.images.insert(image(), Some(11 << 30)),
        &["blocked edge: DiskSmallerThanImage { disk_gib: 10, image_bytes: 11811160064 }"],
    );
    check(
        |_, world| _ = world.images.insert(image(), None),
        &[
            "blocked edge: ImageMissing { image: \"debian-12\", volid: Some(\"local:import/debian-12.qcow2\") }",
        ],
    );
}

#[test]
fn what_is_as_it_shall_be_is_left_alone() {
    check_change(Power::Running, Consent::default(), &[], &["unchanged edge"]);
}

#[test]
fn values_are_compared_and_not_texts() {
    let same = [
        ("agent", "enabled=1,fstrim_cloned_disks=1"),
        ("cpu", "cputype=host,flags=+aes"),
        ("memory", "current=2048"),
        ("net0", "bridge=vmbr0,firewall=1,virtio=02:aa:00:00:00:01"),
        ("net0", "model=virtio,macaddr=02:aa:00:00:00:01,bridge=vmbr0"),
        ("virtio0", "file=local-lvm:vm-101-disk-0,size=10240M,iothread=yes,discard=on,cache=none"),
        ("onboot", "yes"),
        ("tags", "PVE-Pipeline"),
        ("boot", "order=virtio0;ide2"),
    ];
    for change in same {
        check_change(Power::Running, Consent::default(), &[change], &["unchanged edge"]);
    }
}

#[test]
fn live_fields_are_changed_without_a_reboot() {
    let cases = [
        ("name", "other", "name"),
        ("net0", "virtio=02:AA:00:00:00:01,bridge=vmbr1", "bridge"),
        ("net0", "virtio=02:AA:00:00:00:01,bridge=vmbr0,tag=7", "vlan"),
        ("onboot", "0", "onboot"),
        ("onboot", "", "onboot"),
        ("tags", "pve-pipeline;by-hand", "tags"),
    ];
    for (key, value, field) in cases {
        let line = format!("Change edge [{field}] changing the config");
        check_change(Power::Running, Consent::default(), &[(key, value)], &[&line]);
    }
}

#[test]
fn fields_that_wait_for_a_reboot_need_consent() {
    let cases = [
        ("cores", "4", "cores"),
        ("cores", "", "cores"),
        ("memory", "4096", "memory"),
        ("memory", "", "memory"),
        ("cpu", "kvm64", "cpu"),
        ("cpu", "", "cpu"),
        ("net0", "e1000=02:AA:00:00:00:01,bridge=vmbr0", "net0 model"),
        ("net0", "virtio=BC:24:11:00:00:01,bridge=vmbr0", "mac"),
        ("virtio0", "local-lvm:vm-101-disk-0,iothread=1,size=10G", "discard"),
        ("virtio0", "local-lvm:vm-101-disk-0,discard=on,size=10G", "iothread"),
        ("scsihw", "", "scsihw"),
        ("agent", "0", "agent"),
        ("agent", "", "agent"),
        ("serial0", "", "serial0"),
        ("ostype", "other", "ostype"),
        ("boot", "order=scsi0", "boot"),
        ("boot", "cdn", "boot"),
    ];
    for (key, value, field) in cases {
        let change = [(key, value)];
        let blocked = format!("blocked edge: NeedsReboot {{ fields: [\"`{field}`\"] }}");
        check_change(Power::Running, Consent::default(), &change, &[&blocked]);
        let changed = format!("Change edge [{field}] changing the config, rebooting");
        check_change(Power::Running, REBOOT, &change, &[&changed]);
        let stopped = format!("Change edge [{field} power] changing the config, starting");
        check_change(Power::Stopped, Consent::default(), &change, &[&stopped]);
    }
}

#[test]
fn what_is_pending_needs_only_the_reboot() {
    let build = |consent: Consent| {
        move |desired: &mut Desired, world: &mut Observed| {
            desired.consent = consent;
            let mut config = config("edge", 101);
            config.set("cores", "1");
            config.set_next("cores", Some("2"));
            put(world, 101, "pve1", Power::Running, config);
        }
    };
    check(build(Consent::default()), &["blocked edge: NeedsReboot { fields: [\"`cores`\"] }"]);
    check(build(REBOOT), &["Change edge [cores] rebooting"]);
}

#[test]
fn a_disk_grows_and_never_shrinks() {
    let disk = |size| format!("local-lvm:vm-101-disk-0,discard=on,iothread=1,size={size}");
    let small = disk("2G");
    let grown = "Change edge [disk] growing the disk";
    check_change(Power::Running, Consent::default(), &[("virtio0", &small)], &[grown]);
    let large = disk("11G");
    let blocked = "blocked edge: DiskWouldShrink { disk_gib: 10, has: \"11G\" }";
    check_change(Power::Running, Consent::default(), &[("virtio0", &large)], &[blocked]);
}

#[test]
fn a_half_made_vm_is_finished() {
    // A crash after the create: the disk has the image's size and nothing was started.
    let small = "local-lvm:vm-101-disk-0,discard=on,iothread=1,size=2G";
    check(
        |desired, world| {
            put(world, 101, "pve1", Power::Stopped, {
                let mut config = config("edge", 101);
                config.set("virtio0", small);
                config
            });
            world.seed_files.insert(desired.seed_volid(&desired.vms[0], SeedWay::Disk));
        },
        &["Change edge [disk power] deleting the uploaded seed, growing the disk, starting"],
    );
}

#[test]
fn a_vm_with_a_seed_disk_gets_no_snippets_besides() {
    check(
        |desired, world| {
            desired.seed_way = SeedWay::Snippets;
            put(world, 101, "pve1", Power::Running, config("edge", 101));
            world.seed_files.insert(desired.seed_volid(&desired.vms[0], SeedWay::Snippets));
        },
        &["Change edge [] deleting the uploaded seed"],
    );
}

#[test]
fn changed_seed_data_never_replaces_a_vm() {
    let other = [("description", "pve-pipeline: deployment=dev vm=edge run=01d seed=01d5eed")];
    let expected = ["unchanged edge", "notice edge: seed"];
    check_change(Power::Running, Consent::default(), &other, &expected);
    let steps = "Change edge [seed] shutting down, uploading the seed, changing the config, \
                 changing the config, deleting the uploaded seed, starting, changing the config";
    check_change(Power::Running, RESEED, &other, &[steps]);
    let no_stop = Consent { stop: false, ..RESEED };
    let blocked = "blocked edge: NeedsPowerOff { fields: [\"`seed`\"] }";
    check_change(Power::Running, no_stop, &other, &[blocked]);
    let foreign = [other[0], ("virtio1", "local-lvm:vm-101-disk-1,size=100G")];
    let blocked = "blocked edge: SeedDiskForeign { has: \"local-lvm:vm-101-disk-1,size=100G\" }";
    check_change(Power::Running, RESEED, &foreign, &[blocked]);
}

#[test]
fn keys_set_by_hand_are_left_alone_and_listed() {
    let by_hand =
        [("balloon", "0"), ("net1", "virtio,bridge=vmbr1"), ("scsi0", "local-lvm:vm-101-disk-2")];
    let expected = ["unchanged edge", "notice edge: balloon net1 scsi0"];
    check_change(Power::Running, Consent::default(), &by_hand, &expected);
}

#[test]
fn what_is_not_ours_is_refused() {
    let taken = "blocked edge: VmidTaken { by: Some(\"edge\") }";
    let strip = |key: &'static str| {
        move |_: &mut Desired, world: &mut Observed| {
            let mut config = config("edge", 101);
            config.remove(key);
            put(world, 101, "pve1", Power::Running, config);
        }
    };
    check(strip("tags"), &[taken]);
    check(strip("description"), &[taken]);
    let marked = |deployment: &str, vm: &str| {
        let line = format!("pve-pipeline: deployment={deployment} vm={vm} run=1 seed=5eed");
        move |_: &mut Desired, world: &mut Observed| {
            let mut config = config("edge", 101);
            config.set("description", &line);
            put(world, 101, "pve1", Power::Running, config);
        }
    };
    let other = |deployment: &str, vm: &str| {
        format!("blocked edge: VmidMarkedOther {{ deployment: {deployment:?}, vm: {vm:?} }}")
    };
    check(marked("prod", "edge"), &[&other("prod", "edge")]);
    check(marked("dev", "db"), &[&other("dev", "db")]);
}

#[test]
fn absence_needs_two_witnesses() {
    check(|_, world| _ = world.free.insert(vmid(101), false), &["blocked edge: VmidHidden"]);
    check(|_, world| world.free.clear(), &["blocked edge: VmidHidden"]);
    check(
        |desired, world| {
            desired.vms[0].vmid = None;
            world.sees_all = false;
        },
        &["blocked edge: MayNotSeeAll"],
    );
    let node: NodeName = "pve2".parse().unwrap();
    let away = Look::NodeAway(node.clone());
    check(|_, world| _ = world.looks.insert(vmid(101), away), &["blocked edge: NodeAway"]);
    let forbidden = Look::Forbidden(node);
    check(|_, world| _ = world.looks.insert(vmid(101), forbidden), &["blocked edge: Forbidden"]);
}

#[test]
fn a_create_under_way_is_neither_ours_nor_foreign() {
    let config = Config::settled([("lock", "create")]);
    let build =
        |_: &mut Desired, world: &mut Observed| put(world, 101, "pve1", Power::Stopped, config);
    check(build, &["blocked edge: BeingCreated"]);
}

#[test]
fn a_vm_is_found_by_its_mark_wherever_it_is() {
    let free_choice = |desired: &mut Desired, world: &mut Observed| {
        desired.vms[0].vmid = None;
        put(world, 9000, "pve1", Power::Running, config("edge", 9000));
    };
    check(free_choice, &["unchanged edge"]);
    let moved = |_: &mut Desired, world: &mut Observed| {
        put(world, 9000, "pve1", Power::Running, config("edge", 9000));
    };
    check(moved, &["blocked edge: VmidDiffers { wanted: 101 }"]);
    let migrated = |_: &mut Desired, world: &mut Observed| {
        put(world, 101, "pve2", Power::Running, config("edge", 101));
    };
    check(migrated, &["blocked edge: NodeDiffers { wanted: \"pve1\" }"]);
    let copied = |_: &mut Desired, world: &mut Observed| {
        put(world, 101, "pve1", Power::Running, config("edge", 101));
        put(world, 9000, "pve1", Power::Running, config("edge", 9000));
    };
    check(copied, &["blocked edge: MarkedTwice { vmids: [101, 9000] }"]);
}

#[test]
fn a_locked_vm_is_changed_by_nobody() {
    let expected = "blocked edge: Locked { lock: \"backup\" }";
    check_change(Power::Running, REBOOT, &[("lock", "backup"), ("cores", "4")], &[expected]);
    check_change(Power::Running, REBOOT, &[("lock", "backup")], &["unchanged edge"]);
}

#[test]
fn destroy_takes_only_what_is_ours() {
    let check = |config: Config, expected: &[&str]| {
        let (desired, mut world) = (desired(vec![desired_vm("edge", Some(101))]), world());
        put(&mut world, 101, "pve1", Power::Running, config);
        assert_eq!(said(&plan_destroy(&desired, &world)), expected);
    };
    let with = |key: &str, value: &str| {
        let mut config = config("edge", 101);
        config.set(key, value);
        config
    };
    check(config("edge", 101), &["Destroy edge [virtio0 virtio1] shutting down, destroying"]);
    check(with("protection", "1"), &["blocked edge: Protected"]);
    check(with("lock", "backup"), &["blocked edge: Locked { lock: \"backup\" }"]);
    check(with("tags", "x"), &["blocked edge: VmidTaken { by: Some(\"edge\") }"]);
    check(
        with("ide2", "local:iso/x.iso,media=cdrom"),
        &["Destroy edge [virtio0 virtio1] shutting down, destroying"],
    );
}

#[test]
fn destroy_of_what_is_gone_does_nothing() {
    let desired = desired(vec![desired_vm("edge", Some(101))]);
    assert_eq!(said(&plan_destroy(&desired, &world())), ["unchanged edge"]);
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
fn adopt_writes_the_mark_and_nothing_else() {
    let desired = desired(vec![desired_vm("edge", Some(101))]);
    let mut world = world();
    let by_hand = Config::settled([("name", "precious"), ("description", "ask Jo"), ("tags", "a")]);
    put(&mut world, 101, "pve1", Power::Running, by_hand);
    let adoption = plan_adopt(&desired, &world);
    assert_eq!(said(&adoption), ["Adopt edge [tags description] changing the config"]);
    let Step::Configure { params, .. } = &adoption.vms[0].steps[0] else { panic!() };
    assert_eq!(params.keys().collect::<Vec<_>>(), ["description", "tags"]);
    assert_eq!(params["tags"], "a;pve-pipeline");
    let line = "pve-pipeline: deployment=dev vm=edge run=0af3 seed=none";
    assert_eq!(params["description"], format!("ask Jo\n{line}"));
    assert_eq!(said(&plan_adopt(&desired, &as_adopted(&adoption, &world))), ["unchanged edge"]);
}
