//! What a clone brings from its template: what it keeps, what is taken away, and what cannot be. Does no I/O.
//!
//! "Unsaid is left alone" holds for what the VM itself is: CPU, firmware, controllers, its disks. What connects it
//! with something else and was not asked for is taken away: NICs, CDs, mapped devices, shared directories,
//! PVE's own cloud-init data, which would rival the seed; and the protection, which would keep it from being
//! changed and destroyed. Defaults of new VMs only fill in keys that the template lacks.

use super::intent::parts_of;
use super::origin::Template;
use crate::blocked::{BlockReason, TemplateFault};
use crate::boot_disk::{self, Known};
use crate::desired::Definition;
use crate::mark::split_tags;
use crate::template::TemplateState;
use machine::{ConfigKey, Form, Parts, Setting, Settings};
use stage::Gather as _;
use std::collections::{BTreeMap, BTreeSet};

/// Keys that only root can remove, and that reach outside of the VM.
// PVE: facts-4, 5 and 59; qemu-server, API2/Qemu.pm, check_vm_modify_config_perm.
const ROOTS: [&str; 7] =
    ["affinity", "args", "hookscript", "hugepages", "ivshmem", "keephugepages", "parallel"];
/// The settings of PVE's own cloud-init data.
const CLOUD_INIT: [&str; 9] = [
    "cicustom",
    "cipassword",
    "citype",
    "ciupgrade",
    "ciuser",
    "ipconfig",
    "nameserver",
    "searchdomain",
    "sshkeys",
];
/// Options that say where a NIC is connected. They belong together: a tag of the template's network must not
/// meet the document's bridge.
const CONNECTION: [&str; 5] = ["bridge", "link_down", "macaddr", "tag", "trunks"];

/// Returns the template's keys that are in the table.
pub(super) fn keys(state: &TemplateState) -> impl Iterator<Item = (ConfigKey, Parts)> {
    state.config.values.keys().filter_map(|name| {
        let key = ConfigKey::find(name)?;
        Some((key, Parts::read(key.key, state.config.get(name)?)))
    })
}

fn has(state: &TemplateState, key: ConfigKey) -> Option<Parts> {
    Some(Parts::read(key.key, state.config.get(&key.to_string())?))
}

/// Returns the slot of the template's boot disk.
pub(super) fn boot_slot(state: &TemplateState) -> Result<ConfigKey, TemplateFault> {
    match boot_disk::of(|key| state.config.get(key), |_| false) {
        Known::Disk(key) => Ok(key),
        Known::OneOf(list) => Err(TemplateFault::TemplateBootDiskUnclear {
            vmid: state.vmid.get(),
            slots: list.iter().map(ToString::to_string).collect(),
        }),
    }
}

/// Returns what a clone would bring that an API token cannot remove.
pub(super) fn unremovable(state: &TemplateState, definition: &Definition) -> Vec<TemplateFault> {
    let names = state.config.values.keys();
    let keys =
        names.filter(|name| is_unremovable(name, state.config.get(name).unwrap_or_default()));
    let keys: Vec<String> = keys.cloned().collect();
    let tags = split_tags(state.config.get("tags").unwrap_or_default());
    let tags = tags.filter(|tag| !definition.has_tag(tag) && state.fixed_tags.contains(*tag));
    let tags: Vec<String> = tags.map(str::to_owned).collect();
    let vmid = state.vmid.get();
    let brings = (!keys.is_empty()).then_some(TemplateFault::TemplateBringsMore { vmid, keys });
    let fixed = (!tags.is_empty()).then_some(TemplateFault::TemplateTagsFixed { vmid, tags });
    brings.into_iter().chain(fixed).chain(boot_slot(state).err()).collect()
}

/// Returns whether only root can remove a key with this value.
fn is_unremovable(name: &str, text: &str) -> bool {
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
    if ROOTS.contains(&stem) {
        return true;
    }
    let device = ConfigKey::find(name).map(|key| Parts::read(key.key, text));
    let get = |option: &str| device.as_ref().and_then(|device| device.get(option));
    match stem {
        // PVE: facts-4, 5: it is cloned without a question.
        "serial" => text != "socket",
        "usb" => get("mapping").is_none() && get("host") != Some("spice"),
        "hostpci" => get("mapping").is_none(),
        _ => false,
    }
}

