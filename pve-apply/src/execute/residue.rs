//! Removes an unfinished clone that an earlier run has left, so that the VM can be created anew.

use super::{StepError, Work};
use crate::action::Step;
use crate::execute::guard::Guarded;
use crate::read::read_retrying;
use pve_client::Vmid;
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
        residue.untouched = false;
        if !residue.is_gone(*vmid) {
            let digest = digest.as_deref();
            let removed = residue.destroy(true, |work| work.guard_residue(*vmid, digest));
            removed.or_else(|failure| residue.is_removed_by_another(*vmid, failure))?;
        }
        self.runner.vmids.release(*vmid);
        Ok(())
    }

    /// Two runs may remove one unfinished clone at once: then PVE refuses one of them.
    fn is_removed_by_another(&self, vmid: Vmid, failure: StepError) -> Result<(), StepError> {
        match self.guard() {
            _ if failure.yielded => Err(failure),
            Err(met) if met.yielded => Err(met),
            Err(_) if self.is_gone(vmid) => Ok(()),
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
