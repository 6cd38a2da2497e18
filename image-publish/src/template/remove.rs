//! DOOR: talks to a node. Removes a template, if it is still the one that was judged.

use std::time::Duration;

use pve_client::{Client, ConfigView, Error, Finished};
use pve_stage::finding;
use stage::{Entry, Place};

use super::found::{FoundTemplate, TemplateState};
use super::obstacle::Obstacle;
use super::reading::retrying;
use crate::failed_write::FailedWrite;
use crate::interrupt;

/// PVE removes a base image in seconds, unless another task holds the lock of its storage.
const LIMIT: Duration = Duration::from_secs(600);

/// What became of a template that was to be removed.
pub(crate) enum Removal {
    /// It no longer exists. PVE may have left a disk behind: then it says so.
    Removed {
        /// PVE's warnings.
        warnings: Vec<String>,
    },
    /// It was kept.
    Kept(Obstacle),
    /// PVE did not do it, or its answer was lost.
    Failed {
        /// The error to report.
        entry: Entry,
        /// Whether it may be removed all the same.
        unknown: bool,
    },
}

/// It does not exist, and nothing more is known.
const GONE: Removal = Removal::Removed { warnings: Vec::new() };

/// Removes a template, after another look at it.
///
/// PVE removes the disks in its config and no others, and takes the vmid out of backup jobs and HA. It refuses if
/// volumes depend on its disk, also on some that the token does not see.
pub(crate) fn remove(client: &Client, template: &FoundTemplate) -> Removal {
    if let Err(error) = interrupt::check() {
        let entry = Entry::error("not-removed", place(template), "was not removed").cause(&error);
        return Removal::Failed { entry, unknown: false };
    }
    match look_again(client, template) {
        Ok(None) => {}
        Ok(Some(removal)) => return removal,
        Err(error) => return failed(template, &error.into()),
    }
    let sent = client.delete_vm(&template.node, template.vmid, true);
    let ended = sent.map_err(FailedWrite::from).and_then(|upid| {
        let ended = client.wait(&upid, LIMIT, &mut |_, _| interrupt::keep_waiting());
        ended.map_err(|error| FailedWrite::of_task(&upid, error))
    });
    judged(client, template, ended)
}

/// Returns what is in the way of the removal now, or that the template is gone already.
fn look_again(client: &Client, template: &FoundTemplate) -> Result<Option<Removal>, Error> {
    let (node, vmid) = (&template.node, template.vmid);
    let config = match client.vm_config(node, vmid, ConfigView::Pending) {
        Ok(config) => config,
        Err(error) if error.is_not_found() => return Ok(Some(GONE)),
        Err(error) => return Err(error),
    };
    let now = FoundTemplate::read(vmid, node, &config);
    let Some(mut now) = now.filter(|now| now.mark == template.mark && now.disk == template.disk)
    else {
        return Ok(Some(Removal::Kept(Obstacle::Changed)));
    };
    // PVE: facts-4 16: a template cannot run.
    if now.state == TemplateState::Created {
        now.running = client.vm_status(node, vmid)?.is_running();
    }
    Ok(Obstacle::of(&now).map(Removal::Kept))
}

/// Judges the effect of the call, whatever was answered.
fn judged(
    client: &Client,
    template: &FoundTemplate,
    sent: Result<Finished, FailedWrite>,
) -> Removal {
    if let Err(FailedWrite { error, .. }) = &sent
        && error.is_base_in_use()
    {
        return Removal::Kept(Obstacle::RefusedByPve(said(error)));
    }
    let unclear = sent.as_ref().err().is_none_or(FailedWrite::may_be_done);
    let seen = retrying(|| client.vm_config(&template.node, template.vmid, ConfigView::Pending));
    match (sent, seen) {
        // PVE: QemuServer.pm, destroy_vm: a disk that cannot be removed is only a warning.
        (Ok(Finished::WithWarnings { count, lines }), Err(error)) if error.is_not_found() => {
            // The log may be unreadable.
            let lines = if lines.is_empty() { vec![format!("WARNINGS: {count}")] } else { lines };
            Removal::Removed { warnings: lines }
        }
        (_, Err(error)) if unclear && error.is_not_found() => GONE,
        (Err(write), _) => failed(template, &write),
        (Ok(_), Err(error)) => match failed(template, &error.into()) {
            Removal::Failed { entry, .. } => Removal::Failed { entry, unknown: true },
            other => other,
        },
        (Ok(_), Ok(_)) => {
            let fact = "the template still exists after its removal";
            let entry = Entry::error("still-there", place(template), fact);
            Removal::Failed { entry, unknown: true }
        }
    }
}

fn failed(template: &FoundTemplate, failed: &FailedWrite) -> Removal {
    let entry = finding::while_doing(place(template), "removing the template", &failed.error);
    Removal::Failed { entry: failed.with_task(entry), unknown: failed.may_be_done() }
}

/// Returns PVE's own text.
fn said(error: &Error) -> String {
    match error {
        Error::TaskFailed(failure) => failure.exitstatus.clone(),
        other => other.refusal().map(|refusal| refusal.message.clone()).unwrap_or_default(),
    }
}

/// Returns the place of findings about a template.
pub(crate) fn place(template: &FoundTemplate) -> Place {
    Place::vm(template.node.as_str(), template.vmid.get())
}
