//! Templates and clones as the client sees them, against the simulator.

#![expect(
    clippy::unwrap_used,
    reason = "a test may unwrap, also in the functions that its tests share"
)]

mod scene;

use std::ops::ControlFlow;
use std::time::Duration;

use pve_client::{
    Client, CloneKind, CloneRequest, ConfigView, Error, Feature, FeatureState, Finished, NodeName,
    StorageId, TEMPORARY_DESCRIPTION, Upid, Vmid, clone_of_log,
};
use scene::start;
use test_support::pve_sim::{Options, PveSim, faults};

const BASE: &str = "dira:9000/base-9000-disk-0.qcow2";

/// Two folders, thick LVM, and a VM of one disk; `rest` are further keys.
fn scene(rest: &str) -> (PveSim, Client) {
    let world = format!(
        r#"{{"version": "9.2.11", "nodes": {{"pve1": {{}}, "pve2": {{}}}},
        "storages": {{"dira": {{"type": "dir", "content": ["images"]}},
            "dirb": {{"type": "dir", "content": ["images"]}},
            "thick": {{"type": "lvm", "content": ["images"]}}}},
        "vms": {{"9000": {{"config": {{"name": "img", "tags": "ours",
                "virtio0": "dira:9000/vm-9000-disk-0.qcow2,size=2G"}}}},
            "9001": {{"config": {{"virtio0": "thick:vm-9001-disk-0,size=1G"}}, "snapshots": ["now"]}},
            "500": {{"node": "pve2"}}}},
        "access": {{"users": {{"pipeline@pve": {{}}}},
            "tokens": {{"pipeline@pve!apply": {{"secret": "00000000-0000-4000-8000-000000000001", "privsep": false}}}},
            "acl": [{{"path": "/", "who": "pipeline@pve", "role": "Administrator"}}]}}{rest}}}"#
    );
    start(&world, Options::default())
}

fn node() -> NodeName {
    "pve1".parse().unwrap()
}

fn id(number: u64) -> Vmid {
    Vmid::new(number).unwrap()
}

fn wait(client: &Client, upid: &Upid) -> Result<Finished, Error> {
    client.wait(upid, Duration::from_secs(30), &mut |_, _| ControlFlow::Continue(()))
}

fn template(client: &Client) {
    let upid = client.make_template(&node(), id(9000), None).unwrap();
    assert_eq!((upid.kind(), upid.id()), ("qmtemplate", "9000"));
    assert_eq!(wait(client, &upid).unwrap(), Finished::Clean);
}

#[test]
fn a_template_is_known_by_its_feature_and_its_volume() {
    let (sim, client) = scene("");
    let clone = |vmid| client.feature(&node(), id(vmid), Feature::Clone, None).unwrap();
    let state = |available| FeatureState { available, nodes: vec![node()] };
    assert_eq!(clone(9000), state(false));
    template(&client);
    assert_eq!(clone(9000), state(true));
    assert_eq!(clone(9001), state(false));
    let copy = client.feature(&node(), id(9001), Feature::Copy, None).unwrap();
    assert_eq!(copy, state(true));
    let of_snapshot = client.feature(&node(), id(9001), Feature::Copy, Some("now")).unwrap();
    assert!(!of_snapshot.available, "thick LVM copies no snapshot");
    let snapshot = client.feature(&node(), id(9000), Feature::Snapshot, None).unwrap();
    assert!(!snapshot.available);
    assert!(client.feature(&node(), id(404), Feature::Clone, None).is_err());
    let upid = client.make_template(&node(), id(9000), Some("virtio0")).unwrap();
    assert_eq!(wait(&client, &upid).unwrap(), Finished::Clean);
    assert_eq!(sim.refused(), Vec::<String>::new());
}

