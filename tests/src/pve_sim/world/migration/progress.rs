//! The lines that a migration writes to its log while it copies.
//! A pure module: does no I/O. The times are constants.
// PVE: qemu-server 9.2.6, QemuMigrate.pm, sync_offline_local_volumes and phase2; guest-common,
// AbstractMigrate.pm, $msg2text.

use super::World;
use super::run::Begun;
use crate::pve_sim::world::disk;
use crate::pve_sim::world::moves::mirror;
use crate::pve_sim::world::storage::Volume;
use crate::pve_sim::world::vm::Vm;

/// The time in each line of the log. Not the clock: it is the same in every run.
const TIME: &str = "2025-10-09 08:53:20";

impl World {
    pub(super) fn write_lines(&self, vmid: u32, vm: &Vm, begun: &mut Begun) {
        let (target, running) = (begun.wish.target.clone(), vm.running);
        let copies = begun.copies.clone();
        let (online, offline): (Vec<_>, Vec<_>) =
            copies.iter().partition(|(_, (_, used))| used.is_mirrored(running));
        if !offline.is_empty() {
            begun.say("copying local disk images");
        }
        for (from, (to, _)) in offline {
            let size = self.volume(&vm.node, from).map_or(0, Volume::virtual_size);
            let shown = disk::human_size(size);
            begun.say(format!("{size} bytes ({shown}) copied, 3 s, 358 MB/s"));
            begun.say(format!("volume '{from}' is '{to}' on the target"));
        }
        if !running {
            return;
        }
        begun.say(format!("starting VM {vmid} on remote node '{target}'"));
        for (from, (to, _)) in &online {
            begun.say(format!("volume '{from}' is '{to}' on the target"));
        }
        begun.say("start remote tunnel");
        begun.say("ssh tunnel ver 1");
        let socket = format!("unix:/run/qemu-server/{vmid}.migrate");
        if !online.is_empty() {
            begun.say("starting storage migration");
        }
        for (from, (_, used)) in online {
            let key = used.drive.as_deref().unwrap_or_default();
            let size = self.volume(&vm.node, from).map_or(0, Volume::virtual_size);
            begun.say(format!(
                "{key}: start migration to nbd:unix:/run/qemu-server/{vmid}_nbd.migrate:exportname=drive-{key}"
            ));
            begun.lines.extend(mirror(key, size).into_iter().take(12));
        }
        begun.say(format!("starting online/live migration on {socket}"));
        begun.say("set migration capabilities");
        begun.say("migration downtime limit: 100 ms");
        begun.say(format!("start migrate command to {socket}"));
        let memory = vm.pvestatd_view(vmid).memory;
        let all = disk::human_size(memory);
        for tenth in 1..=9 {
            let done = disk::human_size(memory / 10 * tenth);
            begun.say(format!(
                "migration active, transferred {done} of {all} VM-state, 110.0 MiB/s"
            ));
        }
        begun.say(format!("average migration speed: {all}/s - downtime 50 ms"));
        begun.say(format!("migration completed, transferred {all} VM-state"));
        begun.say("migration status: completed");
    }
}

impl Begun {
    pub(super) fn say(&mut self, line: impl AsRef<str>) {
        self.lines.push(stamped(line.as_ref()));
    }
}

pub(super) fn stamped(line: impl AsRef<str>) -> String {
    format!("{TIME} {}", line.as_ref())
}
