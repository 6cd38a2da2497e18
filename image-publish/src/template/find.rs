//! DOOR (reads only): asks PVE. Finds the templates of images on nodes.

use pve_client::{Client, ConfigView, Error, Feature, NodeName, Resource, Vmid};

use super::found::{FoundTemplate, TemplateState, may_be_template};

/// Returns the templates of images, of any site, in the order of their vmids. `guests` is the cluster's list, and
/// `matters` chooses from those that may be one.
///
/// Costs one read for each VM that may be one, and one more for each that has a base image. Those that the token
/// cannot read, and those that disappear, are left out.
///
/// # Errors
/// PVE does not answer.
pub(crate) fn find(
    client: &Client,
    guests: &[Resource],
    matters: impl Fn(&Resource) -> bool,
) -> Result<Vec<FoundTemplate>, Error> {
    let mut found = Vec::new();
    for row in guests.iter().filter(|row| may_be_template(row) && matters(row)) {
        let template = look(client, &row.node, row.vmid)?;
        let running = row.status == "running";
        found.extend(template.map(|template| FoundTemplate { running, ..template }));
    }
    found.sort_by_key(|template: &FoundTemplate| template.vmid);
    Ok(found)
}

/// Returns the template that a VM is; `None` if it is something else, has disappeared, or cannot be read.
///
/// # Errors
/// PVE does not answer.
pub(crate) fn look(
    client: &Client,
    node: &NodeName,
    vmid: Vmid,
) -> Result<Option<FoundTemplate>, Error> {
    match read(client, node, vmid) {
        Err(error) if error.is_permission() || error.is_node_unreachable() => Ok(None),
        read => read,
    }
}

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
