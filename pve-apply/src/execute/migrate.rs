//! Migrates a VM to another node. Success is the VM's config there, not the task.
//!
//! PVE: facts-3, 4.1 and 4.4: the task is one of the source; of a VM under HA it only asks HA's manager and
//! ends at once.

use super::power::{Ends, LISTS_LAG, Look, SEE_HA, SEE_TASKS};
use super::retry::WriteError;
use super::{StepError, Work};
use crate::action::{Repeat, Step};
use crate::ha;
use crate::mark::{Owner, owner};
use crate::observed::Power;
use crate::read::read_retrying;
use machine::{ConfigKey, Form};
use pve_client::{ConfigView, Error, Migration, NodeName, Vmid};
use pve_stage::finding;
use pve_stage::wait::{Deadline, Poll, WaitError};
use stage::Entry;
use std::time::Duration;

const PAUSE: Duration = Duration::from_millis(500);

/// PVE's lock of a VM that is being migrated.
pub(crate) const LOCK: &str = "migrate";

/// Where a VM was found after its migration.
enum Found {
    /// On the target.
    There,
    /// On the target, still locked.
    ThereLocked,
    /// Not on the target.
    NotThere,
}

impl Work<'_> {
    /// Migrates the VM; from then on its node is the target.
    pub(super) fn migrate(&mut self, step: &Step) -> Result<(), StepError> {
        let Step::Migrate { target, online, with_local_disks, target_storage, .. } = step else {
            return Ok(());
        };
        let wish = Migration {
            target: target.clone(),
            online: *online,
            with_local_disks: *with_local_disks,
            target_storage: target_storage.clone(),
        };
        let sent = self.write(Repeat::Harmful, "qmigrate", || {
            let vmid = self.guard_of_migration(target)?;
            Ok(Some(self.runner.client.migrate(self.node(), vmid, &wish)?))
        });
        self.untouched.set(false);
        self.note_drives();
        match sent {
            Err(WriteError::Guard(failure)) => return Err(failure),
            // Whether it arrives shows only when the task has ended.
            Err(failed @ WriteError::Pve { still_running: true, .. }) => {
                let failure = self.step_error("migrating", failed);
                let entry = failure.entry.hint("PVE goes on; the next run waits for it");
                return Err(StepError { entry: Box::new(entry), ..failure });
            }
            Err(failed) => self.after_failure(target, failed)?,
            Ok(()) => self.arrive(target)?,
        }
        self.node = target.clone();
        if *online { self.reach(Power::Running, Duration::ZERO) } else { Ok(()) }
    }

    /// The guard; a VM that another run, or a person, is migrating or has just migrated is planned again.
    fn guard_of_migration(&self, target: &NodeName) -> Result<Vmid, StepError> {
        let failure = match self.guard() {
            Ok(seen) => return Ok(seen.vmid),
            Err(failure) => failure,
        };
        let Some(vmid) = self.vmid else { return Err(failure) };
        let client = self.runner.client;
        let under_way =
            match read_retrying(|| client.vm_config(self.node(), vmid, ConfigView::Current)) {
                Ok(config) => config.get("lock") == Some(LOCK),
                Err(error) if error.is_not_found() => {
                    !matches!(self.look_on(target), Ok(Found::NotThere) | Err(_))
                }
                Err(_) => false,
            };
        Err(if under_way { self.yielded(vmid) } else { failure })
    }

    /// Records that every drive may have another volume now.
    fn note_drives(&mut self) {
        let Some(planned) = self.planned.get() else { return };
        let is_drive = |key: &&String| {
            ConfigKey::find(key).is_some_and(|key| matches!(key.key.form, Form::Drive(_)))
        };
        let drives = planned.values.keys().filter(is_drive);
        self.moved.extend(drives.map(|drive| (drive.clone(), drive.clone())));
    }

    /// Checks where the VM is after a migration that failed, or whose answer was lost.
    fn after_failure(&mut self, target: &NodeName, failed: WriteError) -> Result<(), StepError> {
        let text = match &failed {
            WriteError::Pve { error, .. } => failed_text(error),
            WriteError::Guard(_) => None,
        };
        match self.look_on(target) {
            // What PVE says about the migration is worth more than that the target does not answer.
            Ok(Found::NotThere) | Err(_) => Err(self.step_error("migrating", failed)),
            Ok(Found::ThereLocked) => {
                let failure = self.step_error("migrating", failed);
                self.node = target.clone();
                let locked = self.still_locked();
                let notes = failure.entry.notes.into_iter();
                let entry = notes.fold(*locked.entry, Entry::note);
                Err(StepError { entry: Box::new(entry), ..locked })
            }
            Ok(Found::There) => {
                let note = |text: String| {
                    let from = self.node();
                    let text = format!("is on {target}, although its migration from {from} {text}");
                    self.event("warning", &text, None);
                    self.warnings.borrow_mut().push(text);
                };
                text.into_iter().for_each(note);
                Ok(())
            }
        }
    }

    /// Waits until the VM is on the target. HA may move it to another node instead.
    fn arrive(&mut self, target: &NodeName) -> Result<(), StepError> {
        let Some(vmid) = self.vmid else { return Ok(()) };
        let source = self.node().clone();
        let mut ends = Ends::begin(self.runner.task_limit, LISTS_LAG);
        let mut reported: Option<String> = None;
        let what = format!("the VM to be on {target}");
        let end = self.wait_until(&what, &Deadline::never(), (PAUSE, PAUSE), |work| {
            if matches!(work.look_on(target)?, Found::There) {
                return Ok(Poll::Ready(()));
            }
            let look = work.see_leaving(vmid, target)?;
            let ha = look.as_ref().and_then(|look| look.ha.clone());
            if ha != reported {
                reported.clone_from(&ha);
                ends.ha_has_acted();
            }
            if ends.is_over(ha::progress_of_migration(ha.as_deref())) {
                // Reads take time, too: it may have arrived since.
                return match work.look_on(target)? {
                    Found::There => Ok(Poll::Ready(())),
                    Found::ThereLocked => {
                        work.node = target.clone();
                        Err(work.still_locked())
                    }
                    Found::NotThere => Err(work.not_arrived(vmid, &source, target, look.as_ref())),
                };
            }
            Ok(Poll::NotYet(ha.map_or_else(String::new, |ha| format!("HA says \"{ha}\""))))
        });
        end.map_err(|error| match error {
            WaitError::Never(error) => error,
            WaitError::Interrupted(_) | WaitError::TimedOut(_) => {
                let fact = format!("stopped waiting for the migration of \"{}\"", self.plan.name);
                let entry = Entry::error("not-waited", self.place(), fact)
                    .hint("it goes on; run again when it has ended");
                StepError::uncertain(entry)
            }
        })
    }

    /// Looks once whether this very VM is on a node.
    fn look_on(&self, target: &NodeName) -> Result<Found, StepError> {
        let Some(vmid) = self.vmid else { return Ok(Found::NotThere) };
        let client = self.runner.client;
        match read_retrying(|| client.vm_config(target, vmid, ConfigView::Current)) {
            Ok(config) => {
                let of = (self.mark.site.as_str(), self.mark.deployment.as_str());
                match owner(of, vmid.get(), |key| config.get(key)) {
                    Owner::Ours(mark) if mark.is_at(&self.mark) => {
                        Ok(if config.get("lock") == Some(LOCK) {
                            Found::ThereLocked
                        } else {
                            Found::There
                        })
                    }
                    Owner::Ours(_) => Ok(Found::NotThere),
                    Owner::NotOurs(not_ours) => {
                        let failure = self.refused(&format!("is {}", not_ours.text()));
                        Err(StepError { uncertain: true, ..failure })
                    }
                }
            }
            Err(error) if error.is_not_found() => Ok(Found::NotThere),
            Err(error) => Err(StepError::uncertain(finding::of_error(self.place(), &error))),
        }
    }

    fn not_arrived(
        &self,
        vmid: Vmid,
        source: &NodeName,
        target: &NodeName,
        look: Option<&Look>,
    ) -> StepError {
        let name = &self.plan.name;
        let is = match look {
            Some(look) if look.power.is_none() => look.is.clone(),
            _ if self.node() == source => format!("is still on {source}"),
            _ => format!("is on {}", self.node()),
        };
        let (code, fact, hint) = match look.and_then(|look| look.ha.as_deref()) {
            Some("error") => (
                "ha-error",
                format!("\"{name}\" {is}, and its HA state is \"error\""),
                ha::way_out(vmid.get()),
            ),
            Some(ha) => (
                "not-effective",
                format!("\"{name}\" {is}, not on {target}: HA says \"{ha}\""),
                SEE_HA.to_owned(),
            ),
            None => (
                "not-effective",
                format!("\"{name}\" is not on {target}, although its task succeeded"),
                SEE_TASKS.to_owned(),
            ),
        };
        StepError::uncertain(Entry::error(code, self.place(), fact).hint(hint))
    }

    /// The migration's worker was killed after the config had moved.
    fn still_locked(&self) -> StepError {
        let fact = format!("\"{}\" has been migrated and is still locked ({LOCK})", self.plan.name);
        let vmid = self.vmid.map_or(0, Vmid::get);
        let hint =
            format!("if no task is at work on it, `qm unlock {vmid}` on its node; then run again");
        StepError::uncertain(Entry::error("locked", self.place(), fact).hint(hint))
    }
}

/// Returns how a task failed; `None` when its answer was lost.
fn failed_text(error: &Error) -> Option<String> {
    let Error::TaskFailed(failure) = error else { return None };
    let last = failure.log.last().map(|line| format!(": {line}")).unwrap_or_default();
    Some(format!("ended with \"{}\" ({}){last}", failure.exitstatus, failure.upid))
}
