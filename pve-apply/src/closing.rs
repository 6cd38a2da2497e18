//! The last line of a run: what it did and how long it took. Does no I/O.

use crate::action::{Action, Plan, Unchanged};
use crate::network::model::NetworkStatus;
use crate::outcome::{Outcomes, Verdict, VmOutcome};
use std::collections::BTreeMap;
use std::time::Duration;

/// The guests that a run has waited for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Readiness {
    /// How many became ready.
    pub(crate) ready: usize,
    /// How many did not.
    pub(crate) not_ready: usize,
}

/// Returns the line, such as `3 created, 1 changed, 2 unchanged, 4 ready in 41 s`; `None` for a run that
/// has neither worked on a VM nor waited for one.
///
/// `plan` has the VMs that were left alone. A VM that was worked on never counts as unchanged, even if
/// the last plan has nothing to do for it.
pub(crate) fn line(
    outcomes: &Outcomes,
    plan: Option<&Plan>,
    guests: Readiness,
    took: Duration,
) -> Option<String> {
    if outcomes.is_empty() && guests == Readiness::default() {
        return None;
    }
    let networks = networks(outcomes, plan);
    let outcomes = &outcomes.vms;
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let labels = outcomes.iter().map(label).chain(plan.into_iter().flat_map(left_alone(outcomes)));
    labels.for_each(|label| *counts.entry(label).or_default() += 1);
    counts.insert("ready", guests.ready);
    counts.insert("not ready", guests.not_ready);
    let count = |label: &&str| counts.get(label).copied().filter(|count| *count > 0);
    let counted = |label: &&str| count(label).map(|count| format!("{count} {label}"));
    let counts: Vec<String> = ORDER.iter().filter_map(counted).collect();
    let vms = (!counts.is_empty()).then(|| counts.join(", "));
    let parts: Vec<String> = networks.into_iter().chain(vms).collect();
    Some(format!("{} in {}", parts.join("; "), duration(took)))
}

/// Returns what has become of the networks, such as `1 network created, 2 networks unchanged`.
fn networks(outcomes: &Outcomes, plan: Option<&Plan>) -> Option<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    outcomes.networks.iter().for_each(|one| *counts.entry(one.word()).or_default() += 1);
    let is_untouched = |name: &str| outcomes.networks.iter().all(|one| one.name != name);
    for network in plan.into_iter().flat_map(|plan| &plan.networks.unchanged) {
        if is_untouched(&network.name) {
            let word =
                if network.status == NetworkStatus::Absent { "not found" } else { "unchanged" };
            *counts.entry(word).or_default() += 1;
        }
    }
    let counted = |label: &&str| {
        let count = counts.get(label).copied().filter(|count| *count > 0)?;
        let noun = if count == 1 { "network" } else { "networks" };
        Some(format!("{count} {noun} {label}"))
    };
    let parts: Vec<String> = ORDER.iter().filter_map(counted).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// Returns a word for each VM that a plan has left alone.
fn left_alone<'p>(outcomes: &[VmOutcome]) -> impl Fn(&'p Plan) -> Vec<&'static str> {
    move |plan| {
        let waiting = plan.waiting();
        let is_untouched = |name: &str| outcomes.iter().all(|outcome| outcome.name != name);
        let label = |vm: &Unchanged| match waiting.contains(vm.name.as_str()) {
            true => "waiting for a reboot",
            false if vm.is_found() => "unchanged",
            false => "not found",
        };
        plan.unchanged.iter().filter(|vm| is_untouched(&vm.name)).map(label).collect()
    }
}

/// Successes first, failures last.
const ORDER: [&str; 17] = [
    "destroyed",
    "created",
    "changed",
    "adopted",
    "released",
    "started",
    "stopped",
    "rebooted",
    "waiting for a reboot",
    "unchanged",
    "not found",
    "ready",
    "left to another run",
    "interrupted",
    "failed",
    "not reached",
    "not ready",
];

fn label(outcome: &VmOutcome) -> &'static str {
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
    use crate::action::Unchanged;
    use crate::notice::{Notice, NoticeKind};
    use crate::plan::worlds::{vm_plan, vmid};
    use stage::{Entry, Place};

    fn plan_of(unchanged: &[&str], waiting: &[&str]) -> Plan {
        let vm = |name: &&str| Unchanged {
            name: (*name).to_owned(),
            vmid: None,
            node: "pve1".parse().unwrap(),
            status: "running".to_owned(),
            mac: None,
        };
        let notice = |name: &&str| Notice {
            name: (*name).to_owned(),
            vmid: vmid(101),
            kind: NoticeKind::WaitsForReboot { changes: Vec::new() },
        };
        let mut plan = Plan::empty("dev", "run");
        plan.unchanged = unchanged.iter().chain(waiting).map(vm).collect();
        plan.notices = waiting.iter().map(notice).collect();
        plan
    }

    fn check(outcomes: Vec<VmOutcome>, plan: &Plan, ready: [usize; 2], expected: Option<&str>) {
        let guests = Readiness { ready: ready[0], not_ready: ready[1] };
        let outcomes = Outcomes { vms: outcomes, networks: Vec::new() };
        let line = line(&outcomes, Some(plan), guests, Duration::from_secs(185));
        assert_eq!(line.as_deref(), expected);
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
        let idle = plan_of(&["a", "b", "c"], &["d"]);
        check(
            vec![done(Action::Create)],
            &plan_of(&["a"], &[]),
            [0, 0],
            Some("1 created in 3 min 5 s"),
        );
        check(
            vec![done(Action::Change), done(Action::Create)],
            &idle,
            [2, 1],
            Some(
                "1 created, 1 changed, 1 waiting for a reboot, 2 unchanged, 2 ready, 1 not ready \
                 in 3 min 5 s",
            ),
        );
        check(
            vec![missed, failed(), done(Action::Create)],
            &plan_of(&[], &[]),
            [0, 0],
            Some("1 created, 1 failed, 1 not reached in 3 min 5 s"),
        );
        let started = VmOutcome { done: vec!["started"], ..done(Action::Power) };
        check(vec![started], &plan_of(&[], &[]), [0, 0], Some("1 started in 3 min 5 s"));
        check(Vec::new(), &plan_of(&["a"], &[]), [1, 0], Some("1 unchanged, 1 ready in 3 min 5 s"));
        check(Vec::new(), &idle, [0, 0], None);
    }

    #[test]
    fn durations_have_minutes_and_seconds() {
        assert_eq!(duration(Duration::from_millis(41_900)), "41 s");
        assert_eq!(duration(Duration::from_secs(60)), "1 min 0 s");
    }
}
