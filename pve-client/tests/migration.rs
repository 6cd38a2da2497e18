//! Migration and HA as the client sees them, against the simulator.

#![expect(
    clippy::unwrap_used,
    reason = "a test may unwrap, also in the functions that its tests share"
)]

mod scene;

use std::ops::ControlFlow;
use std::time::Duration;

use pve_client::{
    Client, ConfigView, Error, Finished, LocalDisk, MappedResource, Migration, MigrationObstacles,
    NodeName, Upid, Vmid,
};
use scene::start;
use test_support::pve_sim::{Options, PveSim};

/// Three nodes; a running VM with a local disk and a mapped device, under HA with `ha`.
fn scene(ha: &str) -> (PveSim, Client) {
    let world = format!(
        r#"{{"resources_lag": 0, "nodes": {{"pve1": {{}}, "pve2": {{}}, "pve3": {{}}}},
        "storages": {{"lvm": {{"type": "lvmthin", "content": ["images"]}},
            "nfs": {{"type": "nfs", "content": ["images"], "shared": true, "nodes": ["pve1", "pve2"]}}}},
        "vms": {{"100": {{"running": true, "config": {{"hostpci0": "mapping=vgpu",
                "scsi0": "lvm:vm-100-disk-0,size=1G", "scsi1": "nfs:100/vm-100-disk-0.raw,size=1G",
                "ide2": "lvm:vm-100-cloudinit,media=cdrom"}}}},
            "101": {{"node": "pve3"}}}},
        "mappings": {{"pci": {{"vgpu": {{"live-migration-capable": true,
            "map": ["node=pve1,path=0000:02:00.0,id=10de:1eb8", "node=pve2,path=0000:02:00.0,id=10de:1eb8"]}}}}}},
        "access": {{"users": {{"pipeline@pve": {{}}}},
            "tokens": {{"pipeline@pve!apply": {{"secret": "00000000-0000-4000-8000-000000000001", "privsep": false}}}},
            "acl": [{{"path": "/", "who": "pipeline@pve", "role": "PVEAdmin"}}]}}{ha}}}"#
    );
    start(&world, Options::default())
}

const HA: &str = r#", "ha": {"100": {"delay": 0}, "101": {"delay": 0}},
    "ha_rules": {"apart": {"affinity": "negative", "resources": [100, 101]}}"#;

fn node(name: &str) -> NodeName {
    name.parse().unwrap()
}

fn vmid() -> Vmid {
    Vmid::new(100).unwrap()
}

fn wait(client: &Client, upid: &Upid) -> Result<Finished, Error> {
    client.wait(upid, Duration::from_secs(30), &mut |_, _| ControlFlow::Continue(()))
}

fn live(target: &str) -> Migration {
    Migration { target: node(target), online: true, with_local_disks: true, target_storage: None }
}

#[test]
fn the_preconditions_say_what_is_against_each_node() {
    let (sim, client) = scene(HA);
    let seen = client.migration_preconditions(&node("pve1"), vmid()).unwrap();
    assert!(seen.running);
    assert_eq!(seen.allowed, [node("pve2")]);
    let against = MigrationObstacles {
        storages: vec!["nfs".to_owned()],
        resources: vec!["hostpci0".to_owned()],
        ha_resources: vec!["vm:101".to_owned()],
    };
    // PVE lists the allowed node there too, with nothing against it.
    assert_eq!(seen.not_allowed, [(node("pve3"), against)].into());
    let disk = |volid: &str, size: Option<u64>, cdrom: bool| LocalDisk {
        volid: volid.to_owned(),
        size,
        cdrom,
        unused: false,
        snapshot: false,
    };
    let disks =
        [disk("lvm:vm-100-cloudinit", None, true), disk("lvm:vm-100-disk-0", Some(1 << 30), false)];
    assert_eq!(seen.local_disks, disks);
    assert_eq!(seen.local_resources, Vec::<String>::new());
    let mapped = MappedResource { name: "vgpu".to_owned(), live: true };
    assert_eq!(seen.mapped_resources, [("hostpci0".to_owned(), mapped)].into());
    assert_eq!(seen.dependent, Vec::<String>::new());
    assert_eq!(sim.refused(), Vec::<String>::new());
}

