//! Carries out a plan: its networks, then its VMs, then the networks that are removed.

use super::session::Session;
use crate::action::{Plan, VmPlan};
use crate::cli::{self, PaceArgs};
use crate::closing::{self, Readiness};
use crate::desired::Placement;
use crate::execute::{Runner, Vmids};
use crate::interrupt::Interrupt;
use crate::network::execute;
use crate::network::model::{NetworkPlan, Transaction};
use crate::observed::Observed;
use crate::outcome::{NetworkOutcome, Outcomes, VmOutcome};
use crate::schedule::{self, Gates};
use pve_stage::wait::Stopwatch;
use stage::{Console, Event};
use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// The number of migrations to one node at a time: each would only slow the others down.
const MIGRATIONS_PER_NODE: usize = 1;

/// Who carries out plans, and how.
#[derive(Clone, Copy)]
pub(super) struct Worker<'a> {
    /// The document and the connection.
    pub(super) session: &'a Session,
    /// Where progress is reported.
    pub(super) console: &'a Console,
    /// Ctrl-C.
    pub(super) interrupt: &'a Interrupt,
    /// How much at once, and how long.
    pub(super) pace: PaceArgs,
    /// The storages with the same volumes on all nodes.
    pub(super) shared: &'a BTreeSet<String>,
}

/// Reports in one line what a run did.
pub(super) fn close(
    console: &Console,
    plan: Option<&Plan>,
    outcomes: &Outcomes,
    guests: Readiness,
    watch: &Stopwatch,
) {
    if let Some(line) = closing::line(outcomes, plan, guests, watch.elapsed()) {
        console.event(&Event::new("summary", "", &line));
    }
}

impl<'a> Worker<'a> {
    /// Returns who carries out a plan that creates no disks.
    pub(super) fn new(
        session: &'a Session,
        console: &'a Console,
        interrupt: &'a Interrupt,
        pace: PaceArgs,
    ) -> Self {
        Self { session, console, interrupt, pace, shared: const { &BTreeSet::new() } }
    }

    /// Carries out a plan for what was observed, and reports the result in one line.
    pub(super) fn carry_out(self, plan: &Plan, observed: &Observed) -> Outcomes {
        let watch = Stopwatch::start();
        let outcomes = self.work(plan, observed);
        close(self.console, Some(plan), &outcomes, Readiness::default(), &watch);
        outcomes
    }

    /// Carries out a plan for what was observed.
    pub(super) fn work(self, plan: &Plan, observed: &Observed) -> Outcomes {
        let before = plan.networks.commit.as_ref().map(|commit| self.networks(plan, commit));
        let mut outcomes = Outcomes { vms: Vec::new(), networks: before.unwrap_or_default() };
        if self.pace.fail_fast && outcomes.any_failed() {
            self.interrupt.stop();
        }
        outcomes.vms = self.vms(plan, observed, &outcomes.networks);
        if let Some(removal) = &plan.networks.removal {
            let after = match outcomes.vms.iter().find(|outcome| !outcome.verdict.is_done()) {
                // What still uses a vnet is not gone.
                Some(vm) => not_removed(plan, removal, &format!("\"{}\" comes first", vm.name)),
                None => self.networks(plan, removal),
            };
            outcomes.add(Outcomes { vms: Vec::new(), networks: after });
        }
        outcomes
    }

    /// Carries out the work on the VMs. One that uses a network which is not ready is not reached.
    fn vms(self, plan: &Plan, observed: &Observed, networks: &[NetworkOutcome]) -> Vec<VmOutcome> {
        let Self { session, console, interrupt, pace, shared } = self;
        let Session { client, desired, .. } = session;
        let gates = Gates::new(usize::from(pace.imports_per_storage));
        let migrations = Gates::new(MIGRATIONS_PER_NODE);
        let runner = Runner {
            client,
            console,
            interrupt,
            run: &desired.run,
            gates: &gates,
            migrations: &migrations,
            shared,
            side_by_side: pace.parallelism > 1,
            task_limit: Duration::from_secs(pace.task_timeout),
            vmids: Vmids::new(
                desired.vmid_range,
                &observed.guests,
                &desired.reserved,
                desired.vms.iter().any(|vm| vm.placement != Placement::Selected),
            ),
            has_no_quorum: AtomicBool::new(false),
        };
        let stop_all = pace.fail_fast.then_some(interrupt);
        console.expect(plan.vms.len());
        let width = usize::from(pace.parallelism);
        let missing = |vm: &VmPlan| {
            let failed = networks.iter().filter(|network| !network.verdict.is_done());
            failed.map(|network| network.name.clone()).find(|name| vm.networks.contains(name))
        };
        schedule::run_all(plan, width, stop_all, |vm| match missing(vm) {
            Some(name) => VmOutcome::not_reached(vm, &format!("network {name} comes first")),
            None => runner.run(vm),
        })
    }

    /// Carries out one of a plan's transactions.
    fn networks(self, plan: &Plan, transaction: &Transaction) -> Vec<NetworkOutcome> {
        let folder = cli::state_folder();
        let tools = self.session.tools(self.console, self.interrupt, self.pace, folder.as_deref());
        execute::run(tools, &plan.networks.planned, transaction)
    }
}

/// Returns the outcomes of networks whose removal was not started.
fn not_removed(plan: &Plan, removal: &Transaction, reason: &str) -> Vec<NetworkOutcome> {
    let planned = plan.networks.planned.iter();
    let is_removed =
        |network: &&NetworkPlan| removal.edits.iter().any(|edit| edit.network == network.name);
    planned.filter(is_removed).map(|plan| NetworkOutcome::not_reached(plan, reason)).collect()
}
