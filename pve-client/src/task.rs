//! Tasks: their state, their log, and waiting for them.
//!
//! Guarantees: `wait` ends at its deadline and checks the exit status; a lost answer costs a
//! poll, not the task.

use std::ops::ControlFlow;
use std::time::Duration;

use crate::client::Client;
use crate::error::{Error, TaskFailure};
use crate::ids::{NodeName, Vmid};
use crate::params::{Params, path};
use crate::upid::Upid;

/// The exit status of a task whose worker was killed.
// PVE: facts 34.
pub const KILLED: &str = "unexpected status";

/// How a successful task ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finished {
    /// `OK`.
    Clean,
    /// `WARNINGS: n`: done with warnings.
    WithWarnings {
        /// The number of warnings.
        count: u64,
        /// The warnings' lines from the log.
        lines: Vec<String>,
    },
}

/// The state of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskState {
    /// It is running.
    Running,
    /// It ended with this exit status.
    Stopped(String),
}

/// A task in a node's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskEntry {
    /// The task.
    pub upid: Upid,
    /// When it ended, in seconds since 1970; `None` while it is running.
    pub endtime: Option<u64>,
    /// Its exit status; `None` while it is running.
    pub status: Option<String>,
}

/// A piece of a task's log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogPage {
    /// The lines.
    pub lines: Vec<String>,
    /// The current length of the whole log, in lines.
    pub total: u64,
}

/// A filter for a node's task list.
#[derive(Debug, Clone, Default)]
pub struct TaskFilter {
    /// Only running tasks and those that just ended: PVE then skips the archive.
    pub active: bool,
    /// Only tasks about this VM.
    pub vmid: Option<Vmid>,
    /// Only this type, such as `qmcreate`.
    pub kind: Option<String>,
    /// Only tasks started since, in seconds since 1970.
    pub since: Option<u64>,
    /// The maximum number of tasks [default: all].
    pub limit: Option<u32>,
}

/// The first pause between two polls. Small PVE tasks end within 100 ms.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// The longest pause between two polls.
const LAST_PAUSE: Duration = Duration::from_secs(1);
/// How long an unknown task may be one that is not registered yet.
const REGISTRATION: Duration = Duration::from_secs(5);
/// How long polls may get no answer: a restart of pveproxy takes a few seconds, moving a cluster
/// address a little longer.
const SILENCE: Duration = Duration::from_secs(30);
/// How many tasks PVE lists by default.
const PAGE: u64 = 50;
/// More than the number of tasks in a node's lists.
const ALL_TASKS: u32 = 1_000_000;
/// The number of log lines shown with a failure.
const LOG_TAIL: u64 = 10;

impl Client {
    /// Waits for a task to end, for at most `limit`, and checks its exit status.
    ///
    /// `on_poll` is called after each poll that does not end the wait, with the time waited so far and,
    /// if the task's state could not be read, the error. It can abort the wait. A task that
    /// is still running then, or at the limit, is left running.
    pub fn wait(
        &self,
        upid: &Upid,
        limit: Duration,
        on_poll: &mut dyn FnMut(Duration, Option<&Error>) -> ControlFlow<()>,
    ) -> Result<Finished, Error> {
        let started = self.clock().now();
        let mut answered = Duration::ZERO;
        loop {
            let waited = self.clock().now() - started;
            let mut over = waited >= limit;
            match self.task_status(upid) {
                Ok(TaskState::Stopped(exitstatus)) => return self.judge(upid, exitstatus),
                Ok(TaskState::Running) => {
                    answered = waited;
                    over |= on_poll(waited, None).is_break();
                }
                // PVE: reference 4: right after its start a task may not be listed yet.
                Err(error)
                    if error.is_task_unknown() && waited < REGISTRATION
                        || is_transient(&error) && waited < answered + SILENCE =>
                {
                    over |= on_poll(waited, Some(&error)).is_break();
                }
                Err(error) => return Err(error),
            }
            if over {
                return Err(Error::TaskStillRuns { upid: Box::new(upid.clone()), waited });
            }
            // A tenth of the time waited so far: the end is noticed at most a tenth of the task late.
            let pause = (waited / 10).clamp(FIRST_PAUSE, LAST_PAUSE);
            self.clock().sleep(pause.min(limit - waited));
        }
    }

    /// Returns a task's state.
    pub fn task_status(&self, upid: &Upid) -> Result<TaskState, Error> {
        let answer = self.get(&task_path(upid, &["status"]), &Params::new())?;
        let fields = answer.object()?;
        match fields.text("status").as_deref() {
            Some("running") => Ok(TaskState::Running),
            Some("stopped") => Ok(TaskState::Stopped(
                fields.text("exitstatus").unwrap_or_else(|| KILLED.to_owned()),
            )),
            _ => Err(answer.bad("`status` is neither running nor stopped")),
        }
    }