#[test]
fn a_migration_is_a_task_of_the_source() {
    let (sim, client) = scene("");
    let upid = client.migrate(&node("pve1"), vmid(), &live("pve2")).unwrap();
    assert_eq!((upid.node().as_str(), upid.kind()), ("pve1", "qmigrate"));
    assert_eq!(wait(&client, &upid).unwrap(), Finished::Clean);
    let moved = client.vm_config(&node("pve2"), vmid(), ConfigView::Current).unwrap();
    assert_eq!(moved.get("scsi0"), Some("lvm:vm-100-disk-0,size=1G"));
    assert!(
        client.vm_config(&node("pve1"), vmid(), ConfigView::Current).unwrap_err().is_not_found()
    );
    let body = |wish: &Migration| {
        sim.forget_requests();
        // Only the request matters.
        let _ = client.migrate(&node("pve2"), vmid(), wish);
        sim.requests()[0].params.clone()
    };
    let params = body(&Migration { target_storage: Some("lvm:nfs".to_owned()), ..live("pve3") });
    let sent =
        ["target", "online", "with-local-disks", "targetstorage"].map(|key| params[key].as_str());
    assert_eq!(sent, ["pve3", "1", "1", "lvm:nfs"]);
    assert!(!body(&live("pve3")).contains_key("targetstorage"));
}

#[test]
fn refusals_have_pves_words() {
    let (sim, client) = scene("");
    let offline = Migration { online: false, ..live("pve2") };
    let error = client.migrate(&node("pve1"), vmid(), &offline).unwrap_err();
    assert!(error.to_string().contains("can't migrate running VM without --online"), "{error}");
    let slow = Migration { with_local_disks: false, ..live("pve2") };
    let upid = client.migrate(&node("pve1"), vmid(), &slow).unwrap();
    let Error::TaskFailed(failure) = wait(&client, &upid).unwrap_err() else { panic!() };
    assert!(format!("{failure:?}").contains("migration aborted"), "{failure:?}");
    sim.edit(|world| world.quorate = Some(false));
    let error = client.migration_preconditions(&node("pve1"), vmid()).unwrap_err();
    assert!(error.lacks_quorum(), "{error}");
    assert!(client.migrate(&node("pve1"), vmid(), &live("pve2")).unwrap_err().lacks_quorum());
}

#[test]
fn a_vm_under_ha_is_known_by_its_state() {
    let (sim, client) = scene(r#", "ha": {"100": {"delay": 0}}"#);
    let states = || -> Vec<Option<String>> {
        client.cluster_resources().unwrap().into_iter().map(|row| row.hastate).collect()
    };
    assert_eq!(states(), [Some("started".to_owned()), None]);
    let upid = client.migrate(&node("pve1"), vmid(), &live("pve2")).unwrap();
    assert_eq!(upid.kind(), "hamigrate");
    assert_eq!(wait(&client, &upid).unwrap(), Finished::Clean);
    let place = || client.cluster_resources().unwrap().swap_remove(0).node;
    assert_eq!(place(), node("pve1"), "the task has only sent the request");
    assert_eq!(states()[0].as_deref(), Some("migrate"));
    assert!((0..9).any(|_| place() == node("pve2")));
    assert_eq!(sim.refused(), Vec::<String>::new());
}

#[test]
fn a_disk_that_a_snapshot_refers_to_is_known() {
    let (sim, client) = scene("");
    sim.edit(|world| world.vms.get_mut(&100).unwrap().snapshots = vec!["before".to_owned()]);
    let seen = client.migration_preconditions(&node("pve1"), vmid()).unwrap();
    assert!(seen.local_disks.iter().all(|disk| disk.snapshot), "{:?}", seen.local_disks);
}
