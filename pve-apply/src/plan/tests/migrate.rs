//! Tests of `plan`: VMs that the site's YAML moves to another node.

use super::*;
use crate::outlook::{Outlook, Refusal, Target};
use pve_client::{LocalDisk, MappedResource, MigrationObstacles, MigrationPreconditions};
use std::collections::BTreeMap;

const MIGRATE: Consent = Consent { migrate: true, ..NONE };

fn disk(volid: &str) -> LocalDisk {
    LocalDisk {
        volid: volid.to_owned(),
        size: Some(10 << 30),
        cdrom: false,
        unused: false,
        snapshot: false,
    }
}

/// What PVE says about a running VM whose two disks only its node has.
fn outlook() -> Outlook {
    Outlook {
        target: Target::Online,
        answer: Ok(MigrationPreconditions {
            running: true,
            allowed: vec!["pve2".parse().unwrap()],
            local_disks: vec![
                disk("local-lvm:vm-101-disk-0"),
                LocalDisk { size: Some(1 << 20), ..disk("local-lvm:vm-101-disk-1") },
            ],
            ..MigrationPreconditions::default()
        }),
        storage_types: BTreeMap::from([("local-lvm".to_owned(), "lvmthin".to_owned())]),
        missing_bridges: BTreeSet::new(),
    }
}

/// `edge`, created on pve1, whose YAML says pve2 now.
fn moved(consent: Consent, power: Power) -> (Desired, Observed) {
    let (mut desired, mut world) = (desired(vec![desired_vm("edge", Some(101))]), world());
    desired.consent = consent;
    desired.vms[0].node = "pve2".parse().unwrap();
    desired.vms[0].placement = Placement::Written;
    put(&mut world, 101, "pve1", power, config("edge", 101));
    world.outlooks.insert(vmid(101), outlook());
    (desired, world)
}

fn check_moved(build: impl FnOnce(&mut Desired, &mut Observed), expected: &[&str]) {
    let (mut desired, mut world) = moved(MIGRATE, Power::Running);
    build(&mut desired, &mut world);
    assert_eq!(lines(&plan(&desired, &world)), expected);
}

fn answer(world: &mut Observed) -> &mut MigrationPreconditions {
    world.outlooks.get_mut(&vmid(101)).unwrap().answer.as_mut().unwrap()
}

const PLANNED: &str = "Change edge [node] migrating, recording the state";

#[test]
fn the_yaml_moves_a_vm_when_that_is_allowed() {
    let blocked = "blocked edge: MustMigrate { from: \"pve1\", wanted: \"pve2\" }";
    check_moved(|desired, _| desired.consent.migrate = false, &[blocked]);
    check_moved(|_, _| (), &[PLANNED]);
    // It is where HA has put it, or somebody.
    check_moved(|desired, world| move_to(desired, world, "pve3"), &[PLANNED]);
    let there = "Change edge [home node] recording the state";
    check_moved(|desired, world| move_to(desired, world, "pve2"), &[there]);
}

fn move_to(_: &Desired, world: &mut Observed, node: &str) {
    let Some(Observation::Seen(seen)) = world.vms.get_mut(&vmid(101)) else { panic!() };
    seen.node = node.parse().unwrap();
}

#[test]
fn only_the_yaml_moves_a_vm() {
    for placement in [Placement::Listed, Placement::Selected] {
        let (mut desired, mut world) = moved(MIGRATE, Power::Running);
        desired.vms[0].placement = placement;
        let expected = match placement {
            Placement::Selected => {
                vec!["blocked edge: OtherDocument { home: \"pve1\", wanted: \"pve2\" }"]
            }
            _ => vec!["unchanged edge"],
        };
        assert_eq!(lines(&plan(&desired, &world)), expected);
        // One that is not where its mark says is managed where it is.
        let mut mark = mark("edge", 101);
        mark.node = "pve2".into();
        let Some(Observation::Seen(seen)) = world.vms.get_mut(&vmid(101)) else { panic!() };
        seen.config.set("description", &mark.line());
        desired.vms[0].placement = Placement::Written;
        let expected = ["unchanged edge", "notice edge: Moved { node: \"pve1\" }"];
        assert_eq!(lines(&plan(&desired, &world)), expected);
    }
}

