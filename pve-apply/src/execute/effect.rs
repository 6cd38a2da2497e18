//! Checks the effect of a step: a task that PVE calls done is not proof.
//!
//! PVE: facts-3, 4.1: for a VM under HA, start, stop and shutdown only ask HA's manager, and their
//! tasks end OK at once. So each power step ends when the VM is seen in its new state, and HA with it.

use super::retry::pause;
use super::{StepError, Work};
use crate::read::{Deadline, read_retrying};
use pve_client::{ConfigView, Error, PropertyString, StorageId, VmStatus, Vmid};
use pve_stage::finding;
use pve_stage::patience::Patience;
use stage::Entry;
use std::collections::BTreeMap;
use std::time::Duration;

/// A VM outside HA shows its new state when the task is over; the lists lag a moment.
const LISTS_LAG: Duration = Duration::from_secs(10);
/// HA's managers look every ten seconds, on two nodes one after the other.
const HA_DELAY: Duration = Duration::from_secs(60);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LAST_PAUSE: Duration = Duration::from_secs(1);

const SEE_TASKS: &str = "the VM's tasks in PVE say why; run again when that is fixed";

/// A power state to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PowerState {
    Running,
    Stopped,
}

impl PowerState {
    fn is_reached(self, status: &VmStatus) -> bool {
        let ha = status.ha.as_deref();
        match self {
            Self::Running => status.is_running() && ha.is_none_or(|ha| ha == "started"),
            Self::Stopped => {
                !status.is_running() && ha.is_none_or(|ha| ["stopped", "disabled"].contains(&ha))
            }
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Stopped => "stopped",
        }
    }
}

