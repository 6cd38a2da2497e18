//! Checks the effect of a step: a task that PVE calls done is not proof.

use super::{StepError, Work};
use crate::mark::{NO_UUID, uuid};
use crate::observed::is_being_created;
use crate::read::read_retrying;
use pve_client::{ConfigView, Error, PropertyString, StorageId, VmConfig, Vmid};
use pve_stage::finding;
use stage::Entry;
use std::collections::BTreeMap;

const SEE_TASKS: &str = "the VM's tasks in PVE say why; run again when that is fixed";

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
    pub(super) fn settled(&self, keys: &BTreeMap<&str, bool>) -> Result<(), StepError> {
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
        let hint = "--allow-reboot makes it take effect; --pending leaves the reboot to you";
        Err(StepError::uncertain(Entry::error("reboot-pending", self.place(), fact).hint(hint)))
    }

    /// Checks both sources: the cluster says that the vmid is free, and the VM has no config. Another run may have
    /// created another VM there in the meantime.
    pub(super) fn is_gone(&self, vmid: Vmid) -> bool {
        let client = self.runner.client;
        let config = read_retrying(|| client.vm_config(self.node(), vmid, ConfigView::Current));
        if config.as_ref().is_ok_and(|config| self.is_another(config)) {
            return true;
        }
        // PVE: facts 4: to a token with rights on single VMs only, a missing VM is forbidden.
        let no_config =
            config.is_err_and(|error: Error| error.is_not_found() || error.is_permission());
        no_config && read_retrying(|| client.is_free(vmid)).unwrap_or(false)
    }

    /// Returns whether a config is certainly that of another VM: the uuid of ours is never changed.
    fn is_another(&self, config: &VmConfig) -> bool {
        let has_uuid = !["", NO_UUID].contains(&self.mark.uuid.as_str());
        has_uuid && (is_being_created(config) || uuid(config.get("smbios1")) != self.mark.uuid)
    }
}
