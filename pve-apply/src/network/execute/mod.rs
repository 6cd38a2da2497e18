//! DOOR (writes): carries out one transaction of a plan's networks: edits, one commit, and a look at every node.
//!
//! Guarantees: decides nothing, since every parameter is in the plan. Commits only if exactly what was planned is
//! pending, read right before. Never takes "already defined" for success. Trusts the nodes, not the task. What fails
//! before the commit is taken back, edit by edit, and the lock is released, after Ctrl-C too.

mod commit;
mod edit;
mod lock;
mod look;
mod outcome;
mod send;
mod token;
mod verify;

pub(crate) use outcome::NetworkOutcome;

use crate::interrupt::Interrupt;
use crate::network::model::{Edit, NetworkPlan, Transaction};
use crate::outcome::Verdict;
use crate::read::Deadline;
use commit::{Commit, NotMade, PLAN_AGAIN, Sent};
use lock::SdnLock;
use look::Look;
use outcome::Halt;
use pve_client::{Client, Clock, Error};
use pve_stage::finding;
use pve_stage::machine_lock::{LockAttempt, MachineLock};
use stage::{Console, Entry, Event, Place};
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;
use token::{PREFIX, TokenFile};

/// What a transaction needs.
#[derive(Clone, Copy)]
pub(crate) struct Tools<'a> {
    /// The connection.
    pub(crate) client: &'a Client,
    /// Where progress is reported.
    pub(crate) console: &'a Console,
    /// Ctrl-C.
    pub(crate) interrupt: &'a Interrupt,
    /// Measures how long a write is waited for.
    pub(crate) clock: &'a dyn Clock,
    /// How long a task may take.
    pub(crate) task_limit: Duration,
    /// The directory for locks between runs on this machine.
    pub(crate) folder: Option<&'a Path>,
    /// Returns a finding if a guest of the cluster uses one of these vnets now.
    pub(crate) users: &'a dyn Fn(&BTreeSet<&str>) -> Result<(), Entry>,
}

/// One transaction while it runs.
struct Executor<'a> {
    client: &'a Client,
    console: &'a Console,
    interrupt: &'a Interrupt,
    clock: &'a dyn Clock,
    task_limit: Duration,
    users: &'a dyn Fn(&BTreeSet<&str>) -> Result<(), Entry>,
    /// The transaction's networks.
    names: &'a [String],
    /// What is remembered of PVE's lock.
    memory: TokenFile,
    /// Whether the rest must be done in spite of Ctrl-C.
    is_finishing: Cell<bool>,
}

/// How a transaction ended.
struct Ended {
    /// Why it ended before the commit was done.
    halt: Option<Halt>,
    /// Networks that nodes have not made as committed.
    findings: BTreeMap<String, Entry>,
    /// What was done: network and words.
    done: Vec<(String, String)>,
    /// Whether something has changed, or may have.
    changed: bool,
}

/// Carries out a transaction; returns the outcome of each of its networks.
pub(crate) fn run(
    tools: Tools<'_>,
    planned: &[NetworkPlan],
    transaction: &Transaction,
) -> Vec<NetworkOutcome> {
    let names = names(transaction);
    let executor = Executor::new(tools, &names);
    tools.console.expect(names.len());
    let ended = executor.run(transaction, tools.folder);
    let plans = planned.iter().filter(|plan| names.contains(&plan.name));
    let outcomes: Vec<NetworkOutcome> = plans.map(|plan| ended.outcome(plan)).collect();
    outcomes.iter().for_each(|outcome| executor.report_end(outcome));
    outcomes
}

/// Releases the lock that a run of this machine was killed with, if there is one and no run holds it.
///
/// # Errors
/// PVE refuses, or does not answer.
pub(crate) fn recover(tools: Tools<'_>) -> Result<(), Entry> {
    let executor = Executor::new(tools, &[]);
    if executor.memory.read().is_none() {
        return Ok(());
    }
    let is_free = &mut || ControlFlow::Break(());
    let _turn = match turn(tools.client, tools.folder, is_free) {
        // Its holder is alive.
        LockAttempt::Busy => return Ok(()),
        turn => turn,
    };
    match executor.recover() {
        Err(Halt::Failed { entry, .. } | Halt::Yielded(entry)) => Err(*entry),
        Ok(()) | Err(Halt::Interrupted { .. }) => Ok(()),
    }
}

