//! Creates a VM: the one write that, repeated, could create a second VM or take over a foreign one.
//!
//! "Already exists" is never success. Whatever the answer, the vmid is read: only a VM with
//! this run's own nonce is the one that we created. The vmid is the mutex between two runs of one
//! deployment: both try the same ones in the same order, and PVE lets one create of each through.

use super::fence::{DEATH_CHECK_EVERY, FIRST_DEATH_CHECK};
use super::persistence::is_refused_for_now;
use super::retry::{WriteError, backoff};
use super::{StepError, Work};
use crate::action::Step;
use crate::blocked::way_out_of_lock;
use crate::mark::{Mark, Owner, Stage, owner};
use crate::observed::is_locked_by_creation;
use crate::read::read_retrying;
use pve_client::{ConfigView, Error, GuestKind, KILLED, Params, Upid, Vmid};
use pve_stage::wait::{Deadline, Poll, WaitError};
use pve_stage::{finding, uuid};
use stage::Entry;
use std::collections::BTreeMap;
use std::time::Duration;

/// Total tries, for locks and lost answers. A vmid that somebody else holds does not count.
const TRIES: u32 = 7;
/// How often a vmid must be free, this far apart, before a lost create counts as not done:
/// PVE answers 596 after 30 s at the latest while a worker may still be about to start.
const ABSENT_READS: u32 = 4;
const READ_PAUSE: Duration = Duration::from_millis(500);
/// After this many reads, ten seconds, the user learns what we wait for.
const READS_BEFORE_PROGRESS: u32 = 20;

/// How a VM is created.
#[derive(Clone, Copy)]
pub(super) enum Making<'s> {
    /// From images, with these parameters.
    Import(&'s BTreeMap<String, String>),
    /// By a step that clones a template.
    Clone(&'s Step),
}

impl Making<'_> {
    /// Returns what it is, for people.
    fn doing(self) -> &'static str {
        match self {
            Self::Import(_) => "creating",
            Self::Clone(_) => "cloning",
        }
    }
}

/// What a vmid holds after a create that was refused or whose outcome is unknown.
enum Occupant {
    /// The VM of that name, created by this run or by another one of this deployment.
    Ours,
    /// The VM of that name on another node, or one of another name at a vmid that the document fixes: another
    /// run of this deployment, with another document, created it.
    OursOtherwise,
    /// Something else.
    Other,
    /// Certainly nothing.
    Nothing,
    /// What a create or a clone has left that was killed.
    Dead,
    /// Something that is still being created when the time is up or the user ends the wait.
    Unfinished,
    /// Nothing so far when the time is up or the user ends the wait: it may still appear.
    NothingYet,
}

