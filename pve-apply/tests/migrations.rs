//! Several migrations in one run, and one in two runs at once.

#![expect(clippy::disallowed_methods, reason = "door: a test starts the tool and waits for it")]
#![expect(clippy::print_stdout, reason = "a test tells its figures")]
#![expect(clippy::unwrap_used, reason = "a test may")]

use test_support::cases;
use test_support::stand::{Cases, each, read};

const CASES: Cases = cases!("pve-apply");
const MANY: &str = "migrate-one-at-a-time-to-a-node";
const ONE: &str = "migrate-live-with-its-disks";

#[test]
fn one_vm_at_a_time_moves_to_a_node() {
    let stand = CASES.stand(MANY, "[]");
    stand.finish(1).unwrap();
    let requests: Vec<String> =
        stand.sim.requests().iter().map(|r| format!("{} {}", r.method, r.path)).collect();
    let mut moving: Option<String> = None;
    let mut moved = 0;
    for request in &requests {
        let begins = request.strip_suffix("/migrate").and_then(|r| r.strip_prefix("POST "));
        if let Some(vm) = begins.map(|path| path.replace("pve1", "pve2")) {
            assert_eq!(moving, None, "before {request}: {requests:#?}");
            moving = Some(vm);
        }
        // It has arrived.
        if moving.as_ref().is_some_and(|vm| *request == format!("GET {vm}/config")) {
            moving = None;
            moved += 1;
        }
    }
    assert_eq!(moved, 3);
}

#[test]
fn two_runs_at_once_move_a_vm_once() {
    let (expected, requests) = CASES.undisturbed(ONE);
    // The second run begins once the first one has sent this many requests.
    each("two runs that migrate", requests.len(), |after| {
        let stand = CASES.stand(ONE, "[]");
        let what = format!("a second run after {}", requests[after]);
        let mut first = stand.spawn();
        while stand.sim.request_count() <= after && first.try_wait().unwrap().is_none() {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        let second = stand.spawn_elsewhere().wait().unwrap();
        let text = read(&stand.folder.path().join("elsewhere"), "stderr");
        let first = first.wait().unwrap();
        if !first.success() || !second.success() {
            return Err(format!("{what}: {first}, {second}\n{}\n{text}", stand.output()));
        }
        // PVE refuses a second one while the first is under way.
        let tasks = stand.sim.world().tasks;
        let moved = tasks.iter().filter(|task| task.kind == "qmigrate").count();
        if moved != 1 {
            return Err(format!("{what}: {moved} migrations have begun"));
        }
        stand.compare(&what, 1, &expected)
    });
}
