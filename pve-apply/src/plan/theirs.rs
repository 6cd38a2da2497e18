//! Clones of somebody's template: which one it is, whether it can be cloned, and whether its disks are linked.
//! Does no I/O.

use super::brought;
use super::origin::{Origin, Template};
use crate::blocked::{BlockReason, TemplateFault};
use crate::desired::{Definition, TemplateId};
use crate::mark::{NotOurs, Owner, owner};
use crate::template::{SeenTemplate, TemplateState};
use machine::Form;
use pve_client::StorageId;
use pve_stage::image_template::{ImageMark, TemplateOwner};

/// Returns how a VM is cloned from somebody's template, or everything that stands against it.
pub(super) fn of<'a>(
    definition: &Definition,
    template: &TemplateId,
    full: Option<bool>,
    seen: Option<&'a SeenTemplate>,
) -> Result<Origin<'a>, Vec<BlockReason>> {
    let state = found(seen).map_err(|fault| vec![BlockReason::unusable(shown(template), fault)])?;
    let name = state.shown();
    let mut faults = unfit(state);
    if faults.is_empty() {
        faults.extend(brought::unremovable(state, definition));
    }
    let copies = copies(state, definition, full);
    if let (Err(fault), true) = (&copies, faults.is_empty()) {
        faults.push(fault.clone());
    }
    match (copies, faults.is_empty()) {
        (Ok(storage), true) => {
            let full = storage.is_some();
            let kind = if full { "full" } else { "linked" };
            let how = format!("{name}, {kind} clone");
            Ok(Origin::Template(Template { state, full, storage, how }))
        }
        _ => Err(faults
            .into_iter()
            .map(|fault| BlockReason::unusable(name.clone(), fault))
            .collect()),
    }
}

fn found(seen: Option<&SeenTemplate>) -> Result<&TemplateState, TemplateFault> {
    match seen {
        Some(SeenTemplate::Seen(state)) => Ok(state),
        Some(SeenTemplate::Missing { elsewhere: Some(node) }) => {
            Err(TemplateFault::TemplateElsewhere { node: node.to_string() })
        }
        Some(SeenTemplate::Missing { elsewhere: None }) | None => {
            Err(TemplateFault::TemplateMissing)
        }
        Some(SeenTemplate::Several { vmids }) => {
            Err(TemplateFault::TemplateAmbiguous { vmids: vmids.clone() })
        }
        Some(SeenTemplate::Forbidden) => Err(TemplateFault::TemplateForbidden),
        Some(SeenTemplate::Container) => Err(TemplateFault::TemplateIsContainer),
    }
}

/// Returns what stands against any clone of a VM.
fn unfit(state: &TemplateState) -> Vec<TemplateFault> {
    let vmid = state.vmid.get();
    let has = |key: &str| state.config.get(key);
    let mut faults = Vec::new();
    if let TemplateOwner::Ours(mark) = ImageMark::owner(vmid, has) {
        faults.push(TemplateFault::TemplateOfImage { image: mark.image });
    }
    // No deployment has an empty name: a VM of any deployment is that of another one.
    if let Owner::NotOurs(
        is @ (NotOurs::OtherSite { .. } | NotOurs::OtherDeployment { .. } | NotOurs::Later { .. }),
    ) = owner(("", ""), vmid, has)
    {
        faults.push(TemplateFault::TemplateIsManaged { is: is.text() });
    }
    if !state.is_template() {
        faults.push(TemplateFault::NotATemplate { vmid });
    }
    if let Some(lock) = has("lock") {
        faults.push(TemplateFault::TemplateLocked { lock: lock.to_owned() });
    }
    // PVE: qemu-server, AbstractConfig.pm: the snapshot before the present state.
    if has("parent").is_some() {
        faults.push(TemplateFault::TemplateHasSnapshots { vmid });
    }
    faults
}

/// Returns the storage that the disks are copied to; `None` for a linked clone.
///
/// A linked clone is on its template's storage. Without the word `full`, the disks are copied where they
/// cannot be linked, or where the document asks for another storage.
fn copies(
    state: &TemplateState,
    definition: &Definition,
    full: Option<bool>,
) -> Result<Option<StorageId>, TemplateFault> {
    let own = definition.explicit.value(definition.boot, "storage");
    let own = own.and_then(|text| text.parse::<StorageId>().ok());
    let is_wanted = own.is_some() || definition.storage_is_explicit;
    let wanted = own.unwrap_or_else(|| definition.storage.clone());
    let has = brought::boot_slot(state).ok().and_then(|slot| state.volume(slot));
    let has = has.as_deref().and_then(|volid| Some(volid.split_once(':')?.0)).unwrap_or_default();
    let is_elsewhere = is_wanted && has != wanted.as_str();
    match full {
        Some(true) => Ok(Some(wanted)),
        None if is_elsewhere || !state.links => Ok(Some(wanted)),
        Some(false) if !state.links => Err(TemplateFault::TemplateCannotLink {
            vmid: state.vmid.get(),
            slots: without_base(state),
        }),
        Some(false) if is_elsewhere => Err(TemplateFault::TemplateOnOtherStorage {
            has: has.to_owned(),
            wanted: wanted.to_string(),
        }),
        None | Some(false) => Ok(None),
    }
}

/// Returns the slots of disks that are not base images; all, if the reason is the storage.
fn without_base(state: &TemplateState) -> Vec<String> {
    let drives = brought::keys(state).filter(|(key, parts)| {
        matches!(key.key.form, Form::Drive(_)) && !parts.is_cd() && key.key.part.name != "tpmstate0"
    });
    let (plain, bases): (Vec<_>, Vec<_>) = drives.partition(|(_, parts)| {
        let volume = parts.get("file").unwrap_or_default();
        let file = volume.rsplit(['/', ':']).next().unwrap_or_default();
        !file.starts_with("base-")
    });
    let list = if plain.is_empty() { bases } else { plain };
    list.into_iter().map(|(key, _)| key.to_string()).collect()
}

/// Returns a template that is not found, for people.
fn shown(template: &TemplateId) -> String {
    match template {
        TemplateId::Vmid(vmid) => format!("template {vmid}"),
        TemplateId::Name(name) => format!("template \"{name}\""),
    }
}
