//! Pending changes: what waits for a power cycle, and what a running VM applies at once.
//! A pure module: does no I/O.
// PVE: qemu-server, QemuServer.pm, vmconfig_hotplug_pending and vmconfig_apply_pending;
// guest-common, AbstractConfig.pm, cleanup_pending; facts-4 27 and 51 to 55.

use serde_json::{Map, Value};

use super::World;
use super::access::Who;
use super::change::Change;
use super::disk;
use super::hotplug::Verdict;
use super::storage::canonical;
use super::vm::{View, Vm};
use crate::pve_sim::answer::Refusal;
use crate::pve_sim::keys::{self, Running, cases};
use crate::pve_sim::property::Properties;

impl World {
    /// Reverts a pending change; a disk created for it becomes an unused one.
    pub(super) fn revert(&mut self, node: &str, vmid: u32, key: &str) -> Result<(), Refusal> {
        let waiting = self.vm_mut(node, vmid)?.pending.remove(key).flatten();
        match waiting.filter(|_| disk::is_drive(key)) {
            Some(waiting) => self.detach(node, vmid, &waiting, None, false),
            None => Ok(()),
        }
    }

    /// Applies all pending changes, for a VM that is off, starts or stops. Returns the errors of changes
    /// that fail and stay pending.
    pub(crate) fn apply_pending(
        &mut self,
        node: &str,
        vmid: u32,
        who: Option<&Who>,
    ) -> Result<Map<String, Value>, Refusal> {
        let mut errors = Map::new();
        let pending = self.vm(node, vmid)?.pending.clone();
        // PVE: deletions first, each in order of its keys.
        let (gone, set): (Vec<_>, Vec<_>) =
            pending.into_iter().partition(|(_, value)| value.is_none());
        for (key, value) in gone.into_iter().chain(set) {
            if let Err(refusal) = self.put_in_force(node, vmid, &key, value, who) {
                let text = refusal.in_task();
                let text = format!("unable to apply pending change {key} : {text}\n");
                errors.insert(key, text.into());
            }
        }
        Ok(errors)
    }

    /// Applies what a running VM supports at once; the rest stays pending. Returns the errors.
    pub(super) fn hotplug_pending(
        &mut self,
        node: &str,
        vmid: u32,
        change: &Change,
        who: &Who,
    ) -> Result<Map<String, Value>, Refusal> {
        let mut errors = Map::new();
        for (key, value) in self.vm(node, vmid)?.pending.clone() {
            let vm = self.vm(node, vmid)?;
            let chosen = change.set.contains_key(&key) || change.delete.contains(&key);
            // Keys that do not affect the guest are set with any change, but deleted only on request.
            let free = keys::find(&key).is_some_and(|row| row.running == Running::Free);
            if !(chosen || free && value.is_some()) {
                continue;
            }
            let verdict = match (vm.verdict(&key, value.as_deref()), vm.hotplug_fails.get(&key)) {
                (Verdict::Plugged, Some(text)) => Verdict::Fails(text.clone()),
                (verdict, _) => verdict,
            };
            let failed = match verdict {
                Verdict::Waits => None,
                Verdict::Fails(text) => Some(text),
                Verdict::Plugged => {
                    let put = self.put_in_force(node, vmid, &key, value, Some(who));
                    put.err().map(|refusal| refusal.in_task())
                }
            };
            if let Some(text) = failed {
                errors.insert(key, format!("hotplug problem - {text}\n").into());
            }
        }
        Ok(errors)
    }

    /// Applies one change; if it fails, it stays pending and the config is unchanged.
    fn put_in_force(
        &mut self,
        node: &str,
        vmid: u32,
        key: &str,
        value: Option<String>,
        who: Option<&Who>,
    ) -> Result<(), Refusal> {
        let vm = self.vm_mut(node, vmid)?;
        vm.pending.remove(key);
        let free = vm.forced.remove(key);
        let before = match &value {
            Some(value) => vm.config.insert(key.to_owned(), value.clone()),
            None => vm.config.remove(key),
        };
        let old = before.clone().filter(|_| disk::is_drive(key));
        let parted = match (&old, who.filter(|_| free)) {
            (None, _) => Ok(()),
            (Some(old), who) => who
                .map_or(Ok(()), |who| self.may_free(who, vmid, old))
                .and_then(|()| self.detach(node, vmid, old, value.as_deref(), free)),
        };
        let vm = self.vm_mut(node, vmid)?;
        if parted.is_err() {
            match before {
                Some(before) => vm.config.insert(key.to_owned(), before),
                None => vm.config.remove(key),
            };
            vm.pending.insert(key.to_owned(), value);
            if free {
                vm.forced.insert(key.to_owned());
            }
        }
        vm.clean_up();
        parted
    }

