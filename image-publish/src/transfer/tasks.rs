//! DOOR: the running tasks that may write a file.
//!
//! The task of an upload names neither file nor node; its log does, once the checksum is verified.

use pve_client::{Error, TaskFilter, Upid};

use crate::node::Node;

/// Returns the running tasks that write a file, or may.
pub(super) fn running(node: &Node, file: &str) -> Result<Vec<Upid>, Error> {
    let filter = TaskFilter { active: true, ..TaskFilter::default() };
    let mut tasks = node.client.tasks(&node.node, &filter)?;
    let receiver = node.uploads.receiver().filter(|_| node.is_one_of_several());
    if let Some(receiver) = receiver.filter(|receiver| **receiver != node.node) {
        tasks.extend(node.client.tasks(receiver, &filter)?);
    }
    let running = tasks.into_iter().filter(|task| task.status.is_none() && task.endtime.is_none());
    let upids = running.map(|task| task.upid);
    Ok(upids.filter(|upid| is_about(node, upid, file)).collect())
}

fn is_about(node: &Node, upid: &Upid, file: &str) -> bool {
    match upid.kind() {
        // PVE: Status.pm, download_url: the worker's id is the file's name.
        "download" => upid.id() == file && node.may_be(upid.node().as_str()),
        "imgcopy" if node.is_of_another(upid) => false,
        "imgcopy" => {
            let log = node.client.task_log(upid, 0, LOG_HEAD).unwrap_or_default();
            let is_here = target_node(&log.lines).is_none_or(|target| node.may_be(target));
            is_here && names(&log.lines, file).unwrap_or(true)
        }
        _ => false,
    }
}

/// Returns whether a task that seems to write a file writes on another node; `None` while that is not known.
pub(super) fn is_elsewhere(node: &Node, upid: &Upid) -> Option<bool> {
    if !node.is_one_of_several() || upid.kind() != "imgcopy" {
        return Some(false);
    }
    if node.is_of_another(upid) {
        return Some(true);
    }
    let log = node.client.task_log(upid, 0, LOG_HEAD).ok()?;
    match target_node(&log.lines)? {
        target if !node.may_be(target) => Some(true),
        // It may be one of this run to another storage, whose ID is about to be known.
        _ if node.uploads.are_starting(&node.node) => None,
        _ => Some(false),
    }
}

/// The fourth line names the file.
const LOG_HEAD: u64 = 10;

/// Returns the node to which an upload's task copies.
// PVE: pve-storage, API2/Storage/Status.pm, upload: the node that gets the request does the work.
fn target_node(log: &[String]) -> Option<&str> {
    log.iter().find_map(|line| line.strip_prefix("target node: "))
}

/// Returns whether the log of an upload's task names a file; `None` while it names none.
fn names(log: &[String], file: &str) -> Option<bool> {
    let target = log.iter().find_map(|line| line.strip_prefix("target file: "))?;
    Some(target.rsplit('/').next() == Some(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(log: &[&str], expected: Option<bool>) {
        let log: Vec<String> = log.iter().map(|line| (*line).to_owned()).collect();
        assert_eq!(names(&log, "a-0123456789ab.raw"), expected, "{log:?}");
    }

    #[test]
    fn the_log_of_an_upload_names_its_file() {
        let first = "starting file import from: /var/tmp/pveupload-0";
        check(&[first], None);
        check(&[first, "target file: /mnt/x/import/a-0123456789ab.raw"], Some(true));
        check(&[first, "target file: /mnt/x/import/ba-0123456789ab.raw"], Some(false));
    }

    #[test]
    fn the_log_of_an_upload_names_its_node() {
        let lines = |last: &str| vec!["starting file import from: /x".to_owned(), last.to_owned()];
        assert_eq!(target_node(&lines("target node: pve2")), Some("pve2"));
        assert_eq!(target_node(&lines("calculating checksum...")), None);
    }
}
