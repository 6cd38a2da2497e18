//! The guard: reads a VM's config at this moment and lets a write pass only when the VM is ours and,
//! at the first write, as it was planned against.

use super::{Stop, Work};
use crate::action::Action;
use crate::ask::ask_patiently;
use crate::mark;
use pve_client::{ConfigView, Digest, Error, VmConfig, Vmid};
use pve_stage::finding;
use stage::Entry;

/// What the guard has seen: the write that follows sends this digest.
pub(super) struct Guarded {
    pub(super) vmid: Vmid,
    pub(super) config: VmConfig,
}

impl Guarded {
    pub(super) fn digest(&self) -> Option<&Digest> {
        self.config.digest.as_ref()
    }
}

impl Work<'_> {
    /// Reads the config and checks mark and digest.
    pub(super) fn guard(&self) -> Result<Guarded, Stop> {
        let Some(vmid) = self.vmid else {
            return Err(self.refused("has no vmid: its create has not been carried out"));
        };
        let client = self.runner.client;
        let config = ask_patiently(|| client.vm_config(&self.plan.node, vmid, ConfigView::Pending))
            .map_err(|error| self.unread(&error))?;
        self.check_mark(&config)?;
        if self.untouched
            && self.plan.planned_digest() != config.digest
            && self.plan.action != Action::Create
        {
            let stop = self.refused("has changed since it was planned; nothing was done to it");
            let entry = Box::new(stop.entry.hint("plan again and look at what differs"));
            return Err(Stop { entry, ..stop });
        }
        Ok(Guarded { vmid, config })
    }

    /// The config could not be read, so nothing was sent.
    fn unread(&self, error: &Error) -> Stop {
        if !error.is_not_there() {
            return Stop::before(finding::of_error(self.place(), error));
        }
        let fact =
            format!("\"{}\" is gone from this node, or has moved to another", self.plan.name);
        let entry = finding::says(Entry::error(self.place(), fact), error);
        Stop::before(entry.hint("plan again and look at what differs"))
    }

    fn check_mark(&self, config: &VmConfig) -> Result<(), Stop> {
        let text = |key| config.get(key).unwrap_or_default();
        let found = mark::of_vm(text("tags"), text("description"));
        let planned = &self.plan.mark;
        match (self.plan.action, found) {
            // The VM that we have just made carries this run's own nonce.
            (Action::Create, Some(mark)) if mark.same_vm(planned) && mark.run == planned.run => {
                Ok(())
            }
            (Action::Change | Action::Destroy | Action::Power, Some(mark))
                if mark.same_vm(planned) =>
            {
                Ok(())
            }
            // What is adopted carries no mark yet; the digest tells that it is what was shown.
            (Action::Adopt, None) => Ok(()),
            (_, None) => Err(self.refused("is not ours: it does not carry our mark")),
            (_, Some(mark)) => {
                let fact = format!("is \"{}\" of deployment \"{}\"", mark.vm, mark.deployment);
                Err(self.refused(&fact))
            }
        }
    }

    /// A refusal of our own: nothing was sent.
    pub(super) fn refused(&self, fact: &str) -> Stop {
        let fact = format!("the VM at the place of \"{}\" {fact}", self.plan.name);
        Stop::before(Entry::error(self.place(), fact))
    }
}
