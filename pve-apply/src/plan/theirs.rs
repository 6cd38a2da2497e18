//! Templates of other people, from which VMs are cloned. Does no I/O.

use super::origin::{Origin, Template};
use crate::blocked::BlockReason;
use crate::desired::TemplateId;
use crate::template::SeenTemplate;

/// Returns how a VM is cloned from somebody's template.
pub(super) fn of<'a>(
    template: &TemplateId,
    full: Option<bool>,
    seen: Option<&'a SeenTemplate>,
) -> Result<Origin<'a>, BlockReason> {
    let Some(SeenTemplate::Seen(state)) = seen else {
        return Err(BlockReason::TemplateUnusable { template: shown(template) });
    };
    let full = full.unwrap_or(!state.links);
    Ok(Origin::Template(Template { state, full }))
}

/// Returns a template's name for people.
fn shown(template: &TemplateId) -> String {
    match template {
        TemplateId::Vmid(vmid) => vmid.to_string(),
        TemplateId::Name(name) => format!("\"{name}\""),
    }
}