/// Takes this machine's turn at the SDN of an endpoint, whatever the deployment.
fn turn(
    client: &Client,
    folder: Option<&Path>,
    while_busy: &mut dyn FnMut() -> ControlFlow<()>,
) -> LockAttempt {
    match folder {
        Some(folder) => {
            let endpoint = client.endpoint().url.to_string();
            MachineLock::take(folder, PREFIX, &endpoint, while_busy)
        }
        None => LockAttempt::Unavailable,
    }
}

/// Returns the networks of a transaction.
fn names(transaction: &Transaction) -> Vec<String> {
    let edited = transaction.edits.iter().map(|edit| edit.network.clone());
    let verified = transaction.verify.iter().map(|verify| verify.zone.clone());
    edited.chain(verified).collect::<BTreeSet<_>>().into_iter().collect()
}

/// The place of findings about a network.
fn place(network: &str) -> Place {
    Place::Named(format!("network {network}"))
}

impl<'a> Executor<'a> {
    fn new(tools: Tools<'a>, names: &'a [String]) -> Self {
        let Tools { client, console, interrupt, clock, task_limit, folder, users } = tools;
        let memory = TokenFile::of(folder, &client.endpoint().url.to_string());
        let is_finishing = Cell::new(false);
        Self { client, console, interrupt, clock, task_limit, users, names, memory, is_finishing }
    }

    fn run(&self, transaction: &Transaction, folder: Option<&Path>) -> Ended {
        let begun = self.turn(folder).and_then(|turn| Ok((turn, self.begin(transaction)?)));
        let (_turn, lock) = match begun {
            Ok(begun) => begun,
            Err(halt) => return Ended::before(halt),
        };
        let mut sent = Vec::new();
        match self.stage(transaction, &lock, &mut sent) {
            Ok(staged) => self.finish(transaction, &staged, &lock, &sent),
            Err(halt) => self.give_up(halt, &lock, &sent),
        }
    }

