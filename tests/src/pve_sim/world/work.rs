//! What tasks do when they end.
//! A pure module: does no I/O.

use std::collections::BTreeMap;

use super::World;
use super::access::Who;
use super::change::Change;
use super::clone;
use super::disk;
use super::ha::Request;
use super::migration::Begun;
use super::moves::Move;
use super::storage::{Storage, Volume};
use super::task::{Task, TaskFault};

/// The exit status of a killed task.
pub(crate) const KILLED: &str = "unexpected status";

/// The work of a task.
#[derive(Debug, Clone)]
pub(crate) enum Work {
    Create {
        vmid: u32,
        params: BTreeMap<String, String>,
        start: bool,
        pool: Option<String>,
    },
    Destroy {
        vmid: u32,
        unreferenced: bool,
        purge: bool,
    },
    Change {
        vmid: u32,
        change: Change,
        lines: Vec<String>,
    },
    Resize {
        vmid: u32,
        disk: String,
        size: String,
        digest: Option<String>,
    },
    Move {
        vmid: u32,
        wish: Move,
    },
    Migrate {
        vmid: u32,
        begun: Box<Begun>,
    },
    Clone {
        /// The source.
        vmid: u32,
        begun: Box<clone::Begun>,
    },
    Template {
        vmid: u32,
        disk: Option<String>,
        refused: Option<String>,
    },
    Start {
        vmid: u32,
    },
    Stop {
        vmid: u32,
    },
    Shutdown {
        vmid: u32,
        force: bool,
    },
    Reboot {
        vmid: u32,
    },
    AskHa {
        vmid: u32,
        request: Request,
    },
    Store {
        node: String,
        storage: String,
        volume: Volume,
        refused: Option<String>,
        lines: Vec<String>,
    },
    Delete {
        volid: String,
    },
    Become {
        vmid: u32,
        config: BTreeMap<String, String>,
    },
    Reload,
}

/// The result of a task's work.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) log: Vec<String>,
    pub(crate) warnings: u32,
    pub(crate) result: Result<(), String>,
}

impl Default for Ended {
    fn default() -> Self {
        Self { log: Vec::new(), warnings: 0, result: Ok(()) }
    }
}

impl From<Result<(), String>> for Ended {
    fn from(result: Result<(), String>) -> Self {
        Self { result, ..Self::default() }
    }
}

impl World {
    /// Returns the lines that a task writes to its log while it is running.
    pub(super) fn script(&self, node: &str, work: &Work) -> Vec<String> {
        let mut lines = Vec::new();
        let drives = match work {
            Work::Store { lines, .. } => return lines.clone(),
            Work::Create { params, .. } => params,
            Work::Change { change, lines: first, .. } => {
                lines.clone_from(first);
                &change.set
            }
            Work::Move { vmid, wish } => return self.move_script(node, *vmid, wish),
            Work::Migrate { begun, .. } => return begun.script(),
            Work::Clone { begun, .. } => return begun.script(),
            _ => return Vec::new(),
        };
        let drives = drives.iter().filter(|(key, _)| disk::is_drive(key));
        let progress = drives.filter_map(|(key, text)| {
            let drive = disk::read(key, text);
            let source = self.volume(node, drive.get("import-from")?)?;
            Some(disk::progress(source.virtual_size()))
        });
        lines.extend(progress.flatten());
        lines
    }

    pub(crate) fn perform(&mut self, node: &str, who: &Who, work: Work) -> Ended {
        if let Some(ended) = self.unlocked(&work) {
            return ended;
        }
        if let Err(cause) = self.needs_quorum(node, &work) {
            return Err(cause).into();
        }
        match work {
            Work::Create { vmid, params, start, pool } => {
                let ended = self.create(node, who, vmid, params, start);
                if let (Ok(()), Some(pool)) = (&ended.result, pool)
                    && let Some(pool) = self.pools.get_mut(&pool)
                {
                    pool.vms.push(vmid);
                }
                ended
            }
            Work::Destroy { vmid, unreferenced, purge } => {
                let mut ended = self.destroy(node, vmid, unreferenced, purge);
                if purge && ended.result.is_ok() {
                    let line = format!("purging VM {vmid} from related configurations..");
                    ended.log.push(line);
                    if self.ha.remove(&vmid).is_some() {
                        ended.log.push(format!(
                            "NOTE: removed VM {vmid} from HA resource configuration."
                        ));
                    }
                }
                ended
            }
            Work::Change { vmid, change, .. } => match self.change(node, who, vmid, &change) {
                Ok(log) => Ended { log, ..Ended::default() },
                Err(refusal) => Err(refusal.in_task()).into(),
            },
            Work::Resize { vmid, disk, size, digest } => {
                match self.resize(node, who, vmid, &disk, &size, digest.as_deref()) {
                    Ok(log) => Ended { log, ..Ended::default() },
                    Err(text) => Err(text).into(),
                }
            }
            Work::Move { vmid, wish } => self.move_disk(node, vmid, &wish),
            Work::Migrate { vmid, begun } => self.migrate(node, vmid, &begun),
            Work::Clone { begun, .. } => self.clone_vm(node, &begun),
            Work::Template { vmid, disk, refused } => self.template(node, vmid, disk, refused),
            Work::Start { vmid } => self.start(node, vmid),
            Work::Stop { vmid } => self.stop(node, vmid).into(),
            Work::Shutdown { vmid, force } => self.shutdown(node, vmid, force).into(),
            Work::Reboot { vmid } => self.reboot(node, vmid),
            Work::AskHa { vmid, request } => self.ask_ha(vmid, &request),
            Work::Store { node, storage, volume, refused, .. } => {
                self.store(&node, &storage, volume, refused)
            }
            Work::Delete { volid } => self.delete_volume(node, &volid),
            Work::Become { vmid, config } => self.apply_planned_config(node, vmid, config).into(),
            Work::Reload => self.reload_all(),
        }
    }

