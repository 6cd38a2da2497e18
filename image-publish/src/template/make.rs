//! DOOR: makes one template by two writes, or finishes one that is half made.
//!
//! "Already exists" is never success, and neither is a task that ended well: only the config with our mark is. The
//! vmid is the mutex between two runs: both try the same ones in the same order, and PVE lets one create of each
//! through; the other one waits for it and uses the template.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use pve_client::{Error, KILLED, Params, Upid, Vmid};
use pve_stage::finding;
use pve_stage::image_template::{DISK, ImageMark};
use pve_stage::mark_line::TAG;
use pve_stage::uuid;
use stage::{Entry, Place};

use super::find::read;
use super::found::TemplateState;
use super::plan::{Context, RANGE_HINT, Step};
use super::reading::retrying;
use super::settle::{Occupant, left_locked, settle};
use super::wanted::{Content, WantedTemplate};
use crate::failed_write::FailedWrite;
use crate::interrupt;
use crate::node::Node;
use crate::published::Failed;
use crate::work::{Work, pause};

/// The total number of tries of a write. A vmid that something else holds does not count.
const TRIES: u32 = 6;

/// What one template is made with.
pub(super) struct Maker<'a> {
    pub(super) work: &'a Work<'a>,
    /// Its node.
    pub(super) node: &'a Node,
    pub(super) context: &'a Context<'a>,
    pub(super) wanted: &'a WantedTemplate,
    /// The vmids known to be taken; shared by the whole run.
    pub(super) taken: &'a Mutex<BTreeSet<Vmid>>,
}

