//! The fence: prevents two VMs of one name when two runs of one deployment work at once.
//!
//! The vmid is the mutex where both runs try the same one. Where they do not, because one of them saw
//! a vmid in use that the other saw free, both creates succeed. So after the create, and once more
//! before it counts as finished, each run looks for a VM of another run that carries the same mark,
//! and decides by a rule that both runs know which of the two stays.

use super::{StepError, Work};
use crate::action::Repeat;
use crate::blocked::way_out_of_lock;
use crate::mark::{Owner, Stage, owner};
use crate::observe::was_killed;
use crate::observed::{CLONE_LOCK, is_locked_by_creation, is_making};
use crate::read::read_retrying;
use pve_client::{ConfigView, Error, GuestKind, KILLED, NodeName, Resource, TaskFilter, Vmid};
use pve_stage::finding;
use pve_stage::wait::{Deadline, Poll, WaitError};
use stage::Entry;
use std::time::Duration;

const READ_PAUSE: Duration = Duration::from_millis(250);
/// We ask after one second whether the create has died, then every ten seconds.
pub(super) const FIRST_DEATH_CHECK: u32 = 4;
pub(super) const DEATH_CHECK_EVERY: u32 = 40;

/// The type of a create's task.
const CREATE: &str = "qmcreate";

/// Another VM that carries the same mark as the one that this run created.
struct Twin {
    vmid: Vmid,
    stage: Stage,
}

