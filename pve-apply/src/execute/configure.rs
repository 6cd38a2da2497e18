//! Changes a config: guarded by the digest, with the mark in the same call, and read back before
//! the mark drops what was ours.

use super::create::smbios1;
use super::guard::Guarded;
use super::retry::WriteError;
use super::step::with_digest;
use super::{StepError, Work};
use crate::action::Repeat;
use crate::mark::{Mark, Owner, owner, tag_set};
use crate::read::read_retrying;
use machine::{ConfigKey, Parts};
use pve_client::{ConfigView, Digest, VmConfig};
use std::collections::BTreeMap;

impl Work<'_> {
    pub(super) fn configure(
        &mut self,
        params: &BTreeMap<String, String>,
        mark: Option<&Mark>,
    ) -> Result<(), StepError> {
        // It is written with the mark, not before.
        let uuid = mark.and_then(|_| self.new_uuid.take());
        let (client, node) = (self.runner.client, self.node());
        // A VM that this run created got its vmid and uuid in the meantime.
        let mark = mark.map(|mark| match mark.vmid {
            Some(_) => mark.clone(),
            None => {
                let uuid = uuid.as_ref().unwrap_or(&self.mark.uuid).clone();
                Mark { vmid: self.mark.vmid, uuid, ..mark.clone() }
            }
        });
        let mut before = None;
        let mut written = None;
        let mut all = BTreeMap::new();
        let sent = self.write(Repeat::Harmful, "qmconfig", || {
            let seen = self.guard()?;
            before = seen.digest().cloned();
            all.clone_from(params);
            self.check_keys(params, &seen.config)?;
            self.follow_moves(&mut all, &seen.config)?;
            if let Some(uuid) = &uuid {
                all.insert("smbios1".to_owned(), smbios1(params, uuid));
            }
            if let Some(mark) = &mark {
                if params.is_empty() {
                    self.is_read_back(|key| seen.config.get(key))?;
                }
                let mark = mark.filled_in(|key| match all.get(key) {
                    Some(text) => Some(text.as_str()),
                    None => seen.config.get(key),
                });
                all.insert("description".to_owned(), description(params, &seen, &mark));
                written = Some(mark);
            }
            client.update_config(node, seen.vmid, &with_digest(&all, seen.digest()))?;
            Ok(None)
        });
        self.untouched.set(false);
        if let Err(WriteError::Pve { error, .. }) = &sent
            && error.is_checksum_mismatch()
        {
            self.yield_to_another_run()?;
        }
        let sent = sent.map_err(|failed| self.after_refusal(failed, before.as_ref()));
        sent.map_err(|failed| self.step_error("changing the config of", failed))?;
        for (key, value) in all.iter().filter(|(key, _)| *key != "force") {
            if key == "delete" {
                self.sent.extend(value.split(',').map(|key| (key.to_owned(), None)));
            } else {
                self.sent.insert(key.clone(), Some(value.clone()));
            }
        }
        if let Some(mark) = written {
            self.mark = mark;
        }
        Ok(())
    }

    fn check_keys(
        &self,
        params: &BTreeMap<String, String>,
        config: &VmConfig,
    ) -> Result<(), StepError> {
        // What people wrote is read again, or given as a whole.
        let set =
            params.keys().filter(|key| !["delete", "description", "force"].contains(&key.as_str()));
        let gone = params.get("delete").into_iter().flat_map(|list| list.split(','));
        set.map(String::as_str).chain(gone).try_for_each(|key| self.check_as_planned(key, config))
    }

    /// A disk that this run moved or grew has a new volume and size: the plan knows only the old
    /// ones, or the template's.
    fn follow_moves(
        &self,
        params: &mut BTreeMap<String, String>,
        config: &VmConfig,
    ) -> Result<(), StepError> {
        for (disk, slot) in &self.moved {
            let (Some(key), Some(text)) = (ConfigKey::find(disk), params.get_mut(disk)) else {
                continue;
            };
            let now = Parts::read(key.key, config.get(slot).unwrap_or_default());
            let Some(file) = now.get("file") else {
                return Err(self.refused(&format!("no longer has a disk in {slot}")));
            };
            let mut parts = Parts::read(key.key, text);
            parts.set("file", file);
            if let Some(size) = now.get("size") {
                parts.set("size", size);
            }
            *text = parts.write(key.key);
        }
        Ok(())
    }

    /// Checks that what this run wrote is in the config.
    pub(super) fn is_read_back<'c>(
        &self,
        config: impl Fn(&str) -> Option<&'c str>,
    ) -> Result<(), StepError> {
        let is_there = |(key, sent): &(&String, &Option<String>)| match (sent, config(key)) {
            (None, got) => got.is_none(),
            (Some(_), None) => false,
            (Some(sent), Some(got)) => means_the_same(key, sent, got),
        };
        match self.sent.iter().find(|pair| !is_there(pair)) {
            Some((key, _)) => Err(self.lost(key)),
            None => Ok(()),
        }
    }

    /// Yields when another run of this deployment has written the mark between our read and our write.
    fn yield_to_another_run(&self) -> Result<(), StepError> {
        let Some(vmid) = self.vmid else { return Ok(()) };
        let client = self.runner.client;
        let now = read_retrying(|| client.vm_config(self.node(), vmid, ConfigView::Pending));
        let of = (self.mark.site.as_str(), self.mark.deployment.as_str());
        match now.map(|now| owner(of, vmid.get(), |key| now.get(key))) {
            Ok(Owner::Ours(mark)) if mark.run != self.mark.run => Err(self.yielded(vmid)),
            _ => Ok(()),
        }
    }

    /// PVE: facts-4, 53: a hotplug that fails answers 400 when the new value is already pending. Only
    /// the config shows whether a refusal left something behind.
    fn after_refusal(&self, failed: WriteError, before: Option<&Digest>) -> WriteError {
        match failed {
            WriteError::Pve { error, uncertain: false, still_running }
                if error.status().is_some() && !error.is_checksum_mismatch() =>
            {
                let (client, node) = (self.runner.client, self.node());
                let now = self.vmid.map(|vmid| {
                    read_retrying(|| client.vm_config(node, vmid, ConfigView::Pending))
                });
                let same = matches!(&now, Some(Ok(config)) if config.digest.as_ref() == before);
                let refused = error.is_about_the_token();
                WriteError::Pve { error, uncertain: !same && !refused, still_running }
            }
            failed => failed,
        }
    }
}

