//! Tasks: their logs and their ends.
//! A pure module: does no I/O; the clock, where one is used, is handed in.
// PVE: pve-common, UPID.pm and RESTEnvironment.pm (fork_worker); pve-manager, API2/Tasks.pm.

use serde::{Deserialize, Serialize};

use super::World;
use super::access::Who;
use super::clockwork::Pace;
use super::migration::ABORTED;
use super::running_task::RunningTask;
use super::work::{Ended, KILLED, Work};

/// A task.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Task {
    /// Its node.
    pub node: String,
    /// `qmcreate`, `imgcopy`, ….
    #[serde(rename = "type")]
    pub kind: String,
    /// A vmid or empty.
    pub id: String,
    /// `user@realm` or `user@realm!token`.
    pub user: String,
    /// `OK`, `WARNINGS: n`, or the error; none while it is running.
    pub exitstatus: Option<String>,
    /// Its name; not written because it contains process IDs.
    #[serde(skip_serializing)]
    pub upid: String,
    /// Its log; not written.
    #[serde(skip_serializing)]
    pub log: Vec<String>,
    /// How it continues, if it is running when the world starts; not written.
    #[serde(skip_serializing)]
    pub runs: Option<RunningTask>,
    #[serde(skip)]
    pub(crate) run: Run,
}

/// The running part of a task.
#[derive(Debug, Clone, Default)]
pub(crate) struct Run {
    pub(crate) work: Option<Work>,
    pub(crate) started: u64,
    /// Status reads so far.
    pub(super) polls: u64,
    /// Its length in status reads or milliseconds.
    pub(super) length: u64,
    /// Log lines that it writes while it is running.
    script: Vec<String>,
    /// Lines of the script written so far.
    written: usize,
    pub(crate) fault: Option<TaskFault>,
    pub(crate) gone: bool,
    /// Its position in the order of ends.
    pub(crate) ended: u64,
}

/// A scripted change to a task.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TaskFault {
    /// Its length in status reads, or milliseconds with a timed pace.
    pub length: Option<u64>,
    /// Ends with this text instead of doing its work.
    pub exitstatus: Option<String>,
    /// Log lines before the last one.
    pub log: Vec<String>,
    /// Does its work and ends with `WARNINGS: n`.
    pub warnings: Option<u32>,
    /// Does its work although `exitstatus` says otherwise.
    pub works: bool,
    /// Is unknown to every later status read: 400, "no such task".
    pub vanish: bool,
    /// Keys that a config task writes before it fails: they stay pending.
    pub keeps: Vec<String>,
    /// Drives that a config task or a create has created before it fails, and that nothing refers to.
    pub leaves: Vec<String>,
}

impl Task {
    /// Returns the start time in its UPID.
    pub(crate) fn starttime(&self) -> u64 {
        self.upid_part(4)
    }

    /// Returns the process ID in its UPID.
    pub(crate) fn pid(&self) -> u64 {
        self.upid_part(2)
    }

    /// Returns the process start time in its UPID.
    pub(crate) fn pstart(&self) -> u64 {
        self.upid_part(3)
    }

    fn upid_part(&self, at: usize) -> u64 {
        let part = self.upid.split(':').nth(at).unwrap_or_default();
        u64::from_str_radix(part, 16).unwrap_or_default()
    }

    /// Returns how many of `size` bytes it has written so far; `None` before it has started its log.
    pub(crate) fn bytes_written(&self, size: u64) -> Option<u64> {
        let all = self.run.written + self.run.script.len();
        let done = u64::try_from(self.run.written).ok()?;
        let all = u64::try_from(all).ok()?;
        (done > 0).then(|| size / 2 * done / all.max(1))
    }

    /// Returns whether time passes for it with requests about a VM: its own, or the one it makes.
    fn is_about(&self, vmid: &str) -> bool {
        let makes = match &self.run.work {
            Some(Work::Clone { begun, .. }) => begun.newid(),
            _ => None,
        };
        self.id == vmid || makes.is_some_and(|newid| newid.to_string() == vmid)
    }

