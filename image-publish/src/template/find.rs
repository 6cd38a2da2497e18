//! DOOR (reads only): asks PVE. Finds the templates of images on nodes.

use pve_client::{Client, ConfigView, Error, Feature, NodeName, Resource};

use super::found::{FoundTemplate, TemplateState, may_be_template};

/// Returns the templates of images on some nodes, of any site, in the order of their vmids. `guests` is the
/// cluster's list.
///
/// Costs one read for each VM that may be one, and one more for each that has a base image. Those that the token
/// cannot read, and those that disappear, are left out.
///
/// # Errors
/// PVE does not answer.
pub(crate) fn find(
    client: &Client,
    guests: &[Resource],
    is_on: impl Fn(&NodeName) -> bool,
) -> Result<Vec<FoundTemplate>, Error> {
    let mut found = Vec::new();
    for row in guests.iter().filter(|row| is_on(&row.node) && may_be_template(row)) {
        found.extend(look(client, row)?);
    }
    found.sort_by_key(|template: &FoundTemplate| template.vmid);
    Ok(found)
}

/// Returns the template that a VM is; `None` if it is something else, has disappeared, or cannot be read.
///
/// # Errors
/// PVE does not answer.
pub(crate) fn look(client: &Client, row: &Resource) -> Result<Option<FoundTemplate>, Error> {
    let config = match client.vm_config(&row.node, row.vmid, ConfigView::Pending) {
        Ok(config) => config,
        Err(error) if is_away(&error) => return Ok(None),
        Err(error) => return Err(error),
    };
    let Some(mut template) = FoundTemplate::read(row, &config) else { return Ok(None) };
    if template.state == TemplateState::Finished {
        match client.feature(&row.node, row.vmid, Feature::Clone, None) {
            Ok(feature) if feature.available => {}
            Ok(_) => template.state = TemplateState::CannotLink,
            Err(error) if is_away(&error) => return Ok(None),
            Err(error) => return Err(error),
        }
    }
    Ok(Some(template))
}

fn is_away(error: &Error) -> bool {
    error.is_not_found() || error.is_permission() || error.is_node_unreachable()
}
