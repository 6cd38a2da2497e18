//! Brings seed data to a VM: as a small disk that the VM owns. Does no I/O.
//!
//! The one place for what brings the data, what it leaves behind and what replaces it.

use crate::action::Step;
use crate::desired::{Definition, Desired, DesiredVm, Seed, is_seed_file};
use crate::mark::{Mark, SeedNote, owns};
use crate::observed::{Config, Observed};
use machine::{ConfigKey, Parts};
use pve_client::{NodeName, PropertyString, Volid};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The seed's slot of an earlier build, whose mark does not name it.
const EARLIER_SLOT: &str = "virtio1";
/// The default slot: the last one of a separate controller, out of the way of whatever people attach.
const LAST_SLOT: &str = "scsi30";

/// Returns the slot of a VM's seed; `None` when it never got one, and whatever it has is not ours.
pub(super) fn slot(mark: &Mark) -> Option<&str> {
    match mark.seed.slot.as_str() {
        "" if mark.seed.is_unknown() => None,
        "" => Some(EARLIER_SLOT),
        slot => Some(slot),
    }
}

/// Returns the slot of a VM's seed, or the one that it would get.
pub(super) fn slot_of(mark: &Mark, definition: &Definition, config: &Config) -> String {
    let controller = config.next("scsihw");
    let free = |slot: &str| config.keys().all(|key| key != slot);
    slot(mark).map_or_else(|| free_slot(definition, controller, free), str::to_owned)
}

/// Returns the slot of the seed of a new VM that comes with nothing.
pub(super) fn new_slot(definition: &Definition) -> String {
    let controller = ConfigKey::find("scsihw").and_then(|key| definition.new.value(key, ""));
    free_slot(definition, controller, |_| true)
}

/// Returns a slot that neither the document nor the VM uses.
pub(super) fn free_slot(
    definition: &Definition,
    controller: Option<&str>,
    is_free: impl Fn(&str) -> bool,
) -> String {
    let is_unset =
        |slot: &str| ConfigKey::find(slot).is_some_and(|key| !definition.new.0.contains_key(&key));
    let free = |slot: &str| is_unset(slot) && is_free(slot);
    // PVE: facts 58: Debian's cloud kernel finds no disk behind PVE's default SCSI controller.
    if controller == Some("virtio-scsi-single") && free(LAST_SLOT) {
        return LAST_SLOT.to_owned();
    }
    let mut slots = (1..16).map(|number| format!("virtio{number}"));
    slots.find(|slot| free(slot)).unwrap_or_else(|| LAST_SLOT.to_owned())
}

/// Returns the seed for a VM: where the document derived a NIC's MAC and the NIC has another, the
/// network-config names the NIC's own.
pub(super) fn for_vm(definition: &Definition, config: &Config) -> Seed {
    let mut seed = definition.seed.clone();
    for (key, derived) in &definition.derived_macs {
        let nic = config.next(&key.to_string()).map(|text| Parts::read(key.key, text));
        if let Some(mac) = nic.as_ref().and_then(|nic| nic.get("macaddr")) {
            let text = replace_mac(&seed.network_config, derived, mac).into_owned();
            seed.network_config = text;
        }
    }
    seed
}

/// Returns which parts of the seed data differ from the VM's current ones, if its mark records them;
/// `None` if none do.
///
/// A derived MAC changes with the VM's name, the MAC of a NIC that is there does not: a network-config
/// that differs in nothing else is the same.
pub(super) fn changes(
    mark: &Mark,
    definition: &Definition,
    config: &Config,
    slot: &str,
) -> Option<Vec<String>> {
    let old = &mark.seed;
    if old.fingerprint == definition.seed.fingerprint || !definition.seed.is_rendered() {
        return None;
    }
    let differences = |seed: &Seed| old.differences(&seed.note(slot));
    let documents = differences(&definition.seed);
    let own = differences(&for_vm(definition, config));
    // The note of a reseed has the document's MAC, that of a create the one that the NIC got.
    let least = if own.len() < documents.len() { own } else { documents.clone() };
    (!least.is_empty() || documents.is_empty()).then_some(least)
}

/// Hexadecimal has no case.
fn replace_mac<'t>(text: &'t str, from: &str, to: &str) -> Cow<'t, str> {
    let (low, from) = (text.to_ascii_lowercase(), from.to_ascii_lowercase());
    let Some(at) = low.find(&from).filter(|_| !from.is_empty()) else { return text.into() };
    let (before, rest) = text.split_at(at);
    let after = rest.get(from.len()..).unwrap_or_default();
    format!("{before}{}{}", to.to_ascii_lowercase(), replace_mac(after, &from, to)).into()
}

/// Returns the volid of the uploaded file on the image storage.
pub(super) fn file(desired: &Desired, vm: &DesiredVm) -> Volid {
    Volid::of_file(&vm.image_storage, "import", &desired.seed_file(vm))
}

