//! Tests of `plan`: one small world each, and all that is planned, blocked and noticed for it.

use super::worlds::{config, desired, desired_vm, image, mark, put, vmid, world};
use super::*;
use crate::action::{Plan, Step};
use crate::desired::Consent;
use crate::mark::{Mark, SeedNote, Stage};
use crate::observed::{Config, Look, Power};
use std::collections::BTreeSet;

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
        what => format!("notice {}: {what:?}", n.name),
    }));
    lines.extend(plan.left_over.iter().map(|vm| format!("left over {} {}", vm.name, vm.vmid)));
    lines
}

fn plan_destroy(desired: &Desired, world: &Observed) -> Plan {
    super::plan_destroy(&Removal::new(desired, world))
}

/// A change of the description of `edge` at vmid 101 to this mark.
fn marked(mark: Mark) -> (&'static str, String) {
    ("description", mark.line())
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

const NONE: Consent =
    Consent { reboot: false, stop: false, reseed: false, pending: false, shutdown_seconds: 60 };
const REBOOT: Consent = Consent { reboot: true, ..NONE };
const RESEED: Consent = Consent { stop: true, reseed: true, ..NONE };
const PENDING: Consent = Consent { pending: true, ..NONE };

#[test]
fn what_is_not_there_is_made() {
    let line = "Create edge [] uploading the seed, creating, deleting the uploaded seed, \
                looking for another run, growing the disk, starting, looking for another run, \
                recording the state";
    check(|_, _| (), &[line]);
}

#[test]
fn an_image_of_the_right_size_is_not_grown() {
    let line = "Create edge [] uploading the seed, creating, deleting the uploaded seed, \
                looking for another run, starting, looking for another run, recording the state";
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
        ("tags", "pve-pipeline;by-hand"),
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
fn a_pending_value_that_nobody_wants_is_cleared_without_a_reboot() {
    check(
        |_, world| {
            let mut config = config("edge", 101);
            config.set_next("cores", Some("8"));
            put(world, 101, "pve1", Power::Running, config);
        },
        &["Change edge [cores] changing the config"],
    );
}

#[test]
fn what_needs_a_reboot_can_be_left_pending() {
    let change = [("cores", "4"), ("onboot", "0")];
    let expected = [
        "Change edge [cores onboot] changing the config",
        "notice edge: WaitsForReboot { fields: [\"cores\"] }",
    ];
    check_change(Power::Running, PENDING, &change, &expected);
    // Written by an earlier run: nothing is left to do but the reboot.
    check(
        |desired, world| {
            desired.consent = PENDING;
            let mut config = config("edge", 101);
            config.set("cores", "1");
            config.set_next("cores", Some("2"));
            put(world, 101, "pve1", Power::Running, config);
        },
        &["unchanged edge", "notice edge: WaitsForReboot { fields: [\"cores\"] }"],
    );
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
                let making = Mark { stage: Stage::Making, ..mark("edge", 101) };
                config.set("description", &making.line());
                config
            });
            let file = seed::file(desired, &desired.vms[0]);
            world.seed_files.insert(file);
        },
        &["Change edge [disk power creation] growing the disk, starting, recording the state, \
           deleting the uploaded seed"],
    );
}

#[test]
fn changed_seed_data_never_replaces_a_vm() {
    let seed = SeedNote { fingerprint: "01d5eed".into(), ..SeedNote::default() };
    let (key, line) = marked(Mark { seed, ..mark("edge", 101) });
    let other = [(key, line.as_str())];
    let expected = ["unchanged edge", "notice edge: seed"];
    check_change(Power::Running, Consent::default(), &other, &expected);
    let steps = "Change edge [seed] shutting down, uploading the seed, changing the config, \
                 changing the config, deleting the uploaded seed, recording the state, starting";
    check_change(Power::Running, RESEED, &other, &[steps, "notice edge: Reseed"]);
    let no_stop = Consent { stop: false, ..RESEED };
    let blocked = "blocked edge: NeedsPowerOff { fields: [\"`seed`\"] }";
    check_change(Power::Running, no_stop, &other, &[blocked, "notice edge: Reseed"]);
    let foreign = [other[0], ("virtio1", "local-lvm:vm-101-disk-1,size=100G")];
    let blocked = "blocked edge: SeedDiskForeign { has: \"local-lvm:vm-101-disk-1,size=100G\" }";
    check_change(Power::Running, RESEED, &foreign, &[blocked]);
    let rival = [other[0], ("ide2", "local-lvm:vm-101-cloudinit,media=cdrom")];
    let blocked = "blocked edge: SeedRivals { keys: [\"ide2\"] }";
    check_change(Power::Running, RESEED, &rival, &[blocked, "notice edge: ide2"]);
}