impl Work<'_> {
    /// Waits until a VM has the power state that a step wants; `grace` is the time the guest itself may need.
    pub(super) fn reach(&self, state: PowerState, grace: Duration) -> Result<(), StepError> {
        let Some(vmid) = self.vmid else { return Ok(()) };
        let (client, node) = (self.runner.client, self.node());
        let whole = Deadline::after(self.runner.task_limit);
        let shows = Deadline::after(grace.max(LISTS_LAG).min(self.runner.task_limit));
        let acts = Deadline::after((grace + HA_DELAY).min(self.runner.task_limit));
        let mut wait = FIRST_PAUSE;
        let mut reported = false;
        let mut patience = Patience::default();
        let what = format!("the VM to be {}", state.as_str());
        loop {
            let status = read_retrying(|| client.vm_status(node, vmid))
                .map_err(|error| StepError::uncertain(finding::of_error(self.place(), &error)))?;
            if state.is_reached(&status) {
                return Ok(());
            }
            let ha = status.ha.as_deref();
            let over = match ha {
                Some("error") => true,
                None => shows.is_over(),
                // The manager may have reasons to wait, such as a lost node.
                Some("freeze" | "fence" | "recovery" | "migrate" | "relocate") => whole.is_over(),
                Some(_) => acts.is_over(),
            };
            if over {
                return Err(self.not_reached(state, &status));
            }
            if self.runner.interrupt.is_signalled() {
                let fact = format!("stopped waiting for \"{}\"", self.plan.name);
                return Err(StepError::uncertain(Entry::error("not-waited", self.place(), fact)));
            }
            if let Some(ha) = ha.filter(|_| !reported) {
                self.event("wait", &format!("waiting for HA, which says \"{ha}\""), None);
                reported = true;
            }
            let last = match ha {
                Some(ha) => format!("it is {}, and HA says \"{ha}\"", status.status),
                None => format!("it is {}", status.status),
            };
            self.report_long_wait(&mut patience, whole.waited(), &what, &last);
            pause(wait);
            wait = (wait * 2).min(LAST_PAUSE);
        }
    }

    fn not_reached(&self, state: PowerState, status: &VmStatus) -> StepError {
        let (name, word, is) = (&self.plan.name, state.as_str(), &status.status);
        let vmid = self.vmid.map_or(0, Vmid::get);
        let (fact, hint) = match status.ha.as_deref() {
            Some("error") => (
                format!("\"{name}\" is {is}, and its HA state is \"error\""),
                format!(
                    "on a node: ha-manager set vm:{vmid} --state disabled, fix what its log reports, \
                     then --state started"
                ),
            ),
            Some(ha) => (
                format!("\"{name}\" is {is}, not {word}: HA says \"{ha}\""),
                "HA's log on its node says why; run again when it has acted".to_owned(),
            ),
            None => (
                format!("\"{name}\" is {is}, not {word}, although its task succeeded"),
                SEE_TASKS.to_owned(),
            ),
        };
        StepError::uncertain(Entry::error("not-effective", self.place(), fact).hint(hint))
    }

    /// Checks that a disk has its new size.
    pub(super) fn has_grown(&self, disk: &str, bytes: u64) -> Result<(), StepError> {
        let Some(vmid) = self.vmid else { return Ok(()) };
        let client = self.runner.client;
        let config = read_retrying(|| client.vm_config(self.node(), vmid, ConfigView::Pending))
            .map_err(|error| StepError::uncertain(finding::of_error(self.place(), &error)))?;
        let drive = config.get(disk).map(|text| PropertyString::parse(text, "file"));
        let has = drive.and_then(|drive| drive.size("size")).unwrap_or(0);
        if has >= bytes {
            return Ok(());
        }
        let (name, has) = (&self.plan.name, machine::shown_size(has));
        let fact = format!("{disk} of \"{name}\" still has {has}, although its task succeeded");
        Err(StepError::uncertain(Entry::error("not-effective", self.place(), fact).hint(SEE_TASKS)))
    }

    /// Checks that a disk is on its new storage.
    pub(super) fn has_moved(&self, disk: &str, storage: &StorageId) -> Result<(), StepError> {
        let Some(vmid) = self.vmid else { return Ok(()) };
        let client = self.runner.client;
        let config = read_retrying(|| client.vm_config(self.node(), vmid, ConfigView::Pending))
            .map_err(|error| StepError::uncertain(finding::of_error(self.place(), &error)))?;
        let drive = config.get(disk).map(|text| PropertyString::parse(text, "file"));
        let file = drive.as_ref().and_then(|drive| drive.get("file")).unwrap_or_default();
        if file.split(':').next() == Some(storage.as_str()) {
            return Ok(());
        }
        let fact = format!(
            "{disk} of \"{}\" is still {file}, although its task succeeded",
            self.plan.name
        );
        Err(StepError::uncertain(Entry::error("not-effective", self.place(), fact).hint(SEE_TASKS)))
    }

    /// Checks that the cluster lists the VM in its pool.
    pub(super) fn is_in_pool(&self, pool: Option<&str>) -> Result<(), StepError> {
        let client = self.runner.client;
        let rows = read_retrying(|| client.cluster_resources())
            .map_err(|error| StepError::uncertain(finding::of_error(self.place(), &error)))?;
        let row = rows.into_iter().find(|row| Some(row.vmid) == self.vmid);
        let has = row.and_then(|row| row.pool);
        if has.as_deref() == pool {
            return Ok(());
        }
        let has = has.map_or("no pool".to_owned(), |has| format!("pool \"{has}\""));
        let fact = format!("\"{}\" is in {has} after it was moved", self.plan.name);
        Err(StepError::uncertain(Entry::error("not-effective", self.place(), fact)))
    }

    /// Checks that what a task wrote is in the config.
    pub(super) fn is_written<'k>(
        &self,
        mut keys: impl Iterator<Item = &'k String>,
    ) -> Result<(), StepError> {
        let Some(vmid) = self.vmid else { return Ok(()) };
        let client = self.runner.client;
        let config = read_retrying(|| client.vm_config(self.node(), vmid, ConfigView::Pending))
            .map_err(|error| StepError::uncertain(finding::of_error(self.place(), &error)))?;
        match keys.find(|key| config.get(key).is_none()) {
            Some(key) => Err(self.lost(key)),
            None => Ok(()),
        }
    }

    pub(super) fn lost(&self, key: &str) -> StepError {
        let fact =
            format!("`{key}` of \"{}\" does not have the value that was written", self.plan.name);
        StepError::uncertain(Entry::error("not-effective", self.place(), fact).hint(SEE_TASKS))
    }

    /// Checks after the last step that what this run wrote is there and does not wait for a reboot,
    /// unless the plan leaves it to a reboot.
    pub(super) fn settled(&self, keys: &BTreeMap<&str, bool>) -> Result<(), StepError> {
        let Some(vmid) = self.vmid.filter(|_| !keys.is_empty()) else { return Ok(()) };
        let client = self.runner.client;
        let items = read_retrying(|| client.vm_pending(self.node(), vmid))
            .map_err(|error| StepError::uncertain(finding::of_error(self.place(), &error)))?;
        let mut set = keys.iter().filter(|(_, is_set)| **is_set);
        if let Some((lost, _)) = set.find(|(key, _)| items.iter().all(|item| item.key != **key)) {
            return Err(self.lost(lost));
        }
        let waits =
            |key: &str| keys.contains_key(key) && !self.plan.may_wait.iter().any(|k| k == key);
        let pending: Vec<String> = items
            .into_iter()
            .filter(|item| waits(&item.key))
            .filter(|item| item.delete || item.pending.is_some() && item.pending != item.value)
            .map(|item| item.key)
            .collect();
        if pending.is_empty() {
            return Ok(());
        }
        let list = pending.join(", ");
        let fact = format!("\"{}\" still waits for a reboot: {list}", self.plan.name);
        let hint = "--allow-reboot makes it take effect; --pending leaves the reboot to you";
        Err(StepError::uncertain(Entry::error("reboot-pending", self.place(), fact).hint(hint)))
    }

    /// Checks both sources: the cluster says that the vmid is free, and the VM has no config.
    pub(super) fn is_gone(&self, vmid: Vmid) -> bool {
        let client = self.runner.client;
        let config = read_retrying(|| client.vm_config(self.node(), vmid, ConfigView::Current));
        // PVE: facts 4: to a token with rights on single VMs only, a missing VM is forbidden.
        let no_config =
            config.is_err_and(|error: Error| error.is_not_found() || error.is_permission());
        no_config && read_retrying(|| client.is_free(vmid)).unwrap_or(false)
    }
}
