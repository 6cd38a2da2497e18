//! DOOR (reads only): finds out which VM the task of a clone makes, and whether it still does. The task has
//! the vmid of what is cloned.

use super::running_tasks;
use pve_client::{Client, Error, KILLED, NodeName, TaskFilter, Upid, Vmid, clone_of_log};

/// The task of a clone.
pub(crate) const CLONE: &str = "qmclone";
/// How many lines of a log are read: the line is the first one.
const LINES: u64 = 5;

/// Returns the vmid of the VM that a clone makes; `None` if that is unknown.
// PVE: facts-4, 19: since 9.2 it is in the log, which others may not be allowed to read.
pub(crate) fn made_by(client: &Client, upid: &Upid) -> Option<Vmid> {
    let page = client.task_log(upid, 0, LINES).ok()?;
    page.lines.iter().find_map(|line| clone_of_log(line)).map(|(_, made)| made)
}

/// Returns whether the clone that has locked a VM was killed, as far as the token can see: no clone runs that
/// may be the one, and one that may be was killed.
// PVE: facts-4, 33: the task is `stopped`, and its log stays.
pub(crate) fn was_killed(client: &Client, node: &NodeName, vmid: Vmid) -> Result<bool, Error> {
    let may_be = |upid: &Upid| made_by(client, upid).is_none_or(|made| made == vmid);
    if running_tasks(client, node, Some(CLONE), None)?.iter().any(may_be) {
        return Ok(false);
    }
    let filter = TaskFilter { kind: Some(CLONE.to_owned()), ..TaskFilter::default() };
    let tasks = client.tasks(node, &filter)?.into_iter();
    let killed = tasks.filter(|task| task.status.as_deref() == Some(KILLED));
    Ok(killed.map(|task| task.upid).any(|upid| may_be(&upid)))
}
