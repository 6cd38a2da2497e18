//! Lists of tasks, and tasks that are already running when the world starts (reference 4, facts-4 33).

use super::{check, send, start, wait};
use crate::pve_sim::{Options, Pace, PveSim, World};

const OURS: &str = "pipeline@pve!apply";
const RESOURCES: &str = "GET /cluster/resources type=vm";

fn task(kind: &str, id: u32, user: &str, rest: &str) -> String {
    format!(r#"{{"node": "pve1", "type": "{kind}", "id": "{id}", "user": "{user}", {rest}}}"#)
}

fn world(tasks: &[String]) -> String {
    format!(r#"{{"resources_lag": 0, "tasks": [{}]}}"#, tasks.join(","))
}

/// Returns the IDs in a list, in order.
fn ids(answer: &str) -> Vec<u32> {
    let parts = answer.split(r#""id":""#).skip(1);
    parts.map(|part| part.split('"').next().unwrap().parse().unwrap()).collect()
}

#[test]
fn a_list_has_fifty_rows_by_default() {
    let ended = |id| task("qmstart", id, OURS, r#""exitstatus": "OK""#);
    let tasks: Vec<String> = (101..=160).map(ended).collect();
    let sim = start(&world(&tasks), "[]");
    for (query, first, count) in [
        ("", 160, 50),
        (" start=55", 105, 5),
        (" limit=7", 160, 7),
        (" limit=1000 source=all", 160, 60),
        (" vmid=130", 130, 1),
    ] {
        let answer = send(&sim, &format!("GET /nodes/pve1/tasks{query}"));
        let seen = ids(&answer);
        assert_eq!((seen[0], seen.len()), (first, count), "{query}");
        let total = if query.contains("vmid") { 1 } else { 60 };
        assert!(answer.contains(&format!(r#""total":{total}"#)), "{answer}");
    }
    for query in ["limit=0", "typefilter=qm"] {
        let answer = send(&sim, &format!("GET /nodes/pve1/tasks {query}"));
        assert!(ids(&answer).is_empty(), "{answer}");
    }
}

#[test]
fn running_tasks_come_first_then_the_archive_by_end_time() {
    let runs =
        |id, length: u32| task("qmcreate", id, OURS, &format!(r#""runs": {{"length": {length}}}"#));
    let tasks = [
        task("qmstart", 100, OURS, r#""exitstatus": "OK""#),
        runs(101, 2),
        runs(102, 0),
        runs(103, 50),
        runs(104, 50),
    ];
    let sim = start(&world(&tasks), "[]");
    let list = |source: &str| ids(&send(&sim, &format!("GET /nodes/pve1/tasks source={source}")));
    assert_eq!(list("active"), [101, 103, 104]);
    assert_eq!(list("archive"), [102, 100]);
    // The third read of the list ends 101.
    assert_eq!(list("all"), [103, 104, 101, 102, 100]);
    assert_eq!(list("active"), [103, 104]);
    let line = send(&sim, "GET /nodes/pve1/tasks source=active limit=1");
    assert!(line.contains(r#""status":"RUNNING""#) && line.contains(OURS), "{line}");
}

#[test]
fn tasks_are_filtered_by_how_they_ended() {
    let with =
        |id, status: &str| task("qmstart", id, OURS, &format!(r#""exitstatus": "{status}""#));
    let tasks = [
        with(101, "OK"),
        with(102, "WARNINGS: 2"),
        with(103, "no space"),
        with(104, "unexpected status"),
    ];
    let sim = start(&world(&tasks), "[]");
    for (query, expected) in [
        ("errors=1", vec![104, 103, 102]),
        ("statusfilter=ok,error", vec![103, 101]),
        ("statusfilter=warning", vec![102]),
        ("userfilter=PIPELINE", vec![104, 103, 102, 101]),
        ("userfilter=apply", vec![]),
    ] {
        assert_eq!(
            ids(&send(&sim, &format!("GET /nodes/pve1/tasks {query}"))),
            expected,
            "{query}"
        );
    }
}

#[test]
fn other_users_tasks_and_the_cluster_list_need_audit() {
    let tasks = [
        task("qmcreate", 101, "root@pam", r#""runs": {"length": 9}"#),
        task("qmcreate", 102, OURS, r#""runs": {"length": 9}"#),
    ];
    let blind = r#"[{"when": "* /**", "then": {"withdraw": {"path": "/nodes", "privilege": "Sys.Audit"}}}]"#;
    let list = "GET /nodes/pve1/tasks source=active";
    assert_eq!(ids(&send(&start(&world(&tasks), "[]"), list)), [101, 102]);
    assert_eq!(ids(&send(&start(&world(&tasks), blind), list)), [102]);
    // A token is not its user, and it lacks Sys.Audit on /.
    check(&world(&tasks), "[]", &[("GET /cluster/tasks", r#"{"data":[]}"#)]);
}

#[test]
fn creates_continue_after_their_client_ended() {
    let create = |id: u32| {
        let config = format!(
            r#"{{"name": "web{id}", "tags": "pve-pipeline", "description": "mark {id}",
                "virtio0": "local-lvm:vm-{id}-disk-0,size=10G"}}"#
        );
        let length = id - 10_000;
        task(
            "qmcreate",
            id,
            OURS,
            &format!(r#""runs": {{"length": {length}, "config": {config}}}"#),
        )
    };
    let tasks: Vec<String> = (10_001..=10_004).map(create).collect();
    let sim = start(&world(&tasks), "[]");
    let seen = send(&sim, RESOURCES);
    assert_eq!(seen.matches(r#""lock":"create""#).count(), 4, "{seen}");
    assert!(!seen.contains("tags") && !seen.contains("web"), "{seen}");
    let taken = send(&sim, "POST /nodes/pve1/qemu vmid=10004");
    assert!(taken.contains("VM 10004 already exists on node 'pve1'"), "{taken}");
    let rounds = (0..9).take_while(|_| send(&sim, RESOURCES).contains(r#""lock":"create""#));
    assert!(rounds.count() > 0, "they do not all end at once");
    let seen = send(&sim, RESOURCES);
    assert!((10_001..=10_004).all(|id| seen.contains(&format!(r#""name":"web{id}""#))), "{seen}");
    let world = sim.shutdown();
    assert_eq!(world.volumes.len(), 4);
    assert!(world.tasks.iter().all(|task| task.exitstatus.as_deref() == Some("OK")));
    assert_eq!(World::from_json(&world.to_json()).unwrap().to_json(), world.to_json());
}

#[test]
fn a_running_task_may_end_badly_or_be_killed() {
    let running = |kind: &str, rest: &str| {
        task(
            kind,
            101,
            OURS,
            &format!(r#""runs": {{"length": 0, "config": {{"name": "x"}}, {rest}}}"#),
        )
    };
    for (kind, rest, expected) in [
        ("qmcreate", r#""ends": "OK""#, r#""name":"x""#),
        ("qmcreate", r#""ends": "WARNINGS: 1""#, r#""name":"x""#),
        ("qmcreate", r#""ends": "no space left""#, "does not exist"),
        ("qmcreate", r#""ends": "unexpected status""#, r#""lock":"create""#),
        ("qmclone", r#""vmid": 101, "ends": "unexpected status""#, r#""lock":"clone""#),
    ] {
        let sim = start(&world(&[running(kind, rest)]), "[]");
        let list = send(&sim, "GET /nodes/pve1/tasks source=all");
        let upid = list.split(r#""upid":""#).nth(1).unwrap().split('"').next().unwrap();
        let ended = wait(&sim, upid);
        let config = send(&sim, "GET /nodes/pve1/qemu/101/config");
        assert!(config.contains(expected), "{kind} {rest}: {config} {ended}");
    }
    let both = task("qmcreate", 101, OURS, r#""runs": {}, "exitstatus": "OK""#);
    assert!(World::from_json(&world(&[both])).unwrap_err().contains("both"));
}

#[test]
fn a_running_task_takes_its_time_by_the_clock() {
    let runs = r#""runs": {"length": 200, "config": {"name": "x"}}"#;
    let world = World::from_json(&world(&[task("qmcreate", 101, OURS, runs)])).unwrap();
    let options = Options { pace: Pace::Millis(0), ..Options::default() };
    // Before the start, when the task starts.
    let begun = std::time::Instant::now();
    let sim = PveSim::start(world, options).unwrap();
    while send(&sim, "GET /nodes/pve1/qemu/101/config").contains("lock") {
        assert!(begun.elapsed().as_secs() < 30);
    }
    assert!(begun.elapsed().as_millis() >= 200);
}
