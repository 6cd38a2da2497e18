//! One arm for each step: guard, one client call, its task, its effect.

use super::create::Making;
use super::guard::Guarded;
use super::retry::{SendError, WriteError};
use super::{StepError, Work};
use crate::action::{Repeat, Step};
use crate::desired::is_seed_file;
use crate::ha;
use crate::observed::Power;
use crate::read::read_retrying;
use data_encoding::HEXLOWER;
use pve_client::{Digest, Params, StorageId, Upid, Upload, Volid};
use pve_stage::wait::{Deadline, Poll, rest};
use sha2::{Digest as _, Sha256};
use stage::{Entry, Gather as _, seed};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;

/// The seconds that PVE itself needs on top of a guest's time to shut down.
const SHUTDOWN_MARGIN: u64 = 30;
/// How often a removal is sent whose answer was lost.
const DESTROY_TRIES: u32 = 3;
/// How long to wait for a removal to become visible: freeing disks takes a second or two.
const REMOVAL_TIMEOUT: Duration = Duration::from_secs(5);
const REMOVAL_PAUSE: Duration = Duration::from_millis(500);

impl Work<'_> {
    /// Carries out a step: guard, call, task, effect.
    pub(super) fn carry_out(&mut self, step: &Step) -> Result<(), StepError> {
        self.doing = step.doing();
        match step {
            // These read the state to decide how often to send.
            Step::Remove { .. } => return self.remove_residue(step),
            Step::Create { params } => return self.create(Making::Import(params)),
            Step::Clone { .. } => {
                // Unlike a create, a clone that goes on does not read the seed, which can be deleted.
                let cloned = self.create(Making::Clone(step));
                return cloned.map_err(|failure| StepError { still_running: false, ..failure });
            }
            Step::Fence => return self.fence(),
            Step::Configure { params, mark } => return self.configure(params, mark.as_deref()),
            Step::Destroy { purge } => return self.destroy(*purge, Self::guard),
            Step::Migrate { .. } => return self.migrate(step),
            _ => {}
        }
        let verb = step.verb();
        let mut is_first = true;
        let sent =
            self.write(verb.repeat, verb.task, || self.call(step, std::mem::take(&mut is_first)));
        if !matches!(step, Step::UploadSeed { .. } | Step::DeleteVolume { .. }) {
            self.untouched.set(false);
        }
        self.note(step);
        match sent {
            // PVE: facts-4, 53: what failed may be done all the same; only the effect shows.
            Err(WriteError::Pve { uncertain: true, .. }) if self.is_reached(step) => {}
            sent => sent.map_err(|failed| self.step_error(verb.of, failed))?,
        }
        self.effect(step)
    }

    /// Sends the one call of a step, guarded again for each try.
    fn call(&self, step: &Step, is_first: bool) -> Result<Option<Upid>, SendError> {
        let (client, node) = (self.runner.client, self.node());
        Ok(match step {
            Step::UploadSeed {
                storage,
                file,
                user_data,
                meta_data,
                network_config,
                vendor_data,
            } => {
                let (user_data, vendor_data) = (user_data.expose(), vendor_data.expose());
                let files = seed::Files { user_data, meta_data, network_config, vendor_data };
                Some(self.upload(storage, file, &files)?)
            }
            Step::DeleteVolume { node, volid } => {
                self.check_is_seed(volid)?;
                client.delete_volume(node, volid)?
            }
            Step::AddDisk { disk, value } => {
                self.add_disks(&[(disk.clone(), value.clone())].into(), is_first)?
            }
            Step::AddDisks { disks } => self.add_disks(disks, is_first)?,
            Step::MoveDisk { disk, storage } => {
                let seen = self.guard()?;
                self.check_as_planned(disk, &seen.config)?;
                Some(client.move_disk(node, seen.vmid, disk, storage, seen.digest())?)
            }
            Step::SetPool { from, pool } => {
                let vmid = self.guard()?.vmid;
                let pool = pool.as_ref().or(from.as_ref());
                pool.map(|pool| client.set_pool(pool, vmid, step.leaves_pool())).transpose()?;
                None
            }
            Step::Resize { disk, bytes } => {
                let seen = self.guard()?;
                // A disk that this run created is not in the plan's config.
                if self.planned.get().is_some_and(|planned| planned.get(disk).is_some()) {
                    self.check_as_planned(disk, &seen.config)?;
                }
                client.resize(node, seen.vmid, disk, *bytes, seen.digest())?
            }
            Step::Start => Some(client.start(node, self.guard()?.vmid)?),
            Step::Shutdown { seconds, force } => {
                let timeout = Duration::from_secs(*seconds);
                Some(client.shutdown(node, self.guard()?.vmid, timeout, *force)?)
            }
            Step::Reboot { seconds } => {
                let timeout = Duration::from_secs(seconds.saturating_add(SHUTDOWN_MARGIN));
                Some(client.reboot(node, self.guard()?.vmid, timeout)?)
            }
            Step::Remove { .. }
            | Step::Create { .. }
            | Step::Clone { .. }
            | Step::Fence
            | Step::Configure { .. }
            | Step::Destroy { .. }
            | Step::Migrate { .. } => None,
        })
    }

    /// Creates those of the disks that are still missing.
    fn add_disks(
        &self,
        disks: &BTreeMap<String, String>,
        is_first: bool,
    ) -> Result<Option<Upid>, SendError> {
        let seen = self.guard()?;
        let is_there = |disk: &&String| seen.config.get(disk).is_some();
        // PVE: facts-4, 44: asked twice, PVE creates two disks.
        if let Some(disk) = disks.keys().find(is_there).filter(|_| is_first) {
            return Err(self.in_use(disk).into());
        }
        let missing = disks.iter().filter(|(disk, _)| !is_there(disk));
        let missing: BTreeMap<&String, &String> = missing.gather();
        if missing.is_empty() {
            return Ok(None);
        }
        let params = with_digest(missing, seen.digest());
        let client = self.runner.client;
        Ok(Some(client.update_config_async(self.node(), seen.vmid, &params)?))
    }

    /// Refuses a slot that is no longer free for a new disk.
    fn in_use(&self, disk: &str) -> StepError {
        self.refused(&format!("now has something in {disk}; no disk was created"))
    }

    /// Records what later steps must know of a step that was sent.
    fn note(&mut self, step: &Step) {
        match step {
            Step::Start => self.started = true,
            Step::MoveDisk { disk, .. } | Step::Resize { disk, .. } => {
                self.moved.insert(disk.clone(), disk.clone());
            }
            // The old seed disk is removed before the new one is attached.
            Step::AddDisk { disk, .. } => _ = self.sent.remove(disk),
            _ => {}
        }
    }

    /// Waits for the effect of a step whose task has finished.
    fn effect(&mut self, step: &Step) -> Result<(), StepError> {
        match step {
            Step::AddDisk { disk, .. } => self.is_written([disk].into_iter()),
            Step::AddDisks { disks } => self.is_written(disks.keys()),
            Step::MoveDisk { disk, storage } => self.has_moved(disk, storage),
            Step::SetPool { pool, .. } => self.is_in_pool(pool.as_deref()),
            Step::Resize { disk, bytes } => self.has_grown(disk, *bytes),
            Step::Start => self.reach(Power::Running, Duration::ZERO),
            Step::Shutdown { seconds, .. } => {
                self.reach(Power::Stopped, Duration::from_secs(*seconds))
            }
            Step::Reboot { seconds } => {
                self.comes_back(*seconds)?;
                // Before the mark forgets what the reboot should have reset.
                self.settled()
            }
            Step::DeleteVolume { node, volid } => self.is_deleted(node, volid),
            _ => Ok(()),
        }
    }

    /// Checks once whether a step that failed, or whose answer was lost, took effect.
    fn is_reached(&mut self, step: &Step) -> bool {
        match step {
            // PVE: facts 29: starting a running VM is a task error; after a lost answer it may be our own start.
            // Where HA is about to start it, the wait for the effect goes on.
            Step::Start => self.vmid.is_some_and(|vmid| {
                let (client, node) = (self.runner.client, self.node());
                let starts = |state: &str| ha::leads_to(state) == Some(Power::Running);
                read_retrying(|| client.vm_status(node, vmid))
                    .is_ok_and(|vm| vm.is_running() || vm.ha.as_deref().is_some_and(starts))
            }),
            Step::AddDisk { .. }
            | Step::AddDisks { .. }
            | Step::MoveDisk { .. }
            | Step::SetPool { .. } => self.effect(step).is_ok(),
            _ => false,
        }
    }

    fn upload(
        &self,
        storage: &StorageId,
        file: &str,
        files: &seed::Files<'_>,
    ) -> Result<Upid, SendError> {
        let image = seed::image(files).map_err(|error| {
            StepError::unsent(
                Entry::error("seed", self.place(), "the seed cannot be created").cause(&error),
            )
        })?;
        let sha256 = HEXLOWER.encode(&Sha256::digest(&image));
        let length = image.len() as u64;
        let upload = Upload { content: "import", filename: file, length, sha256: &sha256 };
        let (client, node) = (self.runner.client, self.node());
        let mut reader = image.as_slice();
        Ok(client.upload(node, storage, &upload, &mut reader, &mut |_| ())?)
    }

    /// A plan file could name anything; only our own seeds are ever deleted from a storage.
    fn check_is_seed(&self, volid: &Volid) -> Result<(), StepError> {
        if is_seed_file(volid.file()) {
            return Ok(());
        }
        let fact = format!("{volid} is not one of our seeds and was not deleted");
        Err(StepError::unsent(Entry::error("seed-not-ours", self.place(), fact)))
    }

    /// Cuts the power of a VM that this run created and gives up.
    pub(super) fn power_off(&mut self) -> Result<(), StepError> {
        let client = self.runner.client;
        let sent = self.write(Repeat::Harmless, "qmstop", || {
            let vmid = self.guard()?.vmid;
            Ok(Some(client.stop(self.node(), vmid)?))
        });
        sent.map_err(|failed| self.step_error("stopping", failed))?;
        self.reach(Power::Stopped, Duration::ZERO)
    }

    /// Destroys the VM. `guard` is asked right before each try.
    pub(super) fn destroy(
        &mut self,
        purge: bool,
        guard: impl Fn(&Self) -> Result<Guarded, StepError>,
    ) -> Result<(), StepError> {
        let client = self.runner.client;
        let mut uncertain = false;
        let mut attempt = 0;
        loop {
            attempt += 1;
            // Guarded again each time: after a lost answer the vmid may belong to another VM.
            let sent = self.write(Repeat::Harmful, "qmdestroy", || {
                Ok(Some(client.delete_vm(self.node(), guard(self)?.vmid, purge)?))
            });
            self.untouched.set(false);
            match sent {
                Ok(()) => {
                    self.vmid.into_iter().try_for_each(|vmid| self.check_gone(vmid))?;
                    self.report_residue();
                    return Ok(());
                }
                Err(WriteError::Guard(failure)) => {
                    return Err(StepError { uncertain: failure.uncertain || uncertain, ..failure });
                }
                Err(WriteError::Pve { error, uncertain: this, still_running }) => {
                    let unknown = error.is_outcome_unknown();
                    uncertain |= this;
                    if unknown && self.wait_until_gone() {
                        self.report_residue();
                        return Ok(());
                    }
                    if !unknown || attempt == DESTROY_TRIES {
                        return Err(self.step_error(
                            "destroying",
                            WriteError::Pve { error, uncertain, still_running },
                        ));
                    }
                }
            }
        }
    }

    /// Names the volumes that an unfinished clone may have left.
    fn report_residue(&self) {
        let unfinished = self.vmid.filter(|_| self.mark.is_unfinished_clone());
        unfinished.into_iter().for_each(|vmid| self.report_orphans(vmid));
    }

    /// Waits briefly for a VM to disappear whose removal was sent but not answered.
    fn wait_until_gone(&mut self) -> bool {
        let deadline = Deadline::after(REMOVAL_TIMEOUT);
        rest(REMOVAL_PAUSE, &|| self.runner.interrupt.is_signalled());
        let pauses = (REMOVAL_PAUSE, REMOVAL_PAUSE);
        let end = self.wait_until("the VM to disappear", &deadline, pauses, |work| {
            let is_gone = work.vmid.is_some_and(|vmid| work.is_gone(vmid).unwrap_or(false));
            let poll = if is_gone { Poll::Ready(()) } else { Poll::NotYet("it exists".to_owned()) };
            Ok::<_, Infallible>(poll)
        });
        end.is_ok()
    }
}

pub(super) fn with_digest<'p>(
    params: impl IntoIterator<Item = (&'p String, &'p String)>,
    digest: Option<&Digest>,
) -> Params {
    let all: Params = params.into_iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    all.with_some("digest", digest)
}