    /// Returns the files that uploads are being copied to: `cp` writes under the final name and overwrites.
    // PVE: pve-storage, API2/Storage/Status.pm, upload: `['cp', '--', $tmpfilename, $dest]`.
    pub(crate) fn copies(&self, node: &str, storage: &str) -> Vec<Volume> {
        let running =
            self.tasks.iter().filter(|task| task.kind == "imgcopy" && task.exitstatus.is_none());
        let copy = |task: &Task| match &task.run.work {
            Some(Work::Store { node: on, storage: id, volume, refused: None, .. })
                if on == node && id == storage =>
            {
                let size = task.bytes_written(volume.size)?;
                Some(Volume { size, node: Some(node.to_owned()), ..volume.clone() })
            }
            _ => None,
        };
        running.filter_map(copy).collect()
    }

    /// Cleans up after a task that failed or was stopped, and leaves what PVE leaves behind.
    pub(crate) fn undo(&mut self, node: &str, who: &Who, work: Work, fault: &TaskFault) -> Ended {
        match work {
            // PVE: facts 13. A failed create leaves nothing, or volumes it lost track of.
            Work::Create { vmid, params, .. } => {
                self.leave(node, vmid, &params, fault);
                self.vms.remove(&vmid);
            }
            Work::Change { vmid, change, .. } => return self.half(node, who, vmid, &change, fault),
            Work::Become { vmid, .. } => self.drop_claim(vmid),
            // PVE: Status.pm, upload: only a live worker removes what `cp` has written.
            Work::Store { node, volume, refused: None, .. }
                if fault.exitstatus.as_deref().is_none_or(|text| text == KILLED) =>
            {
                let half = Volume { size: volume.size / 2, sha256: None, bytes: None, ..volume };
                self.put_volume(&node, half);
            }
            Work::Migrate { vmid, begun } => self.undo_migration(node, vmid, &begun, fault),
            Work::Clone { begun, .. } => self.undo_clone(node, &begun, fault),
            Work::Template { vmid, refused: None, .. } => {
                return self.half_template(node, vmid, fault);
            }
            // PVE: API2/Qemu.pm, destroy_vm: the config keeps its lock.
            Work::Destroy { vmid, .. } => {
                if let Ok(vm) = self.vm_mut(node, vmid) {
                    vm.config.remove("lock");
                }
            }
            _ => {}
        }
        Ended::default()
    }

    /// Leaves pending what a config task wrote before it failed (facts-4 27).
    fn half(
        &mut self,
        node: &str,
        who: &Who,
        vmid: u32,
        change: &Change,
        fault: &TaskFault,
    ) -> Ended {
        let kept = |key: &String| fault.keeps.contains(key);
        let part = Change {
            set: change.set.clone().into_iter().filter(|(key, _)| kept(key)).collect(),
            delete: change.delete.iter().filter(|key| kept(key)).cloned().collect(),
            ..change.clone()
        };
        let log = match self.write_pending(node, who, vmid, &part) {
            Ok(log) => log,
            Err(refusal) => return Err(refusal.in_task()).into(),
        };
        self.leave(node, vmid, &change.set, fault);
        Ended { log, ..Ended::default() }
    }

    /// Leaves volumes of a task that nothing refers to: those it was writing when it was killed, or the
    /// firmware's variables when they could not be filled (facts-4 28 and 49).
    fn leave(
        &mut self,
        node: &str,
        vmid: u32,
        drives: &BTreeMap<String, String>,
        fault: &TaskFault,
    ) {
        for key in &fault.leaves {
            let Some(text) = drives.get(key).filter(|_| disk::is_drive(key)) else {
                continue;
            };
            // A volume that cannot be created is not left behind either.
            let _ = self.make_drive(node, vmid, key, text, &BTreeMap::new());
        }
    }

    /// Facts 43: deleting a missing volume is not an error.
    fn delete_volume(&mut self, node: &str, volid: &str) -> Ended {
        let id = volid.split(':').next().unwrap_or_default();
        let file = match self.storage(id, node) {
            Ok(storage) => storage.file(volid),
            Err(refusal) => return Err(refusal.in_task()).into(),
        };
        let mut log = Vec::new();
        match self.free_volume(node, volid) {
            Ok(Some(_)) => {}
            // PVE: pve-storage, Storage/Plugin.pm, free_image.
            Ok(None) => log.push(format!("disk image '{file}' does not exist")),
            Err(cause) => return Err(cause).into(),
        }
        log.push(format!("Removed volume '{volid}'"));
        Ended { log, ..Ended::default() }
    }

    fn store(
        &mut self,
        node: &str,
        storage: &str,
        volume: Volume,
        refused: Option<String>,
    ) -> Ended {
        if let Some(text) = refused {
            return Err(text).into();
        }
        let replaced = self.volume(node, &volume.volid).map_or(0, Volume::used);
        if volume.used() > self.available(node, storage) + replaced {
            // PVE: the error of `cp`; the copy is removed (Status.pm, upload).
            let path =
                self.storages.get(storage).map_or_else(String::new, |s: &Storage| s.path(storage));
            let line = format!("cp: error writing '{path}': No space left on device");
            let result = Err("import failed: cp: No space left on device".to_owned());
            return Ended { log: vec![line], ..result.into() };
        }
        self.count_written(storage, volume.used());
        self.put_volume(node, volume);
        let log = vec!["finished file import successfully".to_owned()];
        Ended { log, ..Ended::default() }
    }
}
