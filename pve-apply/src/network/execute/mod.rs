//! DOOR (writes): carries out one transaction of a plan's networks: edits, one commit, and a look at every node.
//!
//! Guarantees: decides nothing, since every parameter is in the plan. Commits only if exactly what was planned is
//! pending, read right before. Never takes "already defined" for success. Trusts the nodes, not the task. What fails
//! before the commit is taken back, edit by edit, and the lock is released, after Ctrl-C too.

mod checks;
mod commit;
mod edit;
mod lock;
mod look;
mod outcome;
mod send;
mod token;
mod transaction;
pub(crate) mod unlock;
mod verify;

use crate::interrupt::Interrupt;
use crate::network::model::{NetworkPlan, Transaction};
use crate::outcome::{NetworkOutcome, Verdict};
use crate::read::Deadline;
use outcome::{Ended, Halt};
use pve_client::{Client, Clock, Error};
use pve_stage::finding;
use pve_stage::machine_lock::{LockAttempt, MachineLock};
use stage::{Console, Entry, Event, Place};
use std::cell::Cell;
use std::collections::BTreeSet;
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
}

/// One transaction while it runs.
struct Executor<'a> {
    client: &'a Client,
    console: &'a Console,
    interrupt: &'a Interrupt,
    clock: &'a dyn Clock,
    task_limit: Duration,
    /// The transaction's networks.
    names: &'a [String],
    /// What is remembered of PVE's lock.
    memory: TokenFile,
    /// Whether the rest must be done in spite of Ctrl-C.
    is_finishing: Cell<bool>,
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
        let Tools { client, console, interrupt, clock, task_limit, folder } = tools;
        let memory = TokenFile::of(folder, &client.endpoint().url.to_string());
        let is_finishing = Cell::new(false);
        Self { client, console, interrupt, clock, task_limit, names, memory, is_finishing }
    }

    fn run(&self, transaction: &Transaction, folder: Option<&Path>) -> Ended {
        let begun = self.turn(folder).and_then(|turn| Ok((turn, self.begin(transaction)?)));
        let (_turn, lock) = match begun {
            Ok(begun) => begun,
            Err(halt) => {
                // A lock that is not released, or may not be, is a change.
                let changed = self.memory.read().is_some();
                return Ended { changed, ..Ended::before(halt) };
            }
        };
        let mut sent = Vec::new();
        match self.stage(transaction, &lock, &mut sent) {
            Ok(staged) => self.finish(transaction, &staged, &lock, &sent),
            Err(halt) => self.give_up(halt, &lock, &sent),
        }
    }

    /// Takes this machine's turn, and cleans up after a run that was killed.
    fn turn(&self, folder: Option<&Path>) -> Result<LockAttempt, Halt> {
        let turn = self.wait_for_turn(folder)?;
        self.recover()?;
        Ok(turn)
    }

    /// Waits for other runs of this machine that change networks.
    fn wait_for_turn(&self, folder: Option<&Path>) -> Result<LockAttempt, Halt> {
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
        Ok(turn)
    }

    /// The failure of a call that concerns the transaction as a whole.
    fn refused(&self, during: &'static str, error: &Error) -> Halt {
        let entry = finding::while_doing(self.place(), &format!("{during} the SDN"), error);
        Halt::failed(during, entry)
    }

    /// Returns the place of findings about the transaction.
    fn place(&self) -> Place {
        match self.names {
            [] => Place::Named("SDN".to_owned()),
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
        let kind = if outcome.verdict.is_failed()
            || matches!(outcome.verdict, Verdict::NotReached { .. })
        {
            "failed"
        } else {
            "done"
        };
        self.event(kind, &outcome.name, outcome.word());
    }
}