    /// Returns its length in the unit of the pace.
    pub fn length(&self) -> u64 {
        self.run.length
    }

    /// Returns its start, in milliseconds since the start of the simulator.
    pub fn started(&self) -> u64 {
        self.run.started
    }

    /// Writes the log lines for the time passed.
    fn write_script(&mut self, passed: u64) {
        let script = &mut self.run.script;
        let all = self.run.written + script.len();
        let due = (all as u64 * passed / self.run.length.max(1)) as usize;
        let count = due.min(all).saturating_sub(self.run.written);
        self.log.extend(script.drain(..count));
        self.run.written += count;
    }

    fn close(&mut self, ended: Ended) {
        self.log.append(&mut self.run.script);
        self.log.extend(ended.log);
        let fault = self.run.fault.take().unwrap_or_default();
        self.log.extend(fault.log);
        let status = match (fault.exitstatus, fault.warnings, ended.result) {
            (Some(text), _, _) => text,
            (None, _, Err(text)) => text,
            (None, Some(count), Ok(())) => format!("WARNINGS: {count}"),
            (None, None, Ok(())) if ended.warnings > 0 => format!("WARNINGS: {}", ended.warnings),
            (None, None, Ok(())) => "OK".to_owned(),
        };
        // PVE: facts 35. Only errors have the prefix ERROR.
        self.log.push(if status == "OK" || status.starts_with("WARNINGS: ") {
            format!("TASK {status}")
        } else {
            format!("TASK ERROR: {status}")
        });
        self.exitstatus = Some(status);
    }
}

impl World {
    /// Starts a task and returns its UPID.
    pub(crate) fn fork(
        &mut self,
        node: &str,
        kind: &str,
        id: &str,
        who: &Who,
        work: Work,
    ) -> String {
        let fault = self.clockwork.fault.take();
        let length = fault.as_ref().and_then(|fault| fault.length);
        let copying = self.clockwork.copy_time(&self.copies_of(node, &work));
        let length = length.unwrap_or_else(|| self.clockwork.length(kind, id) + copying);
        let script = self.script(node, &work);
        let gone = fault.as_ref().is_some_and(|fault| fault.vanish);
        let task = self.clockwork.named(Task {
            node: node.to_owned(),
            kind: kind.to_owned(),
            id: id.to_owned(),
            user: who.authid.clone(),
            run: Run {
                work: Some(work),
                started: self.clockwork.now,
                polls: 0,
                length,
                script,
                written: 0,
                fault,
                gone,
                ended: 0,
            },
            ..Task::default()
        });
        let upid = task.upid.clone();
        self.tasks.push(task);
        upid
    }

    /// Advances the clock to `now`, in milliseconds.
    pub(crate) fn advance(&mut self, now: u64) {
        self.clockwork.now = now;
        if matches!(self.clockwork.pace, Pace::Polls(_)) {
            return;
        }
        for task in self.tasks.iter_mut().filter(|task| task.exitstatus.is_none()) {
            task.write_script(now.saturating_sub(task.run.started));
        }
        self.show_clones();
        let mut due: Vec<(u64, String)> = self
            .running()
            .map(|task| (task.run.started + task.run.length, task.upid.clone()))
            .filter(|(end, _)| *end <= now)
            .collect();
        due.sort();
        for (_, upid) in due {
            self.finish(&upid);
        }
        self.pass_ha(None);
    }

    /// Counts a status read; the one after the last ends the task.
    pub(crate) fn poll(&mut self, upid: &str) {
        if !matches!(self.clockwork.pace, Pace::Polls(_)) {
            return;
        }
        let Some(task) = self.tasks.iter_mut().find(|task| task.upid == upid) else {
            return;
        };
        task.run.polls += 1;
        task.write_script(task.run.polls);
        match task.run.polls > task.run.length {
            true => self.finish(upid),
            false => self.show_clones(),
        }
    }

