//! The bytes that clones and imports write to a storage, and the time that copies take.

use std::time::Duration;

use super::{CLONE, bare, send, world};
use crate::pve_sim::{Options, Pace, PveSim, World};

const IMAGE: u64 = 2 << 30;

/// A simulator with an image of 2 GiB of data, and a template of it on each storage.
fn scene(base: &str, options: Options) -> PveSim {
    let file = format!(r#"{{"volid": "local:import/a.qcow2", "size": {IMAGE}}}"#);
    let disk = format!(r#"{{"volid": "{base}", "size": {IMAGE}, "used": {IMAGE}}}"#);
    let text = world(&bare(base), &format!(r#", "volumes": [{file}, {disk}]"#));
    PveSim::start(World::from_json(&text).unwrap(), options).unwrap()
}

fn written(base: &str, request: &str) -> u64 {
    let sim = scene(base, Options::default());
    let seen = send(&sim, request);
    assert!(seen.starts_with("200 OK"), "{seen}");
    sim.settle();
    let target = base.split(':').next().unwrap();
    let all = sim.written();
    assert!(all.keys().all(|id| id == target), "{all:?}");
    all.get(target).copied().unwrap_or_default()
}

#[test]
fn an_import_and_a_full_clone_write_the_data_and_a_link_hardly_anything() {
    let import = |id: &str| {
        format!("POST /nodes/pve1/qemu vmid=400 virtio0={id}:0,import-from=local:import/a.qcow2")
    };
    for (base, linked) in [
        ("dira:9000/base-9000-disk-0.qcow2", 659_456),
        ("sub:9000/base-9000-disk-0.raw", 32 << 10),
        ("thin:base-9000-disk-0", 64 << 10),
        ("tank:base-9000-disk-0", 64 << 10),
        ("ceph:base-9000-disk-0", 64 << 10),
    ] {
        let id = base.split(':').next().unwrap();
        assert_eq!(written(base, &format!("{CLONE} newid=400")), linked, "{base}");
        assert_eq!(written(base, &format!("{CLONE} newid=400 full=1")), IMAGE, "{base}");
        assert_eq!(written(base, &import(id)), IMAGE, "{base}");
    }
    let dira = "dira:9000/base-9000-disk-0.qcow2";
    let moved = "POST /nodes/pve1/qemu/9000/move_disk disk=virtio0 storage=dira format=raw";
    assert_eq!(written(dira, moved), IMAGE);
    assert_eq!(written(dira, "POST /nodes/pve1/qemu vmid=400 virtio0=dira:8"), 0);
}

/// Starts three tasks at once on a storage that writes 2 GiB in 4 s: their lengths in ms.
fn lengths(rate: Option<u64>, pace: Pace, request: &str) -> Vec<u64> {
    let options = Options { pace, copy_rate: rate, ..Options::default() };
    let sim = scene("dira:9000/base-9000-disk-0.qcow2", options);
    for vmid in 400..403 {
        send(&sim, &request.replace("VMID", &vmid.to_string()));
    }
    sim.world().tasks.iter().map(|task| task.length()).collect()
}

#[test]
fn copies_to_a_storage_share_its_rate() {
    let import = "POST /nodes/pve1/qemu vmid=VMID virtio0=dira:0,import-from=local:import/a.qcow2";
    let full = format!("{CLONE} newid=VMID full=1");
    let linked = format!("{CLONE} newid=VMID");
    let rate = Some(512 << 20);
    let pace = || Pace::Millis(100);
    for request in [import, &full] {
        let seen = lengths(rate, pace(), request);
        // The requests follow each other within a moment.
        for (length, wanted) in seen.iter().zip([4_100, 8_100, 12_100]) {
            let early = Duration::from_millis(wanted - length.min(&wanted));
            assert!(early < Duration::from_secs(1) && *length <= wanted, "{request}: {seen:?}");
        }
        assert_eq!(lengths(None, pace(), request), [100, 100, 100], "{request}");
        assert_eq!(lengths(rate, Pace::Polls(1), request), [1, 1, 1], "{request}");
    }
    assert_eq!(lengths(rate, pace(), &linked), [100, 100, 100]);
}
