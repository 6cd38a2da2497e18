//! A clone while it runs, its locks, and what remains of one that ends early (facts-3 1.2, facts-4 23
//! and 31 to 36).

use super::{CLONE, CONFIG, DONE, bare, check, send, volumes, world};
use crate::pve_sim::PveSim;
use crate::pve_sim::tests::start;

const BASE: &str = "dira:9000/base-9000-disk-0.qcow2";
const TIMEOUT: &str = "can't lock file '/var/lock/qemu-server/lock-9000.conf' - got timeout";

fn fault(task: &str) -> String {
    format!(r#"[{{"when": "POST /nodes/*/qemu/*/clone", "then": {{"task": {{{task}}}}}}}]"#)
}

/// A template of two disks.
fn two_disks() -> String {
    r#""9000": {"config": {"template": "1", "tags": "ours", "scsi0": "thin:base-9000-disk-0,size=1G",
        "scsi1": "thin:base-9000-disk-1,size=1G"}}"#
        .to_owned()
}

#[test]
fn a_bare_clone_shows_nothing_of_us_until_it_is_done() {
    let sim = start(&world(&bare(BASE), ""), "[]");
    let upid = send(&sim, &format!("{CLONE} newid=400 name=web description=mark"));
    assert!(upid.contains(":qmclone:9000:"), "{upid}");
    let seen = send(&sim, CONFIG);
    assert!(seen.contains(r#""description":" qmclone temporary file","lock":"clone""#), "{seen}");
    assert!(!seen.contains("tags") && !seen.contains("name\""), "{seen}");
    let list = send(&sim, "GET /nodes/pve1/qemu");
    assert!(list.contains(r#""name":"VM 400""#), "{list}");
    // The requests about the new VM let time pass for the task, whose ID is the source's.
    let done = send(&sim, CONFIG);
    assert!(done.contains(r#""description":"mark""#) && !done.contains("lock"), "{done}");
}

#[test]
fn a_clone_of_two_volumes_shows_them_one_by_one() {
    let sim = start(&world(&two_disks(), ""), &fault(r#""length": 3"#));
    send(&sim, &format!("{CLONE} newid=400 description=mark"));
    let all: Vec<String> = (0..5).map(|_| send(&sim, CONFIG)).collect();
    let has = |text: &str| all.iter().map(|one| one.contains(text)).collect::<Vec<_>>();
    assert_eq!(has("qmclone temporary file"), [true, false, false, false, false]);
    assert_eq!(has(r#""description":"mark""#), [false, true, true, true, true]);
    assert_eq!(has(r#""tags":"ours""#), [false, true, true, true, true]);
    assert_eq!(has(r#""scsi0""#), [false, true, true, true, true]);
    assert_eq!(has(r#""lock":"clone""#), [true, true, true, false, false]);
    assert_eq!(has(r#""scsi1""#), [false, false, false, true, true]);
}

#[test]
fn ten_clones_of_one_template_at_once() {
    let long = fault(r#""length": 90"#).replace(r#""then""#, r#""times": 0, "then""#);
    let sim = start(&world(&bare(BASE), ""), &long);
    for newid in 400..410 {
        let seen = send(&sim, &format!("{CLONE} newid={newid}"));
        assert!(seen.starts_with("200 OK"), "{seen}");
    }
    let running = sim.world().tasks.into_iter().filter(|task| task.exitstatus.is_none());
    assert_eq!(running.count(), 10);
    sim.settle();
    let world = sim.world();
    assert!(world.tasks.iter().all(|task| task.exitstatus.as_deref() == Some("OK")));
    assert_eq!((world.vms.len(), world.volumes.len()), (11, 11));
}

#[test]
fn a_new_vm_is_locked_while_it_is_cloned() {
    let clone = format!("{CLONE} newid=400");
    let timeout = "can't lock file '/var/lock/qemu-server/lock-400.conf' - got timeout";
    check(
        &world(&bare(BASE), ""),
        &fault(r#""length": 90"#),
        &[
            (&clone, "200 OK"),
            ("PUT /nodes/pve1/qemu/400/config cores=2", "500 VM is locked (clone)"),
            ("POST /nodes/pve1/qemu/400/config cores=2", "500 VM is locked (clone)"),
            ("POST /nodes/pve1/qemu/400/status/start", "200 OK"),
            ("task", timeout),
            ("PUT /nodes/pve1/qemu/400/resize disk=virtio0 size=5G", "200 OK"),
            ("task", timeout),
            ("DELETE /nodes/pve1/qemu/400", "200 OK"),
            ("task", timeout),
            ("POST /nodes/pve1/qemu vmid=400", &format!("500 unable to create VM 400 - {timeout}")),
            (&clone, "500 unable to create VM 400: config file already exists"),
        ],
    );
}

#[test]
fn a_long_clone_keeps_others_from_writing_its_source() {
    let steps = [
        (format!("{CLONE} newid=400 full=1"), "200 OK"),
        ("PUT /nodes/pve1/qemu/9000/config cores=2".to_owned(), TIMEOUT),
        ("DELETE /nodes/pve1/qemu/9000".to_owned(), "200 OK"),
        ("task".to_owned(), TIMEOUT),
        ("POST /nodes/pve1/qemu/9000/template disk=virtio0".to_owned(), "200 OK"),
        ("task".to_owned(), TIMEOUT),
        // Others can still clone it.
        (format!("{CLONE} newid=401"), "200 OK"),
        (DONE.0.to_owned(), DONE.1),
    ];
    let steps: Vec<(&str, &str)> =
        steps.iter().map(|(step, text)| (step.as_str(), *text)).collect();
    let sim = check(&world(&bare(BASE), ""), &fault(r#""length": 90"#), &steps);
    assert_eq!(sim.waited().as_secs(), 30);
}

#[test]
fn a_running_source_is_cloned_by_one_at_a_time() {
    let vm = r#""9000": {"config": {"virtio0": "thin:vm-9000-disk-0,size=1G"}, "running": true}"#;
    check(
        &world(vm, ""),
        &fault(r#""length": 90"#),
        &[
            (&format!("{CLONE} newid=400"), "200 OK"),
            (&format!("{CLONE} newid=401"), "200 OK"),
            ("task", TIMEOUT),
        ],
    );
    let sim = check(
        &world(&bare(BASE), ""),
        r#"[{"when": "POST /nodes/*/qemu/*/clone", "then": {"hold": {"vmid": 9000, "seconds": 3}}}]"#,
        &[
            (&format!("{CLONE} newid=400"), "200 OK"),
            ("task", TIMEOUT),
            (CONFIG, "500 Configuration file"),
        ],
    );
    assert_eq!(sim.waited().as_secs(), 1);
}

#[test]
fn a_storage_lock_that_times_out_leaves_nothing() {
    let text =
        "clone failed: can't lock file '/var/lock/pve-manager/pve-storage-thin' - got timeout";
    let sim = check(
        &world(&two_disks(), ""),
        &fault(&format!(r#""exitstatus": "{text}""#)),
        &[
            (&format!("{CLONE} newid=400"), "200 OK"),
            ("task", text),
            (CONFIG, "500 Configuration file 'nodes/pve1/qemu-server/400.conf' does not exist"),
            (&format!("{CLONE} newid=400"), "200 OK"),
            DONE,
        ],
    );
    assert_eq!(volumes(&sim).len(), 4);
}

#[test]
fn a_stopped_clone_cleans_up() {
    for (params, status) in [
        ("", "clone failed: interrupted by signal"),
        (
            " full=1",
            "clone failed: copy failed: command '/usr/bin/qemu-img convert -p -n \
             dira:9000/base-9000-disk-0.qcow2 dira:400/vm-400-disk-0.qcow2' failed: interrupted by signal",
        ),
    ] {
        let sim = check(
            &world(&bare(BASE), ""),
            &fault(r#""length": 90"#),
            &[
                (&format!("{CLONE} newid=400{params}"), "200 OK"),
                ("DELETE /nodes/pve1/tasks/$UPID", "200 OK"),
                ("task", status),
                (CONFIG, "500 Configuration file"),
            ],
        );
        assert_eq!(volumes(&sim), [BASE]);
    }
}

/// A killed clone whose disks in `leaves` remain.
fn killed(vm: &str, task: &str) -> PveSim {
    check(
        &world(vm, ""),
        &fault(&format!(r#""exitstatus": "unexpected status", {task}"#)),
        &[
            (&format!("{CLONE} newid=400 name=web description=mark"), "200 OK"),
            ("task", r#""exitstatus":"unexpected status""#),
        ],
    )
}

#[test]
fn a_killed_clone_leaves_a_vm_that_no_token_can_clear() {
    let sim = killed(&bare(BASE), r#""leaves": ["virtio0"]"#);
    let link = format!("{BASE}/400/vm-400-disk-0.qcow2");
    assert_eq!(volumes(&sim), [BASE.to_owned(), link]);
    let only = r#""errors":{"skiplock":"Only root may use this option."}"#;
    for (step, expected) in [
        (CONFIG, r#"{"data":{"description":" qmclone temporary file","lock":"clone","digest""#),
        ("DELETE /nodes/pve1/qemu/400 skiplock=1", only),
        ("PUT /nodes/pve1/qemu/400/config delete=lock", "500 only root can set 'lock' config"),
        (
            "POST /nodes/pve1/qemu vmid=400",
            "500 unable to create VM 400 - VM 400 already exists on node 'pve1'",
        ),
        (&format!("{CLONE} newid=400"), "500 unable to create VM 400: config file already exists"),
    ] {
        let seen = send(&sim, step);
        assert!(seen.contains(expected), "{step}: {seen}");
    }
    let destroy = send(&sim, "DELETE /nodes/pve1/qemu/400 destroy-unreferenced-disks=1");
    let upid = destroy.split('"').find(|part| part.starts_with("UPID:")).unwrap();
    let seen = crate::pve_sim::tests::wait(&sim, upid);
    assert!(seen.contains("VM is locked (clone)"), "{seen}");
    // A person removes the lock; only then can the token remove everything.
    sim.edit(|world| {
        world.vms.get_mut(&400).unwrap().config.remove("lock");
    });
    send(&sim, "DELETE /nodes/pve1/qemu/400 destroy-unreferenced-disks=1");
    sim.settle();
    assert_eq!(volumes(&sim), [BASE]);
}

#[test]
fn the_log_of_an_earlier_clone_names_its_vm() {
    let task = r#", "tasks": [{"node": "pve1", "type": "qmclone", "id": "9000", "user": "pipeline@pve!apply",
        "exitstatus": "unexpected status", "log": ["creating a clone of VM 9000 with ID 604"]}]"#;
    let left =
        r#", "604": {"config": {"lock": "clone", "description": " qmclone temporary file"}}"#;
    let sim = start(&world(&format!("{}{left}", bare(BASE)), task), "[]");
    let upid = sim.world().tasks[0].upid.clone();
    let log = send(&sim, &format!("GET /nodes/pve1/tasks/{upid}/log"));
    assert!(log.contains(r#""t":"creating a clone of VM 9000 with ID 604""#), "{log}");
}

#[test]
fn a_clone_of_two_volumes_may_be_killed_between_them() {
    let sim = killed(&two_disks(), r#""keeps": ["scsi0"], "leaves": ["scsi1"]"#);
    let config = &sim.world().vms[&400].config;
    assert_eq!(
        (config["description"].as_str(), config["lock"].as_str(), config["tags"].as_str()),
        ("mark", "clone", "ours")
    );
    assert!(config.contains_key("scsi0") && !config.contains_key("scsi1"), "{config:?}");
    assert_eq!(volumes(&sim).len(), 4);
    let sim = killed(&two_disks(), r#""keeps": []"#);
    assert_eq!(volumes(&sim).len(), 2);
    assert_eq!(sim.world().vms[&400].config.len(), 2);
}
