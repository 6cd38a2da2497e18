//! Tasks: UPIDs, logs, and how long they run.
//! A pure module: does no I/O; the clock, where one is used, is handed in.
// PVE: pve-common, UPID.pm and RESTEnvironment.pm (fork_worker); pve-manager, API2/Tasks.pm.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha1::{Digest, Sha1};

use super::World;
use super::access::Who;
use super::under_way::UnderWay;
use super::work::{Ended, Work};

/// A task.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Task {
    /// Where it ran.
    pub node: String,
    /// `qmcreate`, `imgcopy`, ….
    #[serde(rename = "type")]
    pub kind: String,
    /// A vmid, or empty.
    pub id: String,
    /// `user@realm` or `user@realm!token`.
    pub user: String,
    /// `OK`, `WARNINGS: n`, or the error; none while it runs.
    pub exitstatus: Option<String>,
    /// Its name; not written, for it holds process ids.
    #[serde(skip_serializing)]
    pub upid: String,
    /// Its lines; not written.
    #[serde(skip_serializing)]
    pub log: Vec<String>,
    /// How it goes on, when it runs as the world begins; not written.
    #[serde(skip_serializing)]
    pub runs: Option<UnderWay>,
    #[serde(skip)]
    pub(crate) run: Run,
}

/// The running part of a task.
#[derive(Debug, Clone, Default)]
pub(crate) struct Run {
    pub(crate) work: Option<Work>,
    pub(crate) started: u64,
    /// Status reads so far.
    polls: u64,
    /// Status reads, or milliseconds, that it takes.
    pub(super) length: u64,
    /// Lines still to come while it runs.
    script: Vec<String>,
    /// Lines of the script written so far.
    written: usize,
    pub(crate) fault: Option<TaskFault>,
    pub(crate) gone: bool,
    /// Its place in the order of ends.
    pub(crate) ended: u64,
}

/// How a task departs from its work, by a script.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TaskFault {
    /// Status reads it takes; milliseconds when the pace is in time.
    pub length: Option<u64>,
    /// Ends with this text instead of doing its work.
    pub exitstatus: Option<String>,
    /// Lines in its log before the last one.
    pub log: Vec<String>,
    /// Does its work and ends with `WARNINGS: n`.
    pub warnings: Option<u32>,
    /// Does its work although `exitstatus` says otherwise.
    pub works: bool,
    /// Is unknown to every later status read: 400, "no such task".
    pub vanish: bool,
}

/// How time passes for tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pace {
    /// A task ends after so many status reads have said "running".
    Polls(u64),
    /// A task ends after so many milliseconds.
    Millis(u64),
    /// A task ends after a time between the two, the same in every run for its type and id.
    MillisBetween(u64, u64),
}

impl Pace {
    fn length(&self, kind: &str, id: &str) -> u64 {
        match self {
            Self::Polls(length) | Self::Millis(length) => *length,
            Self::MillisBetween(least, most) => {
                let bytes = Sha1::digest(format!("{kind}/{id}").as_bytes());
                let drawn = u64::from(u16::from_be_bytes([bytes[0], bytes[1]]));
                least + drawn * most.saturating_sub(*least) / u64::from(u16::MAX)
            }
        }
    }
}

/// Counters and pace; not part of a written world.
#[derive(Debug, Clone)]
pub struct Clockwork {
    pub(crate) pace: Pace,
    /// A length of its own for a type of task.
    pub(crate) lengths: BTreeMap<String, u64>,
    pub(crate) now: u64,
    /// How many VMs were created with a vmid.
    pub(crate) created: BTreeMap<u32, u32>,
    pub(crate) counter: u64,
    /// How many tasks have ended.
    pub(crate) ends: u64,
    pub(crate) fault: Option<TaskFault>,
    /// Of the certificate that is served.
    pub(crate) fingerprint: String,
}

impl Default for Clockwork {
    fn default() -> Self {
        Self {
            pace: Pace::Polls(1),
            lengths: BTreeMap::new(),
            now: 0,
            created: BTreeMap::new(),
            counter: 0,
            ends: 0,
            fault: None,
            fingerprint: String::new(),
        }
    }
}