/// Returns whether a clone keeps a key that nobody asks for.
pub(super) fn is_kept(name: &str, text: &str) -> bool {
    !is_unremovable(name, text) && !is_taken_away(name, text)
}

fn is_taken_away(name: &str, text: &str) -> bool {
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
    if CLOUD_INIT.contains(&stem) || name == "protection" {
        return true;
    }
    let Some(key) = ConfigKey::find(name) else { return false };
    let parts = Parts::read(key.key, text);
    match key.key.form {
        Form::Nic(_) => true,
        Form::Drive(_) => parts.is_cd(),
        _ => matches!(stem, "hostpci" | "usb" | "virtiofs") && parts.get("host") != Some("spice"),
    }
}

/// Returns the keys that are taken away from a clone; what the document sets to null is among them.
pub(super) fn taken_away(definition: &Definition, state: &TemplateState) -> BTreeSet<String> {
    let is_gone = |name: &&String| {
        let key = ConfigKey::find(name);
        match key.and_then(|key| definition.explicit.0.get(&key)) {
            Some(Setting::Cancelled) => key != Some(definition.boot),
            Some(Setting::Parts(_)) => false,
            // The flat fields of a VM give it net0.
            None if key.is_some_and(|key| is_in(&definition.new, key)) => false,
            None => is_taken_away(name, state.config.get(name).unwrap_or_default()),
        }
    };
    state.config.values.keys().filter(is_gone).cloned().collect()
}

/// Returns what must be taken away by a write of its own, so that PVE accepts the other one.
pub(super) fn taken_away_first(state: &TemplateState, gone: &BTreeSet<String>) -> BTreeSet<String> {
    let is_drive = |name: &String| {
        ConfigKey::find(name).is_some_and(|key| matches!(key.key.form, Form::Drive(_)))
    };
    let mut first = BTreeSet::new();
    // PVE: facts-4, 45: a protected VM keeps its drives.
    if gone.iter().any(is_drive) && state.config.get("protection").is_some() {
        first.insert("protection".to_owned());
    }
    // PVE: qemu-server, API2/Qemu.pm, update_vm_api: a new memory is compared with the balloon that is there, even
    // with one that the same call deletes.
    first.extend(gone.get("balloon").cloned());
    first
}

/// Returns what a clone loses of what its template has, for people.
pub(super) fn removed(definition: &Definition, state: &TemplateState) -> Vec<String> {
    let mut list: Vec<String> = taken_away(definition, state).into_iter().collect();
    let tags = split_tags(state.config.get("tags").unwrap_or_default());
    list.extend(tags.filter(|tag| !definition.has_tag(tag)).map(|tag| format!("tag {tag}")));
    list
}

fn is_in(settings: &Settings, key: ConfigKey) -> bool {
    matches!(settings.0.get(&key), Some(Setting::Parts(_)))
}

/// Returns a definition for a clone of this template: the boot disk in the template's slot, unless the document
/// names another one, and no defaults over what the template has.
pub(super) fn definition(
    definition: &Definition,
    template: &Template<'_>,
) -> Result<Definition, Vec<BlockReason>> {
    if definition.image.is_some() {
        // An image's template has nothing but its disk.
        return Ok(definition.clone());
    }
    let state = template.state;
    let fault = |fault| BlockReason::unusable(state.shown(), fault);
    let from = boot_slot(state).map_err(|unclear| vec![fault(unclear)])?;
    let mut all = definition.clone();
    let mut wrong = Vec::new();
    if from != all.boot && !all.boot_is_explicit {
        let (slot, boot) = (from.to_string(), all.boot.to_string());
        if is_in(&all.explicit, from) {
            return Err(vec![BlockReason::BootDiskSaid { slot, boot }]);
        }
        for settings in [&mut all.explicit, &mut all.new] {
            settings.0.remove(&from);
        }
        all.new.0.remove(&all.boot);
        let options = all.explicit.0.remove(&all.boot);
        all.explicit.0.extend(options.map(|options| (from, options)));
        all.boot = from;
    }
    // The disk is there, with the template's options: no defaults of a new one.
    let options = all.explicit.0.get(&all.boot).cloned();
    all.new.0.insert(all.boot, options.unwrap_or_else(|| Setting::Parts(BTreeMap::new())));
    if let Some(Setting::Parts(parts)) = all.explicit.0.get(&all.boot) {
        let unknown = parts.keys().filter(|name| all.boot.key.part(name).is_none());
        wrong.extend(unknown.map(|option| BlockReason::OptionUnknown {
            slot: all.boot.to_string(),
            option: (*option).to_owned(),
        }));
    }
    wrong.extend(collisions(&all, state, from).into_iter().map(fault));
    all.new = without_defaults(&all, state);
    wrong.extend(conflicts(&all, state).into_iter().map(fault));
    if wrong.is_empty() { Ok(all) } else { Err(wrong) }
}

