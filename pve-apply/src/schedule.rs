//! Schedules the VMs' steps: several VMs at a time, parents first, and few imports into one storage.
//! Starts threads; does no I/O of its own.

use crate::action::{Plan, VmPlan};
use crate::interrupt::Interrupt;
use crate::outcome::VmOutcome;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Condvar, Mutex, PoisonError};

/// How many imports each storage takes at a time.
pub(crate) struct Gates {
    limit: usize,
    busy: Mutex<BTreeMap<String, usize>>,
    left: Condvar,
}

/// A turn at a gate; it ends when dropped.
pub(crate) struct Turn<'a> {
    gates: &'a Gates,
    storage: String,
}

impl Gates {
    /// Gates that let `limit` pass at a time, at least one.
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit: limit.max(1), busy: Mutex::default(), left: Condvar::new() }
    }

    /// Waits for a turn at a storage.
    pub(crate) fn pass(&self, storage: &str) -> Turn<'_> {
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        while busy.get(storage).copied().unwrap_or(0) >= self.limit {
            busy = self.left.wait(busy).unwrap_or_else(PoisonError::into_inner);
        }
        *busy.entry(storage.to_owned()).or_default() += 1;
        Turn { gates: self, storage: storage.to_owned() }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut busy = self.gates.busy.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = busy.get_mut(&self.storage) {
            *count -= 1;
        }
        self.gates.left.notify_all();
    }
}

/// The state of the VMs while they are worked on. Each VM and each dependency is visited
/// once: a thousand children of one parent cost a thousand steps, not a million.
struct Board<'a> {
    vms: &'a [VmPlan],
    /// The names that each VM still waits for.
    waits: Vec<BTreeSet<&'a str>>,
    /// The VMs that wait for a name.
    waiting_for: BTreeMap<&'a str, Vec<usize>>,
    /// The VMs that can start, in the plan's order.
    ready: BTreeSet<usize>,
    running: usize,
    outcomes: Vec<Option<VmOutcome>>,
}

/// What a worker does next.
enum Next {
    Work(usize),
    Wait,
    End,
}

/// Runs a plan's VMs, at most `parallelism` at a time, and returns the outcomes in the plan's order.
///
/// A VM whose predecessor failed is not reached; the others continue.
pub(crate) fn run_all(
    plan: &Plan,
    parallelism: usize,
    stop_all: Option<&Interrupt>,
    run: impl Fn(&VmPlan) -> VmOutcome + Sync,
) -> Vec<VmOutcome> {
    let board = Mutex::new(Board::new(&plan.vms));
    let changed = Condvar::new();
    let work = || {
        let mut open = board.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match open.next() {
                Next::End => break,
                Next::Wait => open = changed.wait(open).unwrap_or_else(PoisonError::into_inner),
                Next::Work(index) => {
                    let Some(vm) = plan.vms.get(index) else { continue };
                    drop(open);
                    let outcome = run(vm);
                    if let Some(stop) = stop_all.filter(|_| outcome.verdict.is_failed()) {
                        stop.stop();
                    }
                    open = board.lock().unwrap_or_else(PoisonError::into_inner);
                    open.running -= 1;
                    open.ended(index, outcome);
                    changed.notify_all();
                }
            }
        }
        changed.notify_all();
    };
    std::thread::scope(|scope| {
        for _ in 0..parallelism.clamp(1, plan.vms.len().max(1)) {
            scope.spawn(work);
        }
    });
    let board = board.into_inner().unwrap_or_else(PoisonError::into_inner);
    board.outcomes.into_iter().flatten().collect()
}

impl<'a> Board<'a> {
    fn new(vms: &'a [VmPlan]) -> Self {
        let waits: Vec<BTreeSet<&str>> =
            vms.iter().map(|vm| vm.after.iter().map(String::as_str).collect()).collect();
        let mut waiting_for: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        let mut ready = BTreeSet::new();
        for (index, names) in waits.iter().enumerate() {
            names.iter().for_each(|name| waiting_for.entry(name).or_default().push(index));
            if names.is_empty() {
                ready.insert(index);
            }
        }
        let outcomes = vms.iter().map(|_| None).collect();
        Self { vms, waits, waiting_for, ready, running: 0, outcomes }
    }

    fn next(&mut self) -> Next {
        if let Some(index) = self.ready.pop_first() {
            self.running += 1;
            return Next::Work(index);
        }
        if self.running > 0 {
            return Next::Wait;
        }
        // Only a cycle could wait forever; a document with one is refused, but a plan file may have one.
        for (vm, outcome) in self.vms.iter().zip(&mut self.outcomes) {
            outcome.get_or_insert_with(|| VmOutcome::not_reached(vm, "it waits for itself"));
        }
        Next::End
    }