#[test]
fn other_verbs_manage_a_vm_where_it_is() {
    let (desired, world) = moved(NONE, Power::Running);
    let destroyed = plan_destroy(&desired, &world);
    assert_eq!(destroyed.blocked, []);
    assert_eq!(destroyed.vms[0].node.as_str(), "pve1");
    let stopped = plan_power(&desired, &world, Verb::Stop);
    assert_eq!(lines(&stopped), ["Power edge [power] shutting down"]);
    assert_eq!(stopped.vms[0].node.as_str(), "pve1");
}

#[test]
fn the_move_comes_first_and_the_rest_is_done_there() {
    let line = "Change edge [node cores] migrating, changing the config, rebooting";
    let build = |desired: &mut Desired, world: &mut Observed| {
        desired.consent = Consent { reboot: true, ..MIGRATE };
        let Some(Observation::Seen(seen)) = world.vms.get_mut(&vmid(101)) else { panic!() };
        seen.config.set("cores", "4");
    };
    check_moved(build, &[line]);
    let (mut desired, world) = moved(Consent { migrate: true, ..RESEED }, Power::Running);
    desired.vms[0].definition.as_mut().unwrap().seed.fingerprint = "new".into();
    let planned = plan(&desired, &world);
    let deleted = planned.vms[0].steps.iter().find_map(|step| match step {
        Step::DeleteVolume { node, .. } => Some(node.as_str()),
        _ => None,
    });
    assert_eq!(deleted, Some("pve2"), "{:?}", lines(&planned));
    assert_eq!(planned.vms[0].node.as_str(), "pve1");
    assert_eq!(planned.vms[0].node_afterwards().as_str(), "pve2");
}

#[test]
fn how_it_moves_is_in_the_plan() {
    let check = |power: Power, build: &dyn Fn(&mut Observed), step: &str, text: &str| {
        let (desired, mut world) = moved(MIGRATE, power);
        build(&mut world);
        let planned = plan(&desired, &world);
        let Step::Migrate { online, with_local_disks, target_storage, disks, along, target } =
            &planned.vms[0].steps[0]
        else {
            panic!("{:?}", lines(&planned))
        };
        let made = format!(
            "{target} online={online} copies={with_local_disks} map={target_storage:?} {} {along:?}",
            disks.len()
        );
        assert_eq!(made, step);
        let change = &planned.vms[0].changes[0];
        assert_eq!(change.reason.as_deref(), Some(text));
        assert_eq!((change.impact, planned.vms[0].impact), (Impact::Migration, Impact::Migration));
    };
    let both = "copies local-lvm:vm-101-disk-0 (10 GiB), local-lvm:vm-101-disk-1 (1 MiB)";
    check(
        Power::Running,
        &|_| (),
        "pve2 online=true copies=true map=None 2 []",
        &format!("live; {both}"),
    );
    check(
        Power::Stopped,
        &|world| answer(world).running = false,
        "pve2 online=false copies=false map=None 2 []",
        &format!("offline; {both}"),
    );
    check(
        Power::Running,
        &|world| answer(world).local_disks.clear(),
        "pve2 online=true copies=false map=None 0 []",
        "live; copies no disk",
    );
    let along = |world: &mut Observed| answer(world).dependent = vec!["vm:102".to_owned()];
    check(
        Power::Running,
        &along,
        "pve2 online=true copies=true map=None 2 [\"vm:102\"]",
        &format!("live; {both}; HA takes along vm:102"),
    );
}

