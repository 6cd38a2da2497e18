//! Tasks that are already running when the world starts, left behind by an earlier client.
//! A pure module: does no I/O.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::World;
use super::clone;
use super::task::TaskFault;
use super::vm::Vm;
use super::work::Work;

/// How a task continues that is running when the world starts.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RunningTask {
    /// Remaining reads or milliseconds [default: those of its type].
    pub length: Option<u64>,
    /// Its VM [default: the one in the task's ID].
    pub vmid: Option<u32>,
    /// The VM's config at the end. Until then a new VM has only a lock.
    pub config: Option<BTreeMap<String, String>>,
    /// The target of a migration, which keeps its VM locked until its end.
    pub target: Option<String>,
    /// Its exit status [default: `OK`]. With another one a new VM is removed, except for `unexpected status`:
    /// a killed worker leaves everything behind (facts-4 33).
    pub ends: Option<String>,
}

impl World {
    /// Prepares the running tasks and creates the VMs that they have claimed.
    pub(super) fn prepare_tasks(&mut self) -> Result<(), String> {
        for at in 0..self.tasks.len() {
            let Some(task) = self.tasks.get_mut(at) else {
                continue;
            };
            let Some(runs) = task.runs.clone() else {
                continue;
            };
            let named = format!("task {} {}", task.kind, task.id);
            if task.exitstatus.is_some() {
                return Err(format!("{named}: it has both `runs` and `exitstatus`"));
            }
            let killed = runs.ends.as_deref() == Some("unexpected status");
            task.run.fault = runs.ends.map(|ends| TaskFault {
                works: ends == "OK" || ends.starts_with("WARNINGS: "),
                exitstatus: Some(ends),
                ..TaskFault::default()
            });
            let (node, kind) = (task.node.clone(), task.kind.clone());
            if kind == "qmigrate" {
                let target = runs.target.ok_or_else(|| format!("{named}: it needs a `target`"))?;
                self.resume_migration(at, &target).map_err(|cause| format!("{named}: {cause}"))?;
                continue;
            }
            let Some(config) = runs.config else {
                continue;
            };
            let vmid = runs.vmid.or_else(|| task.id.parse().ok());
            let vmid = vmid.ok_or_else(|| format!("{named}: it needs a `vmid`"))?;
            task.run.work = (!killed).then_some(Work::Become { vmid, config });
            self.vms.entry(vmid).or_insert_with(|| claimed(node, &kind, vmid));
        }
        Ok(())
    }

    /// Returns whether a task that creates this VM keeps running for more than this many seconds.
    /// With a counted pace, a read counts as a second.
    pub(super) fn worker_runs_longer_than(&self, vmid: u32, seconds: u64) -> bool {
        let makes = |work: &Work| match work {
            Work::Create { vmid: made, .. } | Work::Become { vmid: made, .. } => *made == vmid,
            Work::Clone { begun, .. } => begun.newid() == Some(vmid),
            _ => false,
        };
        let mut running = self.tasks.iter().filter(|task| task.exitstatus.is_none());
        running.any(|task| {
            task.run.work.as_ref().is_some_and(makes)
                && self.clockwork.seconds_left(&task.run) > seconds
        })
    }

    /// Starts the clocks of the tasks that are already running.
    pub(crate) fn start_clocks(&mut self) {
        let clockwork = &self.clockwork;
        for task in self.tasks.iter_mut().filter(|task| task.exitstatus.is_none()) {
            let length = task.runs.as_ref().and_then(|runs| runs.length);
            let usual = || clockwork.length(&task.kind, &task.id);
            task.run.length = length.unwrap_or_else(usual);
        }
    }

    /// Sets the VM's config at the end of such a task.
    pub(super) fn apply_planned_config(
        &mut self,
        node: &str,
        vmid: u32,
        config: BTreeMap<String, String>,
    ) -> Result<(), String> {
        if let Ok(vm) = self.vm_mut(node, vmid) {
            vm.config = config;
        }
        self.make_missing_disks(vmid)
    }

    /// Removes the VM after a failed create or clone.
    pub(super) fn drop_claim(&mut self, vmid: u32) {
        let lock = self.vms.get(&vmid).and_then(|vm| vm.config.get("lock"));
        if matches!(lock.map(String::as_str), Some("create" | "clone")) {
            self.vms.remove(&vmid);
        }
    }
}

/// Returns a VM that is being created or cloned.
// PVE: facts-3 1.2, facts-4 23: only the lock, and for a clone this description.
fn claimed(node: String, kind: &str, vmid: u32) -> Vm {
    let mut vm = Vm { node, ..Vm::default() };
    vm.config = match kind {
        "qmclone" => clone::temporary(),
        _ => BTreeMap::from([("lock".to_owned(), "create".to_owned())]),
    };
    vm.seen = Some(vm.pvestatd_view(vmid));
    vm
}
