//! Which VM's steps run when: several VMs at a time, parents first, and few imports into one storage.
//! Starts threads; does no I/O of its own.

use crate::action::{Plan, VmPlan};
use crate::interrupt::Interrupt;
use crate::outcome::VmOutcome;
use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, PoisonError};

/// How many imports each storage takes at a time.
pub(crate) struct Gates {
    limit: usize,
    busy: Mutex<BTreeMap<String, usize>>,
    left: Condvar,
}

/// A turn at a gate; over when dropped.
pub(crate) struct Turn<'a> {
    gates: &'a Gates,
    storage: String,
}

impl Gates {
    /// Gates that let `limit` pass at a time, one at least.
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

/// What is known of the VMs while they are worked on.
struct Board<'a> {
    waiting: Vec<&'a VmPlan>,
    running: Vec<&'a str>,
    outcomes: Vec<VmOutcome>,
}

/// What a worker does next.
enum Next<'a> {
    Work(&'a VmPlan),
    Wait,
    End,
}

/// Runs a plan's VMs, at most `parallelism` at a time, and returns the outcomes in the plan's order.
///
/// A VM whose predecessor did not come to a good end is not reached; the others go on.
pub(crate) fn run_all(
    plan: &Plan,
    parallelism: usize,
    stop_all: Option<&Interrupt>,
    run: impl Fn(&VmPlan) -> VmOutcome + Sync,
) -> Vec<VmOutcome> {
    let board =
        Board { waiting: plan.vms.iter().collect(), running: Vec::new(), outcomes: Vec::new() };
    let board = Mutex::new(board);
    let changed = Condvar::new();
    let work = || {
        let mut open = board.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match open.next() {
                Next::End => break,
                Next::Wait => open = changed.wait(open).unwrap_or_else(PoisonError::into_inner),
                Next::Work(vm) => {
                    open.running.push(&vm.name);
                    drop(open);
                    let outcome = run(vm);
                    if let Some(stop) = stop_all.filter(|_| outcome.is_failed()) {
                        stop.ask();
                    }
                    open = board.lock().unwrap_or_else(PoisonError::into_inner);
                    open.running.retain(|name| *name != vm.name);
                    open.outcomes.push(outcome);
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
    let mut outcomes = board.into_inner().unwrap_or_else(PoisonError::into_inner).outcomes;
    let place = |name: &str| plan.vms.iter().position(|vm| vm.name == name);
    outcomes.sort_by_key(|outcome| place(&outcome.name));
    outcomes
}

impl<'a> Board<'a> {
    fn next(&mut self) -> Next<'a> {
        self.drop_unreachable();
        let ready = |vm: &&VmPlan| {
            vm.after.iter().all(|name| self.outcomes.iter().any(|o| o.name == *name))
        };
        match self.waiting.iter().position(ready) {
            Some(index) => Next::Work(self.waiting.remove(index)),
            None if self.waiting.is_empty() => Next::End,
            None if self.running.is_empty() => {
                // Only a ring could wait for ever; a document with one is refused, a plan file may hold one.
                self.give_up("it waits for itself");
                Next::End
            }
            None => Next::Wait,
        }
    }

    /// What waits for a VM that came to no good end is not reached, and so on down.
    fn drop_unreachable(&mut self) {
        loop {
            let failed =
                |name: &String| self.outcomes.iter().any(|o| o.name == *name && !o.is_done());
            let found = self.waiting.iter().position(|vm| vm.after.iter().any(failed));
            let Some(index) = found else { return };
            let vm = self.waiting.remove(index);
            let name = vm.after.iter().find(|name| failed(name)).cloned().unwrap_or_default();
            self.outcomes.push(VmOutcome::not_reached(vm, &format!("\"{name}\" comes first")));
        }
    }

    fn give_up(&mut self, why: &str) {
        for vm in std::mem::take(&mut self.waiting) {
            self.outcomes.push(VmOutcome::not_reached(vm, why));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::{Action, Impact};
    use crate::mark::Mark;
    use crate::outcome::Verdict;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn plan(vms: &[(&str, &[&str])]) -> Plan {
        let mut plan = Plan::empty("dev", "0af3");
        plan.vms = vms
            .iter()
            .map(|(name, after)| VmPlan {
                name: (*name).into(),
                action: Action::Create,
                vmid: None,
                node: "pve1".parse().unwrap(),
                after: after.iter().map(|name| (*name).into()).collect(),
                storage: None,
                candidate: None,
                mark: Mark::default(),
                power: None,
                may_wait: Vec::new(),
                digest: None,
                impact: Impact::None,
                changes: Vec::new(),
                steps: Vec::new(),
            })
            .collect();
        plan
    }

    /// Runs a plan with four workers in which some VMs fail; returns who was begun, and how each ended.
    fn check(vms: &[(&str, &[&str])], failing: &[&str], begun: &[&str], ended: &str) {
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
        assert_eq!(order, begun);
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
    fn no_more_vms_run_at_a_time_than_asked_for() {
        let vms = plan(&[("a", &[]), ("b", &[]), ("c", &[]), ("d", &[]), ("e", &[]), ("f", &[])]);
        let (inside, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        // The first two meet: the limit is reached, and not passed.
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
