//! The lock file of a VM's config, and PVE's cleanup after a stop, which may hold it.
//! A pure module: does no I/O. Simulated time advances by the waits for the file.
// PVE: guest-common, AbstractConfig.pm, lock_config; pve-common, Tools.pm, lock_file_full;
// qemu-server 9.2.6, CLI/qm.pm, cleanup, and QemuServer.pm, vm_start and vm_stop.

use super::World;
use super::work::{Ended, Work};
use crate::pve_sim::answer::Refusal;

/// How long PVE waits for the file.
const LOCK_TIMEOUT: u64 = 10;
/// The first release whose cleanup holds the file while it waits for the VM to be off.
const WAITING_CLEANUP: (u32, u32) = (9, 2);

impl Work {
    /// Returns the VM whose lock file the task takes first.
    fn locks(&self) -> Option<u32> {
        match self {
            Self::Destroy { vmid, .. }
            | Self::Change { vmid, .. }
            | Self::Resize { vmid, .. }
            | Self::Move { vmid, .. }
            | Self::Start { vmid }
            | Self::Stop { vmid }
            | Self::Shutdown { vmid, .. }
            | Self::Reboot { vmid } => Some(*vmid),
            // A clone and a template have taken it at their start.
            _ => None,
        }
    }
}

impl World {
    /// Takes a VM's lock file; waits for it as long as PVE does.
    pub(crate) fn lock_file(&mut self, vmid: u32) -> Result<(), Refusal> {
        let file = format!("/var/lock/qemu-server/lock-{vmid}.conf");
        let timeout = Refusal::die(format!("can't lock file '{file}' - got timeout"));
        // PVE: qemu-server, QemuMigrate.pm, lock_vm: a migration holds the file until it ends.
        if let Some((upid, left)) = self.migration_of(vmid) {
            self.clockwork.waited += left.min(LOCK_TIMEOUT);
            if left > LOCK_TIMEOUT {
                return Err(timeout);
            }
            self.finish(&upid);
        }
        // PVE: facts-3 1.2, facts-4 31: a clone holds the files of both VMs until it ends.
        let clones = self.clones_with(vmid);
        let longest = clones.iter().map(|(_, left)| *left).max().unwrap_or(0);
        self.clockwork.waited += longest.min(LOCK_TIMEOUT);
        if longest > LOCK_TIMEOUT {
            return Err(timeout);
        }
        clones.iter().for_each(|(upid, _)| self.finish(upid));
        let Some(vm) = self.vms.get_mut(&vmid) else {
            return Ok(());
        };
        let held = std::mem::take(&mut vm.lock_held);
        self.clockwork.waited += held.min(LOCK_TIMEOUT);
        if held <= LOCK_TIMEOUT {
            return Ok(());
        }
        vm.lock_held = held - LOCK_TIMEOUT;
        Err(timeout)
    }

    /// Returns the result of a task that cannot take the lock file.
    pub(super) fn unlocked(&mut self, work: &Work) -> Option<Ended> {
        let refusal = self.lock_file(work.locks()?).err()?;
        let log = vec!["trying to acquire lock...".to_owned()];
        Some(Ended { log, ..Err(refusal.in_task()).into() })
    }

    /// Handles a VM that starts before the cleanup of its stop: the cleanup waits for it to be off again.
    pub(super) fn meet_cleanup(&mut self, vmid: u32) {
        let waits = self.release() >= WAITING_CLEANUP;
        let seconds = self.late_cleanup;
        if let Some(vm) = self.vms.get_mut(&vmid)
            && std::mem::take(&mut vm.cleanup_due)
            && waits
        {
            vm.lock_held = seconds;
        }
    }
}