/// The definition's storage, where disks shall go, and those that the target does not have.
fn check_map(storage: &str, moves: &[(&str, &str)], missing: &[&str], expected: &str) {
    let (mut desired, mut world) = moved(Consent { move_disks: true, ..MIGRATE }, Power::Running);
    let mut config = json!({"cores": 2, "memory": 2048});
    for (slot, to) in moves {
        config[slot] = json!({"storage": to, "size": 10});
    }
    let mut definition = definition_of(&config);
    definition.storage = storage.parse().unwrap();
    desired.vms[0].definition = Some(definition);
    let Some(Observation::Seen(seen)) = world.vms.get_mut(&vmid(101)) else { panic!() };
    seen.config.set("scsi1", "local-lvm:vm-101-disk-2,size=10G");
    seen.config.set("scsi2", "local-lvm:vm-101-disk-3,size=10G");
    let against = MigrationObstacles {
        storages: missing.iter().map(|name| (*name).to_owned()).collect(),
        ..MigrationObstacles::default()
    };
    let answer = answer(&mut world);
    answer.local_disks.push(disk("local-lvm:vm-101-disk-2"));
    answer.local_disks.push(disk("local-lvm:vm-101-disk-3"));
    answer.not_allowed.insert("pve2".parse().unwrap(), against);
    let planned = plan(&desired, &world);
    let found = match planned.vms.first() {
        None => lines(&planned).swap_remove(0),
        Some(vm) => {
            let map = vm.steps.iter().find_map(|step| match step {
                Step::Migrate { target_storage, .. } => target_storage.clone(),
                _ => None,
            });
            let moves: Vec<_> = vm
                .steps
                .iter()
                .filter_map(|step| match step {
                    Step::MoveDisk { disk, storage } => Some(format!("{disk} to {storage}")),
                    _ => None,
                })
                .collect();
            format!("{} then {}", map.unwrap_or_default(), moves.join(" "))
        }
    };
    assert_eq!(found, expected);
}

#[test]
fn a_storage_that_the_target_lacks_is_mapped() {
    check_map("tank", &[], &[], " then ");
    check_map("tank", &[], &["local-lvm"], "local-lvm:tank then ");
    // The target's datastore is the one that it lacks.
    let lacks = "blocked edge: CannotMigrate { wanted: \"pve2\", vmid: 101, \
                 obstacle: Storages { storages: [\"local-lvm\"] } }";
    check_map("local-lvm", &[], &["local-lvm"], lacks);
    // No disk of this VM: it is one that both nodes should share.
    check_map("tank", &[], &["nfs"], &lacks.replace("local-lvm", "nfs"));
    // Where all disks of a storage shall go, they go at once.
    check_map("tank", &[("scsi1", "zfs")], &["local-lvm"], "local-lvm:zfs then ");
    check_map("tank", &[("scsi1", "zfs")], &[], " then scsi1 to zfs");
    let two = [("scsi1", "zfs"), ("scsi2", "ssd")];
    check_map("tank", &two, &["local-lvm"], "local-lvm:tank then scsi1 to zfs scsi2 to ssd");
    check_map("ssd", &two, &["local-lvm"], "local-lvm:ssd then scsi1 to zfs");
}

/// What stands against the migration of a VM.
fn check_obstacle(build: impl FnOnce(&mut Outlook), expected: &[&str]) {
    let (desired, mut world) = moved(MIGRATE, Power::Running);
    build(world.outlooks.get_mut(&vmid(101)).unwrap());
    let planned = plan(&desired, &world);
    if expected.is_empty() {
        assert_eq!(planned.blocked, []);
        return;
    }
    let found: Vec<_> = planned.blocked.iter().map(|blocked| blocked.reason.fact(None)).collect();
    let expected: Vec<_> =
        expected.iter().map(|text| format!("cannot migrate to node \"pve2\": {text}")).collect();
    assert_eq!(found, expected);
    assert_eq!(planned.vms, []);
    // What is not agreed to is not judged either.
    let (refusing, _) = moved(NONE, Power::Running);
    let reasons = plan(&refusing, &world).blocked;
    let reasons: Vec<_> = reasons.iter().map(|blocked| <&str>::from(&blocked.reason)).collect();
    assert_eq!(reasons, ["must-migrate"]);
}

