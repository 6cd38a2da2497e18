//! Two runs at once that stop and start the same VM under HA, as on two machines: each success that is
//! reported is true, and the next run finds or finishes the work.

#![expect(clippy::disallowed_methods, reason = "door: a test starts the tool and reads its cases")]
#![expect(clippy::print_stdout, reason = "a test tells its figures")]
#![expect(clippy::unwrap_used, reason = "a test may")]

use std::time::Duration;
use test_support::cases;
use test_support::stand::{Cases, each, read};

const CASES: Cases = cases!("pve-apply");

/// How many tries of each case.
const TRIES: usize = 8;
/// How much later the second run begins, from try to try.
const STEP: Duration = Duration::from_millis(250);

fn check(case: &str) {
    let (expected, _) = CASES.undisturbed(case);
    each(case, TRIES, |number| {
        let stand = CASES.stand(case, "[]");
        let mut first = stand.spawn();
        std::thread::sleep(STEP * u32::try_from(number).unwrap());
        let mut second = stand.spawn_elsewhere();
        let ends = [first.wait().unwrap(), second.wait().unwrap()];
        let what = format!("{case}, {number}");
        let said = [stand.output(), read(&stand.folder.path().join("elsewhere"), "stderr")];
        if !ends.iter().any(std::process::ExitStatus::success) {
            return Err(format!("{what}: none succeeds\n{}", said.join("\n--\n")));
        }
        // Whoever fails says that somebody else was there.
        for (end, said) in ends.iter().zip(&said).filter(|(end, _)| !end.success()) {
            let is_met = [
                "since it was planned",
                "file change by other user",
                "no longer exists",
                "does not exist",
                "another run of this deployment",
                "somebody else has started or stopped it",
                // The other's request came before the first look: to a run, HA just does not act.
                "somebody else has asked it for the opposite",
                "still waits for a reboot",
            ];
            if !is_met.iter().any(|text| said.contains(text)) {
                return Err(format!("{what}: {end}\n{said}"));
            }
        }
        stand.compare(&what, 2, &expected)
    });
}

#[test]
fn two_runs_that_restart_a_vm() {
    check("ha-restart-for-a-change");
}

#[test]
fn two_runs_that_destroy_a_vm() {
    check("ha-destroy-waits-for-the-stop");
}

#[test]
fn two_runs_that_start_a_vm() {
    check("ha-start-is-waited-for");
}
