//! Tasks over time, with polls and with a passed-in clock.

use std::collections::BTreeMap;

use super::super::clockwork::Clockwork;
use super::*;

/// Checks the log of a task after each step of time.
fn check(pace: Pace, times: &[(u64, &str)]) {
    let mut world = World::default();
    world.clockwork.pace = pace.clone();
    let who = Who { authid: "a@pve".to_owned() };
    let work = Work::Store {
        node: "pve1".to_owned(),
        storage: "local".to_owned(),
        volume: super::super::storage::Volume {
            volid: "local:import/a.raw".to_owned(),
            ..Default::default()
        },
        refused: None,
        lines: ["one", "two", "three", "four"].map(str::to_owned).to_vec(),
    };
    let upid = world.fork("pve1", "download", "", &who, work);
    for (now, expected) in times {
        match pace {
            Pace::Polls(_) => world.poll(&upid),
            _ => world.advance(*now),
        }
        let task = &world.tasks[0];
        let status = task.exitstatus.as_deref().unwrap_or("running");
        assert_eq!(format!("{} {status}", task.log.len()), *expected, "{pace:?} at {now}");
        let stored = world.volume("pve1", "local:import/a.raw").is_some();
        assert_eq!(stored, status == "OK", "{pace:?} at {now}");
    }
}

#[test]
fn a_task_runs_for_its_time_and_writes_its_log() {
    check(Pace::Polls(0), &[(0, "6 OK")]);
    check(Pace::Polls(2), &[(0, "2 running"), (0, "4 running"), (0, "6 OK"), (0, "6 OK")]);
    check(
        Pace::Millis(100),
        &[(0, "0 running"), (50, "2 running"), (99, "3 running"), (100, "6 OK")],
    );
    check(Pace::MillisBetween(100, 100), &[(99, "3 running"), (100, "6 OK")]);
}

#[test]
fn random_lengths_are_the_same_in_every_run() {
    let mut clockwork = Clockwork { pace: Pace::MillisBetween(200, 2000), ..Clockwork::default() };
    clockwork.lengths.insert("qmstart".to_owned(), (1, 120_000));
    let draw = |clockwork: &Clockwork, kind: &str| -> Vec<u64> {
        (100..150).map(|id| clockwork.length(kind, &format!("{id}"))).collect()
    };
    let lengths = draw(&clockwork, "qmcreate");
    assert!(lengths.iter().all(|length| (200..=2000).contains(length)));
    assert!(lengths.iter().max() > lengths.iter().min());
    assert_eq!(draw(&clockwork, "qmcreate"), lengths);
    let starts = draw(&clockwork, "qmstart");
    assert!(starts.iter().all(|length| (1..=120_000).contains(length)));
    assert!(starts.iter().any(|length| *length > 2000), "a type has its own range");
    clockwork.seed = 1;
    assert_ne!(draw(&clockwork, "qmcreate"), lengths, "another seed gives other lengths");
}

#[test]
fn a_task_ends_even_if_its_client_is_gone() {
    let mut world = World::default();
    let who = Who { authid: "a@pve".to_owned() };
    world.claim("pve1", 100).unwrap();
    let work = Work::Create { vmid: 100, params: BTreeMap::new(), start: false, pool: None };
    world.fork("pve1", "qmcreate", "100", &who, work);
    world.pass_time(Some("101"));
    world.pass_time(Some("100"));
    assert_eq!(world.vms[&100].config["lock"], "create");
    world.pass_time(None);
    assert!(!world.vms[&100].config.contains_key("lock"));
}

#[test]
fn a_stopped_create_leaves_nothing() {
    let mut world = World::default();
    let who = Who { authid: "a@pve".to_owned() };
    world.claim("pve1", 100).unwrap();
    let work = Work::Create { vmid: 100, params: BTreeMap::new(), start: false, pool: None };
    let upid = world.fork("pve1", "qmcreate", "100", &who, work);
    world.stop_task(&upid);
    assert_eq!(world.tasks[0].exitstatus.as_deref(), Some("unexpected status"));
    assert!(world.vms.is_empty());
}