/// Returns what people wrote, or should have written, with the mark.
fn description(params: &BTreeMap<String, String>, seen: &Guarded, mark: &Mark) -> String {
    match params.get("description") {
        Some(text) => mark.write_into(text),
        None => seen.description_with(mark),
    }
}

/// Compares values that PVE reorders and respells when it stores them.
fn means_the_same(key: &str, sent: &str, got: &str) -> bool {
    match ConfigKey::find(key) {
        // Our mark was written with it.
        _ if key == "description" => true,
        _ if key == "tags" => tag_set(sent) == tag_set(got),
        None => sent == got,
        Some(row) => {
            // PVE: facts-4, 30: a drive's size is PVE's own.
            let parts = row.key.parts().iter().filter(|part| part.name != "size");
            let (sent, got) = (Parts::read(row.key, sent), Parts::read(row.key, got));
            parts.into_iter().all(|part| {
                let name = part.name_in(row.key);
                match (sent.get(name), got.get(name)) {
                    // PVE: facts 22: it gives a NIC a MAC that is sent without one.
                    (None, Some(_)) if name == "macaddr" => true,
                    (Some(sent), Some(got)) => part.kind.agrees(sent, got),
                    // PVE may spell out a default, or leave it out.
                    (sent, got) => sent.or(part.absent) == got.or(part.absent),
                }
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::means_the_same;

    fn check(key: &str, sent: &str, got: &str, expected: bool) {
        assert_eq!(means_the_same(key, sent, got), expected, "{key}: {sent} / {got}");
    }

    #[test]
    fn values_that_pve_reformats_are_read_back() {
        check("tags", "Web;pve-pipeline", "pve-pipeline;web", true);
        check("tags", "pve-pipeline", "pve-pipeline;web", false);
        check(
            "net0",
            "virtio=BC:24:11:00:00:01,bridge=a,tag=5",
            "virtio=BC:24:11:00:00:01,tag=5,bridge=a",
            true,
        );
        check(
            "net0",
            "virtio=BC:24:11:00:00:01,bridge=a",
            "virtio=BC:24:11:00:00:01,bridge=a,tag=5",
            false,
        );
        check("net1", "virtio,bridge=a", "virtio=BC:24:11:00:00:01,bridge=a", true);
        check("scsi1", "tank:vm-1-disk-0,size=9G", "tank:vm-1-disk-0,size=1G", true);
        check("machine", "q35", "pc-q35-9.2+pve1", true);
        check("cores", "2", "4", false);
        check("name", "a", "b", false);
    }
}