impl Work<'_> {
    /// Creates the VM and makes sure afterwards that it is ours.
    pub(super) fn create(&mut self, making: Making<'_>) -> Result<(), StepError> {
        let uuid = uuid::new()
            .map_err(|entry| StepError::unsent(Entry { place: self.place(), ..entry }))?;
        let mut uncertain = false;
        let mut attempt = 1;
        loop {
            let vmid = self.claim()?;
            let (error, unknown) = match self.send(&making, vmid, &uuid)? {
                Ok(()) => return self.made(),
                Err(failed) => failed,
            };
            uncertain |= unknown;
            let last = attempt == TRIES || self.runner.interrupt.is_stopping();
            let still_running = matches!(error, Error::TaskStillRuns { .. });
            let failure = |error, uncertain| WriteError::Pve {
                error: Box::new(error),
                uncertain,
                still_running,
            };
            if still_running {
                return Err(self.step_error(making.doing(), failure(error, uncertain)));
            }
            // PVE: facts-4, 31: while another create holds the vmid, ours cannot lock the config file.
            if error.already_exists() || error.is_lock_timeout() || unknown {
                match self.settle(vmid) {
                    Ok(Occupant::Ours) => return self.made(),
                    Ok(Occupant::OursOtherwise) => return Err(self.yielded(vmid)),
                    Ok(Occupant::Nothing) if !last => {}
                    // The search continues to the end of the range.
                    Ok(Occupant::Other | Occupant::Dead) if self.plan.vmid.is_none() => {
                        self.vmid = None;
                        continue;
                    }
                    Ok(Occupant::Other) => return Err(self.taken(uncertain, &error)),
                    Ok(Occupant::Dead) => return Err(self.dead(vmid)),
                    Ok(Occupant::Nothing) => {
                        return Err(self.step_error(making.doing(), failure(error, false)));
                    }
                    Ok(Occupant::NothingYet) => {
                        return Err(self.step_error(making.doing(), failure(error, uncertain)));
                    }
                    Ok(Occupant::Unfinished) => return Err(self.unfinished(uncertain)),
                    Err(error) => {
                        let error = Box::new(error);
                        let failed =
                            WriteError::Pve { error, uncertain: true, still_running: true };
                        return Err(self.step_error(making.doing(), failed));
                    }
                }
            } else if !is_refused_for_now(&error) || last || !self.runner.waits_for_quorum(&error) {
                self.runner.note_quorum(&error);
                return Err(self.failed_create(making, vmid, (error, uncertain)));
            }
            self.event("retry", &format!("{} again", making.doing()), None);
            self.rest(backoff(attempt));
            attempt += 1;
        }
    }

    /// Returns this VM's vmid: the plan's, or the first of the range that is not known to be taken.
    fn claim(&mut self) -> Result<Vmid, StepError> {
        if let Some(vmid) = self.vmid {
            self.runner.vmids.claim(vmid);
            return Ok(vmid);
        }
        let Some(vmid) = self.runner.vmids.next(self.plan.candidate) else {
            let entry =
                Entry::error("no-vmid-left", self.place(), "every vmid of the range is in use");
            let hint = "widen `defaults.vmid_range` in site.yaml, or give the VM a `vmid`";
            return Err(StepError::unsent(entry.hint(hint)));
        };
        self.vmid = Some(vmid);
        Ok(vmid)
    }

    /// Sends the create and waits for its task. An inner error includes whether the VM may exist, or
    /// may still appear.
    fn send(
        &mut self,
        making: &Making<'_>,
        vmid: Vmid,
        uuid: &str,
    ) -> Result<Result<(), (Error, bool)>, StepError> {
        let sent = match making {
            Making::Import(params) => self.send_create(vmid, params, uuid),
            Making::Clone(step) => {
                self.new_uuid = Some(uuid.to_owned());
                self.send_clone(vmid, step)?
            }
        };
        let upid = match sent {
            Ok(upid) => upid,
            Err(error) => {
                let unknown = error.is_outcome_unknown();
                return Ok(Err((error, unknown)));
            }
        };
        // A task that cannot be asked any more may still be at work.
        Ok(self.wait(&upid).map_err(|error| {
            let over = matches!(error, Error::TaskFailed(_));
            (error, !over)
        }))
    }

    fn send_create(
        &mut self,
        vmid: Vmid,
        params: &BTreeMap<String, String>,
        uuid: &str,
    ) -> Result<Upid, Error> {
        let mark = Mark {
            vmid: Some(vmid.get()),
            uuid: uuid.to_owned(),
            stage: Stage::Making,
            ..self.plan.mark.filled_in(|_| None)
        };
        let people = params.get("description").map(String::as_str).unwrap_or_default();
        let own = [("description", mark.write_into(people)), ("smbios1", smbios1(params, uuid))];
        let params = params.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        let params = params.filter(|(key, _)| own.iter().all(|(own, _)| own != key));
        let params: Params = params.chain(own.iter().map(|(k, v)| (*k, v.as_str()))).collect();
        self.mark = mark;
        self.runner.client.create_vm(self.node(), vmid, &params)
    }

    /// Checks a finished create: it was ours only when the VM carries this run's nonce.
    fn made(&mut self) -> Result<(), StepError> {
        self.guard()
            .map(|_| ())
            .map_err(|failure| StepError { uncertain: !failure.yielded, ..failure })
    }

    /// Reads the vmid until it is clear what it holds.
    fn settle(&mut self, vmid: Vmid) -> Result<Occupant, Error> {
        let what = format!("the create under way at vmid {vmid}");
        let deadline = Deadline::after(self.runner.task_limit);
        let (mut free, mut rounds) = (0, 0u32);
        let end = self.wait_until(&what, &deadline, (READ_PAUSE, READ_PAUSE), |work| {
            match work.look_at(vmid)? {
                None => free = 0,
                Some(Occupant::Nothing) => free += 1,
                Some(occupant) => return Ok(Poll::Ready(occupant)),
            }
            rounds += 1;
            if free >= ABSENT_READS {
                return Ok(Poll::Ready(Occupant::Nothing));
            }
            let asks = free == 0 && rounds % DEATH_CHECK_EVERY == FIRST_DEATH_CHECK;
            // After an error the next look decides.
            if asks && matches!(work.has_died(&work.node, vmid), Ok(true)) {
                return Ok(Poll::Ready(Occupant::Dead));
            }
            if rounds == READS_BEFORE_PROGRESS {
                work.event("wait", &format!("waiting for {what}"), None);
            }
            let last = if free == 0 { "the vmid is in use" } else { "the vmid is free" };
            Ok(Poll::NotYet(last.to_owned()))
        });
        end.or_else(|error| match error {
            WaitError::Never(error) => Err(error),
            WaitError::TimedOut(_) | WaitError::Interrupted(_) if free == 0 => {
                Ok(Occupant::Unfinished)
            }
            WaitError::TimedOut(_) | WaitError::Interrupted(_) => Ok(Occupant::NothingYet),
        })
    }

    /// Reads once what a vmid holds; `None` while that is not clear.
    fn look_at(&self, vmid: Vmid) -> Result<Option<Occupant>, Error> {
        let (client, node) = (self.runner.client, self.node());
        match read_retrying(|| client.vm_config(node, vmid, ConfigView::Current)) {
            // The lock is ours or another run's: the mark shows whose when the create is over.
            Ok(config) if is_locked_by_creation(&config) => Ok(None),
            Ok(config) => Ok(Some(self.occupant(vmid, |key| config.get(key)))),
            Err(error) if error.is_not_found() || error.is_permission() => {
                match read_retrying(|| client.is_free(vmid))? {
                    true => Ok(Some(Occupant::Nothing)),
                    // Taken, and the token cannot read it: not ours, since it can read ours.
                    false if error.is_permission() => Ok(Some(Occupant::Other)),
                    // The vmid is the whole cluster's.
                    false => self.elsewhere(vmid),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// Reads what a vmid holds on another node; `None` while it is being created, or has just gone.
    fn elsewhere(&self, vmid: Vmid) -> Result<Option<Occupant>, Error> {
        let client = self.runner.client;
        // PVE: facts 31: this list lags, but not for vmids and their nodes.
        let rows = read_retrying(|| client.cluster_resources())?;
        let Some(row) = rows.into_iter().find(|row| row.vmid == vmid) else { return Ok(None) };
        if row.node == self.plan.node {
            return Ok(None);
        }
        if row.kind != GuestKind::Qemu {
            return Ok(Some(Occupant::Other));
        }
        match read_retrying(|| client.vm_config(&row.node, vmid, ConfigView::Current)) {
            Ok(config) if is_locked_by_creation(&config) => Ok(None),
            Ok(config) => Ok(Some(match self.occupant(vmid, |key| config.get(key)) {
                Occupant::Ours => Occupant::OursOtherwise,
                other => other,
            })),
            Err(error) if error.is_not_found() => Ok(None),
            // Unreadable or on an offline node: not created by this run, which can read its own.
            Err(error) if error.is_permission() || error.is_node_unreachable() => {
                Ok(Some(Occupant::Other))
            }
            Err(error) => Err(error),
        }
    }

    fn occupant<'c>(&self, vmid: Vmid, config: impl Fn(&str) -> Option<&'c str>) -> Occupant {
        let planned = &self.plan.mark;
        match owner((&planned.site, &planned.deployment), vmid.get(), config) {
            Owner::Ours(mark) if mark.vm == planned.vm => Occupant::Ours,
            Owner::Ours(_) if self.plan.vmid.is_some() => Occupant::OursOtherwise,
            Owner::Ours(_) | Owner::NotOurs(_) => Occupant::Other,
        }
    }

    fn unfinished(&self, uncertain: bool) -> StepError {
        let vmid = self.vmid.map_or(0, Vmid::get);
        let fact = format!("vmid {vmid}, meant for \"{}\", is still being created", self.plan.name);
        let entry = Entry::error("create-not-over", self.place(), fact)
            .hint("run again: the next run waits for it");
        StepError { still_running: uncertain, uncertain, ..StepError::unsent(entry) }
    }

    /// A create or a clone that PVE gave up, or that was killed: then its lock stays.
    fn failed_create(
        &self,
        making: Making<'_>,
        vmid: Vmid,
        (error, uncertain): (Error, bool),
    ) -> StepError {
        let is_killed =
            matches!(&error, Error::TaskFailed(failure) if failure.exitstatus == KILLED);
        let failed = WriteError::Pve { error: Box::new(error), uncertain, still_running: false };
        let failure = self.step_error(making.doing(), failed);
        if !is_killed {
            return failure;
        }
        let entry = failure.entry.hint(way_out_of_lock(vmid.get()));
        StepError { entry: Box::new(entry), uncertain: true, ..failure }
    }

    fn dead(&self, vmid: Vmid) -> StepError {
        let fact = format!(
            "vmid {vmid}, meant for \"{}\", is left locked by what was killed while it was created",
            self.plan.name
        );
        let entry = Entry::error("create-not-over", self.place(), fact);
        StepError::unsent(entry.hint(way_out_of_lock(vmid.get())))
    }

    fn taken(&self, uncertain: bool, error: &Error) -> StepError {
        let fact =
            format!("the vmid of \"{}\" was taken by something that is not ours", self.plan.name);
        let entry = Entry::error("vmid-taken", self.place(), fact);
        let entry =
            finding::with_pve_details(entry, error).hint("choose another `vmid`, then plan again");
        StepError { uncertain, ..StepError::unsent(entry) }
    }
}

/// Returns the firmware tables' other values, which are kept besides the uuid.
pub(super) fn smbios1(params: &BTreeMap<String, String>, uuid: &str) -> String {
    match params.get("smbios1") {
        Some(given) => format!("{given},uuid={uuid}"),
        None => format!("uuid={uuid}"),
    }
}
