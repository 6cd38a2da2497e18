//! The task of a migration: what it checks, copies and logs, and what it leaves behind.
//! A pure module: does no I/O. The texts are PVE's; the times in the log are constants.
// PVE: qemu-server 9.2.6, QemuMigrate.pm; guest-common, AbstractMigrate.pm, migrate.

use std::collections::BTreeMap;

use super::progress::stamped;
use super::scan::{Scan, Use};
use super::{Migration, World};
use crate::pve_sim::property::Properties;
use crate::pve_sim::world::access::Who;
use crate::pve_sim::world::disk;
use crate::pve_sim::world::storage::Volume;
use crate::pve_sim::world::task::TaskFault;
use crate::pve_sim::world::vm::Vm;
use crate::pve_sim::world::work::{Ended, KILLED, Work};

/// The exit status of a migration that left the VM where it was.
pub(crate) const ABORTED: &str = "migration aborted";
/// The exit status if QEMU failed, or something after the move.
const PROBLEMS: &str = "migration problems";
/// A migration whose task has begun.
#[derive(Debug, Clone, Default)]
pub(crate) struct Begun {
    pub(super) wish: Migration,
    /// Each volume to copy and its name on the target.
    pub(super) copies: BTreeMap<String, (String, Use)>,
    pub(super) lines: Vec<String>,
    /// Whether the task has given up and only its end is missing.
    aborted: bool,
}

impl World {
    /// Starts the task of a migration. From here on the VM is locked, unless the task has given up.
    pub(crate) fn start_migration(
        &mut self,
        node: &str,
        who: &Who,
        vmid: u32,
        wish: Migration,
    ) -> String {
        let mut begun = Begun { wish, ..Begun::default() };
        if let Err(cause) = self.begin(node, vmid, &mut begun) {
            begun.fail(&cause);
        } else if let Ok(vm) = self.vm_mut(node, vmid) {
            vm.config.insert("lock".to_owned(), "migrate".to_owned());
        }
        let work = Work::Migrate { vmid, begun: Box::new(begun) };
        self.fork(node, "qmigrate", &vmid.to_string(), who, work)
    }

    /// Gives a migration of an earlier client its work.
    pub(in crate::pve_sim::world) fn resume_migration(
        &mut self,
        at: usize,
        target: &str,
    ) -> Result<(), String> {
        if !self.nodes.contains_key(target) {
            return Err(format!("no such node \"{target}\""));
        }
        let task = self.tasks.get(at).map(|task| (task.node.clone(), task.id.parse()));
        let Some((node, Ok(vmid))) = task else {
            return Err("its `id` is not a vmid".to_owned());
        };
        let wish = Migration {
            target: target.to_owned(),
            online: true,
            with_local_disks: true,
            ..Migration::default()
        };
        let mut begun = Begun { wish, ..Begun::default() };
        self.begin(&node, vmid, &mut begun)?;
        if let Ok(vm) = self.vm_mut(&node, vmid) {
            vm.config.insert("lock".to_owned(), "migrate".to_owned());
        }
        if let Some(task) = self.tasks.get_mut(at) {
            task.run.work = Some(Work::Migrate { vmid, begun: Box::new(begun) });
        }
        Ok(())
    }

    fn begin(&mut self, node: &str, vmid: u32, begun: &mut Begun) -> Result<(), String> {
        self.lock_file(vmid).map_err(|refusal| refusal.in_task())?;
        let vm = self.vm(node, vmid).map_err(|refusal| refusal.in_task())?.clone();
        self.prepare(&vm, begun)?;
        let target = begun.wish.target.clone();
        let address = self.address(&target);
        begun.say(format!("starting migration of VM {vmid} to node '{target}' ({address})"));
        let (scan, verdict) = self.scan(node, vmid, &vm, &begun.wish);
        scan.lines.iter().for_each(|line| begun.say(line));
        if let Err(cause) = verdict {
            begun.say(format!("ERROR: {cause}"));
            begun.say("aborting phase 1 - cleanup resources");
            return Err(cause);
        }
        self.choose_names(node, vmid, scan, begun);
        self.write_lines(vmid, &vm, begun);
        Ok(())
    }

    // PVE: QemuMigrate.pm, prepare.
    fn prepare(&self, vm: &Vm, begun: &mut Begun) -> Result<(), String> {
        let text = |refusal: crate::pve_sim::answer::Refusal| refusal.in_task();
        vm.check_lock().map_err(text)?;
        if vm.running && !begun.wish.online {
            return Err("can't migrate running VM without --online".to_owned());
        }
        if vm.running && self.release() >= (9, 0) {
            let lost = "active connections might get dropped";
            begun.say(format!("conntrack state migration not supported or disabled, {lost}"));
        }
        self.check_devices_for(vm, begun)?;
        if vm.running && self.clipboard_binds(vm).map_err(text)? {
            return Err("VMs with 'clipboard' set to 'vnc' are not live migratable!".to_owned());
        }
        for volid in super::scan::uses(vm).keys().filter(|volid| volid.contains(':')) {
            self.has_room_for(volid, &begun.wish)?;
        }
        let target = &begun.wish.target;
        match self.nodes.get(target).is_some_and(|node| node.online) {
            true => Ok(()),
            false => Err("Can't connect to destination address using public key".to_owned()),
        }
    }

