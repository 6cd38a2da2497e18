//! The last line of a run: what it has done, and how long it took. Does no I/O.

use crate::action::{Action, Unchanged};
use crate::outcome::{Verdict, VmOutcome};
use std::time::Duration;

/// Returns the line, such as `3 created, 1 changed, 2 unchanged in 41 s`.
///
/// A VM that was worked on is not counted as unchanged too, whatever the last plan says of it.
pub(crate) fn line(outcomes: &[VmOutcome], unchanged: &[Unchanged], took: Duration) -> String {
    let is_untouched = |vm: &&Unchanged| outcomes.iter().all(|outcome| outcome.name != vm.name);
    let untouched: Vec<&Unchanged> = unchanged.iter().filter(is_untouched).collect();
    let unchanged = untouched.iter().filter(|vm| vm.is_found()).count();
    let not_found = untouched.len() - unchanged;
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for outcome in outcomes {
        let word = word(outcome);
        match counts.iter_mut().find(|(counted, _)| *counted == word) {
            Some((_, count)) => *count += 1,
            None => counts.push((word, 1)),
        }
    }
    if unchanged > 0 {
        counts.push(("unchanged", unchanged));
    }
    if not_found > 0 {
        counts.push(("not found", not_found));
    }
    let rank = |word: &str| ORDER.iter().position(|known| *known == word);
    counts.sort_by_key(|(word, _)| rank(word).unwrap_or_default());
    let counts: Vec<String> =
        counts.iter().map(|(word, count)| format!("{count} {word}")).collect();
    format!("{} in {}", counts.join(", "), duration(took))
}

/// What was done comes first, what went wrong last.
const ORDER: [&str; 14] = [
    "destroyed",
    "created",
    "changed",
    "adopted",
    "released",
    "started",
    "stopped",
    "rebooted",
    "unchanged",
    "not found",
    "left to another run",
    "interrupted",
    "failed",
    "not reached",
];

fn word(outcome: &VmOutcome) -> &'static str {
    match (&outcome.verdict, outcome.action) {
        (Verdict::Failed { .. }, _) => "failed",
        (Verdict::Yielded { .. }, _) => "left to another run",
        (Verdict::Interrupted { .. }, _) => "interrupted",
        (Verdict::NotReached { .. }, _) => "not reached",
        (Verdict::Done, Action::Destroy) => "destroyed",
        (Verdict::Done, Action::Create) => "created",
        (Verdict::Done, Action::Change) => "changed",
        (Verdict::Done, Action::Adopt) => "adopted",
        (Verdict::Done, Action::Release) => "released",
        // A power action is one step.
        (Verdict::Done, Action::Power) => match outcome.done.last() {
            Some(&"rebooted") => "rebooted",
            Some(&"started") => "started",
            _ => "stopped",
        },
    }
}

fn duration(took: Duration) -> String {
    let seconds = took.as_secs();
    match (seconds / 60, seconds % 60) {
        (0, seconds) => format!("{seconds} s"),
        (minutes, seconds) => format!("{minutes} min {seconds} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::worlds::vm_plan;
    use stage::{Entry, Place};

    fn check(outcomes: Vec<VmOutcome>, unchanged: &[&str], seconds: u64, expected: &str) {
        let vm = |name: &&str| Unchanged {
            name: (*name).to_owned(),
            vmid: None,
            node: "pve1".parse().unwrap(),
            status: "running".to_owned(),
            mac: None,
        };
        let unchanged: Vec<Unchanged> = unchanged.iter().map(vm).collect();
        assert_eq!(line(&outcomes, &unchanged, Duration::from_secs(seconds)), expected);
    }

    #[test]
    fn what_was_done_is_counted() {
        let of = |action, verdict| VmOutcome::new(&vm_plan("a", action), verdict);
        let failed = || {
            let entry = Box::new(Entry::error("x", Place::Run, "x"));
            of(Action::Create, Verdict::Failed { during: "creating", entry })
        };
        let done = |action| of(action, Verdict::Done);
        let missed = VmOutcome::not_reached(&vm_plan("a", Action::Create), "x");
        check(vec![done(Action::Create)], &["a"], 0, "1 created in 0 s");
        check(
            vec![done(Action::Change), done(Action::Create)],
            &["b", "c"],
            41,
            "1 created, 1 changed, 2 unchanged in 41 s",
        );
        check(
            vec![missed, failed(), done(Action::Create)],
            &[],
            185,
            "1 created, 1 failed, 1 not reached in 3 min 5 s",
        );
        let started = VmOutcome { done: vec!["started"], ..done(Action::Power) };
        check(vec![started], &[], 3, "1 started in 3 s");
    }
}