fn with(change: impl FnOnce(&mut MigrationPreconditions)) -> impl FnOnce(&mut Outlook) {
    |outlook| change(outlook.answer.as_mut().unwrap())
}

fn against(found: MigrationObstacles) -> impl FnOnce(&mut Outlook) {
    with(|answer| _ = answer.not_allowed.insert("pve2".parse().unwrap(), found))
}

#[test]
fn what_pve_would_refuse_is_found_before() {
    check_obstacle(|_| (), &[]);
    check_obstacle(|o| o.target = Target::Unknown, &["no such cluster node 'pve2'"]);
    check_obstacle(|o| o.target = Target::Offline, &["that node is offline"]);
    check_obstacle(|o| o.answer = Err(Refusal::Forbidden), &["the token lacks VM.Migrate"]);
    let said = || Err(Refusal::Said("cluster not ready - no quorum?".to_owned()));
    check_obstacle(|o| o.answer = said(), &["PVE says: cluster not ready - no quorum?"]);
    let bridges = |o: &mut Outlook| _ = o.missing_bridges.insert("vmbr7".to_owned());
    check_obstacle(bridges, &["that node does not have bridge vmbr7"]);
    check_obstacle(
        |o| {
            bridges(o);
            with(|answer| answer.running = false)(o);
        },
        &[],
    );
    let some = |name: &str| vec![name.to_owned()];
    let none = MigrationObstacles::default;
    let storages = MigrationObstacles { storages: some("nfs"), ..none() };
    check_obstacle(against(storages), &["that node does not have storage nfs"]);
    let resources = MigrationObstacles { resources: some("usb0"), ..none() };
    check_obstacle(against(resources), &["missing mapped devices usb0"]);
    let ha_resources = MigrationObstacles { ha_resources: some("vm:102"), ..none() };
    check_obstacle(against(ha_resources), &["HA keeps it apart from vm:102, which is there"]);
}

#[test]
fn devices_of_the_node_bind_a_vm() {
    let local = |keys: &'static [&str]| {
        with(|answer| answer.local_resources = keys.iter().map(|k| (*k).to_owned()).collect())
    };
    check_obstacle(local(&["hostpci0"]), &["it uses local devices: hostpci0"]);
    check_obstacle(local(&["amd-sev"]), &["it cannot be live migrated with amd-sev"]);
    let mapped = |running: bool, live: bool| {
        with(move |answer| {
            answer.running = running;
            answer.local_resources = vec!["hostpci0".to_owned()];
            let mapped = MappedResource { name: "gpu".to_owned(), live };
            answer.mapped_resources.insert("hostpci0".to_owned(), mapped);
        })
    };
    check_obstacle(mapped(true, false), &["it cannot be live migrated with hostpci0"]);
    check_obstacle(mapped(true, true), &[]);
    check_obstacle(mapped(false, false), &[]);
}