impl Clockwork {
    /// The next number: process ids, MACs and UUIDs are made from it.
    pub(crate) fn next(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    /// How long a task takes that nothing else is said of.
    pub(super) fn length(&self, kind: &str, id: &str) -> u64 {
        match (self.lengths.get(kind), kind) {
            (Some(own), _) => *own,
            // PVE: facts-3 4.1. They only ask HA's manager, and end at once.
            (None, "hastart" | "hastop") => 0,
            (None, _) => self.pace.length(kind, id),
        }
    }

    /// Gives a task its UPID (facts 33). No clock: the start time is a count.
    pub(crate) fn named(&mut self, mut task: Task) -> Task {
        if task.upid.is_empty() {
            let count = self.next();
            task.upid = format!(
                "UPID:{}:{:08X}:{:08X}:{:08X}:{}:{}:{}:",
                task.node,
                0x1000 + count,
                0x0010_0000 + count * 100,
                0x6900_0000 + count,
                task.kind,
                task.id,
                task.user,
            );
        }
        task
    }
}

impl Task {
    /// The start time in its UPID.
    pub(crate) fn starttime(&self) -> u64 {
        self.upid_part(4)
    }

    /// The process id in its UPID.
    pub(crate) fn pid(&self) -> u64 {
        self.upid_part(2)
    }

    /// The process start in its UPID.
    pub(crate) fn pstart(&self) -> u64 {
        self.upid_part(3)
    }

    fn upid_part(&self, at: usize) -> u64 {
        let part = self.upid.split(':').nth(at).unwrap_or_default();
        u64::from_str_radix(part, 16).unwrap_or_default()
    }

    /// How long it takes, in the unit of the pace.
    pub fn length(&self) -> u64 {
        self.run.length
    }

    /// When it began, in milliseconds since the start.
    pub fn started(&self) -> u64 {
        self.run.started
    }

    /// Writes the part of the script that belongs to the time passed.
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
        // PVE: facts 35. Only an error has the word ERROR before it.
        self.log.push(if status == "OK" || status.starts_with("WARNINGS: ") {
            format!("TASK {status}")
        } else {
            format!("TASK ERROR: {status}")
        });
        self.exitstatus = Some(status);
    }
}

impl World {
    /// Starts a task and gives its UPID.
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
        let length = length.unwrap_or_else(|| self.clockwork.length(kind, id));
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

    /// Lets the time of a clock pass, in milliseconds.
    pub(crate) fn advance(&mut self, now: u64) {
        self.clockwork.now = now;
        if matches!(self.clockwork.pace, Pace::Polls(_)) {
            return;
        }
        for task in self.tasks.iter_mut().filter(|task| task.exitstatus.is_none()) {
            task.write_script(now.saturating_sub(task.run.started));
        }
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
        if task.run.polls > task.run.length {
            self.finish(upid);
        }
    }

    fn running(&self) -> impl Iterator<Item = &Task> {
        self.tasks.iter().filter(|task| task.exitstatus.is_none())
    }

    /// Ends every running task, in order of start, and all that HA's manager does then.
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
    /// So a task whose client went away ends too.
    pub(crate) fn pass(&mut self, vmid: Option<&str>) {
        let all: Vec<String> = self
            .running()
            .filter(|task| vmid.is_none_or(|vmid| task.id == vmid))
            .map(|task| task.upid.clone())
            .collect();
        for upid in all {
            self.poll(&upid);
        }
        self.pass_ha(vmid.and_then(|vmid| vmid.parse().ok()));
    }

    fn finish(&mut self, upid: &str) {
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
        let fails =
            task.run.fault.as_ref().is_some_and(|fault| fault.exitstatus.is_some() && !fault.works);
        let ended = match work {
            Some(work) if fails => self.undo(&node, work),
            Some(work) => self.perform(&node, &who, work),
            None => Ended::default(),
        };
        self.clockwork.ends += 1;
        if let Some(task) = self.tasks.iter_mut().find(|task| task.upid == upid) {
            task.run.ended = self.clockwork.ends;
            task.close(ended);
        }
    }

    /// Stops a task from outside.
    pub(crate) fn stop_task(&mut self, upid: &str) {
        let Some(task) = self.tasks.iter_mut().find(|task| task.upid == upid) else {
            return;
        };
        if task.exitstatus.is_some() {
            return;
        }
        let node = task.node.clone();
        let work = task.run.work.take();
        task.run.fault = None;
        if let Some(work) = work {
            self.undo(&node, work);
        }
        self.clockwork.ends += 1;
        if let Some(task) = self.tasks.iter_mut().find(|task| task.upid == upid) {
            task.run.ended = self.clockwork.ends;
            // PVE: reference 4. A killed worker writes no last line.
            task.exitstatus = Some("unexpected status".to_owned());
        }
    }
}

#[cfg(test)]
mod tests;