#[test]
fn the_mark_follows_what_the_document_sets_and_where_it_is_at_home() {
    check(
        |desired, world| {
            desired.vms[0].machine.as_mut().unwrap().tags.insert("web".into());
            put(world, 101, "pve1", Power::Running, config("edge", 101));
        },
        &["Change edge [tags set by the document] changing the config"],
    );
    let owned = Mark { owns: BTreeSet::from(["tags.web".to_owned()]), ..mark("edge", 101) };
    let (key, line) = marked(owned);
    let change = [(key, line.as_str()), ("tags", "backup;pve-pipeline;web")];
    let expected = ["Change edge [tags set by the document] changing the config"];
    check_change(Power::Running, NONE, &change, &expected);
    let elsewhere = Mark { node: "pve9".into(), ..mark("edge", 101) };
    check(
        |desired, world| {
            desired.vms[0].node_is_written = true;
            let mut config = config("edge", 101);
            config.set("description", &elsewhere.line());
            put(world, 101, "pve1", Power::Running, config);
        },
        &["Change edge [home node] recording the state"],
    );
}

#[test]
fn keys_set_by_hand_are_left_alone_and_listed() {
    let by_hand =
        [("balloon", "0"), ("net1", "virtio,bridge=vmbr1"), ("scsi0", "local-lvm:vm-101-disk-2")];
    let expected = ["unchanged edge", "notice edge: balloon net1 scsi0"];
    check_change(Power::Running, Consent::default(), &by_hand, &expected);
}

/// `edge` at its vmid with this description and these tags.
fn check_marked(description: &str, tags: &str, expected: &[&str]) {
    check_change(Power::Running, NONE, &[("description", description), ("tags", tags)], expected);
}

#[test]
fn what_is_not_ours_is_refused() {
    let refused = |mark: Mark, is: &str| {
        let expected = format!("blocked edge: NotOurs {{ is: {is} }}");
        check_marked(&mark.line(), "pve-pipeline", &[&expected]);
    };
    let edge = || mark("edge", 101);
    let who = "deployment: \"dev\", vm: \"edge\"";
    check_marked("by hand", "pve-pipeline", &["blocked edge: VmidTaken { by: Some(\"edge\") }"]);
    let untagged = format!("blocked edge: NotOurs {{ is: Untagged {{ {who} }} }}");
    check_marked(&edge().line(), "x", &[&untagged]);
    let prod = Mark { deployment: "prod".into(), ..edge() };
    refused(prod, "OtherDeployment { deployment: \"prod\", vm: \"edge\" }");
    let db = Mark { vm: "db".into(), ..edge() };
    refused(db, "OtherDeployment { deployment: \"dev\", vm: \"db\" }");
    let site = Mark { site: "home".into(), ..edge() };
    refused(site, &format!("OtherSite {{ site: \"home\", {who} }}"));
    refused(Mark { site: String::new(), ..edge() }, &format!("OtherSite {{ site: \"\", {who} }}"));
    let clone = || Mark { uuid: "99999999-2222-4333-8444-555555555555".into(), ..edge() };
    let copy = |kind: &str| format!("notice edge: Copy {{ is: {kind} {{ {who} }} }}");
    let blocked = |kind: &str| format!("blocked edge: NotOurs {{ is: {kind} {{ {who} }} }}");
    let both = |kind: &str| [blocked(kind), copy(kind)];
    let expected = both("Clone");
    check_marked(&clone().line(), "pve-pipeline", &expected.each_ref().map(String::as_str));
    let restored = Mark { vmid: Some(900), ..edge() };
    let expected = both("Restored");
    check_marked(&restored.line(), "pve-pipeline", &expected.each_ref().map(String::as_str));
}

#[test]
fn an_earlier_mark_anywhere_keeps_a_second_vm_from_being_made() {
    let expected = "blocked edge: NotOurs { is: Earlier { deployment: \"dev\", vm: \"edge\" } }";
    for fixed in [true, false] {
        let build = |desired: &mut Desired, world: &mut Observed| {
            desired.vms[0].vmid = desired.vms[0].vmid.filter(|_| fixed);
            let mut config = config("edge", 900);
            config.set("description", "pve-pipeline: deployment=dev vm=edge run=1 seed=5eed");
            put(world, 900, "pve1", Power::Running, config);
        };
        check(build, &[expected]);
    }
}

#[test]
fn a_clone_of_a_vm_that_is_gone_is_left_alone() {
    let (desired, mut world) = (desired(vec![desired_vm("edge", Some(101))]), world());
    let mut clone = config("edge", 900);
    clone.set("description", &mark("edge", 101).line());
    put(&mut world, 900, "pve1", Power::Running, clone);
    let is = "Copy { is: Clone { deployment: \"dev\", vm: \"edge\" } }";
    let expected = ["unchanged edge".to_owned(), format!("notice edge: {is}")];
    assert_eq!(said(&plan_destroy(&desired, &world)), expected);
}