/// Returns the slots that both have a disk for. The state of a firmware or of a TPM is the template's, whoever
/// asks for one.
fn collisions(
    definition: &Definition,
    state: &TemplateState,
    from: ConfigKey,
) -> Vec<TemplateFault> {
    let taken = |(key, setting): (&ConfigKey, &Setting)| {
        let is_state = ["efidisk0", "tpmstate0"].contains(&key.key.part.name);
        let is_drive = matches!(key.key.form, Form::Drive(_)) && !is_state;
        if !is_drive || *key == from || !matches!(setting, Setting::Parts(_)) {
            return None;
        }
        let text = state.config.get(&key.to_string())?;
        let parts = Parts::read(key.key, text);
        let is_swap = parts.is_cd()
            && !parts.is_cloud_init()
            && definition.explicit.value(*key, "file").is_some();
        let fault =
            TemplateFault::TemplateSlotTaken { slot: key.to_string(), has: text.to_owned() };
        (!is_swap).then_some(fault)
    };
    definition.explicit.0.iter().filter_map(taken).collect()
}

/// Returns what PVE refuses of the document's settings with what the template has beside them, such as a balloon
/// that is larger than the memory.
fn conflicts(definition: &Definition, state: &TemplateState) -> Vec<TemplateFault> {
    let gone = taken_away(definition, state);
    let is_compared = |key: &ConfigKey| !matches!(key.key.form, Form::Nic(_) | Form::Drive(_));
    let kept = keys(state).filter(|(key, _)| is_compared(key) && !gone.contains(&key.to_string()));
    let brought = Settings(kept.map(|(key, parts)| (key, Setting::of(key.key, &parts))).gather());
    let mut all = brought.clone();
    for key in definition.new.0.keys().filter(|key| is_compared(key)) {
        if let Some(parts) = parts_of(&definition.new, *key)
            && let Some(parts) = merged(&definition.explicit, state, *key, parts)
        {
            all.0.insert(*key, Setting::of(key.key, &parts));
        }
    }
    // PVE has accepted what the template has.
    let accepted = machine::problems(&brought, None);
    let problems = machine::problems(&all, None).into_iter();
    let new = problems.filter(|problem| !accepted.contains(problem));
    new.map(|problem| TemplateFault::TemplateConflict { key: problem.key, fact: problem.fact })
        .collect()
}

/// Returns what the VM gets: what the document sets, and defaults for keys that the template lacks.
fn without_defaults(definition: &Definition, state: &TemplateState) -> Settings {
    let is_set = |key: &ConfigKey, name: &str| {
        let setting = definition.explicit.0.get(key);
        matches!(setting, Some(Setting::Parts(parts)) if parts.contains_key(name))
    };
    let is_default = |key: &ConfigKey, name: &str| {
        !is_set(key, name) && key.key.part(name).is_some_and(|part| part.at_create.is_some())
    };
    let mut new = definition.new.clone();
    new.0.retain(|key, setting| {
        let Setting::Parts(parts) = setting else { return true };
        if is_lacking(state, *key) {
            return true;
        }
        parts.retain(|name, _| !is_default(key, name));
        is_in(&definition.explicit, *key) || !parts.is_empty() || *key == definition.boot
    });
    if controller(&new, state).as_deref() != Some("virtio-scsi-single") {
        // PVE: qemu-server, QemuServer.pm: a warning at each start, and no thread.
        new.0.iter_mut().for_each(|(key, setting)| {
            let is_scsi = key.key.part.name == "scsi";
            if let Setting::Parts(parts) = setting
                && is_scsi
                && definition.explicit.value(*key, "iothread").is_none()
            {
                parts.remove("iothread");
            }
        });
    }
    new
}

