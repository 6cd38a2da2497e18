//! Changed seed data: who gets it, and when. Does no I/O.

use super::*;
use std::collections::BTreeMap;

#[test]
fn changed_seed_data_never_replaces_a_vm() {
    let seed = SeedNote { fingerprint: "01d5eed".into(), ..SeedNote::default() };
    let (key, line) = marked(Mark { seed, ..mark("edge", 101) });
    let other = [(key, line.as_str())];
    let expected = ["unchanged edge", "notice edge: seed"];
    check_change(Power::Running, Consent::default(), &other, &expected);
    let steps = "Change edge [seed] shutting down, uploading the seed, changing the config, \
                 making a disk, deleting the uploaded seed, recording the state, starting";
    check_change(
        Power::Running,
        RESEED,
        &other,
        &[steps, "notice edge: Reseed { keeps_host_keys: false }"],
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
fn a_new_seed_whose_note_has_no_room_is_not_begun() {
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
        let machine = desired.vms[0].machine.as_mut().unwrap();
        machine.seed.fields.clone_from(&fields);
        let mut world = world();
        let mut config = config("edge", 101);
        config.set("description", &text);
        put(&mut world, 101, "pve1", Power::Stopped, config);
        let plan = plan(&desired, &world);
        plan.blocked.iter().any(|b| matches!(b.why, Why::DescriptionTooLong { .. }))
    };
    assert!(blocked(room - 100));
    assert!(!blocked(room - 1000));
}