#[test]
fn disks_that_pve_does_not_copy_are_found_before() {
    let only = |found: LocalDisk| with(|answer| answer.local_disks = vec![found]);
    let linked = "can't migrate 'local-lvm:9/base-9-disk-0.raw/101/vm-101-disk-0.qcow2' as it's a \
                  clone of 'base-9-disk-0.raw'";
    check_obstacle(only(disk("local-lvm:9/base-9-disk-0.raw/101/vm-101-disk-0.qcow2")), &[linked]);
    // A template's own disk.
    check_obstacle(only(disk("local-lvm:base-101-disk-0")), &[]);
    let cd = |volid: &str| LocalDisk { cdrom: true, ..disk(volid) };
    check_obstacle(only(cd("local:iso/a.iso")), &["local cdrom image or device 'local:iso/a.iso'"]);
    check_obstacle(only(cd("cdrom")), &["local cdrom image or device 'cdrom'"]);
    check_obstacle(only(cd("local-lvm:vm-101-cloudinit")), &[]);
    check_obstacle(only(disk("/dev/sdb")), &["local cdrom image or device '/dev/sdb'"]);
    let rbd = |outlook: &mut Outlook| {
        outlook.storage_types.insert("ceph".to_owned(), "rbd".to_owned());
        only(disk("ceph:vm-101-disk-0"))(outlook);
    };
    let text = "can't migrate 'ceph:vm-101-disk-0' - storage type 'rbd' not supported";
    check_obstacle(rbd, &[text]);
    let snapshot = |volid: &'static str, running: bool| {
        with(move |answer| {
            answer.running = running;
            answer.local_disks = vec![LocalDisk { snapshot: true, ..disk(volid) }];
        })
    };
    let text = "non-migratable snapshot exists of local disk local-lvm:vm-101-disk-0";
    check_obstacle(snapshot("local-lvm:vm-101-disk-0", true), &[text]);
    check_obstacle(snapshot("local-lvm:vm-101-disk-0", false), &[text]);
    check_obstacle(snapshot("dir:101/vm-101-disk-0.qcow2", false), &[]);
    for kind in ["zfspool", "btrfs"] {
        let volume = |outlook: &mut Outlook| {
            outlook.storage_types.insert("pool".to_owned(), kind.to_owned());
            snapshot("pool:vm-101-disk-0", false)(outlook);
        };
        check_obstacle(volume, &[]);
    }
}

#[test]
fn a_lock_is_reported_and_not_that_pve_did_not_answer() {
    let build = |_: &mut Desired, world: &mut Observed| {
        let said = Refusal::Said("VM is locked (backup)".to_owned());
        world.outlooks.get_mut(&vmid(101)).unwrap().answer = Err(said);
        let Some(Observation::Seen(seen)) = world.vms.get_mut(&vmid(101)) else { panic!() };
        seen.config.set("lock", "backup");
    };
    check_moved(build, &["blocked edge: Locked { lock: \"backup\" }"]);
}

#[test]
fn copied_disks_are_known_again() {
    let (mut desired, mut world) = moved(MIGRATE, Power::Running);
    let net = json!({"bridge": "vmbr0", "macaddr": "02:AA:00:00:00:01"});
    let config = json!({"cores": 2, "memory": 2048, "net0": net, "scsi1": {"size": 10}});
    desired.vms[0].definition = Some(definition_of(&config));
    let Some(Observation::Seen(seen)) = world.vms.get_mut(&vmid(101)) else { panic!() };
    seen.config.set("scsi1", "local-lvm:vm-101-disk-2,size=10G");
    let seed = SeedNote {
        fingerprint: "5eed".into(),
        slot: "virtio1".into(),
        parts: vec!["vol:feedbeef".into()],
    };
    seen.config.set("description", &Mark { seed, ..mark("edge", 101) }.line());
    answer(&mut world).local_disks.push(disk("local-lvm:vm-101-disk-2"));
    for most in [1, usize::MAX] {
        let mut world = world.clone();
        super::super::model::carry_out(&plan(&desired, &world), &mut world, most);
        super::super::model::carry_out(&plan(&desired, &world), &mut world, usize::MAX);
        let Some(Observation::Seen(seen)) = world.vms.get(&vmid(101)) else { panic!() };
        let crate::mark::Owner::Ours(mark) = seen.owner("lab", "dev") else { panic!() };
        let key = |name: &str| machine::ConfigKey::find(name).unwrap();
        let digest = |name: &str| crate::mark::owns::digest(key(name), seen.config.next(name));
        let entry = format!("scsi1:{}", digest("scsi1").unwrap());
        assert!(mark.owns.contains(&entry), "{:?}", mark.owns);
        assert_eq!(mark.seed.volume(), digest("virtio1").as_deref(), "{most}");
        assert_eq!((seen.node.as_str(), mark.node.as_str()), ("pve2", "pve2"));
        assert_eq!(lines(&plan(&desired, &world)), ["unchanged edge"]);
    }
}
