//! Moving a disk of a VM to another storage or format.
//! A pure module: does no I/O. The texts are PVE's.
// PVE: qemu-server, API2/Qemu.pm, move_vm_disk; QemuServer.pm, clone_disk; facts-4 43.

use super::World;
use super::disk;
use super::work::Ended;
use crate::pve_sim::answer::Refusal;
use crate::pve_sim::property::Properties;

/// A move of a disk.
#[derive(Debug, Clone)]
pub(crate) struct Move {
    pub(crate) disk: String,
    pub(crate) storage: String,
    pub(crate) format: Option<String>,
    /// Whether to delete the old volume; otherwise it stays as an unused disk.
    pub(crate) delete: bool,
    pub(crate) digest: Option<String>,
}

impl World {
    /// Checks that a disk can be moved now; called before the task and again in it.
    pub(crate) fn movable(&self, node: &str, vmid: u32, wish: &Move) -> Result<(), Refusal> {
        let vm = self.vm(node, vmid)?;
        vm.check_lock()?;
        if wish.digest.as_ref().is_some_and(|digest| *digest != vm.digest()) {
            return Err(Refusal::die(
                "detected modified configuration - file changed by other user? Try again.",
            ));
        }
        let key = &wish.disk;
        let missing = || Refusal::die(format!("disk '{key}' does not exist"));
        let drive = disk::read(key, vm.config.get(key).ok_or_else(missing)?);
        let volid = drive.get("file").unwrap_or_default();
        if disk::is_cdrom(&drive) && !volid.contains("cloudinit") {
            return Err(Refusal::die("you can't move a cdrom"));
        }
        let from = volid.split(':').next().unwrap_or_default();
        let format = self.volume(node, volid).map(|volume| volume.format.as_str());
        let same = wish.format.as_deref().is_none_or(|wished| format.is_none_or(|f| f == wished));
        if from == wish.storage && same {
            return Err(Refusal::die("you can't move to the same storage with same format"));
        }
        let storage = self.storage(&wish.storage, node)?;
        if !storage.content.contains("images") {
            let text = format!("storage '{}' does not support vm images", wish.storage);
            return Err(Refusal::parameter("storage", text));
        }
        if !vm.snapshots.is_empty() && wish.delete {
            let text = "you can't move a disk with snapshots and delete the source";
            return Err(Refusal::die(text));
        }
        Ok(())
    }

    /// Returns the log lines of a move before and during the copy.
    pub(super) fn move_script(&self, node: &str, vmid: u32, wish: &Move) -> Vec<String> {
        let Some(vm) = self.vms.get(&vmid).filter(|vm| vm.node == node) else {
            return Vec::new();
        };
        let key = &wish.disk;
        let text = vm.config.get(key).map_or("", String::as_str);
        let volid = disk::read(key, text).get("file").unwrap_or_default().to_owned();
        let from = volid.split(':').next().unwrap_or_default();
        let size = self.volume(node, &volid).map_or(0, super::storage::Volume::virtual_size);
        let mut lines = vec![
            format!(
                "copying volume '{volid}' from current storage '{from}' to target storage '{}'",
                wish.storage
            ),
            format!("create full clone of drive {key} ({volid})"),
        ];
        match vm.running && !key.starts_with("unused") {
            true => lines.extend(mirror(key, size)),
            false => lines.extend(disk::progress(size)),
        }
        lines
    }

    pub(super) fn move_disk(&mut self, node: &str, vmid: u32, wish: &Move) -> Ended {
        if let Err(refusal) = self.movable(node, vmid, wish) {
            return Err(refusal.in_task()).into();
        }
        let mut log = Vec::new();
        let result = self.copy_disk(node, vmid, wish, &mut log);
        let result = result.map_err(|cause| format!("storage migration failed: {cause}"));
        Ended { log, ..result.into() }
    }

    fn copy_disk(
        &mut self,
        node: &str,
        vmid: u32,
        wish: &Move,
        log: &mut Vec<String>,
    ) -> Result<(), String> {
        let text = |refusal: Refusal| refusal.in_task();
        let key = &wish.disk;
        let vm = self.vm(node, vmid).map_err(text)?;
        if vm.running && key == "tpmstate0" {
            return Err("cannot move TPM state while VM is running".to_owned());
        }
        let mut drive = disk::read(key, vm.config.get(key).map_or("", String::as_str));
        let old = drive.get("file").unwrap_or_default().to_owned();
        let source = self.volume(node, &old).cloned();
        let source = source.ok_or_else(|| format!("volume '{old}' does not exist"))?;
        let data = self.data_of(node, &source);
        if data > self.available(node, &wish.storage) {
            return Err("copy failed: No space left on device".to_owned());
        }
        let format = wish.format.clone().unwrap_or_else(|| source.format.clone());
        let size = source.virtual_size();
        let mut volume = self.allocate(node, vmid, &wish.storage, size, &format)?;
        volume.sha256.clone_from(&source.sha256);
        volume.used = Some(data);
        volume.bytes.clone_from(&source.bytes);
        log.push(format!("allocated target volume '{}'", volume.volid));
        drive.set("file", volume.volid.clone());
        if !key.starts_with("unused") {
            drive.set("size", disk::print_size(size));
        }
        self.put_volume(node, volume);
        self.count_written(&wish.storage, data);
        let vm = self.vm_mut(node, vmid).map_err(text)?;
        vm.config.insert(key.clone(), disk::print(drive));
        if vm.is_set("template") && disk::is_drive(key) {
            // PVE: facts-4 1.
            self.make_bases(node, vmid, Some(std::slice::from_ref(key)))?;
        }
        if wish.delete {
            log.push(format!("removing source volume '{old}' after successful copy"));
            // PVE: it only warns, and the volume stays.
            log.extend(self.free_volume(node, &old).err());
            return Ok(());
        }
        self.detach(node, vmid, &old, None, false).map_err(text)?;
        let vm = self.vm(node, vmid).map_err(text)?;
        let holds = |(key, text): &(&String, &String)| {
            key.starts_with("unused") && Properties::read(text, "file").get("file") == Some(&old)
        };
        if let Some((slot, _)) = vm.config.iter().find(holds) {
            log.push(format!("adding source volume '{old}' as '{slot}' to config"));
        }
        Ok(())
    }
}

/// Returns the log lines of a copy of a disk in use.
// PVE: QemuServer/BlockJob.pm, monitor.
pub(super) fn mirror(key: &str, size: u64) -> Vec<String> {
    let job = format!("mirror-{key}");
    let mut lines =
        vec![format!("{job}: transferred 0.0 B of {} (0.00%) in 0s", disk::human_size(size))];
    for second in 1..=10u64 {
        let done = disk::human_size(size / 10 * second);
        let (all, percent) = (disk::human_size(size), second * 10);
        lines.push(format!("{job}: transferred {done} of {all} ({percent}.00%) in {second}s"));
    }
    lines.push("all 'mirror' jobs are ready".to_owned());
    lines.push(format!("{job}: Completing block job..."));
    lines.push(format!("{job}: Completed successfully."));
    lines
}
