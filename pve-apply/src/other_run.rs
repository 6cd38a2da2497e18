//! DOOR (reads, waits): finds other runs of the same deployment that may still be active.
//!
//! Waits for the unfinished work of an ended run before anything is planned: an unfinished create has no
//! mark yet, and a VM that is being created may be finished by the run that creates it.

use crate::desired::Desired;
use crate::execute::MIGRATION_LOCK;
use crate::interrupt::Interrupt;
use crate::mark::{Owner, Stage};
use crate::observe::{self, Scope};
use crate::observed::{CLONE_LOCK, Observation, Observed, VmState};
use crate::read::read_api;
use crate::run_lock::RunLock;
use crate::task_wait::wait_for;
use pve_client::{Client, ConfigView, Digest};
use pve_stage::wait::{Deadline, Poll, Wait, WaitError};
use stage::{Console, Event, Failure};
use std::convert::Infallible;
use std::time::Duration;

/// How long a VM that is being created must stay unchanged before its run counts as ended. An active run
/// needs far less between two steps.
const QUIET: Duration = Duration::from_secs(10);
const READ_PAUSE: Duration = Duration::from_millis(500);

/// How often we look again for the task of a create that holds a VM but was not listed: it may have
/// begun between the two reads. A create whose task has died holds its VM forever.
const CREATE_TASK_READS: u32 = 6;

/// How long the cluster's list may still name the node that a VM has left.
// PVE: facts 31.
const LIST_LAG: Duration = Duration::from_secs(12);

/// The wait for other runs, with its limit.
pub(crate) struct OtherRuns<'a> {
    pub(crate) client: &'a Client,
    pub(crate) console: &'a Console,
    pub(crate) interrupt: &'a Interrupt,
    /// The limit of each wait.
    pub(crate) limit: Duration,
    /// Knows which run on this machine has ended.
    pub(crate) lock: &'a RunLock,
}

fn is_creating(observed: &Observed) -> bool {
    let creating = |observation: &Observation| match observation {
        // A clone of several disks shows our mark before its end.
        Observation::Seen(seen) => {
            seen.config.is_being_created() || seen.config.lock() == Some(CLONE_LOCK)
        }
        _ => false,
    };
    observed.vms.values().any(creating)
}

fn is_moving(observed: &Observed) -> bool {
    observed.vms.values().any(|observation| matches!(observation, Observation::Moving(_)))
}

impl OtherRuns<'_> {
    /// Observes the VMs once no other run is known to work on them.
    ///
    /// # Errors
    /// A read failed that planning needs.
    pub(crate) fn observe(&self, desired: &Desired, scope: Scope) -> Result<Observed, Failure> {
        let deadline = Deadline::after(self.limit);
        let lists = Deadline::after(LIST_LAG.min(self.limit));
        let mut reads_left = CREATE_TASK_READS;
        let end = self.until(&deadline, || {
            let observed = observe::observe_for_work(self.client, desired, scope)?;
            let is_over = deadline.is_over() || self.interrupt.is_stopping();
            if !is_over && self.has_waited(desired, &observed) {
                // A task whose state cannot be read does not end here: it is looked at again after a pause.
                return Ok(Poll::NotYet(observed));
            }
            if is_moving(&observed) && !lists.is_over() {
                return Ok(Poll::NotYet(observed));
            }
            if reads_left == 0 || !is_creating(&observed) {
                return Ok(Poll::Ready(observed));
            }
            reads_left -= 1;
            Ok(Poll::NotYet(observed))
        });
        end.or_else(WaitError::last)
    }

    fn until<T, L, E>(
        &self,
        deadline: &Deadline,
        look: impl FnMut() -> Result<Poll<T, L>, E>,
    ) -> Result<T, WaitError<E, L>> {
        let is_stopping = &|| self.interrupt.is_stopping();
        Wait { deadline, pauses: (READ_PAUSE, READ_PAUSE), is_stopping }.until(look)
    }

    /// Waits for everything that other runs are known to be doing; returns whether there was anything.
    fn has_waited(&self, desired: &Desired, observed: &Observed) -> bool {
        self.tasks(desired, observed)
            | self.migrations(desired, observed)
            | self.unfinished(desired, observed)
    }

    /// Waits for all tasks that an earlier run left; returns whether there were any.
    fn tasks(&self, desired: &Desired, observed: &Observed) -> bool {
        let left = observe::left_running(self.client, desired, observed);
        for (name, upid) in &left {
            self.progress(name, "waiting for the running task");
            let progress = |text: &str| self.progress(name, text);
            wait_for(self.client, upid, self.limit, self.interrupt, &progress);
        }
        !left.is_empty()
    }

    /// Waits for the migrations of the document's VMs that anybody has started; returns whether any ran.
    fn migrations(&self, desired: &Desired, observed: &Observed) -> bool {
        let mut any = false;
        for seen in observed.seen().filter(|seen| seen.config.lock() == Some(MIGRATION_LOCK)) {
            let Owner::Ours(mark) = seen.owner(&desired.site, &desired.deployment) else {
                continue;
            };
            let name = desired.name_now(&mark.vm);
            if !desired.vms.iter().any(|vm| vm.name == name) {
                continue;
            }
            let (node, kind) = (&seen.node, Some("qmigrate"));
            let tasks =
                read_api(|| observe::running_tasks(self.client, node, kind, Some(seen.vmid)));
            for upid in tasks.unwrap_or_default() {
                any = true;
                self.progress(name, "waiting for its running migration");
                let progress = |text: &str| self.progress(name, text);
                wait_for(self.client, &upid, self.limit, self.interrupt, &progress);
            }
        }
        any
    }

    /// Waits for VMs that other runs are creating; returns whether one of them has changed in the meantime.
    fn unfinished(&self, desired: &Desired, observed: &Observed) -> bool {
        let mut unfinished = Vec::new();
        for observation in observed.vms.values() {
            let Observation::Seen(seen) = observation else { continue };
            let Owner::Ours(mark) = seen.owner(&desired.site, &desired.deployment) else {
                continue;
            };
            let known = desired.vms.iter().any(|vm| vm.name == desired.name_now(&mark.vm));
            if known && mark.stage != Stage::Done && !self.lock.has_ended(&mark.run) {
                self.progress(&mark.vm, "another run of this deployment is creating it: waiting");
                unfinished.push(&**seen);
            }
        }
        !unfinished.is_empty() && self.change(&unfinished)
    }

    /// Reads VMs until one of them changes, or all have been unchanged for long enough.
    fn change(&self, vms: &[&VmState]) -> bool {
        let quiet = Deadline::after(QUIET.min(self.limit));
        let has_changed = |seen: &&VmState| {
            let planned = (seen.config.digest.clone(), Some(seen.power.as_str().to_owned()));
            self.digest_and_power(seen) != planned
        };
        let look = || {
            let is_changed = vms.iter().any(has_changed);
            Ok::<_, Infallible>(if is_changed { Poll::Ready(()) } else { Poll::NotYet(()) })
        };
        self.until(&quiet, look).is_ok()
    }

    fn digest_and_power(&self, seen: &VmState) -> (Option<Digest>, Option<String>) {
        let (node, vmid) = (&seen.node, seen.vmid);
        let config = read_api(|| self.client.vm_config(node, vmid, ConfigView::Pending));
        let status = read_api(|| self.client.vm_status(node, vmid));
        (config.ok().and_then(|config| config.digest), status.ok().map(|status| status.status))
    }

    fn progress(&self, name: &str, text: &str) {
        self.console.event(&Event::new("step", name, text));
    }
}
