//! Checks the effect of a step: a task that PVE calls done is not proof.

use super::power::SEE_TASKS;
use super::{StepError, Work};
use crate::action::{Action, Step, VmPlan};
use crate::change::Impact;
use crate::mark::{NO_UUID, uuid};
use crate::observed::is_locked_by_creation;
use crate::read::read_retrying;
use pve_client::{ConfigView, Error, NodeName, PropertyString, StorageId, VmConfig, Vmid, Volid};
use pve_stage::finding;
use stage::Entry;
use std::collections::BTreeMap;

impl Work<'_> {
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

    /// Checks after the last step that what this run wrote is still there and does not wait for a reboot,
    /// unless the plan leaves it to a reboot.
    pub(super) fn settled(&self) -> Result<(), StepError> {
        let keys = written_keys(self.plan);
        let Some(vmid) = self.vmid.filter(|_| !keys.is_empty()) else { return Ok(()) };
        let client = self.runner.client;
        let items = read_retrying(|| client.vm_pending(self.node(), vmid))
            .map_err(|error| StepError::uncertain(finding::of_error(self.place(), &error)))?;
        let mut set = keys.iter().filter(|(_, is_set)| **is_set);
        if let Some((lost, _)) = set.find(|(key, _)| items.iter().all(|item| item.key != **key)) {
            return Err(self.lost(lost));
        }
        // Somebody may have written to it while it was shut down.
        self.is_read_back(|key| {
            let item = items.iter().find(|item| item.key == key && !item.delete)?;
            item.pending.as_deref().or(item.value.as_deref())
        })?;
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
        let hint = match self.plan.impact {
            Impact::Reboot | Impact::PowerOff => SEE_TASKS,
            _ => "--allow-reboot makes it take effect; --pending leaves the reboot to you",
        };
        Err(StepError::uncertain(Entry::error("reboot-pending", self.place(), fact).hint(hint)))
    }

    /// Checks that an uploaded seed is gone: it holds secrets.
    pub(super) fn is_deleted(&self, node: &NodeName, volid: &Volid) -> Result<(), StepError> {
        match read_retrying(|| self.runner.client.volume_info(node, volid)) {
            Err(error) if error.is_not_found() => Ok(()),
            Ok(_) => {
                let fact = format!("the seed {volid} still exists after its removal");
                let entry = Entry::error("still-there", self.place(), fact);
                Err(StepError::uncertain(entry.hint("it holds secrets; the next run removes it")))
            }
            Err(error) => {
                let doing = format!("checking that {volid} is gone");
                Err(StepError::uncertain(finding::while_doing(self.place(), &doing, &error)))
            }
        }
    }

    /// Returns whether the VM is gone: nothing is at its vmid, or another VM that another run has created there since.
    pub(super) fn is_gone(&self, vmid: Vmid) -> Result<bool, Error> {
        Ok(self.found_at(vmid)?.is_none_or(|config| self.is_another(&config)))
    }

    /// Returns whether nothing is at a vmid.
    pub(super) fn is_vacant(&self, vmid: Vmid) -> Result<bool, Error> {
        Ok(self.found_at(vmid)?.is_none())
    }

    /// Reads what is at a vmid, from both sources: the VM's config, and whether the cluster says that the vmid is free.
    /// A VM that only the cluster knows has an empty config.
    fn found_at(&self, vmid: Vmid) -> Result<Option<VmConfig>, Error> {
        let client = self.runner.client;
        match read_retrying(|| client.vm_config(self.node(), vmid, ConfigView::Current)) {
            // PVE: facts 4: to a token with rights on single VMs only, a missing VM is forbidden.
            Err(error) if error.is_not_found() || error.is_permission() => {
                let is_free = read_retrying(|| client.is_free(vmid))?;
                Ok((!is_free).then(VmConfig::default))
            }
            config => config.map(Some),
        }
    }

    /// Checks after its removal that the VM is gone.
    pub(super) fn check_gone(&self, vmid: Vmid) -> Result<(), StepError> {
        match self.is_gone(vmid) {
            Ok(true) => Ok(()),
            Ok(false) => {
                let fact = format!("\"{}\" still exists after its removal", self.plan.name);
                Err(StepError::uncertain(Entry::error("still-there", self.place(), fact)))
            }
            Err(error) => {
                let doing = format!("checking that \"{}\" is gone", self.plan.name);
                Err(StepError::uncertain(finding::while_doing(self.place(), &doing, &error)))
            }
        }
    }

    /// Returns whether a config is certainly that of another VM: the uuid of ours is never changed.
    fn is_another(&self, config: &VmConfig) -> bool {
        let has_uuid = !["", NO_UUID].contains(&self.mark.uuid.as_str());
        let found = uuid(config.get("smbios1"));
        let is_other =
            if found == NO_UUID { is_locked_by_creation(config) } else { found != self.mark.uuid };
        has_uuid && is_other
    }
}

/// Returns the config keys that a change has written, and whether each should exist: not on a VM that PVE has
/// created with its whole config in one call.
fn written_keys(plan: &VmPlan) -> BTreeMap<&str, bool> {
    let mut keys = BTreeMap::new();
    let is_clone = plan.steps.iter().any(|step| matches!(step, Step::Clone { .. }));
    for step in plan.steps.iter().filter(|_| is_clone || plan.action == Action::Change) {
        match step {
            Step::Configure { params, .. } => {
                let gone = params.get("delete").into_iter().flat_map(|list| list.split(','));
                keys.extend(gone.map(|key| (key, false)));
                let set = params.keys().filter(|key| !["delete", "force"].contains(&key.as_str()));
                keys.extend(set.map(|key| (key.as_str(), true)));
            }
            Step::AddDisk { disk, .. } => _ = keys.insert(disk, true),
            Step::AddDisks { disks } => keys.extend(disks.keys().map(|key| (key.as_str(), true))),
            _ => {}
        }
    }
    keys
}