impl Maker<'_> {
    /// Carries out a step and returns the template's vmid; `None` if there is none to be.
    pub(super) fn carry_out(&self, step: &Step) -> Result<Option<Vmid>, Failed> {
        match step {
            Step::Keep(vmid) => Ok(Some(*vmid)),
            Step::Without(_) => Ok(None),
            Step::Finish(vmid, content) => self.finish(*vmid, content).map(|()| Some(*vmid)),
            Step::Make(content) => {
                let vmid = self.create(content)?;
                let changed = |failed: Failed| Failed { left: true, ..failed };
                self.finish(vmid, content).map_err(changed)?;
                Ok(Some(vmid))
            }
        }
    }

    /// Creates the VM, or finds the one that another run has created; returns its vmid.
    fn create(&self, content: &Content) -> Result<Vmid, Failed> {
        let mut vmid = self.claim(content)?;
        let mut attempt = 1;
        loop {
            self.check_not_interrupted(vmid)?;
            match attempt {
                1 => {
                    let text = format!("creating template {vmid} on {}", self.wanted.storage);
                    self.tell("step", &text);
                }
                _ => self.tell("retry", &format!("creating template {vmid} again")),
            }
            let failed = match self.send_create(vmid, content)? {
                Ok(()) => return Ok(vmid),
                Err(failed) => failed,
            };
            if !may_hold_something(&failed.error) {
                return Err(self.failed(vmid, &failed));
            }
            let settled = settle(self.work, self.node, vmid, &self.wanted.image);
            let unread = |error: Error| Failed { left: true, ..self.failed(vmid, &error.into()) };
            match settled.map_err(unread)? {
                Occupant::Template(found)
                    if self.context.is_wanted(&found, self.wanted, content) =>
                {
                    return Ok(vmid);
                }
                Occupant::Nothing if attempt < TRIES => {
                    pause(attempt);
                    attempt += 1;
                }
                Occupant::Nothing => {
                    return Err(Failed { left: false, ..self.failed(vmid, &failed) });
                }
                Occupant::Unfinished => {
                    return Err(Failed { left: true, ..self.failed(vmid, &failed) });
                }
                Occupant::Dead => {
                    let entry = left_locked(&self.node.node, vmid);
                    let hint = entry.hint.unwrap_or_default();
                    self.tell("warning", &format!("VM {vmid}: {}: {hint}", entry.fact));
                    (vmid, attempt) = (self.claim(content)?, 1);
                }
                Occupant::Template(_) | Occupant::Other => {
                    (vmid, attempt) = (self.claim(content)?, 1);
                }
            }
        }
    }

    /// Claims the first vmid of the walk that is not known to be taken.
    fn claim(&self, content: &Content) -> Result<Vmid, Failed> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let free = self.context.walk(self.wanted, content).find(|vmid| !taken.contains(vmid));
        let Some(vmid) = free else {
            let fact = format!("every vmid of {} is in use", self.context.range);
            let entry = Entry::error("no-vmid-left", self.node.place(), fact);
            return Err(entry.hint(RANGE_HINT).into());
        };
        taken.insert(vmid);
        Ok(vmid)
    }

    /// Sends the create and waits for its task.
    fn send_create(
        &self,
        vmid: Vmid,
        content: &Content,
    ) -> Result<Result<(), FailedWrite>, Failed> {
        let storage = &self.wanted.storage;
        let uuid = uuid::new().map_err(|entry| Entry { place: self.place(vmid), ..entry })?;
        let mark = ImageMark {
            site: self.context.site.to_owned(),
            image: self.wanted.image.clone(),
            digest: content.digest.clone(),
            node: self.wanted.node.to_string(),
            storage: storage.to_string(),
            vmid: vmid.get(),
            uuid: uuid.clone(),
        };
        let params = Params::new()
            .with("name", content.template_name(&self.wanted.image))
            .with("tags", TAG)
            .with("description", &mark)
            .with("smbios1", format!("uuid={uuid}"))
            .with(DISK, format!("{storage}:0,import-from={}", content.volid))
            .with("boot", format!("order={DISK}"));
        let created = self.node.client.create_vm(&self.node.node, vmid, &params);
        Ok(created.map_err(FailedWrite::from).and_then(|upid| self.wait(&upid)))
    }

    /// Makes a template of a VM whose disk is the image, until PVE can link to it.
    fn finish(&self, vmid: Vmid, content: &Content) -> Result<(), Failed> {
        let (mut attempt, mut last, mut sent) = (0, None, false);
        let failed = |failed: &FailedWrite, left| Failed { left, ..self.failed(vmid, failed) };
        loop {
            let found = retrying(|| read(&self.node.client, &self.node.node, vmid));
            let found = found.map_err(|error| failed(&error.into(), sent))?;
            let found = found.filter(|found| {
                self.context.is_wanted(found, self.wanted, content) && found.spoilt().is_none()
            });
            let disk = match found.map(|found| found.state) {
                Some(TemplateState::Finished) => {
                    self.tell(
                        "done",
                        &format!("template {vmid} on {} is ready", self.wanted.storage),
                    );
                    return Ok(());
                }
                Some(TemplateState::Flagged) => Some(DISK),
                Some(TemplateState::Created) => None,
                Some(TemplateState::CannotLink) | None => return Err(self.changed(vmid, sent)),
            };
            match last {
                Some(Err(error)) if attempt == TRIES => return Err(failed(&error, sent)),
                // Twice, because of the flag without a base image.
                Some(Ok(())) if attempt >= 2 => return Err(self.without_effect(vmid)),
                _ => {}
            }
            self.check_not_interrupted(vmid).map_err(|failed| Failed { left: sent, ..failed })?;
            self.tell("step", &format!("making VM {vmid} a template"));
            let made = self.node.client.make_template(&self.node.node, vmid, disk);
            sent |= made.as_ref().err().is_none_or(Error::is_outcome_unknown);
            let made = made.map_err(FailedWrite::from).and_then(|upid| self.wait(&upid));
            attempt += 1;
            match &made {
                Err(write) if !may_be_made(&write.error) => return Err(failed(write, sent)),
                Err(_) => pause(attempt),
                Ok(()) => {}
            }
            last = Some(made);
        }
    }

    /// Waits for a task; says now and then that it is still running.
    fn wait(&self, upid: &Upid) -> Result<(), FailedWrite> {
        let ended = self.node.wait_with_progress(upid, &|text| self.tell("wait", text));
        ended.map_err(|error| FailedWrite::of_task(upid, error))
    }

    fn tell(&self, event: &'static str, text: &str) {
        self.work.tell(event, &self.wanted.image, text);
    }

    fn place(&self, vmid: Vmid) -> Place {
        Place::vm(self.node.node.as_str(), vmid.get())
    }

    /// Returns what to report about a write that failed, and whether it may have changed something.
    fn failed(&self, vmid: Vmid, failed: &FailedWrite) -> Failed {
        let doing = format!("making a template of image \"{}\"", self.wanted.image);
        let entry = finding::while_doing(self.place(vmid), &doing, &failed.error);
        Failed { entry: failed.with_task(entry), left: failed.is_open() }
    }

    fn changed(&self, vmid: Vmid, left: bool) -> Failed {
        let fact = format!("the template of image \"{}\" was changed meanwhile", self.wanted.image);
        let entry = Entry::error("not-effective", self.place(vmid), fact).hint("run again");
        Failed { entry, left }
    }

    fn without_effect(&self, vmid: Vmid) -> Failed {
        let fact = format!(
            "PVE has made a template of image \"{}\", but its disk on \"{}\" is not a base image",
            self.wanted.image, self.wanted.storage
        );
        let hint = "set `create: import` for VMs on this storage";
        let entry = Entry::error("not-effective", self.place(vmid), fact).hint(hint);
        Failed { entry, left: true }
    }

    fn check_not_interrupted(&self, vmid: Vmid) -> Result<(), Failed> {
        interrupt::check().map_err(|error| {
            let fact = format!("the template of image \"{}\" was not made", self.wanted.image);
            Entry::error("not-started", self.place(vmid), fact).cause(&error).into()
        })
    }
}

/// Returns whether a vmid may hold something after a create that failed this way: another VM, or our own.
fn may_hold_something(error: &Error) -> bool {
    match error {
        Error::TaskStillRuns { .. } => false,
        Error::TaskFailed(failure) => {
            failure.exitstatus == KILLED || error.already_exists() || may_pass(error)
        }
        error => {
            error.already_exists()
                || may_pass(error)
                || error.is_outcome_unknown()
                || error.is_task_unknown()
        }
    }
}

/// Returns whether a VM may be a template, now or soon, although making one of it failed this way. The call can be
/// repeated: one for the disk of a template changes nothing if that is a base image.
// PVE: facts-4 15.
fn may_be_made(error: &Error) -> bool {
    may_pass(error)
        || error.is_template_already()
        || error.is_outcome_unknown()
        || error.is_task_unknown()
}

/// Returns whether PVE did nothing, and a later try may work.
fn may_pass(error: &Error) -> bool {
    error.is_unreachable() || error.is_lock_timeout() || error.is_worker_start_failure()
}
