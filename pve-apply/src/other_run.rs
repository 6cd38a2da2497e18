//! DOOR (reads, waits): other runs of the same deployment that may still be at work.
//!
//! What an ended run has left under way is waited for before anything is planned: a create that is
//! not over shows no mark, and a VM that is being made may be finished by the run that makes it.

use crate::ask::{Deadline, ask};
use crate::desired::Desired;
use crate::execute::pause;
use crate::interrupt::Interrupt;
use crate::mark::{Owner, Stage};
use crate::observe::{self, Scope};
use crate::observed::{Look, Observed, Seen};
use crate::run_lock::RunLock;
use crate::task_wait::wait_for;
use pve_client::{Client, ConfigView, Digest};
use stage::{Console, Event, Failure};
use std::time::Duration;

/// For so long a VM that is being made must be left untouched before its run counts as ended. Between
/// two steps a run that lives needs far less.
const QUIET: Duration = Duration::from_secs(10);
const LOOK_PAUSE: Duration = Duration::from_millis(500);

/// How often is looked again for the task of a create that holds a VM and was not listed: it may have
/// begun between the two reads. One whose task has died holds its VM for ever.
const BEGUN_LOOKS: u32 = 6;

/// Who waits, and for how long at most.
pub(crate) struct Wait<'a> {
    pub(crate) client: &'a Client,
    pub(crate) console: &'a Console,
    pub(crate) interrupt: &'a Interrupt,
    /// The limit of each wait.
    pub(crate) limit: Duration,
    /// Tells which run on this machine has ended.
    pub(crate) lock: &'a RunLock,
}

fn is_creating(observed: &Observed) -> bool {
    let creating = |look: &Look| match look {
        Look::Seen(seen) => seen.config.is_being_created(),
        _ => false,
    };
    observed.looks.values().any(creating)
}

impl Wait<'_> {
    /// Observes the world once no other run is known to be at work in it.
    ///
    /// # Errors
    /// A read failed that nothing can be planned without.
    pub(crate) fn observe(&self, desired: &Desired, scope: Scope) -> Result<Observed, Failure> {
        let deadline = Deadline::after(self.limit);
        let mut begun = BEGUN_LOOKS;
        loop {
            let observed = observe::observe(self.client, desired, scope)?;
            if deadline.is_over() || self.interrupt.is_asked() {
                return Ok(observed);
            }
            if self.tasks(desired, &observed) | self.unfinished(desired, &observed) {
                continue;
            }
            if begun == 0 || !is_creating(&observed) {
                return Ok(observed);
            }
            begun -= 1;
            pause(LOOK_PAUSE);
        }
    }

    /// Waits for all tasks that an earlier run has left; returns whether there were any.
    fn tasks(&self, desired: &Desired, observed: &Observed) -> bool {
        let left = observe::left_running(self.client, desired, observed);
        for (name, upid) in &left {
            self.tell(name, "waiting for the task that is under way");
            let tell = |text: &str| self.tell(name, text);
            wait_for(self.client, upid, self.limit, self.interrupt, &tell);
        }
        !left.is_empty()
    }

    /// Waits for VMs that other runs are making; returns whether one of them has changed meanwhile.
    fn unfinished(&self, desired: &Desired, observed: &Observed) -> bool {
        let mut unfinished = Vec::new();
        for look in observed.looks.values() {
            let Look::Seen(seen) = look else { continue };
            let Owner::Ours(mark) = seen.owner(&desired.site, &desired.deployment) else {
                continue;
            };
            let known = desired.vms.iter().any(|vm| vm.name == desired.name_now(&mark.vm));
            if known && mark.stage == Stage::Making && !self.lock.has_ended(&mark.run) {
                self.tell(&mark.vm, "another run of this deployment is creating it: waiting");
                unfinished.push(&**seen);
            }
        }
        !unfinished.is_empty() && self.change(&unfinished)
    }

    /// Looks at VMs until one of them changes, or all are quiet for long enough.
    fn change(&self, vms: &[&Seen]) -> bool {
        let quiet = Deadline::after(QUIET.min(self.limit));
        let has_changed = |seen: &&Seen| {
            let planned = (seen.config.digest.clone(), Some(seen.power.as_str().to_owned()));
            self.digest_and_power(seen) != planned
        };
        loop {
            if vms.iter().any(has_changed) {
                return true;
            }
            if quiet.is_over() || self.interrupt.is_asked() {
                return false;
            }
            pause(LOOK_PAUSE);
        }
    }

    fn digest_and_power(&self, seen: &Seen) -> (Option<Digest>, Option<String>) {
        let (node, vmid) = (&seen.node, seen.vmid);
        let config = ask(|| self.client.vm_config(node, vmid, ConfigView::Pending));
        let status = ask(|| self.client.vm_status(node, vmid));
        (config.ok().and_then(|config| config.digest), status.ok().map(|status| status.status))
    }

    fn tell(&self, name: &str, text: &str) {
        self.console.event(&Event::new("step", name, text));
    }
}