/// Returns whether a template has nothing in the place of a default.
fn is_lacking(state: &TemplateState, key: ConfigKey) -> bool {
    // Its SCSI disks are behind PVE's default controller, and a guest may know no other.
    let is_by_default =
        key.key.part.name == "scsihw" && keys(state).any(|(key, _)| key.key.part.name == "scsi");
    has(state, key).is_none() && !is_by_default
}

/// Returns the SCSI controller of a clone.
pub(super) fn controller(new: &Settings, state: &TemplateState) -> Option<String> {
    let key = ConfigKey::find("scsihw")?;
    let explicit = new.value(key, "").map(str::to_owned);
    explicit.or_else(|| has(state, key)?.get("").map(str::to_owned))
}

/// Returns a key as it is afterwards: the template's options, and the document's over them; `None` where that is
/// what the clone has already.
pub(super) fn merged(
    settings: &Settings,
    state: &TemplateState,
    key: ConfigKey,
    mut parts: Parts,
) -> Option<Parts> {
    let Some(brought) = has(state, key) else { return Some(parts) };
    if matches!(key.key.form, Form::Scalar | Form::Drive(_)) {
        return (parts != brought).then_some(parts);
    }
    let is_nic = matches!(key.key.form, Form::Nic(_));
    for (name, value) in brought.iter() {
        let is_ours = is_nic && CONNECTION.contains(&name)
            || settings.is_cancelled(key, name)
            || name == "uuid" && key.key.part.name == "smbios1";
        if !is_ours && parts.get(name).is_none() {
            parts.set(name, value);
        }
    }
    let changed: BTreeMap<&str, &str> = parts.iter().gather();
    (changed != brought.iter().gather()).then_some(parts)
}

/// Returns the firmware tables that a template has, without its uuid: PVE gives each clone another.
// PVE: facts-4, 22, 57 and 58.
pub(super) fn smbios1(state: &TemplateState) -> Option<String> {
    let key = ConfigKey::find("smbios1")?;
    let mut parts = has(state, key)?;
    parts.remove("uuid");
    (!parts.is_empty()).then(|| parts.write(key.key))
}

/// Returns the boot order that names the boot disk in its new slot, without what is taken away; `None` where the
/// clone's own order already names it.
pub(super) fn boot_order(
    state: &TemplateState,
    (from, to): (ConfigKey, ConfigKey),
    gone: &BTreeSet<String>,
) -> Option<String> {
    let key = ConfigKey::find("boot")?;
    let has = has(state, key);
    let order = has.as_ref().and_then(|boot| boot.get("order")).unwrap_or_default();
    let slot = from.to_string();
    let names_it = order.split(';').any(|name| name == slot);
    if names_it && from == to {
        return None;
    }
    let moved = |name: &str| if name == slot { to.to_string() } else { name.to_owned() };
    // PVE: qemu-server, API2/Qemu.pm: a change of the order may name devices only that are there.
    let stays = |name: &&str| state.config.get(name).is_some() && !gone.contains(*name);
    let kept = order.split(';').filter(|name| *name == slot || stays(name));
    let mut list: Vec<String> = kept.map(moved).collect();
    if !names_it {
        list.insert(0, to.to_string());
    }
    Some(format!("order={}", list.join(";")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_root_can_remove_what_reaches_the_node() {
        for (name, text, expected) in [
            ("args", "-s", true),
            ("parallel0", "/dev/parport0", true),
            ("serial0", "/dev/ttyS1", true),
            ("serial0", "socket", false),
            ("usb0", "host=1234:5678", true),
            ("usb0", "spice", false),
            ("usb0", "mapping=stick", false),
            ("hostpci0", "0000:01:00.0", true),
            ("hostpci0", "mapping=gpu", false),
            ("cores", "4", false),
        ] {
            assert_eq!(is_unremovable(name, text), expected, "{name} {text}");
        }
    }
}