impl Work<'_> {
    /// Makes sure that this run's VM is the only one of its name, or gives it up.
    pub(super) fn fence(&mut self) -> Result<(), StepError> {
        let Some(own) = self.vmid else { return Ok(()) };
        let twins = self.twins()?;
        // Whoever sees a finished one yields: it has been started and may be in use. Otherwise the lowest
        // vmid stays.
        let stays = |twin: &Twin| twin.stage == Stage::Done || twin.vmid < own;
        match twins.iter().find(|twin| stays(twin)) {
            None => Ok(()),
            Some(twin) => {
                let vmid = twin.vmid;
                self.give_up(own)?;
                Err(self.yielded(vmid))
            }
        }
    }

    /// Returns the VMs of other runs that carry this VM's mark. One that is still being created has
    /// no mark yet, so we wait for it. A create that begins later meets this run's VM at its own fence.
    fn twins(&mut self) -> Result<Vec<Twin>, StepError> {
        let mut twins = Vec::new();
        let deadline = Deadline::after(self.runner.task_limit);
        let mut rounds = 0u32;
        for (vmid, node) in self.suspects()? {
            let what = format!("VM {vmid}, which is being created");
            let pauses = (READ_PAUSE, READ_PAUSE);
            let twin = self.wait_until(&what, &deadline, pauses, |work| {
                let poll = work.look(&node, vmid)?;
                if matches!(poll, Poll::NotYet(_)) {
                    rounds += 1;
                    let asks = rounds % DEATH_CHECK_EVERY == FIRST_DEATH_CHECK;
                    if asks && work.has_died(&node, vmid)? {
                        return Ok(Poll::Ready(None));
                    }
                }
                Ok(poll)
            });
            twins.extend(twin.map_err(|error| match error {
                WaitError::Never(error) => error,
                WaitError::TimedOut(_) | WaitError::Interrupted(_) => self.undecided(vmid),
            })?);
        }
        Ok(twins)
    }

    /// Returns whether the create or the clone of a VM was killed: such a VM never gets a mark, and stays locked
    /// until root unlocks it.
    pub(super) fn has_died(&self, node: &NodeName, vmid: Vmid) -> Result<bool, StepError> {
        let client = self.runner.client;
        let lock = self.lock(node, vmid)?;
        let killed = match lock.as_deref() {
            Some(CLONE_LOCK) => read_retrying(|| was_killed(client, node, vmid)),
            Some(_) => read_retrying(|| self.create_was_killed(node, vmid)),
            None => Ok(false),
        };
        // A create that began later holds the lock rightly.
        let killed = killed.map_err(|error| self.unseen(&error))?;
        let is_dead = killed && self.lock(node, vmid)? == lock;
        if is_dead && self.dead.borrow_mut().insert(vmid) {
            let what = if lock.as_deref() == Some(CLONE_LOCK) { "clone" } else { "create" };
            let way_out = way_out_of_lock(vmid.get());
            let text = format!(
                "VM {vmid} on node {node} is left locked by a {what} that was killed: {way_out}"
            );
            self.event("warning", &text, None);
        }
        Ok(is_dead)
    }

    fn create_was_killed(&self, node: &NodeName, vmid: Vmid) -> Result<bool, Error> {
        let kind = Some(CREATE.to_owned());
        let filter = TaskFilter { vmid: Some(vmid), kind, ..TaskFilter::default() };
        let tasks = self.runner.client.tasks(node, &filter)?;
        // PVE: facts-4, 33; reference 4. Any other end removes the lock, or the config. Running tasks are
        // listed first.
        Ok(tasks.first().and_then(|task| task.status.as_deref()) == Some(KILLED))
    }

    /// Returns the lock of a VM that is being created or cloned.
    fn lock(&self, node: &NodeName, vmid: Vmid) -> Result<Option<String>, StepError> {
        let client = self.runner.client;
        match read_retrying(|| client.vm_config(node, vmid, ConfigView::Pending)) {
            Ok(config) => Ok(config.get("lock").filter(|lock| is_making(lock)).map(str::to_owned)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(self.unseen(&error)),
        }
    }

    /// Returns the VMs that may be twins. A vmid alone proves nothing: its VM may have been destroyed since the plan, and
    /// the vmid given to another.
    fn suspects(&self) -> Result<Vec<(Vmid, NodeName)>, StepError> {
        let (client, home) = (self.runner.client, self.node());
        let unseen = |error: Error| self.unseen(&error);
        // PVE: facts 31: the cluster's list lags by ten seconds, but for vmids; the node's is current.
        // A run with another document may have chosen another node for this VM: there, every vmid that is new
        // is looked at.
        let here = read_retrying(|| client.node_vms(home)).map_err(unseen)?;
        let all = read_retrying(|| client.cluster_resources()).map_err(unseen)?;
        let elsewhere = all.into_iter().filter(|row| row.node != *home);
        let may_be = |row: &Resource| {
            let is_made = row.lock.as_deref().is_some_and(is_making);
            let named = row.name.as_ref().is_none_or(|name| *name == self.plan.name);
            is_made || named || self.runner.vmids.is_new(row.vmid)
        };
        let here = here.into_iter().filter(may_be);
        let new = elsewhere.filter(|row| self.runner.vmids.is_new(row.vmid));
        let others = here
            .chain(new)
            .filter(|row| row.kind == GuestKind::Qemu && !self.runner.vmids.is_own(row.vmid));
        Ok(others.map(|row| (row.vmid, row.node)).collect())
    }

    /// Returns whether a VM is a twin, unless that is still unknown.
    fn look(&self, node: &NodeName, vmid: Vmid) -> Result<Poll<Option<Twin>>, StepError> {
        let client = self.runner.client;
        let config = match read_retrying(|| client.vm_config(node, vmid, ConfigView::Pending)) {
            Ok(config) => config,
            // Gone, moved, unreadable or on an offline node: not a create of this document.
            Err(error)
                if error.is_not_found() || error.is_permission() || error.is_node_unreachable() =>
            {
                return Ok(Poll::Ready(None));
            }
            Err(error) => return Err(self.unseen(&error)),
        };
        if is_locked_by_creation(&config) {
            return Ok(Poll::NotYet("it has no mark yet".to_owned()));
        }
        let own = &self.plan.mark;
        let owner = owner((&own.site, &own.deployment), vmid.get(), |key| config.get(key));
        Ok(Poll::Ready(match owner {
            Owner::Ours(mark) if mark.vm == own.vm && mark.run != own.run => {
                Some(Twin { vmid, stage: mark.stage })
            }
            _ => None,
        }))
    }

    /// Destroys the VM that this run created, as its nonce proves.
    fn give_up(&mut self, vmid: Vmid) -> Result<(), StepError> {
        let (client, node) = (self.runner.client, self.node().clone());
        self.event("step", "destroying it: another run has created it too", None);
        if self.started {
            self.power_off()?;
        }
        let sent = self.write(Repeat::Harmful, "qmdestroy", || {
            Ok(Some(client.delete_vm(&node, self.guard()?.vmid, true)?))
        });
        sent.map_err(|failed| self.step_error("destroying", failed))?;
        self.check_gone(vmid)
    }

    /// A read failed whose result a step depends on.
    pub(super) fn unseen(&self, error: &Error) -> StepError {
        StepError::uncertain(finding::of_error(self.place(), error))
    }

    fn undecided(&self, vmid: Vmid) -> StepError {
        let fact = format!(
            "VM {vmid}, which may be \"{}\" of another run, is still being created",
            self.plan.name
        );
        let entry = Entry::error("being-created", self.place(), fact);
        StepError::uncertain(
            entry.hint("run again: the next run waits for it and keeps one of the two"),
        )
    }
}
