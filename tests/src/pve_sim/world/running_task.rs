//! Tasks that run already when the world begins: what an earlier client left behind.
//! A pure module: does no I/O.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::World;
use super::task::TaskFault;
use super::vm::Vm;
use super::work::Work;

/// How a task goes on that runs when the world begins.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RunningTask {
    /// Reads, or milliseconds, that are left; absent: as any task of its type.
    pub length: Option<u64>,
    /// The VM it works on; absent: the one in the task's id.
    pub vmid: Option<u32>,
    /// The VM's config at the end. Until then a new VM has a lock and no more.
    pub config: Option<BTreeMap<String, String>>,
    /// How it ends; absent: `OK`. After another end a new VM is gone, but for `unexpected status`:
    /// a killed worker leaves what there is (facts-4 33).
    pub ends: Option<String>,
}

impl World {
    /// Reads what the running tasks are at, and makes the VMs that they have claimed.
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

    /// Whether a task that makes this VM runs for more than so many seconds yet.
    /// Where time is a count, a read stands for a second.
    pub(super) fn worker_runs_longer_than(&self, vmid: u32, seconds: u64) -> bool {
        let makes = |work: &Work| match work {
            Work::Create { vmid: made, .. } | Work::Become { vmid: made, .. } => *made == vmid,
            _ => false,
        };
        let mut running = self.tasks.iter().filter(|task| task.exitstatus.is_none());
        running.any(|task| {
            task.run.work.as_ref().is_some_and(makes)
                && self.clockwork.seconds_left(&task.run) > seconds
        })
    }

    /// Starts the clock of the tasks that run already.
    pub(crate) fn start_clocks(&mut self) {
        let clockwork = &self.clockwork;
        for task in self.tasks.iter_mut().filter(|task| task.exitstatus.is_none()) {
            let length = task.runs.as_ref().and_then(|runs| runs.length);
            let usual = || clockwork.length(&task.kind, &task.id);
            task.run.length = length.unwrap_or_else(usual);
        }
    }

    /// What such a task makes of its VM.
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

    /// A create or clone that failed leaves nothing.
    pub(super) fn drop_claim(&mut self, vmid: u32) {
        let lock = self.vms.get(&vmid).and_then(|vm| vm.config.get("lock"));
        if matches!(lock.map(String::as_str), Some("create" | "clone")) {
            self.vms.remove(&vmid);
        }
    }
}

/// A VM whose create or clone is under way.
// PVE: facts-3 1.2, facts-4 23: only the lock, and with a clone this description.
fn claimed(node: String, kind: &str, vmid: u32) -> Vm {
    let mut vm = Vm { node, ..Vm::default() };
    let config: &[(&str, &str)] = match kind {
        "qmclone" => &[("lock", "clone"), ("description", " qmclone temporary file")],
        _ => &[("lock", "create")],
    };
    vm.config = config.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
    vm.seen = Some(vm.pvestatd_view(vmid));
    vm
}
