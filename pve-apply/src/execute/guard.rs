//! Right before a change, reads who owns the VM, whether it is as planned and whether it runs.

use super::{StepError, Work};
use crate::action::Action;
use crate::mark::{Mark, Owner, owner};
use crate::observed::Power;
use crate::read::read_retrying;
use machine::{ConfigKey, Parts};
use pve_client::{ConfigView, Digest, Error, VmConfig, Vmid};
use pve_stage::finding;
use stage::{Entry, Gather as _};
use std::collections::BTreeMap;

/// The guard's result: the write that follows sends this digest.
pub(super) struct Guarded {
    pub(super) vmid: Vmid,
    pub(super) config: VmConfig,
}

impl Guarded {
    pub(super) fn digest(&self) -> Option<&Digest> {
        self.config.digest.as_ref()
    }

    /// The description with a mark that replaces the old one.
    pub(super) fn description_with(&self, mark: &Mark) -> String {
        mark.write_into(self.config.get("description").unwrap_or_default())
    }
}

const PLAN_AGAIN: &str = "plan again and look at what differs";

impl Work<'_> {
    /// Reads the config and checks the owner; before the first change also the digest and the power.
    pub(super) fn guard(&self) -> Result<Guarded, StepError> {
        let Some(vmid) = self.vmid else {
            return Err(self.refused("has no vmid: it has not been created"));
        };
        let client = self.runner.client;
        let config = read_retrying(|| client.vm_config(self.node(), vmid, ConfigView::Pending))
            .map_err(|error| self.unread(&error))?;
        self.check_owner(vmid, &config)?;
        if self.untouched.get() && self.plan.action != Action::Create {
            if self.plan.planned_digest() != config.digest {
                return Err(self.changed(vmid, &config));
            }
            self.check_power(vmid)?;
            self.planned.get_or_init(|| config.clone());
        }
        Ok(Guarded { vmid, config })
    }

    /// The VM could not be read, so nothing was sent.
    pub(super) fn unread(&self, error: &Error) -> StepError {
        if !error.is_not_found() {
            return StepError::unsent(finding::of_error(self.place(), error));
        }
        let fact = format!(
            "\"{}\" no longer exists on this node, or has moved to another",
            self.plan.name
        );
        let entry = finding::with_pve_details(Entry::error("moved", self.place(), fact), error);
        StepError::unsent(entry.hint(PLAN_AGAIN))
    }

    fn check_owner(&self, vmid: Vmid, config: &VmConfig) -> Result<(), StepError> {
        let expected = &self.mark;
        let of = (expected.site.as_str(), expected.deployment.as_str());
        let found = match owner(of, vmid.get(), |key| config.get(key)) {
            // What is adopted is not ours yet; the digest proves that it is what was shown.
            Owner::NotOurs(_) if self.plan.action == Action::Adopt => return Ok(()),
            Owner::NotOurs(not_ours) => {
                return Err(self.refused(&format!("is {}", not_ours.text())));
            }
            Owner::Ours(found) => found,
        };
        match self.plan.action {
            Action::Create if !found.same_vm(expected) => {}
            // The VM that we have just created carries this run's own nonce.
            Action::Create if found.run != expected.run => return Err(self.yielded(vmid)),
            Action::Create => return Ok(()),
            // Its mark says what that run has written: ours would take it back from the record.
            // A write of ours whose answer was lost has this run's nonce.
            Action::Change if ![&expected.run, self.runner.run].contains(&found.run.as_str()) => {
                return Err(self.yielded(vmid));
            }
            Action::Change | Action::Destroy | Action::Power | Action::Release
                if found.same_machine(expected) =>
            {
                return Ok(());
            }
            // It has another name since the plan.
            _ if found.is_at(expected) => return Err(self.yielded(vmid)),
            _ => {}
        }
        Err(self.refused(&format!("is \"{}\" of deployment \"{}\"", found.vm, found.deployment)))
    }

    /// Refuses a VM that another run or a person has changed since the plan.
    pub(super) fn changed(&self, vmid: Vmid, config: &VmConfig) -> StepError {
        let of = (self.mark.site.as_str(), self.mark.deployment.as_str());
        let now = owner(of, vmid.get(), |key| config.get(key));
        if matches!(&now, Owner::Ours(mark) if mark.run != self.mark.run) {
            return self.yielded(vmid);
        }
        let failure = self.refused("has changed since it was planned; nothing was done to it");
        StepError { entry: Box::new(failure.entry.hint(PLAN_AGAIN)), ..failure }
    }

    /// Checks that a key still has the value that was planned for. The digest proves that for the first step only:
    /// while a guest shuts down or a disk moves, people go on working.
    pub(super) fn check_as_planned(&self, key: &str, config: &VmConfig) -> Result<(), StepError> {
        let Some(planned) = self.planned.get() else { return Ok(()) };
        // PVE: facts-4, 46: PVE removes a deleted drive from the boot order by itself.
        if key == "boot" || self.sent.contains_key(key) {
            return Ok(());
        }
        let (was, is) = (planned.get(key), config.get(key));
        let is_same = match ConfigKey::find(key).filter(|_| self.moved.contains_key(key)) {
            Some(row) => without_place(row, was) == without_place(row, is),
            None => was == is,
        };
        if is_same {
            return Ok(());
        }
        let fact = format!("has another `{key}` than planned; it is left as it is");
        let failure = self.refused(&fact);
        Err(StepError { entry: Box::new(failure.entry.hint(PLAN_AGAIN)), ..failure })
    }

    /// Checks the power state: a running VM takes other changes than a stopped one.
    fn check_power(&self, vmid: Vmid) -> Result<(), StepError> {
        let Some(planned) = self.plan.power else { return Ok(()) };
        let client = self.runner.client;
        let status = read_retrying(|| client.vm_status(self.node(), vmid))
            .map_err(|error| StepError::unsent(finding::of_error(self.place(), &error)))?;
        let word = match (planned, status.is_running()) {
            (Power::Stopped, true) => "started",
            (Power::Running, false) => "stopped",
            _ => return Ok(()),
        };
        let failure =
            self.refused(&format!("has been {word} since it was planned; nothing was done to it"));
        Err(StepError { entry: Box::new(failure.entry.hint(PLAN_AGAIN)), ..failure })
    }

    /// Another run of this deployment has created the VM, or written to it, since the plan.
    pub(super) fn yielded(&self, vmid: Vmid) -> StepError {
        let fact = format!(
            "another run of this deployment is working on \"{}\" (vmid {vmid})",
            self.plan.name
        );
        let entry = Entry::error("another-run", self.place(), fact)
            .hint("run again when the other run has finished");
        StepError { yielded: true, ..StepError::unsent(entry) }
    }

    /// A refusal of our own: nothing was sent.
    pub(super) fn refused(&self, fact: &str) -> StepError {
        let fact = format!("the VM in the place of \"{}\" {fact}", self.plan.name);
        StepError::unsent(Entry::error("not-ours", self.place(), fact))
    }
}

/// Returns a drive's options in a fixed order, without its volume and size, which a move or a resize changes.
fn without_place(row: ConfigKey, text: Option<&str>) -> Option<BTreeMap<String, String>> {
    let parts = Parts::read(row.key, text?);
    let others = parts.iter().filter(|(name, _)| !["file", "size"].contains(name));
    Some(others.map(|(name, value)| (name.to_owned(), value.to_owned())).gather())
}
