//! Changed seed data: who gets it, and when. Does no I/O.

use super::*;
use machine::ConfigKey;
use std::collections::BTreeMap;

#[test]
fn changed_seed_data_never_replaces_a_vm() {
    let seed = SeedNote { fingerprint: "01d5eed".into(), ..SeedNote::default() };
    let (key, line) = marked(Mark { seed, ..mark("edge", 101) });
    let other = [(key, line.as_str())];
    let expected = ["unchanged edge", "notice edge: seed"];
    check_change(Power::Running, Consent::default(), &other, &expected);
    let steps = "Change edge [seed] shutting down, uploading the seed, changing the config, \
                 creating a disk, deleting the uploaded seed, recording the state, starting";
    check_change(
        Power::Running,
        RESEED,
        &other,
        &[steps, "notice edge: Reseed { keeps_host_keys: false }"],
    );
    let without_shutdown = "Change edge [seed power] uploading the seed, changing the config, \
                            creating a disk, deleting the uploaded seed, recording the state, starting";
    check_change(
        Power::Stopped,
        RESEED,
        &other,
        &[without_shutdown, "notice edge: Reseed { keeps_host_keys: false }"],
    );
    let no_stop = Consent { stop: false, ..RESEED };
    let blocked = "blocked edge: NeedsPowerOff { fields: [\"`seed`\"] }";
    check_change(
        Power::Running,
        no_stop,
        &other,
        &[blocked, "notice edge: Reseed { keeps_host_keys: false }"],
    );
    let foreign = [other[0], ("virtio1", "local-lvm:vm-101-disk-1,size=100G")];
    let blocked = "blocked edge: SeedDiskForeign { slot: \"virtio1\", has: \"local-lvm:vm-101-disk-1,size=100G\" }";
    check_change(Power::Running, RESEED, &foreign, &[blocked]);
    let rival = [other[0], ("ide2", "local-lvm:vm-101-cloudinit,media=cdrom")];
    let blocked = "blocked edge: SeedRivals { keys: [\"ide2\"] }";
    check_change(Power::Running, RESEED, &rival, &[blocked, "notice edge: ide2"]);
}

#[test]
fn a_new_seed_whose_note_has_no_room_is_refused() {
    let old = Mark {
        seed: SeedNote { fingerprint: "01d5eed".into(), ..SeedNote::default() },
        ..mark("edge", 101)
    };
    let room = 8192 - old.line().chars().count() - 1;
    let fields: BTreeMap<String, String> =
        (0..40).map(|number| (format!("field{number}"), "0123".to_owned())).collect();
    let blocked = |room: usize| {
        let text = format!("{}\n{}", "x".repeat(room), old.line());
        let mut desired = desired(vec![desired_vm("edge", Some(101))]);
        desired.consent = RESEED;
        let definition = desired.vms[0].definition.as_mut().unwrap();
        definition.seed.fields.clone_from(&fields);
        let mut world = world();
        let mut config = config("edge", 101);
        config.set("description", &text);
        put(&mut world, 101, "pve1", Power::Stopped, config);
        let plan = plan(&desired, &world);
        plan.blocked.iter().any(|b| matches!(b.reason, BlockReason::DescriptionTooLong { .. }))
    };
    assert!(blocked(room - 100));
    assert!(!blocked(room - 1000));
}

/// The parts of the seed that a plan names as changed, of a VM whose MAC ends in 01 and whose document
/// derives one that ends in 02.
fn parts_changed(given: &str, asked: &str) -> Option<Vec<String>> {
    let network = |text: &str| {
        let mut seed = desired_vm("edge", None).definition.unwrap().seed;
        (seed.network_config, seed.fingerprint) = (text.to_owned(), text.replace(' ', ""));
        seed
    };
    let seed = network(given).note("virtio1");
    let (key, line) = marked(Mark { seed, ..mark("edge", 101) });
    let mut config = config("edge", 101);
    config.set(key, &line);
    let mut world = world();
    put(&mut world, 101, "pve1", Power::Running, config);
    let mut desired = desired(vec![desired_vm("edge", Some(101))]);
    let definition = desired.vms[0].definition.as_mut().unwrap();
    let net0 = ConfigKey::find("net0").unwrap();
    definition.derived_macs.insert(net0, "02:AA:00:00:00:02".to_owned());
    definition.seed = network(asked);
    let plan = plan(&desired, &world);
    plan.notices.into_iter().find_map(|notice| match notice.kind {
        NoticeKind::SeedChanged { parts, .. } => Some(parts),
        _ => None,
    })
}

#[test]
fn a_derived_mac_that_a_nic_does_not_take_changes_no_seed() {
    let config = |mac: u8, address: u8| format!("mac: 02:aa:00:00:00:0{mac} ip: 10.0.0.{address}");
    let check = |given: &str, asked: &str, is_changed: bool| {
        let expected = is_changed.then(|| vec!["network-config".to_owned()]);
        assert_eq!(parts_changed(given, asked), expected, "{given} -> {asked}");
    };
    check(&config(1, 5), &config(2, 5), false);
    check(&config(2, 5), &config(2, 5), false);
    check(&config(1, 5), &config(2, 6), true);
    check(&config(3, 5), &config(2, 5), true);
}
