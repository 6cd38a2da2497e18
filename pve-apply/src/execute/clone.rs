//! Sends a clone. The template is read right before: a clone of another VM's disks would be wrong for good.

use super::{StepError, Work};
use crate::action::Step;
use crate::mark::{Mark, Stage};
use crate::read::read_retrying;
use machine::{ConfigKey, Parts};
use pve_client::{CloneKind, CloneRequest, ConfigView, Error, Upid, Vmid};
use pve_stage::finding;
use stage::Entry;
use std::collections::BTreeMap;

impl Work<'_> {
    /// Sends the clone of a template, with a mark that names the new VM's vmid; its uuid comes later.
    pub(super) fn send_clone(
        &mut self,
        vmid: Vmid,
        step: &Step,
    ) -> Result<Result<Upid, Error>, StepError> {
        let Step::Clone { template, volumes, full, storage, pool, description, moved, .. } = step
        else {
            return Err(self.refused("is not cloned by this step"));
        };
        self.check_template(*template, volumes)?;
        let mark = Mark {
            vmid: Some(vmid.get()),
            uuid: String::new(),
            stage: Stage::Clone,
            ..self.plan.mark.clone()
        };
        let kind = match full {
            true => CloneKind::Full { storage: storage.clone(), format: None },
            false => CloneKind::Linked,
        };
        let request = CloneRequest {
            name: Some(self.plan.name.clone()),
            description: Some(mark.write_into(description.as_deref().unwrap_or_default())),
            pool: pool.clone(),
            kind,
            ..CloneRequest::linked(vmid)
        };
        self.mark = mark;
        self.moved.extend(moved.clone());
        Ok(self.runner.client.clone_vm(self.node(), *template, &request))
    }

    /// Checks that a template still has the volumes that it had when the clone was planned.
    fn check_template(
        &self,
        template: Vmid,
        volumes: &BTreeMap<String, String>,
    ) -> Result<(), StepError> {
        let client = self.runner.client;
        let config = read_retrying(|| client.vm_config(self.node(), template, ConfigView::Current))
            .map_err(|error| StepError::unsent(finding::of_error(self.place(), &error)))?;
        let has = |slot: &str| {
            let key = ConfigKey::find(slot)?;
            Parts::read(key.key, config.get(slot)?).get("file").map(str::to_owned)
        };
        if volumes.iter().all(|(slot, volume)| has(slot).as_ref() == Some(volume)) {
            return Ok(());
        }
        let fact = format!(
            "template {template} of \"{}\" has other disks than when it was planned",
            self.plan.name
        );
        let entry = Entry::error("template-changed", self.place(), fact);
        Err(StepError::unsent(entry.hint("plan again")))
    }
}