    fn check_devices_for(&self, vm: &Vm, begun: &mut Begun) -> Result<(), String> {
        let devices = self.devices(vm, vm.running).map_err(|refusal| refusal.in_task())?;
        let binding: Vec<&str> = devices
            .local
            .iter()
            .filter(|key| !devices.mapped.contains_key(*key))
            .map(String::as_str)
            .collect();
        if !binding.is_empty() {
            if !begun.wish.force {
                let list = binding.join(", ");
                return Err(format!("can't migrate VM which uses local devices: {list}"));
            }
            begun.say("migrating VM which uses local devices");
        }
        if devices.mapped.is_empty() {
            return Ok(());
        }
        let target = &begun.wish.target;
        if let Some(missing) = devices.missing.get(target) {
            let list = missing.join(", ");
            return Err(format!("can't migrate to '{target}': missing mapped devices {list}"));
        }
        let stuck = devices.mapped.iter().filter(|(key, _)| !devices.live.contains(*key));
        let stuck: Vec<String> = stuck.map(|(key, name)| format!("{key}:{name}")).collect();
        if vm.running && !stuck.is_empty() {
            let list = stuck.join(", ");
            let text = "can't live migrate running VM which uses following mapped devices";
            return Err(format!("{text}: {list}"));
        }
        begun.say("migrating VM which uses mapped local devices");
        Ok(())
    }

    /// Chooses the name of each copy: the same one, unless the target has it or stores disks otherwise.
    // PVE: pve-storage, Storage.pm, storage_migrate with `allow_rename`; qemu-server,
    // QemuServer.pm, vm_migrate_alloc_nbd_disks.
    fn choose_names(&mut self, node: &str, vmid: u32, scan: Scan, begun: &mut Begun) {
        let target = begun.wish.target.clone();
        let before = self.volumes.clone();
        for (volid, used) in scan.local {
            let Some(volume) = self.volume(node, &volid).cloned() else {
                continue;
            };
            let (from, name) = volid.split_once(':').unwrap_or_default();
            let to = begun.wish.map.target(from).to_owned();
            let has_path = |id: &str| self.storages.get(id).is_some_and(|s| s.has_path());
            let same = format!("{to}:{name}");
            let keeps = has_path(from) == has_path(&to)
                && (used.cloud_init || self.volume(&target, &same).is_none());
            let chosen = match keeps {
                true => same,
                false => {
                    let size = volume.virtual_size();
                    let made = self.allocate(&target, vmid, &to, size, &volume.format);
                    made.map_or(same, |made| made.volid)
                }
            };
            begun.copies.insert(volid, (chosen, used));
        }
        self.volumes = before;
    }

    /// Ends a migration: the config moves only now.
    pub(in crate::pve_sim::world) fn migrate(
        &mut self,
        node: &str,
        vmid: u32,
        begun: &Begun,
    ) -> Ended {
        if begun.aborted {
            return Err(ABORTED.to_owned()).into();
        }
        let running = self.vms.get(&vmid).is_some_and(|vm| vm.running);
        match self.carry_out(node, vmid, begun) {
            Ok(()) => {
                let line = stamped("migration finished successfully (duration 00:00:03)");
                Ended { log: vec![line], ..Ended::default() }
            }
            Err(cause) => {
                self.unlock(node, vmid);
                // PVE: AbstractMigrate.pm: an error of QEMU is a problem, one before it an abort.
                let (first, last, status) = match running {
                    true => {
                        let first = format!("ERROR: online migrate failure - {cause}");
                        let last = "ERROR: migration finished with problems (duration 00:00:03)";
                        (first, last.to_owned(), PROBLEMS)
                    }
                    false => {
                        let last = format!("ERROR: migration aborted (duration 00:00:03): {cause}");
                        (format!("ERROR: {cause}"), last, ABORTED)
                    }
                };
                let phase = if running { 2 } else { 1 };
                let cleanup = format!("aborting phase {phase} - cleanup resources");
                let log = [first, cleanup, last].map(stamped).to_vec();
                Ended { log, ..Err(status.to_owned()).into() }
            }
        }
    }

    fn carry_out(&mut self, node: &str, vmid: u32, begun: &Begun) -> Result<(), String> {
        let target = &begun.wish.target;
        let vm = self.vm(node, vmid).map_err(|refusal| refusal.in_task())?.clone();
        if !self.nodes.get(target).is_some_and(|found| found.online) {
            return Err("Can't connect to destination address using public key".to_owned());
        }
        // PVE: without quorum pmxcfs refuses to move the config.
        self.check_writable(node, vmid)?;
        for (from, (to, _)) in &begun.copies {
            let storage = to.split(':').next().unwrap_or_default();
            let used = self.volume(node, from).map_or(0, Volume::used);
            if used > self.available(target, storage) {
                return Err(format!(
                    "storage migration for '{from}' to storage '{storage}' failed - command 'set -o pipefail && \
                     pvesm export {from} raw+size - | pvesm import {to} raw+size -' failed: exit code 255"
                ));
            }
        }
        if vm.running {
            // PVE: `qm start` on the target; QemuMigrate.pm, phase2_start_local_cluster.
            self.plugs(target, &vm)
                .map_err(|_| "remote command failed with exit code 255".to_owned())?;
        }
        for (from, (to, _)) in &begun.copies {
            let storage = to.split(':').next().unwrap_or_default();
            self.count_written(storage, self.volume(node, from).map_or(0, Volume::used));
        }
        self.relocate(node, vmid, target, &begun.names());
        Ok(())
    }

