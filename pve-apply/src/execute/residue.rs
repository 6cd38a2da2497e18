//! Removes an unfinished clone that an earlier run has left, so that the VM can be created anew.

use super::{StepError, Work};
use crate::action::Step;
use crate::execute::guard::Guarded;
use crate::read::read_retrying;
use pve_client::{Storage, Vmid};
use pve_stage::finding;

impl Work<'_> {
    /// Removes an unfinished clone of this VM, which an earlier run has left, with the disks in its config.
    pub(super) fn remove_residue(&mut self, step: &Step) -> Result<(), StepError> {
        let Step::Remove { vmid, node, mark, digest } = step else {
            return Err(self.refused("is not removed by this step"));
        };
        // Its mark has the nonce of the run that made it.
        let mut residue = Work {
            vmid: Some(*vmid),
            node: node.clone(),
            mark: (**mark).clone(),
            doing: self.doing,
            ..Work::new(self.runner, self.plan)
        };
        // The planned digest is that of the VM, not of its residue.
        residue.untouched.set(false);
        if !residue.is_gone(*vmid).unwrap_or(false) {
            let digest = digest.as_deref();
            let removed = residue.destroy(true, |work| work.guard_residue(*vmid, digest));
            removed.or_else(|failure| residue.is_removed_by_another(*vmid, failure))?;
        }
        self.warnings.borrow_mut().append(&mut residue.warnings.borrow_mut());
        self.runner.vmids.release(*vmid);
        Ok(())
    }

    /// Warns of volumes that nothing refers to any more: what was being copied when a task was killed is in no
    /// config. They are left alone, because the vmid may have had another VM, or on a shared storage have
    /// one of another cluster.
    // PVE: facts-4, 28 and 36; 37: what the token cannot see is not listed.
    pub(super) fn report_orphans(&self, vmid: Vmid) {
        let (client, node) = (self.runner.client, self.node());
        let holds_disks =
            |storage: &Storage| storage.enabled && storage.active && storage.has_content("images");
        let storages = read_retrying(|| client.storages(node)).unwrap_or_default();
        let mut left = Vec::new();
        for storage in storages.into_iter().filter(holds_disks).map(|storage| storage.storage) {
            let content = read_retrying(|| client.storage_content(node, &storage, Some("images")));
            let content = content.unwrap_or_default().into_iter();
            let of_vm = content.filter(|volume| volume.vmid == Some(vmid));
            left.extend(of_vm.map(|volume| volume.volid.to_string()));
        }
        // A VM that has been created at the vmid since has volumes, too.
        if left.is_empty() || !self.is_vacant(vmid).unwrap_or(false) {
            return;
        }
        let text = format!(
            "no VM has the volumes {} of vmid {vmid} any more: if nobody needs them, `pvesm free VOLUME` on node \
             {node} removes them",
            left.join(", ")
        );
        self.event("warning", &text, None);
        self.warnings.borrow_mut().push(text);
    }

    /// Two runs may remove one unfinished clone at once: then PVE refuses one of them.
    fn is_removed_by_another(&self, vmid: Vmid, failure: StepError) -> Result<(), StepError> {
        match self.guard() {
            _ if failure.yielded => Err(failure),
            // The VM that another run has created there does not undo the removal.
            Err(met) if met.yielded => Err(StepError { uncertain: failure.uncertain, ..met }),
            Err(_) if self.is_gone(vmid).unwrap_or(false) => Ok(()),
            _ => Err(failure),
        }
    }

    /// Checks that nothing has happened to an unfinished clone since the plan: nobody has started it, and
    /// no run works on it.
    fn guard_residue(&self, vmid: Vmid, digest: Option<&str>) -> Result<Guarded, StepError> {
        let seen = self.guard()?;
        if seen.digest().map(ToString::to_string).as_deref() != digest {
            return Err(self.changed(vmid, &seen.config));
        }
        if !self.mark.is_unfinished_clone() {
            return Err(self.refused("is not an unfinished clone"));
        }
        let client = self.runner.client;
        let status = read_retrying(|| client.vm_status(self.node(), vmid))
            .map_err(|error| StepError::unsent(finding::of_error(self.place(), &error)))?;
        if status.is_running() {
            return Err(
                self.refused("has been started since it was planned; nothing was done to it")
            );
        }
        Ok(seen)
    }
}