    fn running(&self) -> impl Iterator<Item = &Task> {
        self.tasks.iter().filter(|task| task.exitstatus.is_none())
    }

    /// Ends every running task, in order of start, and all work of the HA manager.
    pub(crate) fn settle(&mut self) {
        loop {
            let all: Vec<String> = self.running().map(|task| task.upid.clone()).collect();
            for upid in &all {
                self.finish(upid);
            }
            if !self.settle_ha() && all.is_empty() {
                return;
            }
        }
    }

    /// Lets the time of one status read pass for running tasks: those of a VM, or all.
    /// So a task ends even if its client is gone.
    pub(crate) fn pass_time(&mut self, vmid: Option<&str>) {
        let all: Vec<String> = self
            .running()
            .filter(|task| vmid.is_none_or(|vmid| task.is_about(vmid)))
            .map(|task| task.upid.clone())
            .collect();
        for upid in all {
            self.poll(&upid);
        }
        self.pass_ha(vmid.and_then(|vmid| vmid.parse().ok()));
    }

    pub(super) fn finish(&mut self, upid: &str) {
        let Some(at) = self.tasks.iter().position(|task| task.upid == upid) else {
            return;
        };
        let Some(task) = self.tasks.get_mut(at) else {
            return;
        };
        if task.exitstatus.is_some() {
            return;
        }
        let node = task.node.clone();
        let who = Who { authid: task.user.clone() };
        let work = task.run.work.take();
        let fault = task.run.fault.clone().unwrap_or_default();
        let fails = fault.exitstatus.is_some() && !fault.works;
        let ended = match work {
            Some(work) if fails => self.undo(&node, &who, work, &fault),
            Some(Work::Migrate { vmid, begun }) if fault.exitstatus.as_deref() == Some(KILLED) => {
                // Killed after it has moved the config, before it has removed the lock.
                let ended = self.migrate(&node, vmid, &begun);
                self.vms.entry(vmid).and_modify(|vm| {
                    vm.config.insert("lock".to_owned(), "migrate".to_owned());
                });
                ended
            }
            Some(work) => self.perform(&node, &who, work),
            None => Ended::default(),
        };
        self.clockwork.ends += 1;
        if let Some(task) = self.tasks.iter_mut().find(|task| task.upid == upid) {
            task.run.ended = self.clockwork.ends;
            task.close(ended);
        }
    }

    /// Stops a task.
    pub(crate) fn stop_task(&mut self, upid: &str) {
        let Some(task) = self.tasks.iter_mut().find(|task| task.upid == upid) else {
            return;
        };
        if task.exitstatus.is_some() {
            return;
        }
        let node = task.node.clone();
        let who = Who { authid: task.user.clone() };
        let work = task.run.work.take();
        // A scripted failure also defines what a stopped task leaves behind.
        let fault = task.run.fault.take().unwrap_or_default();
        // PVE: guest-common, AbstractMigrate.pm, migrate; API2/Qemu.pm, clone_vm: they handle the
        // signal and clean up.
        let aborts = match &work {
            _ if fault.exitstatus.as_deref() == Some(KILLED) => None,
            Some(Work::Migrate { .. }) => Some(ABORTED.to_owned()),
            Some(Work::Clone { begun, .. }) => Some(begun.interrupted()),
            _ => None,
        };
        if let Some(work) = work {
            self.undo(&node, &who, work, &fault);
        }
        self.clockwork.ends += 1;
        if let Some(task) = self.tasks.iter_mut().find(|task| task.upid == upid) {
            task.run.ended = self.clockwork.ends;
            if let Some(status) = aborts {
                task.run.script.clear();
                if status == ABORTED {
                    task.log.push("interrupted by signal".to_owned());
                }
                task.close(Err(status).into());
                return;
            }
            // PVE: reference 4. A killed worker does not write a last line.
            task.exitstatus = Some(KILLED.to_owned());
        }
    }
}

#[cfg(test)]
mod tests;
