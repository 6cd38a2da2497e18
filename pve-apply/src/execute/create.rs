//! Creating a VM: the one write whose repetition could make a second VM or take over a foreign one.
//!
//! "Already exists" is never success. After an answer that was lost the vmid is looked at: only a VM
//! with this run's own nonce is the one that we made.

use super::retry::{Failed, backoff, is_refused_for_now, pause};
use super::{Stop, Work};
use crate::ask::{Deadline, ask_patiently};
use crate::mark;
use crate::observed::Config;
use pve_client::{ConfigView, Error, Params, Upid, Vmid};
use stage::Entry;
use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::time::Duration;

/// Tries in all: for locks, for lost answers, and for vmids that somebody else claims first.
const TRIES: u32 = 7;
/// How often a vmid must be found free, this far apart, before a lost create counts as not done:
/// PVE answers 596 after 30 s at the latest while a worker may still be about to start.
const ABSENT_LOOKS: u32 = 4;
const LOOK_PAUSE: Duration = Duration::from_millis(500);
/// After so many looks the user is told what keeps us: ten seconds.
const LOOKS_UNTIL_TOLD: u32 = 20;

/// What stands at a vmid after a create whose outcome is not known.
enum AtVmid {
    /// The VM that we made.
    Ours,
    /// Something else.
    Other,
    /// Nothing, surely.
    Nothing,
    /// Something that is still being made when the time is over.
    Unfinished,
    /// It could not be found out.
    Unknown(Box<Error>),
}