    /// Waits for other runs of this machine that change networks, and cleans up after one that was killed.
    fn turn(&self, folder: Option<&Path>) -> Result<LockAttempt, Halt> {
        let deadline = Deadline::after(self.task_limit);
        let mut reported = false;
        let mut while_busy = || {
            if !std::mem::replace(&mut reported, true) {
                self.each("wait", "waiting for another run on this machine that changes networks");
            }
            let ends = deadline.is_over() || self.is_stopping();
            if ends { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let turn = turn(self.client, folder, &mut while_busy);
        if matches!(turn, LockAttempt::Busy) {
            let fact = "another run on this machine is changing networks";
            let entry = Entry::error("another-run", Place::Named("SDN".to_owned()), fact);
            let entry = entry.hint("run again when it has finished");
            return Err(Halt::failed("waiting", entry));
        }
        self.recover()?;
        Ok(turn)
    }

    /// Looks whether everything is as planned, takes the lock, and looks again: what was seen before the lock
    /// may have changed by the time it is ours.
    fn begin(&self, transaction: &Transaction) -> Result<SdnLock, Halt> {
        if self.is_stopping() {
            return Err(Halt::interrupted("locking"));
        }
        let looked = self.look("locking")?;
        self.check_planned(transaction, &looked)?;
        let lock = self.lock(&looked, !transaction.pending.is_empty())?;
        let checked = self.look("editing").and_then(|now| {
            self.check_planned(transaction, &now)?;
            self.check_unused(transaction)
        });
        match checked {
            Ok(()) => Ok(lock),
            Err(halt) => {
                let left = self.unlock(&lock);
                Err(halt.with_notes(left))
            }
        }
    }

    /// Sends all edits, and looks what is pending now.
    fn stage<'p>(
        &self,
        transaction: &'p Transaction,
        lock: &SdnLock,
        sent: &mut Vec<Sent<'p>>,
    ) -> Result<Look, Halt> {
        for edit in &transaction.edits {
            if self.is_stopping() {
                return Err(Halt::interrupted("editing"));
            }
            self.event("step", &edit.network, &edit.doing());
            match self.edit(edit, lock) {
                Ok(()) => sent.push(Sent { edit, is_done: true }),
                Err(NotMade { halt, uncertain }) => {
                    if uncertain {
                        sent.push(Sent { edit, is_done: false });
                    }
                    return Err(halt);
                }
            }
        }
        if self.is_stopping() {
            return Err(Halt::interrupted("committing"));
        }
        let staged = self.look("committing")?;
        self.check_staged(transaction, &staged)?;
        self.check_unused(transaction)?;
        Ok(staged)
    }

    /// Commits, waits, and asks the nodes.
    fn finish(
        &self,
        transaction: &Transaction,
        staged: &Look,
        lock: &SdnLock,
        sent: &[Sent<'_>],
    ) -> Ended {
        self.each("step", "committing");
        let upid = match self.commit(transaction, staged, lock) {
            Commit::Done(upid) => upid,
            Commit::Refused(error) => {
                return self.give_up(self.refused("committing", &error), lock, sent);
            }
            Commit::Unknown(error) => {
                // What may be committed must not be taken back.
                let entry = finding::while_doing(self.place(), "committing the networks", &error);
                let entry = entry.note("whether they are committed is unknown").hint(RUN_AGAIN);
                let halt = Halt::failed("committing", entry).with_notes(self.unlock(lock));
                return Ended { halt: Some(halt), changed: true, ..Ended::of(sent) };
            }
        };
        // PVE has released the lock with the commit, unless the answer says nothing of it.
        match &upid {
            Some(_) => self.memory.remove(),
            None => _ = self.unlock(lock),
        }
        match &upid {
            Some(upid) => self.wait(upid),
            None => self.wait_for_reloads(transaction),
        }
        self.each("step", "asking the nodes");
        let findings = self.verify(transaction, upid.as_ref());
        Ended { findings, changed: true, ..Ended::of(sent) }
    }

    /// Takes back what was sent, in reverse, and releases the lock.
    fn give_up(&self, halt: Halt, lock: &SdnLock, sent: &[Sent<'_>]) -> Ended {
        self.is_finishing.set(true);
        let mut left = Vec::new();
        for one in sent.iter().rev() {
            self.event("step", &one.edit.network, &format!("taking back: {}", one.edit.doing()));
            if self.undo(one.edit, lock).is_err() {
                left.push(format!("not taken back: {}", one.edit.target()));
            }
        }
        let changed = !left.is_empty();
        left.extend(self.unlock(lock));
        if !sent.is_empty() && !changed {
            left.push("nothing was committed; all edits were taken back".to_owned());
        }
        Ended { halt: Some(halt.with_notes(left)), changed, ..Ended::before_anything() }
    }

    /// Releases the lock; returns what to say if that fails.
    fn unlock(&self, lock: &SdnLock) -> Vec<String> {
        let was = self.is_finishing.replace(true);
        let left = self.release(lock).map(|error| {
            format!(
                "the SDN lock could not be released ({error}); `pve-apply unlock-sdn` tries again"
            )
        });
        self.is_finishing.set(was);
        left.into_iter().collect()
    }

    fn look(&self, during: &'static str) -> Result<Look, Halt> {
        Look::read(self.client).map_err(|error| self.refused(during, &error))
    }

    /// Checks that everything is as it was when the plan was made.
    fn check_planned(&self, transaction: &Transaction, now: &Look) -> Result<(), Halt> {
        let seen = |edit: &Edit| now.get(edit.kind, &edit.id);
        let moved: Vec<&Edit> =
            transaction.edits.iter().filter(|edit| !edit.guard.holds(seen(edit))).collect();
        if let Some(first) = moved.first() {
            let by_others =
                |edit: &&Edit| edit.is_reached_by_others(now.edited(edit.kind, &edit.id));
            return Err(match (moved.iter().all(by_others), commit::changed(first)) {
                (true, Halt::Failed { entry, .. }) => Halt::Yielded(entry),
                (_, halt) => halt,
            });
        }
        if let Some(first) = now.moved(transaction).first() {
            let fact = format!("{first} has changed since it was planned");
            let entry = Entry::error("network-changed", self.place(), fact).hint(PLAN_AGAIN);
            return Err(Halt::Yielded(Box::new(entry)));
        }
        self.check_others(now.others(transaction, false))
    }

    /// Checks that what is pending is exactly what was planned.
    fn check_staged(&self, transaction: &Transaction, now: &Look) -> Result<(), Halt> {
        let is_staged = |edit: &&Edit| edit.is_reached(now.edited(edit.kind, &edit.id));
        if let Some(edit) = transaction.edits.iter().find(|edit| !is_staged(edit)) {
            return Err(commit::changed(edit));
        }
        self.check_others(now.others(transaction, true))
    }

    fn check_others(&self, others: Vec<String>) -> Result<(), Halt> {
        if others.is_empty() {
            return Ok(());
        }
        let fact = "somebody else has pending changes, which would be committed too";
        let mut entry = Entry::error("sdn-pending", Place::Named("SDN".to_owned()), fact).hint(
            "apply or revert them in Datacenter > SDN; --with-pending-sdn commits those that the plan lists",
        );
        entry.notes.extend(others.into_iter().map(|name| format!("pending: {name}")));
        Err(Halt::failed("checking", entry))
    }

    /// Checks that no guest uses a vnet that is removed: PVE does not.
    fn check_unused(&self, transaction: &Transaction) -> Result<(), Halt> {
        let removed = transaction.edits.iter().filter(|edit| edit.unused);
        let vnets: BTreeSet<&str> = removed.map(|edit| edit.id.as_str()).collect();
        if vnets.is_empty() {
            return Ok(());
        }
        (self.users)(&vnets).map_err(|entry| Halt::failed("checking", entry))
    }

    /// The failure of a call that concerns the transaction as a whole.
    fn refused(&self, during: &'static str, error: &Error) -> Halt {
        let entry = finding::while_doing(self.place(), &format!("{during} the SDN"), error);
        Halt::failed(during, entry)
    }

    /// Returns the place of findings about the transaction.
    fn place(&self) -> Place {
        match self.names {
            [only] => place(only),
            _ => Place::Named("networks".to_owned()),
        }
    }

    /// Returns the name of the transaction's networks.
    fn subject(&self) -> String {
        self.names.join(", ")
    }

    fn event(&self, event: &'static str, network: &str, text: &str) {
        self.console.event(&Event::new(event, network, text));
    }

    /// Reports something that concerns each network of the transaction.
    fn each(&self, event: &'static str, text: &str) {
        self.names.iter().for_each(|name| self.event(event, name, text));
        if self.names.is_empty() {
            self.event(event, "SDN", text);
        }
    }

    fn report_end(&self, outcome: &NetworkOutcome) {
        let kind = if outcome.is_failed() || matches!(outcome.verdict, Verdict::NotReached { .. }) {
            "failed"
        } else {
            "done"
        };
        self.event(kind, &outcome.name, outcome.word());
    }
}

const RUN_AGAIN: &str = "run again: finished work is recognised, and half-done work is finished";

impl Ended {
    fn before_anything() -> Self {
        Self { halt: None, findings: BTreeMap::new(), done: Vec::new(), changed: false }
    }

    /// Ended before the first edit.
    fn before(halt: Halt) -> Self {
        Self { halt: Some(halt), ..Self::before_anything() }
    }

    /// Ended after these edits.
    fn of(sent: &[Sent<'_>]) -> Self {
        let done = sent.iter().filter(|one| one.is_done);
        let done = done.map(|one| (one.edit.network.clone(), one.edit.done())).collect();
        Self { done, ..Self::before_anything() }
    }

    /// Returns what it means for one network.
    fn outcome(&self, plan: &NetworkPlan) -> NetworkOutcome {
        let not_reached = |reason: &str| Verdict::NotReached { reason: reason.to_owned() };
        let verdict = match (&self.halt, self.findings.get(&plan.name)) {
            (None, None) => Verdict::Done,
            (None, Some(entry)) => {
                Verdict::Failed { during: "asking the nodes", entry: Box::new(entry.clone()) }
            }
            (Some(Halt::Yielded(entry)), _) => Verdict::Yielded { entry: entry.clone() },
            (Some(Halt::Interrupted { before, left }), _) => {
                Verdict::Interrupted { before, left: left.clone() }
            }
            (Some(Halt::Failed { network, during, entry }), _) => match network {
                Some(network) if *network != plan.name => {
                    not_reached("the networks are committed together")
                }
                _ => Verdict::Failed { during, entry: entry.clone() },
            },
        };
        let done = self.done.iter().filter(|(network, _)| *network == plan.name);
        NetworkOutcome {
            name: plan.name.clone(),
            action: plan.action,
            verdict,
            done: done.map(|(_, text)| text.clone()).collect(),
            changed: self.changed,
        }
    }
}
