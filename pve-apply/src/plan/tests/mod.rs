//! Tests of `plan`: one small world each, and all that is planned, blocked and noticed for it.

use super::left_over::plan_prune;
use super::worlds::{
    config, definition_of, desired, desired_vm, image_on_pve1, mark, put, uuid, vmid, world,
};
use super::*;
use crate::action::{Plan, Step};
use crate::desired::{Consent, Definition, Placement};
use crate::mark::{Mark, SeedNote, Stage};
use crate::observed::{Config, Observation, Power};
use serde_json::{Value, json};
use std::collections::BTreeSet;

mod boot_disk;
mod identity;
mod migrate;
mod removal;
mod reseed;
mod slots;
mod theirs;

/// The content of a plan, a line each.
fn lines(plan: &Plan) -> Vec<String> {
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
    lines.extend(plan.blocked.iter().map(|b| format!("blocked {}: {:?}", b.name, b.reason)));
    let notices = plan.notices.iter().filter(|notice| !notice.is_detail());
    lines.extend(notices.map(|n| match &n.kind {
        NoticeKind::SeedChanged { .. } => format!("notice {}: seed", n.name),
        NoticeKind::Unmanaged { keys } | NoticeKind::PendingByHand { keys } => {
            format!("notice {}: {}", n.name, keys.join(" "))
        }
        NoticeKind::WaitsForReboot { changes } => {
            let values: Vec<_> = changes.iter().map(Change::values).collect();
            format!("waiting {}: {}", n.name, values.join(", "))
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
    assert_eq!(lines(&plan(&desired, &world)), expected);
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

const NONE: Consent = Consent {
    reboot: false,
    stop: false,
    reseed: false,
    pending: false,
    detach: false,
    move_disks: false,
    migrate: false,
    shutdown_seconds: 60,
};
const REBOOT: Consent = Consent { reboot: true, ..NONE };
const RESEED: Consent = Consent { stop: true, reseed: true, ..NONE };
const PENDING: Consent = Consent { pending: true, ..NONE };

#[test]
fn missing_vms_are_created() {
    let line = "Create edge [] uploading the seed, creating, deleting the uploaded seed, \
                checking for other runs, resizing the disk, starting, checking for other runs, \
                recording the state";
    check(|_, _| (), &[line]);
}

#[test]
fn an_image_of_the_right_size_is_not_grown() {
    let line = "Create edge [] uploading the seed, creating, deleting the uploaded seed, \
                checking for other runs, starting, checking for other runs, recording the state";
    check(|_, world| _ = world.images.insert(image_on_pve1(), Some(10 << 30)), &[line]);
}

#[test]
fn an_image_that_is_too_large_or_missing_blocks() {
    check(
        |_, world| _ = world.images.insert(image_on_pve1(), Some(11 << 30)),
        &[
            "blocked edge: DiskSmallerThanImage { field: \"disk\", wanted: \"10 GiB\", image_bytes: 11811160064 }",
        ],
    );
    check(
        |_, world| _ = world.images.insert(image_on_pve1(), None),
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

/// Plans an existing `edge` with these settings, except for `change`.
fn check_held(
    set: &Value,
    power: Power,
    consent: Consent,
    change: (&str, &str),
    expected: &[&str],
) {
    check(
        |desired, world| {
            desired.consent = consent;
            desired.vms[0].definition = Some(Definition { remembers: false, ..definition_of(set) });
            let mut config = config("edge", 101);
            match change {
                (key, "") => config.remove(key),
                (key, value) => config.set(key, value),
            }
            put(world, 101, "pve1", power, config);
        },
        expected,
    );
}

/// The defaults of every VM.
fn all_set() -> Value {
    json!({
        "cores": 2, "memory": 2048, "cpu": "host", "scsihw": "virtio-scsi-single", "agent": true,
        "serial0": "socket", "ostype": "l26", "onboot": true, "boot": "order=virtio0",
        "net0": {"model": "virtio", "bridge": "vmbr0", "tag": null, "macaddr": "02:AA:00:00:00:01"},
        "virtio0": {"discard": "on", "iothread": true},
    })
}

#[test]
fn live_fields_are_changed_without_a_reboot() {
    let cases = [
        ("name", "other", "name"),
        ("net0", "virtio=02:AA:00:00:00:01,bridge=vmbr1", "bridge"),
        ("net0", "virtio=02:AA:00:00:00:01,bridge=vmbr0,tag=7", "vlan"),
        ("net0", "e1000=02:AA:00:00:00:01,bridge=vmbr0", "net0.model"),
        ("net0", "virtio=BC:24:11:00:00:01,bridge=vmbr0", "mac"),
        ("onboot", "0", "onboot"),
        ("onboot", "", "onboot"),
    ];
    for (key, value, field) in cases {
        let line = format!("Change edge [{field}] changing the config");
        check_held(&all_set(), Power::Running, NONE, (key, value), &[&line]);
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
        ("virtio0", "local-lvm:vm-101-disk-0,iothread=1,size=10G", "virtio0.discard"),
        ("virtio0", "local-lvm:vm-101-disk-0,discard=on,size=10G", "virtio0.iothread"),
        ("scsihw", "", "scsihw"),
        ("agent", "0", "agent"),
        ("agent", "", "agent"),
        ("serial0", "", "serial0"),
        ("ostype", "other", "ostype"),
        ("boot", "order=scsi0", "boot.order"),
        ("boot", "cdn", "boot.order"),
    ];
    for (key, value, field) in cases {
        let (set, change) = (all_set(), (key, value));
        let blocked = format!("blocked edge: NeedsReboot {{ fields: [\"`{field}`\"] }}");
        check_held(&set, Power::Running, NONE, change, &[&blocked]);
        let changed = format!("Change edge [{field}] changing the config, rebooting");
        check_held(&set, Power::Running, REBOOT, change, &[&changed]);
        let stopped = format!("Change edge [{field} power] changing the config, starting");
        check_held(&set, Power::Stopped, NONE, change, &[&stopped]);
    }
}

#[test]
fn what_nobody_says_is_left_alone() {
    for change in
        [("cpu", "kvm64"), ("agent", "0"), ("onboot", ""), ("serial0", ""), ("scsihw", "")]
    {
        check_change(Power::Running, NONE, &[change], &["unchanged edge"]);
    }
}

#[test]
fn a_vm_that_takes_no_nics_while_it_runs_is_rebooted() {
    let set = json!({"cores": 2, "memory": 2048, "net0": {"model": "virtio"}, "hotplug": "0"});
    check(
        |desired, world| {
            desired.vms[0].definition =
                Some(Definition { remembers: false, ..definition_of(&set) });
            let mut config = config("edge", 101);
            config.set("hotplug", "0");
            config.set("net0", "e1000=02:AA:00:00:00:01,bridge=vmbr0");
            put(world, 101, "pve1", Power::Running, config);
        },
        &["blocked edge: NeedsReboot { fields: [\"`net0.model`\"] }"],
    );
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
    // It is written: without consent to the reboot nothing is left to do, and nothing is blocked.
    let waits = ["unchanged edge", "waiting edge: cores: 1 -> 2"];
    check(build(Consent::default()), &waits);
    check(build(PENDING), &waits);
    check(build(REBOOT), &["Change edge [cores] rebooting"]);
}

#[test]
fn a_disk_grows_and_never_shrinks() {
    let disk = |size| format!("local-lvm:vm-101-disk-0,discard=on,iothread=1,size={size}");
    let small = disk("2G");
    let grown = "Change edge [disk] resizing the disk";
    let at_boot = "notice edge: GrowsAtBoot { disk: \"virtio0\" }";
    check_change(Power::Running, Consent::default(), &[("virtio0", &small)], &[grown, at_boot]);
    // A storage rounds up: that is the same size.
    let rounded = disk("10485764K");
    check_change(Power::Running, Consent::default(), &[("virtio0", &rounded)], &["unchanged edge"]);
    let large = disk("11G");
    let blocked =
        "blocked edge: DiskWouldShrink { field: \"disk\", wanted: \"10 GiB\", has: \"11 GiB\" }";
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
    let change = [("cores", "4"), ("name", "other")];
    let expected = ["Change edge [name cores] changing the config", "waiting edge: cores: 4 -> 2"];
    check_change(Power::Running, PENDING, &change, &expected);
    // A pending value blocks nothing, and is not blocked by a change that needs consent.
    check(
        |_, world| {
            let mut config = config("edge", 101);
            config.set("cores", "1");
            config.set_next("cores", Some("2"));
            config.set("name", "other");
            put(world, 101, "pve1", Power::Running, config);
        },
        &["Change edge [name] changing the config", "waiting edge: cores: 1 -> 2"],
    );
}

#[test]
fn an_unfinished_vm_is_finished() {
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
            world.seed_files.insert(("pve1".parse().unwrap(), file));
        },
        &["Change edge [disk power creation] resizing the disk, starting, recording the state, \
           deleting the uploaded seed"],
    );
}

#[test]
fn the_mark_follows_what_the_document_sets_and_where_it_is_at_home() {
    check(
        |desired, world| {
            desired.vms[0].definition.as_mut().unwrap().tags.insert("web".into());
            put(world, 101, "pve1", Power::Running, config("edge", 101));
        },
        &["Change edge [tags now managed] changing the config"],
    );
    let owned = Mark { owns: BTreeSet::from(["tags.web".to_owned()]), ..mark("edge", 101) };
    let (key, line) = marked(owned);
    let change = [(key, line.as_str()), ("tags", "backup;pve-pipeline;web")];
    let expected =
        ["Change edge [tags no longer managed] changing the config, recording the state"];
    check_change(Power::Running, NONE, &change, &expected);
    let elsewhere = Mark { node: "pve9".into(), ..mark("edge", 101) };
    check(
        |desired, world| {
            desired.vms[0].placement = Placement::Written;
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

#[test]
fn the_mac_is_read_in_every_spelling() {
    let upper = Some("02:AB:00:00:00:01".to_owned());
    assert_eq!(mac_of_net0("virtio=02:ab:00:00:00:01,bridge=b"), upper);
    assert_eq!(mac_of_net0("model=virtio,macaddr=02:ab:00:00:00:01"), upper);
    assert_eq!(mac_of_net0("virtio,bridge=b"), None);
}