impl Work<'_> {
    /// Makes the VM, and knows afterwards that it is the one.
    pub(super) fn create(&mut self, params: &BTreeMap<String, String>) -> Result<(), Stop> {
        let params: Params = params.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        let mut maybe = false;
        let mut attempt = 0;
        loop {
            attempt += 1;
            let (error, unknown) = match self.claim(&params) {
                Ok(()) => return self.made(),
                Err(failed) => failed,
            };
            maybe |= unknown;
            let last = attempt == TRIES || self.runner.interrupt.is_asked();
            let still_runs = matches!(error, Error::TaskStillRuns { .. });
            let stop =
                |error, maybe| Failed::Pve { error: Box::new(error), maybe, goes_on: still_runs };
            let Some(vmid) = self.vmid.filter(|_| !still_runs) else {
                return Err(self.stop("creating", stop(error, maybe)));
            };
            if error.is_already_exists() || unknown {
                match self.settle(vmid) {
                    AtVmid::Ours => return self.made(),
                    AtVmid::Nothing if !last => {}
                    AtVmid::Other if self.plan.vmid.is_none() && !last => self.vmid = None,
                    AtVmid::Other => return Err(self.taken(maybe)),
                    AtVmid::Nothing => return Err(self.stop("creating", stop(error, false))),
                    AtVmid::Unfinished => return Err(self.unfinished()),
                    AtVmid::Unknown(error) => {
                        let failed = Failed::Pve { error, maybe: true, goes_on: true };
                        return Err(self.stop("creating", failed));
                    }
                }
            } else if !is_refused_for_now(&error) || last {
                return Err(self.stop("creating", stop(error, maybe)));
            }
            self.tell("retry", "creating, once more", None);
            pause(backoff(attempt));
        }
    }

    /// Claims the vmid by the create itself, and waits for its task. With an error comes whether the
    /// VM may be there, or may yet come.
    fn claim(&mut self, params: &Params) -> Result<(), (Error, bool)> {
        let sent = |error: Error| {
            let unknown = error.is_outcome_unknown();
            (error, unknown)
        };
        let upid = self.send_create(params).map_err(sent)?;
        // A task that cannot be asked any more may still be at work.
        self.wait(&upid).map_err(|error| {
            let over = matches!(error, Error::TaskFailed(_));
            (error, !over)
        })
    }

    fn send_create(&mut self, params: &Params) -> Result<Upid, Error> {
        let (client, node) = (self.runner.client, &self.plan.node);
        if let Some(vmid) = self.vmid {
            return client.create_vm(node, vmid, params);
        }
        // PVE: facts 32: a free vmid is not reserved. Our own workers ask one after the other.
        let _turn = self.runner.next_id.lock().unwrap_or_else(PoisonError::into_inner);
        let vmid = ask_patiently(|| self.free_vmid())?;
        self.vmid = Some(vmid);
        client.create_vm(node, vmid, params)
    }

    /// The lowest free vmid that the document does not fix for another VM.
    fn free_vmid(&self) -> Result<Vmid, Error> {
        let client = self.runner.client;
        let mut vmid = client.next_id()?;
        // A document fixes each vmid once, so the loop ends after as many steps as it has VMs.
        while self.runner.reserved.contains(&vmid.get()) {
            vmid = self.free_vmid_above(vmid)?;
        }
        Ok(vmid)
    }

    fn free_vmid_above(&self, vmid: Vmid) -> Result<Vmid, Error> {
        let mut next = vmid;
        loop {
            match Vmid::new(u64::from(next.get()) + 1) {
                Ok(above) => next = above,
                // Past the highest vmid there is none: PVE's own answer is as good as any.
                Err(_) => return self.runner.client.next_id(),
            }
            if self.runner.reserved.contains(&next.get()) || self.runner.client.is_free(next)? {
                return Ok(next);
            }
        }
    }

    /// The create is done: the VM must carry this run's nonce.
    fn made(&mut self) -> Result<(), Stop> {
        self.guard().map(|_| ()).map_err(|stop| Stop { maybe: true, ..stop })
    }

    /// Looks at the vmid until it is clear what stands there.
    fn settle(&self, vmid: Vmid) -> AtVmid {
        let client = self.runner.client;
        let mut free = 0;
        let mut looks = 0u32;
        let deadline = Deadline::after(self.runner.task_limit);
        loop {
            let node = &self.plan.node;
            match ask_patiently(|| client.vm_config(node, vmid, ConfigView::Current)) {
                Ok(config) => {
                    let pairs = config.values.iter().map(|(k, v)| (k.as_str(), v.as_str()));
                    let seen = Config::settled(pairs);
                    // The lock is ours or another's: who made it stands there when the create is over.
                    if !seen.is_being_created() {
                        let text = |key| config.get(key).unwrap_or_default();
                        let found = mark::of_vm(text("tags"), text("description"));
                        let ours = found.is_some_and(|mark| {
                            mark.same_vm(&self.plan.mark) && mark.run == self.plan.mark.run
                        });
                        return if ours { AtVmid::Ours } else { AtVmid::Other };
                    }
                    free = 0;
                }
                Err(error) if error.is_not_there() || error.is_permission() => {
                    match ask_patiently(|| client.is_free(vmid)) {
                        Ok(true) => free += 1,
                        // Taken, and the token may not look: not ours, for ours it may.
                        Ok(false) if error.is_permission() => return AtVmid::Other,
                        Ok(false) => free = 0,
                        Err(error) => return AtVmid::Unknown(Box::new(error)),
                    }
                }
                Err(error) => return AtVmid::Unknown(Box::new(error)),
            }
            looks += 1;
            if free >= ABSENT_LOOKS {
                return AtVmid::Nothing;
            }
            if deadline.is_over() {
                return AtVmid::Unfinished;
            }
            if looks == LOOKS_UNTIL_TOLD {
                self.tell("wait", "waiting for the create whose answer was lost", None);
            }
            pause(LOOK_PAUSE);
        }
    }

    fn unfinished(&self) -> Stop {
        let fact =
            format!("the create of \"{}\", whose answer was lost, is not over yet", self.plan.name);
        let entry = Entry::error(self.place(), fact).hint("run again: it is waited for then");
        Stop { goes_on: true, ..Stop::after(entry) }
    }

    fn taken(&self, maybe: bool) -> Stop {
        let fact =
            format!("the vmid of \"{}\" was taken by something that is not ours", self.plan.name);
        let entry =
            Entry::error(self.place(), fact).hint("give the VM another `vmid`, and plan again");
        Stop { maybe, ..Stop::before(entry) }
    }
}
