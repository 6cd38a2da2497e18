//! Each call of the client against the simulator, which is written from PVE's sources and shares no code with us.

#![expect(
    clippy::unwrap_used,
    reason = "a test may unwrap, also in the functions that its tests share"
)]

mod scene;
#[path = "simulator/sdn.rs"]
mod sdn;

use std::ops::ControlFlow;
use std::time::Duration;

use pve_client::{
    Client, ConfigView, Download, Error, Finished, GuestKind, Mapping, MappingKind, NodeName,
    Params, PropertyString, SdnKind, SdnState, StorageId, TaskFilter, TaskState, Upid, Upload,
    Vmid, Volid,
};
use scene::start;
use test_support::pve_sim::{Options, PveSim, World, faults};

/// Starts a simulator with its own world, and a client for it.
fn scene(world: &str) -> (PveSim, Client) {
    scene_with(world, Options::default())
}

fn scene_with(world: &str, options: Options) -> (PveSim, Client) {
    start(world, options)
}

fn node() -> NodeName {
    "pve1".parse().unwrap()
}

fn storage() -> StorageId {
    "local".parse().unwrap()
}

fn vmid() -> Vmid {
    Vmid::new(100).unwrap()
}

fn wait(client: &Client, upid: &Upid) -> Result<Finished, Error> {
    client.wait(upid, Duration::from_secs(30), &mut |_, _| ControlFlow::Continue(()))
}

