//! Which disk of a VM is taken for its boot disk, and which for its seed: never a guess, for both are
//! written to.

use super::*;

/// An adopted `edge` with these settings, disks and boot order.
fn adopted(set: &Value, disks: &[(&str, &str)], consent: Consent) -> (Desired, Observed) {
    let mut vm = desired_vm("edge", Some(101));
    vm.definition = Some(definition_of(set));
    let mut desired = desired(vec![vm]);
    desired.consent = consent;
    let mut config = config("edge", 101);
    for key in ["virtio0", "virtio1", "boot"] {
        config.remove(key);
    }
    let mark = Mark { made: "adopted".into(), seed: SeedNote::unknown(), ..mark("edge", 101) };
    config.set("description", &mark.line());
    disks.iter().for_each(|(key, value)| config.set(key, value));
    let mut world = world();
    put(&mut world, 101, "pve1", Power::Stopped, config);
    (desired, world)
}

const SYSTEM: &str = "tank:system,size=4G";
const DATA: &str = "tank:data,size=5G";

/// Which slot grows to the boot disk's size, or why none does.
fn grows(set: &Value, disks: &[(&str, &str)]) -> String {
    let (desired, world) = adopted(set, disks, NONE);
    let plan = plan(&desired, &world);
    let steps = plan.vms.iter().flat_map(|vm| &vm.steps);
    let grown = steps.filter_map(|step| match step {
        Step::Resize { disk, .. } => Some(disk.clone()),
        _ => None,
    });
    let blocked = plan.blocked.iter().map(|blocked| format!("{:?}", blocked.reason));
    grown.chain(blocked).collect::<Vec<_>>().join("; ")
}

#[test]
fn only_the_boot_disk_grows() {
    let check = |set: Value, more: &[(&str, &str)], expected: &str| {
        let disks = [&[("scsi0", SYSTEM), ("virtio0", DATA)], more].concat();
        assert_eq!(grows(&set, &disks), expected, "{set} {more:?}");
    };
    let unclear = "BootDiskUnclear { slots: [\"scsi0\", \"virtio0\"] }";
    check(json!({}), &[("boot", "order=scsi0")], "scsi0");
    check(json!({}), &[("boot", "order=net0;scsi0;virtio0")], "scsi0");
    let cd = ("ide2", "local:iso/a.iso,media=cdrom");
    check(json!({}), &[cd, ("boot", "order=ide2;scsi0")], "scsi0");
    check(json!({}), &[("boot", "cdn"), ("bootdisk", "scsi0")], "scsi0");
    check(json!({}), &[("bootdisk", "scsi0")], "scsi0");
    check(json!({}), &[("boot", "order=net0")], unclear);
    check(json!({}), &[("boot", " ")], unclear);
    check(json!({}), &[("boot", "cdn")], unclear);
    check(json!({}), &[], unclear);
    // The YAML shows which one is meant.
    check(json!({"boot": {"order": ["scsi0"]}}), &[], "scsi0");
    check(json!({"scsi0": {"size": 4}}), &[], "virtio0");
    let set = "BootDiskSaid { slot: \"scsi0\", boot: \"virtio0\" }";
    check(json!({"scsi0": {"ssd": true}}), &[("boot", "order=scsi0")], set);
}

#[test]
fn a_remaining_disk_does_not_count_as_removed() {
    let check = |disks: &[(&str, &str)], expected: &str| {
        assert_eq!(grows(&json!({}), disks), expected, "{disks:?}");
    };
    // PVE: facts-4, 46: the boot disk was taken off.
    check(&[("scsi1", DATA), ("boot", " ")], "BootDiskUnclear { slots: [\"scsi1\"] }");
    check(&[("boot", " ")], "DiskMissing { slot: \"virtio0\" }");
    check(&[("virtio0", SYSTEM), ("boot", " ")], "virtio0");
    check(&[("scsi1", SYSTEM)], "scsi1");
    check(&[("virtio1", SYSTEM), ("boot", "order=virtio1")], "virtio1");
}

#[test]
fn a_created_vm_has_its_boot_disk_in_the_slot_of_new_vms() {
    let disks = [("scsi0", DATA), ("virtio0", SYSTEM), ("boot", "order=net0")];
    let (desired, mut world) = adopted(&json!({}), &disks, NONE);
    let Some(Observation::Seen(seen)) = world.vms.values_mut().next() else { panic!() };
    seen.config.set("description", &mark("edge", 101).line());
    let lines = lines(&plan(&desired, &world));
    assert_eq!(lines[0], "Change edge [disk power] resizing the disk, starting");
}

#[test]
fn the_named_slot_counts_where_the_order_names_none() {
    let disks = [("scsi0", SYSTEM), ("virtio0", DATA), ("boot", "order=net0")];
    let (mut desired, world) = adopted(&json!({}), &disks, NONE);
    let definition = desired.vms[0].definition.as_mut().unwrap();
    definition.boot = machine::ConfigKey::find("scsi0").unwrap();
    definition.boot_is_explicit = true;
    let lines = lines(&plan(&desired, &world));
    assert_eq!(lines[0], "Change edge [disk power] resizing the disk, starting");
}

