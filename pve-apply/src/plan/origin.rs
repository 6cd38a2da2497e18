//! Decides how a new VM is created: from its image, or as a clone of a template. Does no I/O.

use super::new_vm::NewVm;
use crate::blocked::BlockReason;
use crate::desired::{Creation, Definition, Desired, DesiredVm, Source};
use crate::template::{SeenTemplate, TemplateState};
use machine::ConfigKey;
use pve_client::{StorageId, Vmid, Volid};
use pve_stage::image_template::{self, ImageMark, TemplateOwner};

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
pub(super) fn of(new: NewVm<'_>) -> Result<Origin<'_>, Vec<BlockReason>> {
    let NewVm { desired, vm, definition, observed } = new;
    let source = match &definition.creation {
        Creation::Import { instead } => return Ok(Origin::Image { instead: instead.clone() }),
        Creation::Clone(source) => source,
    };
    let Some(template) = source.template() else { return Ok(Origin::Pending) };
    let seen = observed.templates.get(&(vm.node.clone(), template.clone()));
    match source {
        Source::OfImage(vmid) => Ok(match of_image(desired, vm, definition, *vmid, seen) {
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
///
/// image-publish has checked it, but a document may be old, and what is cloned from the wrong disk is wrong for
/// good.
fn of_image<'a>(
    desired: &Desired,
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
    let mark = match ImageMark::owner(state.vmid.get(), |key| state.config.get(key)) {
        TemplateOwner::Ours(mark) => mark,
        TemplateOwner::Copy(_) => return Err(format!("VM {vmid} is a copy of a template")),
        TemplateOwner::Other => return Err(format!("VM {vmid} is not a template of an image")),
    };
    unlike(desired, definition, &mark, state)
        .map_or(Ok(state), |what| Err(format!("template {vmid} {what}")))
}

/// Returns what keeps a template of ours from being that of a VM's image, as a continuation of its name.
fn unlike(
    desired: &Desired,
    definition: &Definition,
    mark: &ImageMark,
    state: &TemplateState,
) -> Option<String> {
    if mark.site != desired.site {
        return Some("is of another site".to_owned());
    }
    let image = definition.image.as_ref();
    if image.map(|image| &image.name) != Some(&mark.image) {
        return Some(format!("is of image {}", mark.image));
    }
    // The file's name has the start of its checksum.
    let volid = image.and_then(|image| image.volid.as_ref());
    let file = volid.map(Volid::file).unwrap_or_default();
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    if image_template::is_named_so(stem) && !stem.ends_with(&format!("-{}", mark.digest)) {
        return Some("has another version of the image".to_owned());
    }
    let volume = ConfigKey::find(image_template::DISK).and_then(|slot| state.volume(slot));
    let base = volume.and_then(|text| text.parse::<Volid>().ok()).filter(Volid::is_base);
    let Some(base) = base.filter(|_| state.is_template() && state.links) else {
        return Some("is not finished".to_owned());
    };
    // PVE: facts-4, 1: somebody may have moved its disk, and a linked clone is where its base is.
    let storage = base.storage();
    let wanted = definition.new.value(definition.boot, "storage");
    let wanted = wanted.unwrap_or(definition.storage.as_str());
    if storage.as_str() != wanted {
        return Some(format!("is on {storage}"));
    }
    let extra = state.config.values.keys().find(|key| image_template::is_extra(key))?;
    Some(format!("also has `{extra}`, which its clones would get"))
}
