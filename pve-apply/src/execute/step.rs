//! One arm for each step: guard, one client call, its task, its effect.

use super::effect::PowerState;
use super::retry::{Failed, Repeat, pause};
use super::{Stop, Work};
use crate::action::Step;
use crate::ask::{Deadline, ask_patiently};
use crate::desired::is_seed_file;
use crate::mark::Mark;
use data_encoding::HEXLOWER;
use pve_client::{ConfigView, Digest, NodeName, Params, StorageId, Upload, Volid};
use pve_stage::finding;
use sha2::{Digest as _, Sha256};
use stage::{Entry, seed};
use std::collections::BTreeMap;
use std::time::Duration;

/// PVE itself needs some seconds on top of what a guest is given to shut down.
const SHUTDOWN_MARGIN: u64 = 30;
/// How often a removal whose answer was lost is sent.
const DESTROY_TRIES: u32 = 3;
/// So long a removal is given to show: freeing disks takes a second or two.
const GOING: Duration = Duration::from_secs(5);
const GOING_PAUSE: Duration = Duration::from_millis(500);
/// A guest that was given less time than this to shut down has still so many seconds to come back.
const RETURN_SECONDS: u64 = 5;
const RETURN_PAUSE: Duration = Duration::from_millis(250);

impl Work<'_> {
    /// Carries out a step.
    pub(super) fn carry_out(&mut self, step: &Step) -> Result<(), Stop> {
        match step {
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
                self.upload(storage, file, &files)
            }
            Step::Create { params } => self.create(params),
            Step::Fence => self.fence(),
            Step::DeleteVolume { node, volid } => self.delete_volume(node, volid),
            Step::Configure { params, makes_disk, mark } => {
                self.configure(params, *makes_disk, mark.as_deref())
            }
            Step::Resize { disk, bytes } => self.resize(disk, *bytes),
            Step::Start => self.start(),
            Step::Shutdown { seconds, force } => self.shutdown(*seconds, *force),
            Step::Reboot { seconds } => self.reboot(*seconds),
            Step::Destroy { purge } => self.destroy(*purge),
        }
    }

    fn upload(&self, storage: &StorageId, file: &str, files: &seed::Files<'_>) -> Result<(), Stop> {
        let image = seed::image(files).map_err(|error| {
            Stop::before(Entry::error(self.place(), "the seed cannot be made").cause(&error))
        })?;
        let sha256 = HEXLOWER.encode(&Sha256::digest(&image));
        let length = image.len() as u64;
        let upload = Upload { content: "import", filename: file, length, sha256: &sha256 };
        let client = self.runner.client;
        // PVE: facts 41: an upload overwrites; the same bytes under the same name may be sent again.
        self.write(Repeat::Harmless, "imgcopy", || {
            let mut reader = image.as_slice();
            let node = &self.plan.node;
            Ok(Some(client.upload(node, storage, &upload, &mut reader, &mut |_| ())?))
        })
        .map_err(|failed| self.stop("uploading the seed of", failed))
    }

    fn delete_volume(&self, node: &NodeName, volid: &Volid) -> Result<(), Stop> {
        // A plan file could name anything; nothing but our own seeds is ever deleted from a storage.
        if !is_seed_file(volid.file()) {
            let fact = format!("{volid} is not a seed of ours and is not deleted");
            return Err(Stop::before(Entry::error(self.place(), fact)));
        }
        // PVE: facts 43: deleting what is not there is done.
        let client = self.runner.client;
        self.write(Repeat::Harmless, "imgdel", || Ok(client.delete_volume(node, volid)?))
            .map_err(|failed| self.stop("deleting the uploaded seed of", failed))
    }

    fn configure(
        &mut self,
        params: &BTreeMap<String, String>,
        makes_disk: bool,
        mark: Option<&Mark>,
    ) -> Result<(), Stop> {
        let (client, node) = (self.runner.client, &self.plan.node);
        // A VM that this run has made got its vmid and uuid meanwhile.
        let mark = mark.map(|mark| match mark.vmid {
            Some(_) => mark.clone(),
            None => Mark { vmid: self.mark.vmid, uuid: self.mark.uuid.clone(), ..mark.clone() },
        });
        let mut before = None;
        let sent = self.write(Repeat::Harmful, "qmconfig", || {
            let seen = self.guard()?;
            before = seen.digest().cloned();
            let mut params = params.clone();
            if let Some(mark) = &mark {
                params.insert("description".to_owned(), seen.description_with(mark));
            }
            let params = with_digest(&params, seen.digest());
            if makes_disk {
                return Ok(Some(client.update_config_async(node, seen.vmid, &params)?));
            }
            client.update_config(node, seen.vmid, &params)?;
            Ok(None)
        });
        self.untouched = false;
        let sent = sent.map_err(|failed| self.after_refusal(failed, before.as_ref()));
        sent.map_err(|failed| self.stop("changing the config of", failed))?;
        if let Some(mark) = mark {
            self.mark = mark;
        }
        // What follows relies on the disk: the mark says that it is there, and the guest boots with it.
        if makes_disk { self.is_written(params.keys()) } else { Ok(()) }
    }

    /// PVE: facts-4, 53: a hotplug that fails answers 400 when the new value is already pending. Only
    /// the config tells whether a refusal has left something behind.
    fn after_refusal(&self, failed: Failed, before: Option<&Digest>) -> Failed {
        match failed {
            Failed::Pve { error, maybe: false, goes_on }
                if error.status().is_some() && !error.is_checksum_mismatch() =>
            {
                let (client, node) = (self.runner.client, &self.plan.node);
                let now = self.vmid.map(|vmid| {
                    ask_patiently(|| client.vm_config(node, vmid, ConfigView::Pending))
                });
                let same = matches!(&now, Some(Ok(config)) if config.digest.as_ref() == before);
                let refused = error.is_permission();
                Failed::Pve { error, maybe: !same && !refused, goes_on }
            }
            failed => failed,
        }
    }

    fn resize(&mut self, disk: &str, bytes: u64) -> Result<(), Stop> {
        let client = self.runner.client;
        let sent = self.write(Repeat::Harmful, "resize", || {
            let seen = self.guard()?;
            Ok(client.resize(&self.plan.node, seen.vmid, disk, bytes, seen.digest())?)
        });
        self.untouched = false;
        sent.map_err(|failed| self.stop("growing the disk of", failed))?;
        self.has_grown(disk, bytes)
    }

    fn start(&mut self) -> Result<(), Stop> {
        let (client, node) = (self.runner.client, &self.plan.node);
        let sent = self.write(Repeat::Harmful, "qmstart", || {
            Ok(Some(client.start(node, self.guard()?.vmid)?))
        });
        self.untouched = false;
        self.started = true;
        match sent {
            Ok(()) => self.reach(PowerState::Running, Duration::ZERO),
            // PVE: facts 29: starting what runs is a task error; after a lost answer it may be our own start.
            Err(failed @ Failed::Pve { maybe: true, .. }) => {
                let status = self.vmid.map(|vmid| ask_patiently(|| client.vm_status(node, vmid)));
                match status {
                    Some(Ok(status)) if status.is_running() => {
                        self.reach(PowerState::Running, Duration::ZERO)
                    }
                    _ => Err(self.stop("starting", failed)),
                }
            }
            Err(failed) => Err(self.stop("starting", failed)),
        }
    }

    fn shutdown(&mut self, seconds: u64, force: bool) -> Result<(), Stop> {
        let client = self.runner.client;
        let timeout = Duration::from_secs(seconds);
        // PVE: facts 29: shutting down what is off is done.
        let sent = self.write(Repeat::Harmless, "qmshutdown", || {
            let vmid = self.guard()?.vmid;
            Ok(Some(client.shutdown(&self.plan.node, vmid, timeout, force)?))
        });
        self.untouched = false;
        sent.map_err(|failed| self.stop("shutting down", failed))?;
        self.reach(PowerState::Stopped, timeout)
    }

    /// Cuts the power of a VM that this run has made and gives up.
    pub(super) fn power_off(&mut self) -> Result<(), Stop> {
        let client = self.runner.client;
        let sent = self.write(Repeat::Harmless, "qmstop", || {
            let vmid = self.guard()?.vmid;
            Ok(Some(client.stop(&self.plan.node, vmid)?))
        });
        sent.map_err(|failed| self.stop("stopping", failed))?;
        self.reach(PowerState::Stopped, Duration::ZERO)
    }

    fn reboot(&mut self, seconds: u64) -> Result<(), Stop> {
        let client = self.runner.client;
        let timeout = Duration::from_secs(seconds.saturating_add(SHUTDOWN_MARGIN));
        let sent = self.write(Repeat::Harmful, "qmreboot", || {
            Ok(Some(client.reboot(&self.plan.node, self.guard()?.vmid, timeout)?))
        });
        self.untouched = false;
        sent.map_err(|failed| self.stop("rebooting", failed))?;
        self.comes_back(seconds.max(RETURN_SECONDS))
    }

    /// Waits until a VM runs again.
    ///
    /// PVE: qemu-server, CLI/qm.pm, cleanup: the reboot's task ends when the guest is off; qmeventd
    /// then starts it in a task of root@pam, which our token cannot see.
    fn comes_back(&self, seconds: u64) -> Result<(), Stop> {
        let (client, node) = (self.runner.client, &self.plan.node);
        let deadline = Deadline::after(Duration::from_secs(seconds));
        let status = || self.vmid.map(|vmid| client.vm_status(node, vmid));
        loop {
            match status() {
                Some(Ok(status)) if status.is_running() => return Ok(()),
                Some(Err(error)) if deadline.is_over() => {
                    return Err(Stop::after(finding::of_error(self.place(), &error)));
                }
                _ if deadline.is_over() || self.runner.interrupt.is_signalled() => break,
                _ => pause(RETURN_PAUSE),
            }
        }
        let fact = format!("\"{}\" is off, and PVE has not started it again", self.plan.name);
        let hint = "its task `qmstart` on the node says why; `pve-apply start` tries again";
        Err(Stop::after(Entry::error(self.place(), fact).hint(hint)))
    }

    fn destroy(&mut self, purge: bool) -> Result<(), Stop> {
        let client = self.runner.client;
        let mut maybe = false;
        let mut attempt = 0;
        loop {
            attempt += 1;
            // Guarded anew each time: after a lost answer the vmid may be somebody else's by now.
            let sent = self.write(Repeat::Harmful, "qmdestroy", || {
                Ok(Some(client.delete_vm(&self.plan.node, self.guard()?.vmid, purge)?))
            });
            self.untouched = false;
            let gone = |work: &Self| work.vmid.is_some_and(|vmid| work.is_gone(vmid));
            match sent {
                Ok(()) if gone(self) => return Ok(()),
                Ok(()) => {
                    let fact = format!("\"{}\" is still there after its removal", self.plan.name);
                    return Err(Stop::after(Entry::error(self.place(), fact)));
                }
                Err(Failed::Guard(stop)) => {
                    return Err(Stop { maybe: stop.maybe || maybe, ..stop });
                }
                Err(Failed::Pve { error, maybe: this, goes_on }) => {
                    let unknown = error.is_outcome_unknown();
                    maybe |= this;
                    if unknown && self.goes() {
                        return Ok(());
                    }
                    if !unknown || attempt == DESTROY_TRIES {
                        return Err(self.stop("destroying", Failed::Pve { error, maybe, goes_on }));
                    }
                }
            }
        }
    }

    /// Waits a little for a VM to go whose removal was sent and not answered.
    fn goes(&self) -> bool {
        let deadline = Deadline::after(GOING);
        loop {
            pause(GOING_PAUSE);
            if self.vmid.is_some_and(|vmid| self.is_gone(vmid)) {
                return true;
            }
            if deadline.is_over() || self.runner.interrupt.is_signalled() {
                return false;
            }
        }
    }
}

fn with_digest(params: &BTreeMap<String, String>, digest: Option<&Digest>) -> Params {
    let all: Params = params.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    all.with_some("digest", digest)
}