#[test]
fn the_seed_of_an_adopted_vm_takes_a_free_slot() {
    let check = |more: &[(&str, &str)], expected: &str| {
        let disks = [&[("scsi0", SYSTEM), ("boot", "order=scsi0")], more].concat();
        let (desired, world) = adopted(&json!({}), &disks, RESEED);
        let plan = plan(&desired, &world);
        let steps = || plan.vms.iter().flat_map(|vm| &vm.steps);
        let added: Vec<&str> = steps()
            .filter_map(|step| match step {
                Step::AddDisk { disk, .. } => Some(disk.as_str()),
                _ => None,
            })
            .collect();
        let deleted = steps().any(
            |step| matches!(step, Step::Configure { params, .. } if params.contains_key("delete")),
        );
        assert_eq!((added.as_slice(), deleted), ([expected].as_slice(), false), "{more:?}");
        let marks = steps().filter_map(|step| match step {
            Step::Configure { mark, .. } => mark.as_ref(),
            _ => None,
        });
        let slots: Vec<&str> = marks.map(|mark| mark.seed.slot.as_str()).collect();
        assert_eq!(slots, [expected]);
    };
    // As small as a seed, but not ours.
    let small = "tank:config,size=1M";
    check(&[("scsi30", small)], "virtio1");
    check(&[("virtio1", small)], "scsi30");
    check(&[("scsihw", "lsi")], "virtio1");
    check(&[("scsihw", "lsi"), ("virtio1", small)], "virtio2");
}

#[test]
fn a_data_disk_in_the_slot_of_earlier_seeds_is_a_disk() {
    let set = json!({"virtio1": {"size": 6}});
    let disks = [("virtio0", SYSTEM), ("virtio1", DATA), ("boot", "order=virtio0")];
    assert_eq!(grows(&set, &disks), "virtio0; virtio1");
}

#[test]
fn only_the_volume_that_was_noted_is_replaced() {
    let check = |parts: &[&str], has: &str, expected: &str| {
        let mut vm = desired_vm("edge", Some(101));
        vm.definition = Some(definition_of(&json!({})));
        let mut desired = desired(vec![vm]);
        desired.consent = RESEED;
        let mut config = config("edge", 101);
        let parts = parts.iter().map(|part| (*part).to_owned()).collect();
        let seed = SeedNote { fingerprint: "old".into(), slot: "virtio1".into(), parts };
        config.set("description", &Mark { seed, ..mark("edge", 101) }.line());
        config.set("virtio1", has);
        let mut world = world();
        put(&mut world, 101, "pve1", Power::Stopped, config);
        let plan = plan(&desired, &world);
        let forced = plan.vms.iter().flat_map(|vm| &vm.steps).filter_map(|step| match step {
            Step::Configure { params, .. } if params.contains_key("force") => params.get("delete"),
            _ => None,
        });
        let reason = plan.blocked.iter().map(|blocked| match &blocked.reason {
            crate::blocked::BlockReason::SeedDiskForeign { slot, .. } => {
                format!("{slot} is foreign")
            }
            reason => format!("{reason:?}"),
        });
        let all: Vec<String> = forced.cloned().chain(reason).collect();
        assert_eq!(all, [expected], "{has}");
    };
    let known = crate::mark::owns::short_digest("local-lvm:vm-101-disk-1");
    let known = format!("vol:{known}");
    let ours = "local-lvm:vm-101-disk-1,size=1M";
    check(&[&known], ours, "virtio1");
    // Somebody's disk, as small as a seed.
    check(&[&known], "local-lvm:vm-101-disk-7,size=1M", "virtio1 is foreign");
    check(&[&known], "local-lvm:vm-101-disk-1,size=8M", "virtio1 is foreign");
    // An earlier build has not noted it.
    check(&["ud:1"], ours, "virtio1");
    check(&["ud:1"], "tank:data,size=8M", "virtio1 is foreign");
}

#[test]
fn the_volume_of_a_seed_is_recorded_once_it_exists() {
    let (desired, mut world) = (desired(vec![desired_vm("edge", Some(101))]), world());
    super::super::model::carry_out(&plan(&desired, &world), &mut world, 4);
    let noted = |world: &Observed| {
        let Some(Observation::Seen(seen)) = world.vms.values().next() else { panic!() };
        let crate::mark::Owner::Ours(mark) = seen.owner("lab", "dev") else { panic!() };
        (mark.stage, mark.seed.volume().map(str::to_owned))
    };
    // The run has ended before it was finished.
    assert_eq!(noted(&world), (Stage::Making, None));
    super::super::model::carry_out(&plan(&desired, &world), &mut world, usize::MAX);
    let volume = crate::mark::owns::short_digest("local-lvm:vm-101-scsi30");
    assert_eq!(noted(&world), (Stage::Done, Some(volume)));
}