/// Returns the step that uploads a VM's seed.
pub(super) fn upload(desired: &Desired, vm: &DesiredVm, seed: &Seed) -> Step {
    let file = file(desired, vm);
    Step::UploadSeed {
        storage: file.storage().clone(),
        file: file.file().to_owned(),
        user_data: seed.user_data.clone(),
        meta_data: seed.meta_data.clone(),
        network_config: seed.network_config.clone(),
        vendor_data: seed.vendor_data.clone(),
    }
}

/// Returns what PVE creates the seed's disk from: the uploaded file.
pub(super) fn disk(desired: &Desired, vm: &DesiredVm, definition: &Definition) -> String {
    format!("{}:0,import-from={}", definition.storage, file(desired, vm))
}

/// Returns the step that deletes the uploaded file once the VM has its own copy.
pub(super) fn delete_uploaded(desired: &Desired, vm: &DesiredVm, node: &NodeName) -> Step {
    Step::DeleteVolume { node: node.clone(), volid: file(desired, vm) }
}

/// Returns the steps that delete what earlier runs left of this VM's seeds.
///
/// They come last: by then another active run of this deployment has lost the race
/// for the VM, and nobody reads its seed any more.
pub(super) fn leftovers(desired: &Desired, vm: &DesiredVm, observed: &Observed) -> Vec<Step> {
    let files = observed.seed_files.iter();
    let ours = files.filter(|(_, volid)| desired.owns_seed_file(vm, volid.file()));
    let delete = |(node, volid): &(NodeName, Volid)| Step::DeleteVolume {
        node: node.clone(),
        volid: volid.clone(),
    };
    ours.map(delete).collect()
}

/// Returns what a VM has in the place of its seed, when that cannot be ours.
pub(super) fn foreign_disk<'c>(config: &'c Config, mark: &Mark, place: &str) -> Option<&'c str> {
    let digest = |text| owns::digest(ConfigKey::find(place)?, Some(text));
    let is_known =
        |text| mark.seed.volume().is_none_or(|known| digest(text).as_deref() == Some(known));
    config.next(place).filter(|text| slot(mark).is_none() || !is_seed_disk(text) || !is_known(text))
}

/// Returns the note of a VM that has come to another node, with this in its seed's slot: the copy of its seed
/// disk may have another name.
pub(super) fn recorded_again(note: SeedNote, in_slot: Option<&str>) -> SeedNote {
    let is_ours = in_slot.is_some_and(is_seed_disk);
    match note.volume().is_some() && is_ours {
        true => note.without_volume().with_open_volume(),
        false => note,
    }
}

/// A seed image is 1 to 4 MiB, far smaller than any disk that people create by hand.
fn is_seed_disk(text: &str) -> bool {
    let drive = PropertyString::parse(text, "file");
    drive.size("size").is_some_and(|bytes| bytes <= 4 << 20)
}

/// Returns what else would give the guest cloud-init data: a cloud-init drive, `cicustom`, or a seed CD of an
/// earlier build. cloud-init would read one of the two, and it is unknown which.
pub(super) fn rivals(config: &Config) -> Vec<String> {
    let is_rival = |key: &&str| {
        let Some(value) = config.next(key) else { return false };
        if *key == "cicustom" {
            return true;
        }
        let Some(known) = ConfigKey::find(key) else { return false };
        let drive = Parts::read(known.key, value);
        let volid = drive.get("file").and_then(|file| file.parse::<Volid>().ok());
        let seed = volid.is_some_and(|volid| is_seed_file(volid.file()));
        drive.is_cloud_init() || drive.is_cd() && seed
    };
    config.keys().filter(is_rival).map(str::to_owned).collect()
}

/// Returns the steps that give a VM new seed data; its mark is written before it starts again, so that
/// a killed run does not lead to a second power cut. The upload is on `node`, where the VM is by then.
pub(super) fn replace(
    (desired, vm, definition): (&Desired, &DesiredVm, &Definition),
    config: &Config,
    node: &NodeName,
    mark: Mark,
) -> Vec<Step> {
    let slot = mark.seed.slot.clone();
    let seed = for_vm(definition, config);
    let mut steps = vec![upload(desired, vm, &seed)];
    if config.next(&slot).is_some() {
        // PVE: reference 5: `force` frees the volume at once, instead of leaving it as `unused0`.
        let list = [("delete", slot.as_str()), ("force", "1")];
        let params = list.map(|(key, value)| (key.to_owned(), value.to_owned()));
        steps.push(Step::Configure { params: params.into(), mark: None });
    }
    steps.push(Step::AddDisk { disk: slot, value: disk(desired, vm, definition) });
    steps.push(delete_uploaded(desired, vm, node));
    // PVE: facts-4, 27: a failed config task may have written any part. The mark
    // is written separately, once the disk exists.
    steps.push(Step::Configure { params: BTreeMap::new(), mark: Some(Box::new(mark)) });
    steps
}