#[test]
fn a_linked_clone_names_its_base_everywhere() {
    let (sim, client) = scene("");
    template(&client);
    let request = CloneRequest {
        name: Some("web".to_owned()),
        description: Some("mark".to_owned()),
        ..CloneRequest::linked(id(400))
    };
    let upid = client.clone_vm(&node(), id(9000), &request).unwrap();
    assert_eq!((upid.kind(), upid.id()), ("qmclone", "9000"));
    let early = client.vm_config(&node(), id(400), ConfigView::Current).unwrap();
    assert_eq!(early.get("description"), Some(TEMPORARY_DESCRIPTION));
    assert_eq!((early.get("lock"), early.get("name")), (Some("clone"), None));
    assert_eq!(wait(&client, &upid).unwrap(), Finished::Clean);
    let config = client.vm_config(&node(), id(400), ConfigView::Current).unwrap();
    let seen = ["name", "description", "tags", "lock"].map(|key| config.get(key));
    assert_eq!(seen, [Some("web"), Some("mark"), Some("ours"), None]);
    let log = client.task_log(&upid, 0, 50).unwrap();
    let named: Vec<_> = log.lines.iter().filter_map(|line| clone_of_log(line)).collect();
    assert_eq!(named, [(id(9000), id(400))]);
    let storage: StorageId = "dira".parse().unwrap();
    let volumes = client.storage_content(&node(), &storage, Some("images")).unwrap();
    let link = volumes.iter().find(|volume| volume.vmid == Some(id(400))).unwrap();
    assert_eq!(link.volid.base().unwrap().to_string(), BASE);
    assert_eq!(link.parent.as_deref(), Some("../9000/base-9000-disk-0.qcow2"));
    assert!(link.used.is_some_and(|used| used > 0 && used < 1 << 20), "{link:?}");
    let base = volumes.iter().find(|volume| volume.volid.is_base()).unwrap();
    assert_eq!((base.parent.as_deref(), base.volid.base()), (None, None));
    let destroyed = client.delete_vm(&node(), id(9000), false).unwrap();
    assert!(wait(&client, &destroyed).unwrap_err().is_base_in_use());
    assert_eq!(sim.refused(), Vec::<String>::new());
}

#[test]
fn a_request_says_how_the_disks_are_made() {
    let (sim, client) = scene(r#", "pools": {"lab": {}}"#);
    template(&client);
    sim.forget_requests();
    let request = CloneRequest {
        pool: Some("lab".to_owned()),
        kind: CloneKind::Full {
            storage: Some("dirb".parse().unwrap()),
            format: Some("raw".to_owned()),
        },
        ..CloneRequest::linked(id(401))
    };
    wait(&client, &client.clone_vm(&node(), id(9000), &request).unwrap()).unwrap();
    let config = client.vm_config(&node(), id(401), ConfigView::Current).unwrap();
    assert_eq!(config.get("virtio0"), Some("dirb:401/vm-401-disk-0.raw,size=2G"));
    let sent = sim.requests()[0].params.clone();
    assert_eq!((sent["full"].as_str(), sent["pool"].as_str()), ("1", "lab"));
    assert!(!sent.contains_key("name") && !sent.contains_key("target"), "{sent:?}");
}

#[test]
fn the_words_of_a_refusal_are_understood() {
    let (sim, client) = scene("");
    template(&client);
    let clone =
        |source, newid| client.clone_vm(&node(), id(source), &CloneRequest::linked(id(newid)));
    assert!(clone(9001, 400).unwrap_err().cannot_link());
    let taken = clone(9000, 9001).unwrap_err();
    assert!(taken.already_exists() && !taken.cannot_link(), "{taken}");
    // On another node only the task finds it.
    let elsewhere = wait(&client, &clone(9000, 500).unwrap()).unwrap_err();
    assert!(elsewhere.already_exists(), "{elsewhere}");
    let fault = r#"[{"when": "POST /nodes/*/qemu/*/clone", "then": {"task": {"exitstatus":
        "clone failed: can't lock file '/var/lock/pve-manager/pve-storage-dira' - got timeout"}}}]"#;
    faults::from_json(fault).unwrap().into_iter().for_each(|fault| sim.add_fault(fault));
    let busy = wait(&client, &clone(9000, 400).unwrap()).unwrap_err();
    assert!(busy.is_lock_file_timeout() && !busy.is_base_in_use(), "{busy}");
    let free = client.vm_config(&node(), id(400), ConfigView::Current).unwrap_err();
    assert!(free.is_not_found(), "{free}");
    assert_eq!(sim.refused(), Vec::<String>::new());
}

#[test]
fn orphans_go_only_with_the_call_that_names_them() {
    let orphan = format!(r#", "volumes": [{{"volid": "{BASE}/604/vm-604-disk-0.qcow2"}}]"#);
    let (sim, client) = scene(&orphan);
    template(&client);
    let all = || sim.world().volumes.iter().filter(|volume| volume.volid.contains("604")).count();
    for (left, with_orphans) in [(1, false), (0, true)] {
        wait(&client, &client.clone_vm(&node(), id(9000), &CloneRequest::linked(id(604))).unwrap())
            .unwrap();
        assert_eq!(all(), 2);
        let upid = match with_orphans {
            true => client.delete_vm_with_orphans(&node(), id(604)),
            false => client.delete_vm(&node(), id(604), true),
        };
        wait(&client, &upid.unwrap()).unwrap();
        assert_eq!(all(), left);
    }
}