#[test]
fn a_document_for_another_node_is_another_document() {
    let build = |written: bool| {
        move |desired: &mut Desired, world: &mut Observed| {
            desired.node = "pve2".parse().unwrap();
            desired.vms[0].node_is_written = written;
            put(world, 101, "pve1", Power::Running, config("edge", 101));
        }
    };
    let nodes = "home: \"pve1\", wanted: \"pve2\"";
    check(build(false), &[&format!("blocked edge: OtherDocument {{ {nodes} }}")]);
    check(build(true), &[&format!("blocked edge: MustMigrate {{ {nodes} }}")]);
    let (mut desired, mut world) = (desired(vec![desired_vm("edge", Some(101))]), world());
    build(false)(&mut desired, &mut world);
    let expected = [format!("blocked edge: OtherDocument {{ {nodes} }}")];
    assert_eq!(said(&plan_destroy(&desired, &world)), expected);
}

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
    assert_eq!(said(&plan_prune(&desired, &world)), expected);
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
    check(
        |desired, world| {
            desired.vms[0].vmid = None;
            world.free.clear();
        },
        &["blocked edge: VmidHidden"],
    );
    check(|_, world| world.node_away = true, &["blocked edge: NodeAway"]);
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
    check(migrated, &["unchanged edge", "notice edge: Moved { node: \"pve2\" }"]);
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
    let at = |number| said(&super::plan_destroy(&Removal::at(&desired, &world, &[vmid(number)])));
    let all = "blocked edge: MarkedTwice { vmids: [101, 102] }";
    assert_eq!(said(&plan_destroy(&desired, &world)), [all]);
    assert_eq!(at(102), ["Destroy edge [virtio0 virtio1] shutting down, destroying"]);
    let plan = super::plan_destroy(&Removal::at(&desired, &world, &[vmid(102)]));
    assert_eq!(plan.vms[0].vmid, Some(vmid(102)));
    assert_eq!(at(103), ["blocked VM 103: NotOurs { is: Unmarked }"]);
    assert_eq!(at(104), ["blocked VM 104: NotThere"]);
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
    let asked = Adoption::default();
    let adoption = plan_adopt(&desired, &world, &asked);
    assert_eq!(said(&adoption), ["Adopt edge [tags description] changing the config"]);
    let Step::Configure { params, mark: Some(mark), .. } = &adoption.vms[0].steps[0] else {
        panic!()
    };
    assert_eq!(params.keys().collect::<Vec<_>>(), ["tags"]);
    assert_eq!(params["tags"], "a;pve-pipeline");
    assert_eq!((mark.uuid.as_str(), mark.seed.fingerprint.as_str()), ("none", "none"));
    assert_eq!((mark.vmid, mark.owns.len()), (Some(101), 0));
    let marked = as_adopted(&adoption, &world);
    assert_eq!(said(&plan_adopt(&desired, &marked, &asked)), ["unchanged edge"]);
}

#[test]
fn adopt_takes_over_older_marks_and_keeps_their_seed() {
    let older = "pve-pipeline: deployment=dev vm=edge run=1 seed=5eed";
    let siteless = Mark { site: String::new(), ..mark("edge", 101) }.line();
    let elsewhere = Mark { site: "home".into(), ..mark("edge", 101) }.line();
    let ours = mark("edge", 101).line();
    let from_home = Adoption { from_site: Some("home".into()), ..Adoption::default() };
    let check = |fixed: bool, description: &str, tags: &str, asked: &Adoption, expected: &str| {
        let mut desired = desired(vec![desired_vm("edge", Some(101)), desired_vm("db", Some(102))]);
        desired.vms[0].vmid = desired.vms[0].vmid.filter(|_| fixed);
        let mut world = world();
        let mut config = config("edge", 101);
        config.set("description", description);
        config.set("tags", tags);
        put(&mut world, 101, "pve1", Power::Running, config);
        let adoption = plan_adopt(&desired, &world, asked);
        assert_eq!(said(&adoption).first().map(String::as_str), Some(expected), "{description}");
        if let Some(vm) = adoption.vms.first() {
            assert_eq!(vm.mark.seed.fingerprint, "5eed");
            assert_eq!(adoption.blocked, []);
        }
    };
    let any = Adoption::default();
    let mark_only = "Adopt edge [description] recording the state";
    check(true, older, "pve-pipeline", &any, mark_only);
    check(false, older, "pve-pipeline", &any, mark_only);
    check(false, &siteless, "pve-pipeline", &any, mark_only);
    check(false, &elsewhere, "pve-pipeline", &from_home, mark_only);
    check(true, &ours, "x", &any, "Adopt edge [tags description] changing the config");
    let who = "site: \"home\", deployment: \"dev\", vm: \"edge\"";
    let refused = format!("blocked edge: NotOurs {{ is: OtherSite {{ {who} }} }}");
    check(true, &elsewhere, "pve-pipeline", &any, &refused);
}