/// A raw disk of 1 MiB with a boot sector, and its SHA-256.
fn disk() -> (Vec<u8>, String) {
    use sha2::Digest as _;
    let mut bytes = vec![0; 1 << 20];
    bytes[510..512].copy_from_slice(&[0x55, 0xaa]);
    let sum = sha2::Sha256::digest(&bytes);
    (bytes, sum.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn upload(client: &Client, name: &str) -> Volid {
    let (bytes, sha256) = disk();
    let upload =
        Upload { content: "import", filename: name, length: bytes.len() as u64, sha256: &sha256 };
    let upid = client.upload(&node(), &storage(), &upload, &mut &bytes[..], &mut |_| {}).unwrap();
    wait(client, &upid).unwrap();
    Volid::of_file(&storage(), "import", name)
}

fn create(client: &Client) -> Result<Finished, Error> {
    let params = Params::new()
        .with("name", "web")
        .with("memory", 512)
        .with("net0", "virtio=02:00:00:00:00:01,bridge=vmbr0")
        .with("agent", 1)
        .with("tags", "pve-pipeline;web")
        .with("virtio0", "local-lvm:0,import-from=local:import/a.raw,discard=on")
        .with("boot", "order=virtio0");
    wait(client, &client.create_vm(&node(), vmid(), &params)?)
}

#[test]
fn the_cluster_describes_itself() {
    let (sim, client) = scene("{}");
    assert!(client.version().unwrap().at_least(8, 4));
    let nodes = client.nodes().unwrap();
    assert_eq!((nodes[0].node.as_str(), nodes[0].online), ("pve1", true));
    assert!(client.is_free(vmid()).unwrap());
    assert_eq!(client.cluster_resources().unwrap(), []);
    let permissions = client.permissions().unwrap();
    assert!(permissions["/vms"]["VM.Allocate"], "{permissions:?}");
    let on_vm = client.privileges_on("/vms/100").unwrap();
    assert!(on_vm.contains("VM.Allocate"), "inherited from /vms: {on_vm:?}");
    let storages = client.storages(&node()).unwrap();
    let local = storages.iter().find(|s| s.storage == storage()).unwrap();
    assert!(local.has_content("import") && local.active && local.avail > 0, "{local:?}");
    let networks = client.networks(&node()).unwrap();
    assert!(networks.iter().any(|n| n.iface == "vmbr0" && n.kind == "bridge"), "{networks:?}");
    assert!(networks.iter().any(|n| n.gateway.as_deref() == Some("192.0.2.1")), "{networks:?}");
    let packages = client.packages(&node()).unwrap();
    let dnsmasq = packages.iter().find(|package| package.name == "dnsmasq").unwrap();
    assert_eq!(dnsmasq.installed.as_deref(), Some("2.91-1"));
    sim.edit(|world| {
        let lacks = r#"{"nodes": {"pve1": {"lacks": ["dnsmasq"]}}}"#;
        world.nodes = World::from_json(lacks).unwrap().nodes;
    });
    let packages = client.packages(&node()).unwrap();
    let dnsmasq = packages.iter().find(|package| package.name == "dnsmasq").unwrap();
    assert_eq!(dnsmasq.installed, None);
    assert_eq!(sim.refused(), Vec::<String>::new());
}

#[test]
fn the_hardware_that_a_node_offers() {
    let world = r#"{"version": "9.1.7", "pools": {"production": {}},
        "mappings": {"pci": {"gpu": {"map": ["node=pve1,path=0000:01:00.0,id=10de:1eb8"]}},
                     "usb": {"stick": {"map": ["node=pve2,id=1234:5678"]}}}}"#;
    let (sim, client) = scene(world);
    let rights = |world: &mut World| {
        world
            .access
            .roles
            .insert("Sees".to_owned(), ["Mapping.Audit", "Pool.Audit"].map(str::to_owned).into());
        let mut entries = Vec::new();
        for entry in world.access.acl.iter().filter(|entry| entry.path == "/vms") {
            for path in ["/mapping", "/pool"] {
                let mut entry = entry.clone();
                (entry.path, entry.role) = (path.to_owned(), "Sees".to_owned());
                entries.push(entry);
            }
        }
        world.access.acl.extend(entries);
    };
    assert_eq!(client.mappings(MappingKind::Pci, &node()).unwrap(), []);
    assert_eq!(client.pools().unwrap(), Vec::<String>::new());
    sim.edit(rights);
    let mapping = |id: &str, findings: &[&str]| Mapping {
        id: id.to_owned(),
        findings: findings.iter().map(|text| (*text).to_owned()).collect(),
    };
    assert_eq!(client.mappings(MappingKind::Pci, &node()).unwrap(), [mapping("gpu", &[])]);
    let usb = [mapping("stick", &["No mapping for node pve1."])];
    assert_eq!(client.mappings(MappingKind::Usb, &node()).unwrap(), usb);
    assert_eq!(client.mappings(MappingKind::Dir, &node()).unwrap(), []);
    assert_eq!(client.pools().unwrap(), ["production"]);
    assert!(client.cpu_models(&node()).unwrap().contains(&"x86-64-v2-AES".to_owned()));
    assert!(client.machine_types(&node()).unwrap().contains(&"pc-q35-9.0".to_owned()));
    assert_eq!(sim.refused(), Vec::<String>::new());
}

#[test]
fn the_life_of_a_vm() {
    let (sim, client) = scene("{}");
    upload(&client, "a.raw");
    assert_eq!(create(&client).unwrap(), Finished::Clean);
    assert!(!client.is_free(vmid()).unwrap());
    let config = client.vm_config(&node(), vmid(), ConfigView::Pending).unwrap();
    assert_eq!(config.get("name"), Some("web"));
    let disk = PropertyString::parse(config.get("virtio0").unwrap(), "file");
    assert_eq!((disk.size("size"), disk.flag("discard")), (Some(1 << 20), Some(true)));
    let digest = config.digest.unwrap();
    let grown = client.resize(&node(), vmid(), "virtio0", 2 << 30, Some(&digest)).unwrap();
    wait(&client, &grown.unwrap()).unwrap();
    let stale = Params::new().with("description", "mine").with("digest", &digest);
    assert!(client.update_config(&node(), vmid(), &stale).unwrap_err().is_checksum_mismatch());
    client.update_config(&node(), vmid(), &Params::new().with("description", "a+b; c")).unwrap();
    let config = client.vm_config(&node(), vmid(), ConfigView::Current).unwrap();
    assert_eq!(config.get("description"), Some("a+b; c"));
    wait(&client, &client.start(&node(), vmid()).unwrap()).unwrap();
    assert!(client.vm_status(&node(), vmid()).unwrap().is_running());
    client.update_config(&node(), vmid(), &Params::new().with("cores", 4)).unwrap();
    let pending = client.vm_pending(&node(), vmid()).unwrap();
    assert!(
        pending.iter().any(|p| p.key == "cores" && p.pending.as_deref() == Some("4")),
        "{pending:?}"
    );
    let changed =
        client.update_config_async(&node(), vmid(), &Params::new().with("onboot", 1)).unwrap();
    wait(&client, &changed).unwrap();
    let (timeout, force) = (Duration::from_secs(60), false);
    wait(&client, &client.reboot(&node(), vmid(), timeout).unwrap()).unwrap();
    wait(&client, &client.shutdown(&node(), vmid(), timeout, force).unwrap()).unwrap();
    wait(&client, &client.stop(&node(), vmid()).unwrap()).unwrap();
    wait(&client, &client.delete_vm(&node(), vmid(), true).unwrap()).unwrap();
    let gone = client.vm_status(&node(), vmid()).unwrap_err();
    assert!(gone.is_not_found() || gone.is_permission(), "{gone:?}");
    let volumes = sim.world().volumes;
    assert_eq!(
        volumes.iter().map(|v| v.volid.as_str()).collect::<Vec<_>>(),
        ["local:import/a.raw"]
    );
    assert_eq!(sim.refused(), Vec::<String>::new());
}

#[test]
fn the_guest_and_its_addresses() {
    let world = r#"{"vms": {"100": {"running": true, "config": {"agent": "1", "net0": "virtio=02:00:00:00:00:01,bridge=vmbr0"}}}}"#;
    let (sim, client) = scene(world);
    let answer = (0..5).find_map(|_| match client.agent_interfaces(&node(), vmid()) {
        Ok(interfaces) => Some(interfaces),
        Err(error) => {
            assert!(error.is_agent_silent(), "{error:?}");
            None
        }
    });
    let interfaces = answer.unwrap();
    let ours = interfaces.iter().find(|i| i.mac.as_deref() == Some("02:00:00:00:00:01")).unwrap();
    assert!(!ours.addresses.is_empty(), "{ours:?}");
    let resources = client.cluster_resources().unwrap();
    assert_eq!((resources[0].kind, resources[0].vmid), (GuestKind::Qemu, vmid()));
    assert_eq!(sim.refused(), Vec::<String>::new());
}

#[test]
fn a_file_of_the_guest() {
    let world = |blocks: &str| {
        format!(
            r#"{{"vms": {{"100": {{"running": true, "config": {{"agent": "1"}}}}}},
            "guest": {{"agent_after": 0, "files": {{"/a": "é"}}, "agent_blocks": [{blocks}]}}}}"#
        )
    };
    let (_sim, client) = scene(&world(""));
    let file = client.agent_file(&node(), vmid(), "/a").unwrap();
    assert_eq!((file.content, file.truncated), ("é".as_bytes().to_vec(), false));
    let missing = client.agent_file(&node(), vmid(), "/b").unwrap_err();
    assert!(missing.is_agent_file_missing() && !missing.is_agent_blocked(), "{missing:?}");
    let (_sim, client) = scene(&world(r#""guest-file-open""#));
    let blocked = client.agent_file(&node(), vmid(), "/a").unwrap_err();
    assert!(blocked.is_agent_blocked() && !blocked.is_agent_file_missing(), "{blocked:?}");
}

#[test]
fn volumes_are_created_and_deleted() {
    let url = "http://192.0.2.1/b.qcow2";
    let world =
        format!(r#"{{"urls": {{"{url}": {{"size": 5, "sha256": "{}"}}}}}}"#, "a".repeat(64));
    let (sim, client) = scene(&world);
    let volid = upload(&client, "a.raw");
    let volumes = client.storage_content(&node(), &storage(), Some("import")).unwrap();
    assert_eq!((&volumes[0].volid, volumes[0].size), (&volid, 1 << 20));
    assert_eq!(client.volume_info(&node(), &volid).unwrap().size, 1 << 20);
    let download = Download {
        url: url.to_owned(),
        content: "import".to_owned(),
        filename: "b.qcow2".to_owned(),
        checksum: Some(("sha256".to_owned(), "a".repeat(64))),
        verify_certificates: true,
    };
    wait(&client, &client.download_url(&node(), &storage(), &download).unwrap()).unwrap();
    for volid in [volid.clone(), Volid::of_file(&storage(), "import", "b.qcow2")] {
        wait(&client, &client.delete_volume(&node(), &volid).unwrap().unwrap()).unwrap();
    }
    assert_eq!(client.storage_content(&node(), &storage(), None).unwrap(), []);
    assert!(client.volume_info(&node(), &volid).unwrap_err().is_not_found());
    assert_eq!(sim.refused(), Vec::<String>::new());
}

#[test]
fn tasks_can_be_found_and_read() {
    let (sim, client) = scene("{}");
    upload(&client, "a.raw");
    create(&client).unwrap();
    let filter = TaskFilter {
        vmid: Some(vmid()),
        kind: Some("qmcreate".to_owned()),
        ..TaskFilter::default()
    };
    let tasks = client.tasks(&node(), &filter).unwrap();
    let [task] = &tasks[..] else { panic!("{tasks:?}") };
    assert_eq!((task.upid.kind(), task.status.as_deref()), ("qmcreate", Some("OK")));
    assert_eq!(client.task_status(&task.upid).unwrap(), TaskState::Stopped("OK".to_owned()));
    let tail = client.task_log_tail(&task.upid, 1).unwrap();
    assert_eq!(tail, ["TASK OK"]);
    let page = client.task_log(&task.upid, 0, 2).unwrap();
    assert!(page.total > 2 && page.lines.len() == 2, "{page:?}");
    assert_eq!(sim.refused(), Vec::<String>::new());
}

#[test]
fn a_long_task_list_is_complete() {
    let running = |id: u32| {
        format!(
            r#"{{"node": "pve1", "type": "qmcreate", "id": "{id}", "user": "pipeline@pve!apply", "runs": {{"length": 99}}}}"#
        )
    };
    for (count, requests) in [(49, 1), (50, 1), (51, 2), (120, 2)] {
        let tasks: Vec<String> = (101..101 + count).map(running).collect();
        let (sim, client) = scene(&format!(r#"{{"tasks": [{}]}}"#, tasks.join(",")));
        let filter = TaskFilter { active: true, ..TaskFilter::default() };
        let listed = client.tasks(&node(), &filter).unwrap();
        assert_eq!(listed.len(), count as usize);
        let newest = (100 + count).to_string();
        assert!(listed.iter().any(|task| task.upid.id() == newest), "the newest is listed last");
        assert_eq!(sim.requests().len(), requests, "{count}");
        let few = TaskFilter { limit: Some(3), ..filter };
        assert_eq!(client.tasks(&node(), &few).unwrap().len(), 3);
    }
}

#[test]
fn an_incomplete_list_is_an_error() {
    let (sim, client) = scene(r#"{"vms": {"100": {}, "101": {}}}"#);
    let fault = |when: &str, then: &str| {
        let list = format!(r#"[{{"when": "{when}", "then": {then}}}]"#);
        faults::from_json(&list).unwrap().into_iter().for_each(|fault| sim.add_fault(fault));
    };
    for (then, what) in [
        (r#"{"body": {"data": null}}"#, "`data` is null, not a list"),
        (r#"{"body": {}}"#, "it has no `data`"),
        (r#"{"row": {"at": 1, "drop": ["vmid"]}}"#, "row 2: `vmid` is missing"),
    ] {
        fault("GET /cluster/resources", then);
        fault("GET /nodes/pve1/qemu", then);
        for error in
            [client.cluster_resources().unwrap_err(), client.node_vms(&node()).unwrap_err()]
        {
            assert!(error.to_string().ends_with(what), "{error}");
        }
        assert_eq!(client.cluster_resources().unwrap().len(), 2);
    }
    assert_eq!(sim.refused(), Vec::<String>::new());
}

#[test]
fn errors_are_classified_by_their_text() {
    let (sim, client) = scene("{}");
    upload(&client, "a.raw");
    create(&client).unwrap();
    assert!(create(&client).unwrap_err().already_exists());
    let fault = |then: &str| {
        let list = format!(r#"[{{"when": "GET /version", "then": {then}}}]"#);
        faults::from_json(&list).unwrap().into_iter().for_each(|fault| sim.add_fault(fault));
        client.version().unwrap_err()
    };
    let answer = |status: u16, message: &str| {
        fault(&format!(r#"{{"answer": {{"status": {status}, "message": "{message}"}}}}"#))
    };
    let lock = "can't lock file '/var/lock/qemu-server/lock-100.conf' - got timeout";
    assert!(answer(500, lock).is_lock_timeout());
    assert!(answer(500, "VM is locked (backup)").is_lock_timeout());
    assert!(answer(500, "got no worker upid - start worker failed").is_worker_start_failure());
    assert!(answer(500, "cluster not ready - no quorum?").lacks_quorum());
    assert!(answer(595, "").is_node_unreachable());
    assert!(answer(596, "").is_outcome_unknown());
    assert!(!answer(500, "VM 100 already running").is_outcome_unknown());
    assert!(fault(r#"{"cut": "after"}"#).is_outcome_unknown());
    assert_eq!(sim.refused(), Vec::<String>::new());
}

#[test]
fn writes_survive_every_way_pve_closes_a_connection() {
    let world = r#"{"vms": {"100": {"config": {"cores": "1"}}}}"#;
    let (sim, client) =
        scene_with(world, Options { requests_per_connection: 3, ..Options::default() });
    let missing = Vmid::new(999).unwrap();
    for round in 1..20_u32 {
        // PVE closes after any error, after a number of requests, and at any other time.
        assert!(client.vm_config(&node(), missing, ConfigView::Current).is_err());
        for _ in 0..round % 4 {
            client.update_config(&node(), vmid(), &Params::new().with("cores", round)).unwrap();
        }
        sim.drop_connections();
        client.update_config(&node(), vmid(), &Params::new().with("memory", 256 + round)).unwrap();
    }
    let config = client.vm_config(&node(), vmid(), ConfigView::Current).unwrap();
    assert_eq!((config.get("cores"), config.get("memory")), (Some("19"), Some("275")));
}
