//! DOOR: asks PVE, waits. Finds out what a vmid holds: after a create whose outcome is unknown, or when another
//! create seems to be under way there.

use std::time::Duration;

use pve_client::{ConfigView, Error, NodeName, TaskFilter, Upid, VmConfig, Vmid};
use stage::{Entry, Place};

use super::find::read;
use super::found::FoundTemplate;
use super::reading::retrying;
use crate::interrupt::{self, keep_waiting};
use crate::node::Node;
use crate::work::{Work, pause_for};

/// How often a vmid must be free, this far apart, before a create whose answer was lost counts as not done.
// PVE: reference 4: pveproxy gives up after 30 s, while a worker may still be about to start.
const FREE_READS: u32 = 4;
/// How often a create must have no task, this far apart, before it counts as killed: the task may not be
/// registered yet.
const WITHOUT_TASK: u32 = 6;
/// The wait between two reads.
const LOOK: Duration = Duration::from_millis(500);

/// What a vmid holds.
pub(super) enum Occupant {
    /// A template of an image, or one that is not finished.
    Template(Box<FoundTemplate>),
    /// Something else.
    Other,
    /// What a create left that was killed, or whose task the token cannot see.
    Dead,
    /// Nothing.
    Nothing,
    /// Something that is still being created, when a signal has ended the wait.
    Unfinished,
}

/// Reads a vmid until it is clear what it holds.
///
/// # Errors
/// PVE does not answer.
pub(super) fn settle(
    work: &Work<'_>,
    node: &Node,
    vmid: Vmid,
    image: &str,
) -> Result<Occupant, Error> {
    let mut waiting = work.waiting(image, format!("the create under way at vmid {vmid}"));
    let (mut free, mut quiet) = (0, 0);
    loop {
        match retrying(|| node.client.vm_config(&node.node, vmid, ConfigView::Current)) {
            Ok(config) if is_being_made(&config) => {
                free = 0;
                waiting.still();
                match running(node, vmid)? {
                    Some(upid) => {
                        quiet = 0;
                        await_end(node, &upid, &mut || waiting.still());
                    }
                    None => quiet += 1,
                }
            }
            Ok(_) => {
                let found = retrying(|| read(&node.client, &node.node, vmid))?;
                return Ok(found.map_or(Occupant::Other, |found| Occupant::Template(found.into())));
            }
            Err(error) if error.is_permission() => return Ok(Occupant::Other),
            Err(error) if error.is_not_found() => {
                // The vmid is the whole cluster's.
                match retrying(|| node.client.is_free(vmid))? {
                    true => free += 1,
                    false => return Ok(Occupant::Other),
                }
            }
            Err(error) => return Err(error),
        }
        match () {
            () if free >= FREE_READS => return Ok(Occupant::Nothing),
            () if quiet >= WITHOUT_TASK => return Ok(Occupant::Dead),
            () if interrupt::is_requested() => return Ok(Occupant::Unfinished),
            () => pause_for(LOOK),
        }
    }
}

/// Returns whether a create still holds a config: the mark appears only afterwards.
fn is_being_made(config: &VmConfig) -> bool {
    config.get("lock") == Some(CREATE) && config.get("description").is_none()
}

/// The lock of a VM that is being created.
pub(super) const CREATE: &str = "create";

/// Returns the running task of a create that the token can see.
fn running(node: &Node, vmid: Vmid) -> Result<Option<Upid>, Error> {
    let kind = Some("qmcreate".to_owned());
    let filter = TaskFilter { active: true, vmid: Some(vmid), kind, ..TaskFilter::default() };
    let tasks = retrying(|| node.client.tasks(&node.node, &filter))?;
    Ok(tasks.into_iter().find(|task| task.status.is_none()).map(|task| task.upid))
}

/// Waits until a task ends, however it ends: the config shows what it has done.
fn await_end(node: &Node, upid: &Upid, still: &mut dyn FnMut()) {
    let _ = node.wait_telling(upid, &mut || {
        still();
        keep_waiting()
    });
}

/// Returns the warning about what a killed create has left: nobody but root can remove it.
// PVE: facts-4 34 and 35.
pub(super) fn left_locked(node: &NodeName, vmid: Vmid) -> Entry {
    let fact = "left locked by a create that was killed; another vmid is used";
    Entry::warning("create-killed", Place::vm(node.as_str(), vmid.get()), fact).hint(format!(
        "if no task is at work on it, run on node {node}: \
         qm unlock {vmid} && qm destroy {vmid} --destroy-unreferenced-disks 1"
    ))
}