    /// Moves a VM's config and copies of its volumes to a node.
    fn relocate(&mut self, node: &str, vmid: u32, target: &str, names: &BTreeMap<String, String>) {
        for (from, to) in names {
            if let Some(volume) = self.take_volume(node, from) {
                self.put_volume(target, Volume { volid: to.clone(), ..volume });
            }
        }
        let Ok(vm) = self.vm_mut(node, vmid) else {
            return;
        };
        let renamed = |key: &str, text: &mut String| {
            if !disk::is_drive(key) && !key.starts_with("unused") {
                return;
            }
            let mut drive = Properties::read(text, "file");
            if let Some(to) = drive.get("file").and_then(|file| names.get(file)).cloned() {
                drive.set("file", to);
                *text = disk::print(drive);
            }
        };
        vm.config.iter_mut().for_each(|(key, text)| renamed(key, text));
        for (key, text) in &mut vm.pending {
            text.iter_mut().for_each(|text| renamed(key, text));
        }
        vm.config.remove("lock");
        target.clone_into(&mut vm.node);
    }

    /// Someone else, or HA, has moved a VM with its local disks just before.
    pub(crate) fn move_away(&mut self, vmid: u32, target: &str) {
        let Some(vm) = self.vms.get(&vmid).filter(|vm| vm.node != target).cloned() else {
            return;
        };
        let wish = Migration {
            target: target.to_owned(),
            online: true,
            with_local_disks: true,
            force: true,
            ..Migration::default()
        };
        let (scan, _) = self.scan(&vm.node, vmid, &vm, &wish);
        let mut begun = Begun { wish, ..Begun::default() };
        self.choose_names(&vm.node, vmid, scan, &mut begun);
        self.relocate(&vm.node, vmid, target, &begun.names());
    }

    /// Cleans up after a migration that failed or was stopped: the VM stays where it was.
    // PVE: QemuMigrate.pm, phase1_cleanup and phase2_cleanup; a killed worker cleans up nothing.
    pub(in crate::pve_sim::world) fn undo_migration(
        &mut self,
        node: &str,
        vmid: u32,
        begun: &Begun,
        fault: &TaskFault,
    ) {
        if begun.aborted {
            return;
        }
        if fault.exitstatus.as_deref() != Some(KILLED) {
            self.unlock(node, vmid);
        }
        for (from, (to, used)) in &begun.copies {
            let left = used.drive.as_ref().is_some_and(|key| fault.leaves.contains(key));
            if let Some(volume) = self.volume(node, from).cloned().filter(|_| left) {
                let copy = Volume { volid: to.clone(), sha256: None, bytes: None, ..volume };
                self.put_volume(&begun.wish.target, copy);
            }
        }
    }

    fn unlock(&mut self, node: &str, vmid: u32) {
        if let Ok(vm) = self.vm_mut(node, vmid) {
            vm.config.remove("lock");
        }
    }

    /// Returns a node's first address.
    fn address(&self, node: &str) -> String {
        let interfaces = self.nodes.get(node).into_iter().flat_map(|node| node.interfaces.values());
        let mut all = interfaces.filter_map(|interface| interface.cidr.as_deref());
        all.next().and_then(|cidr| cidr.split('/').next()).unwrap_or("127.0.0.1").to_owned()
    }

    /// Returns the running migration of a VM and its remaining seconds.
    pub(in crate::pve_sim::world) fn migration_of(&self, vmid: u32) -> Option<(String, u64)> {
        let runs = |work: &Work| matches!(work, Work::Migrate { vmid: of, begun } if *of == vmid && !begun.aborted);
        let task = self
            .tasks
            .iter()
            .find(|task| task.exitstatus.is_none() && task.run.work.as_ref().is_some_and(runs))?;
        Some((task.upid.clone(), self.clockwork.seconds_left(&task.run)))
    }
}

impl Begun {
    /// Returns the lines that the task writes while it is running.
    pub(in crate::pve_sim::world) fn script(&self) -> Vec<String> {
        self.lines.clone()
    }

    fn names(&self) -> BTreeMap<String, String> {
        self.copies.iter().map(|(from, (to, _))| (from.clone(), to.clone())).collect()
    }

    fn fail(&mut self, cause: &str) {
        self.aborted = true;
        self.say(format!("ERROR: migration aborted (duration 00:00:00): {cause}"));
    }
}
