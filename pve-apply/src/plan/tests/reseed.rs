//! Changed seed data: who gets it, and when. Does no I/O.

use super::*;

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
