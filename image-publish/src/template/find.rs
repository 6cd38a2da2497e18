//! DOOR (reads only): asks PVE. Finds the templates of images on nodes.

use pve_client::{Client, ConfigView, Error, Feature, NodeName, Resource, Vmid};
use pve_stage::finding;
use stage::{Entry, Place};

use super::found::{FoundTemplate, TemplateState, may_be_template};

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// The templates of images, of any site, in the order of their vmids.
    pub(crate) templates: Vec<FoundTemplate>,
    /// Warnings about VMs that may be templates and cannot be read.
    pub(crate) left_out: Vec<Entry>,
}

/// Returns the templates of images. `guests` is the cluster's list, and `matters` chooses from those that may be one.
///
/// Costs one read for each VM that may be one, and one more for each that has a base image. Those that the token
/// cannot read, those that disappear and those on nodes that are offline are left out.
///
/// # Errors
/// PVE does not answer.
pub(crate) fn find(
    client: &Client,
    guests: &[Resource],
    matters: impl Fn(&Resource) -> bool,
) -> Result<Found, Error> {
    let mut found = Found::default();
    for row in guests.iter().filter(|row| may_be_template(row) && matters(row)) {
        match read(client, &row.node, row.vmid) {
            Ok(template) => {
                let running = row.status == "running";
                found.templates.extend(template.map(|one| FoundTemplate { running, ..one }));
            }
            // 401 is about the token itself.
            Err(error) if matches!(error.status(), Some(403 | 595)) => {
                found.left_out.extend(left_out(row, &error));
            }
            Err(error) => return Err(error),
        }
    }
    found.templates.sort_by_key(|template| template.vmid);
    Ok(found)
}

/// Returns a warning about a VM that cannot be read, unless its node is known to be offline.
fn left_out(row: &Resource, error: &Error) -> Option<Entry> {
    // PVE: reference 4: the state of the VMs of such a node is `unknown`.
    if row.status == "unknown" {
        return None;
    }
    let place = Place::vm(row.node.as_str(), row.vmid.get());
    Some(finding::while_doing(place, LEFT_OUT, error).as_warning())
}

/// Why a VM that may be a template is not shown, used or removed.
const LEFT_OUT: &str = "left out, because it cannot be read";

/// Returns the template that a VM is; `None` if it is something else or has disappeared.
///
/// # Errors
/// It cannot be read.
pub(crate) fn read(
    client: &Client,
    node: &NodeName,
    vmid: Vmid,
) -> Result<Option<FoundTemplate>, Error> {
    let config = match client.vm_config(node, vmid, ConfigView::Pending) {
        Ok(config) => config,
        Err(error) if error.is_not_found() => return Ok(None),
        Err(error) => return Err(error),
    };
    let Some(mut template) = FoundTemplate::read(vmid, node, &config) else { return Ok(None) };
    if template.state == TemplateState::Finished {
        match client.feature(node, vmid, Feature::Clone, None) {
            Ok(feature) if feature.available => {}
            Ok(_) => template.state = TemplateState::CannotLink,
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(error),
        }
    }
    Ok(Some(template))
}