    /// Returns a page of a task's log: `limit` lines from `start`.
    pub fn task_log(&self, upid: &Upid, start: u64, limit: u64) -> Result<LogPage, Error> {
        let params = Params::new().with("start", start).with("limit", limit);
        let answer = self.get(&task_path(upid, &["log"]), &params)?;
        let lines = answer.list(|line| line.required("t"))?;
        let total =
            answer.sibling("total").unwrap_or_else(|| start.saturating_add(lines.len() as u64));
        Ok(LogPage { lines, total })
    }

    /// Returns the last `count` lines of a task's log.
    pub fn task_log_tail(&self, upid: &Upid, count: u64) -> Result<Vec<String>, Error> {
        let page = self.task_log(upid, 0, count)?;
        if page.total <= count {
            return Ok(page.lines);
        }
        Ok(self.task_log(upid, page.total - count, count)?.lines)
    }

    /// Returns a node's tasks: running ones, oldest first, then ended ones, most recent
    /// first. Without `filter.limit`, returns all of them.
    pub fn tasks(&self, node: &NodeName, filter: &TaskFilter) -> Result<Vec<TaskEntry>, Error> {
        let (tasks, total) = self.task_page(node, filter, filter.limit)?;
        // PVE: pve-manager, API2/Tasks.pm, node_tasks: 50 rows by default, and `total`
        // counts them all.
        let read = tasks.len() as u64;
        let is_whole = total.map_or(read < PAGE, |total| total <= read);
        if filter.limit.is_some() || is_whole {
            return Ok(tasks);
        }
        Ok(self.task_page(node, filter, Some(ALL_TASKS))?.0)
    }

    /// Returns the first `limit` tasks of a node's list, and their total number.
    fn task_page(
        &self,
        node: &NodeName,
        filter: &TaskFilter,
        limit: Option<u32>,
    ) -> Result<(Vec<TaskEntry>, Option<u64>), Error> {
        // PVE: pve-manager, API2/Tasks.pm, node_tasks: `all` is the active tasks and the whole archive.
        let params = Params::new()
            .with("source", if filter.active { "active" } else { "all" })
            .with_some("vmid", filter.vmid)
            .with_some("typefilter", filter.kind.as_deref())
            .with_some("since", filter.since)
            .with_some("limit", limit);
        let answer = self.get(&path(&["nodes", node.as_str(), "tasks"]), &params)?;
        let tasks = answer.list(|task| {
            Ok(TaskEntry {
                upid: task.required("upid")?,
                endtime: task.integer("endtime"),
                status: task.text("status").filter(|status| status != "RUNNING"),
            })
        })?;
        Ok((tasks, answer.sibling("total")))
    }

    /// Checks an exit status and fetches the relevant lines of the log.
    fn judge(&self, upid: &Upid, exitstatus: String) -> Result<Finished, Error> {
        match verdict(&exitstatus) {
            Verdict::Clean => Ok(Finished::Clean),
            Verdict::Warnings(count) => {
                // PVE: reference 4: `limit=0` is the whole log; warnings are lines `WARN: ...`.
                let log = self.task_log(upid, 0, 0).unwrap_or_default();
                let lines = log
                    .lines
                    .iter()
                    .filter_map(|line| line.strip_prefix("WARN: "))
                    .map(str::to_owned)
                    .collect();
                Ok(Finished::WithWarnings { count, lines })
            }
            Verdict::Failed => {
                let log = self.task_log_tail(upid, LOG_TAIL).unwrap_or_default();
                Err(Error::TaskFailed(Box::new(TaskFailure {
                    upid: upid.clone(),
                    exitstatus,
                    log,
                })))
            }
        }
    }
}

/// The meaning of an exit status.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Clean,
    Warnings(u64),
    Failed,
}

/// Parses an exit status.
fn verdict(exitstatus: &str) -> Verdict {
    // PVE: facts 34; everything else is an error, including `unexpected status` (a killed worker).
    if exitstatus == "OK" {
        return Verdict::Clean;
    }
    let count = exitstatus.strip_prefix("WARNINGS: ").and_then(|count| count.parse().ok());
    count.map_or(Verdict::Failed, Verdict::Warnings)
}

/// Returns whether a later poll may succeed after this error.
fn is_transient(error: &Error) -> bool {
    match error {
        Error::Status(refusal) if matches!(refusal.status, 595 | 598) => true,
        error => error.is_unreachable() || error.is_answer_lost(),
    }
}

/// Returns the path of a task on its own node.
fn task_path(upid: &Upid, below: &[&str]) -> String {
    let mut segments = vec!["nodes", upid.node().as_str(), "tasks", upid.as_str()];
    segments.extend(below);
    path(&segments)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(exitstatus: &str, expected: Verdict) {
        assert_eq!(verdict(exitstatus), expected, "{exitstatus}");
    }

    #[test]
    fn exitstatus() {
        check("OK", Verdict::Clean);
        check("WARNINGS: 2", Verdict::Warnings(2));
        check("WARNINGS: many", Verdict::Failed);
        check("unexpected status", Verdict::Failed);
        check("unable to create VM 100 - no space left on device", Verdict::Failed);
        check("", Verdict::Failed);
    }
}
