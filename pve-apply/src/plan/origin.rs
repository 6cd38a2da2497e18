//! Decides how a new VM is created: from its image, or as a clone of a template. Does no I/O.

use crate::blocked::BlockReason;
use crate::desired::{Creation, Definition, DesiredVm, Source};
use crate::observed::Observed;
use crate::template::{SeenTemplate, TemplateState};
use pve_client::{StorageId, Vmid};
use pve_stage::image_template::{ImageMark, TemplateOwner};

/// How a new VM is created.
pub(super) enum Origin<'a> {
    /// From its image, and why not as a clone, if the document asks for one.
    Image { instead: Option<String> },
    /// As a clone of a template.
    Template(Template<'a>),
    /// As a clone of a template that image-publish would make: this plan is only shown.
    Pending,
}

/// The template of a clone.
pub(super) struct Template<'a> {
    /// What is known about it.
    pub(super) state: &'a TemplateState,
    /// Whether its disks are copied.
    pub(super) full: bool,
    /// The storage of the copies.
    pub(super) storage: Option<StorageId>,
    /// How the clone is made, for people.
    pub(super) how: String,
}

/// Returns how a VM is created.
pub(super) fn of<'a>(
    vm: &DesiredVm,
    definition: &Definition,
    observed: &'a Observed,
) -> Result<Origin<'a>, Vec<BlockReason>> {
    let source = match &definition.creation {
        Creation::Import { instead } => return Ok(Origin::Image { instead: instead.clone() }),
        Creation::Clone(source) => source,
    };
    let Some(template) = source.template() else { return Ok(Origin::Pending) };
    let seen = observed.templates.get(&(vm.node.clone(), template.clone()));
    match source {
        Source::OfImage(vmid) => Ok(match of_image(vm, definition, *vmid, seen) {
            Ok(state) => {
                let how = format!("linked clone of {}", state.vmid);
                Origin::Template(Template { state, full: false, storage: None, how })
            }
            Err(instead) => Origin::Image { instead: Some(instead) },
        }),
        Source::Theirs { full, .. } => super::theirs::of(definition, &template, *full, seen),
    }
}

/// Returns the template of an image, or why it cannot be used: then PVE imports the image.
fn of_image<'a>(
    vm: &DesiredVm,
    definition: &Definition,
    vmid: Option<Vmid>,
    seen: Option<&'a SeenTemplate>,
) -> Result<&'a TemplateState, String> {
    let vmid = vmid.map(|vmid| vmid.to_string()).unwrap_or_default();
    let state = match seen {
        Some(SeenTemplate::Seen(state)) => &**state,
        Some(SeenTemplate::Forbidden) => {
            return Err(format!("the token cannot read template {vmid}"));
        }
        Some(
            SeenTemplate::Missing { .. } | SeenTemplate::Several { .. } | SeenTemplate::Container,
        )
        | None => {
            return Err(format!("{} has no template {vmid}", vm.node));
        }
    };
    let owner = ImageMark::owner(state.vmid.get(), |key| state.config.get(key));
    let image = definition.image.as_ref().map(|image| &image.name);
    match owner {
        TemplateOwner::Ours(mark) if Some(&mark.image) == image => {}
        _ => return Err(format!("VM {vmid} is not its template")),
    }
    if !state.is_template() || !state.links {
        return Err(format!("VM {vmid} cannot be linked to"));
    }
    Ok(state)
}