    /// Checks that the caller can free the volume of a drive.
    // PVE: QemuServer.pm, vmconfig_delete_or_detach_drive and try_deallocate_drive.
    fn may_free(&self, who: &Who, vmid: u32, drive: &str) -> Result<(), Refusal> {
        self.check(who, &format!("/vms/{vmid}"), &["VM.Config.Disk"])?;
        let drive = Properties::read(drive, "file");
        match drive.get("file").and_then(|file| file.split_once(':')) {
            Some((storage, _)) => {
                self.check(who, &format!("/storage/{storage}"), &["Datastore.AllocateSpace"])
            }
            None => Ok(()),
        }
    }

    /// Detaches a disk: it becomes `unused0`, unless it is freed (facts 23).
    pub(super) fn detach(
        &mut self,
        node: &str,
        vmid: u32,
        before: &str,
        after: Option<&str>,
        free: bool,
    ) -> Result<(), Refusal> {
        let file = |text: &str| Properties::read(text, "file").get("file").map(str::to_owned);
        let Some(volid) = file(before) else {
            return Ok(());
        };
        // PVE: facts-4 29. Another spelling of the same volume counts as another volume here.
        let owned = self.volume(node, &volid).is_some_and(|v| v.vmid() == Some(vmid));
        if !owned || after.and_then(file).as_ref() == Some(&volid) {
            return Ok(());
        }
        if cases::is_cloud_init(&volid) {
            self.take_volume(node, &volid);
            return Ok(());
        }
        if free {
            return self.free(node, vmid, &volid);
        }
        let vm = self.vm_mut(node, vmid)?;
        let slots: Vec<String> = (0..256).map(|number| format!("unused{number}")).collect();
        if slots.iter().any(|slot| vm.config.get(slot) == Some(&volid)) {
            return Ok(());
        }
        let slot = slots.into_iter().find(|slot| !vm.config.contains_key(slot));
        let text = "Too many unused volumes - please delete them first.";
        vm.config.insert(slot.ok_or_else(|| Refusal::die(text))?, volid);
        Ok(())
    }

    /// Frees the volume of an unused disk; another VM's volume is only removed from the config.
    // PVE: QemuServer.pm, try_deallocate_drive.
    pub(super) fn free_unused(
        &mut self,
        node: &str,
        who: &Who,
        vmid: u32,
        volid: &str,
    ) -> Result<(), Refusal> {
        if self.volume(node, volid).is_none_or(|volume| volume.vmid() != Some(vmid)) {
            return Ok(());
        }
        let storage = volid.split(':').next().unwrap_or_default();
        self.check(who, &format!("/storage/{storage}"), &["Datastore.AllocateSpace"])?;
        self.free(node, vmid, volid)
    }

    fn free(&mut self, node: &str, vmid: u32, volid: &str) -> Result<(), Refusal> {
        let path = canonical(volid);
        let uses = |(key, text): (&String, &String)| {
            let drive = Properties::read(text, "file");
            disk::is_drive(key) && drive.get("file").is_some_and(|file| canonical(file) == path)
        };
        if self.vm(node, vmid)?.config.iter().any(uses) {
            let text = format!("unable to delete '{volid}' - volume is still in use (snapshot?)");
            return Err(Refusal::die(text));
        }
        self.free_volume(node, volid).map_err(Refusal::die)?;
        Ok(())
    }
}

impl Vm {
    /// Removes pending changes that change nothing.
    pub(super) fn cleanup_pending(&mut self) {
        let config = &self.config;
        self.pending.retain(|key, value| config.get(key) != value.as_ref());
    }

    /// Facts 23: an empty boot order is a space.
    pub(super) fn forget_boot(&mut self, key: &str) {
        let Some(boot) = self.view(View::Pending).remove("boot") else {
            return;
        };
        let Some(order) = boot.strip_prefix("order=") else {
            return;
        };
        if !order.split(';').any(|device| device == key) {
            return;
        }
        let left: Vec<&str> = order.split(';').filter(|device| *device != key).collect();
        let boot = match left.is_empty() {
            true => " ".to_owned(),
            false => format!("order={}", left.join(";")),
        };
        self.pending.insert("boot".to_owned(), Some(boot));
    }
}