    /// Records how a VM ended: its dependants may start, or are not reached, and so on down.
    fn ended(&mut self, index: usize, outcome: VmOutcome) {
        let mut ended = vec![(index, outcome)];
        while let Some((index, outcome)) = ended.pop() {
            let Some(vm) = self.vms.get(index) else { continue };
            let waiting = self.waiting_for.get(vm.name.as_str()).cloned().unwrap_or_default();
            for next in waiting {
                let (Some(names), Some(None)) = (self.waits.get_mut(next), self.outcomes.get(next))
                else {
                    continue;
                };
                if outcome.verdict.is_done() {
                    if names.remove(vm.name.as_str()) && names.is_empty() {
                        self.ready.insert(next);
                    }
                } else if let Some(child) = self.vms.get(next).filter(|_| !names.is_empty()) {
                    names.clear();
                    let why = format!("\"{}\" comes first", vm.name);
                    ended.push((next, VmOutcome::not_reached(child, &why)));
                }
            }
            if let Some(place) = self.outcomes.get_mut(index) {
                *place = Some(outcome);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::Action;
    use crate::outcome::Verdict;
    use crate::plan::worlds::vm_plan;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn plan(vms: &[(&str, &[&str])]) -> Plan {
        let mut plan = Plan::empty("dev", "0af3");
        plan.vms = vms
            .iter()
            .map(|(name, after)| VmPlan {
                after: after.iter().map(|name| (*name).into()).collect(),
                ..vm_plan(name, Action::Create)
            })
            .collect();
        plan
    }

    /// Runs a plan with four workers in which some VMs fail; returns which were started, and how each ended.
    fn check(vms: &[(&str, &[&str])], failing: &[&str], started: &[&str], ended: &str) {
        let order = Mutex::new(Vec::new());
        let outcomes = run_all(&plan(vms), 4, None, |vm| {
            order.lock().unwrap().push(vm.name.clone());
            let verdict = if failing.contains(&vm.name.as_str()) {
                Verdict::Interrupted { before: "x", left: None }
            } else {
                Verdict::Done
            };
            VmOutcome::new(vm, verdict)
        });
        let mut order = order.into_inner().unwrap();
        order.sort();
        assert_eq!(order, started);
        let letter = |outcome: &VmOutcome| match outcome.verdict {
            Verdict::Done => 'd',
            Verdict::NotReached { .. } => 'n',
            _ => 'f',
        };
        assert_eq!(outcomes.iter().map(letter).collect::<String>(), ended);
    }

    #[test]
    fn a_failure_holds_up_only_what_waits_for_it() {
        let chain: [(&str, &[&str]); 4] = [("d", &["c"]), ("c", &["b"]), ("b", &[]), ("a", &[])];
        check(&chain, &[], &["a", "b", "c", "d"], "dddd");
        check(&chain, &["b"], &["a", "b"], "nnfd");
        check(&chain, &["c"], &["a", "b", "c"], "nfdd");
    }

    #[test]
    fn a_ring_in_a_plan_file_ends() {
        check(&[("a", &["b"]), ("b", &["a"]), ("c", &[])], &[], &["c"], "nnd");
        check(&[("a", &["a"])], &[], &[], "n");
        check(&[], &[], &[], "");
    }

    #[test]
    fn parents_are_done_before_their_children_begin() {
        let done = Mutex::new(Vec::<String>::new());
        let vms = plan(&[("c", &["b"]), ("b", &["a"]), ("a", &[])]);
        run_all(&vms, 8, None, |vm| {
            let mut done = done.lock().unwrap();
            assert!(vm.after.iter().all(|name| done.contains(name)), "{} came too early", vm.name);
            done.push(vm.name.clone());
            VmOutcome::new(vm, Verdict::Done)
        });
    }

    #[test]
    fn no_more_vms_run_at_a_time_than_the_limit() {
        let vms = plan(&[("a", &[]), ("b", &[]), ("c", &[]), ("d", &[]), ("e", &[]), ("f", &[])]);
        let (inside, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        // The first two meet: the limit is reached and not exceeded.
        let both = std::sync::Barrier::new(2);
        run_all(&vms, 2, None, |vm| {
            most.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            both.wait();
            inside.fetch_sub(1, Ordering::SeqCst);
            VmOutcome::new(vm, Verdict::Done)
        });
        assert_eq!(most.into_inner(), 2);
    }

    #[test]
    fn many_children_of_one_parent_are_one_step_each() {
        let names: Vec<String> = (0..20_000).map(|number| format!("vm{number}")).collect();
        let children: Vec<&str> = names.iter().map(String::as_str).collect();
        let parent: (&str, &[&str]) = ("parent", &children);
        let mut vms: Vec<(&str, &[&str])> = vec![parent];
        vms.extend(children.iter().map(|name| (*name, &[] as &[&str])));
        let outcomes = run_all(&plan(&vms), 1, None, |vm| VmOutcome::new(vm, Verdict::Done));
        assert!(
            outcomes.len() == vms.len() && outcomes.iter().all(|outcome| outcome.verdict.is_done())
        );
    }

    #[test]
    fn a_gate_lets_no_more_pass_than_its_limit() {
        let gates = Gates::new(2);
        let (inside, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let _turn = gates.pass("local-lvm");
                        most.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        std::thread::yield_now();
                        inside.fetch_sub(1, Ordering::SeqCst);
                    }
                });
            }
        });
        let most = most.into_inner();
        assert!(most <= 2, "{most} passed at a time");
    }

    #[test]
    fn gates_of_different_storages_do_not_meet() {
        let gates = Gates::new(1);
        let _one = gates.pass("a");
        let _two = gates.pass("b");
    }
}
