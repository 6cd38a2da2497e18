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
                    if let Some(stop) = stop_all.filter(|_| !outcome.is_done()) {
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
