//! How seed data reaches a VM: as a small disk that the VM owns. Does no I/O.
//!
//! Answers once for a VM: what brings the data, what it leaves behind, what replaces it.

use super::aspects::SEED_DISK;
use crate::action::Step;
use crate::desired::{Desired, DesiredVm, Machine, is_seed_file};
use crate::mark::Mark;
use crate::observed::{Config, Observed, Seen};
use pve_client::{NodeName, PropertyString, Volid};
use std::collections::BTreeMap;

/// The uploaded file, as long as it lies on the image storage.
pub(super) fn file(desired: &Desired, vm: &DesiredVm) -> Volid {
    Volid::of_file(&desired.image_storage, "import", &desired.seed_file(vm))
}

/// The step that uploads a VM's seed.
pub(super) fn upload(desired: &Desired, vm: &DesiredVm, machine: &Machine) -> Step {
    let seed = file(desired, vm);
    Step::UploadSeed {
        storage: seed.storage().clone(),
        file: seed.file().to_owned(),
        user_data: machine.seed.user_data.clone(),
        meta_data: machine.seed.meta_data.clone(),
        network_config: machine.seed.network_config.clone(),
        vendor_data: machine.seed.vendor_data.clone(),
    }
}

/// The parameter that makes the seed's disk from the uploaded file.
pub(super) fn parameter(desired: &Desired, vm: &DesiredVm, machine: &Machine) -> (String, String) {
    let value = format!("{}:0,import-from={}", machine.storage, file(desired, vm));
    (SEED_DISK.to_owned(), value)
}

/// The step that deletes the uploaded file once the VM has its own copy.
pub(super) fn delete_uploaded(desired: &Desired, vm: &DesiredVm, node: &NodeName) -> Step {
    Step::DeleteVolume { node: node.clone(), volid: file(desired, vm) }
}

/// The steps that delete what earlier runs have left of this VM's seeds.
///
/// They come last: by then another run of this deployment that was still at work has lost the race
/// for the VM, and nobody reads its seed any more.
pub(super) fn leftovers(desired: &Desired, vm: &DesiredVm, observed: &Observed) -> Vec<Step> {
    let ours = observed.seed_files.iter().filter(|volid| desired.owns_seed_file(vm, volid.file()));
    let delete =
        |volid: &Volid| Step::DeleteVolume { node: desired.node.clone(), volid: volid.clone() };
    ours.map(delete).collect()
}

/// What a VM has at the place of its seed, when that cannot be ours to replace.
pub(super) fn foreign_disk(config: &Config) -> Option<&str> {
    config.next(SEED_DISK).filter(|text| !is_seed_disk(text))
}

/// A seed image is 1 to 4 MiB, far below any disk that people make by hand.
fn is_seed_disk(text: &str) -> bool {
    let drive = PropertyString::parse(text, "file");
    drive.size("size").is_some_and(|bytes| bytes <= 4 << 20)
}

/// What else would give the guest cloud-init data: a cloud-init drive, `cicustom`, or a seed CD of an
/// earlier build. cloud-init would read one of the two, and nobody knows which.
pub(super) fn rivals(config: &Config) -> Vec<String> {
    let is_rival = |key: &&str| {
        let Some(value) = config.next(key) else { return false };
        if *key == "cicustom" {
            return true;
        }
        let drive = PropertyString::parse(value, "file");
        let Some(file) = drive.get("file") else { return false };
        let cd = file.parse::<Volid>().is_ok_and(|volid| is_seed_file(volid.file()));
        drive.get("media") == Some("cdrom") && (is_cloud_init(file) || cd)
    };
    config.keys().filter(is_rival).map(str::to_owned).collect()
}

/// Returns whether a volume is a cloud-init drive's, which PVE makes for its VM.
pub(super) fn is_cloud_init(volid: &str) -> bool {
    volid.ends_with("cloudinit") || volid.contains("-cloudinit.")
}

/// The steps that give a VM new seed data; its mark says so before it starts again, so that a run
/// that dies there does not cut its power once more.
pub(super) fn replace(
    desired: &Desired,
    vm: &DesiredVm,
    machine: &Machine,
    seen: &Seen,
    mark: Mark,
) -> Vec<Step> {
    let mut steps = vec![upload(desired, vm, machine)];
    if seen.config.next(SEED_DISK).is_some() {
        // PVE: reference 5: `force` frees the volume at once, instead of leaving it as `unused0`.
        let list = [("delete", SEED_DISK), ("force", "1")];
        let params = list.map(|(key, value)| (key.to_owned(), value.to_owned()));
        steps.push(Step::Configure { params: params.into(), makes_disk: false, mark: None });
    }
    let params = [parameter(desired, vm, machine)].into();
    steps.push(Step::Configure { params, makes_disk: true, mark: None });
    steps.push(delete_uploaded(desired, vm, &seen.node));
    // PVE: facts-4, 27: a config task that fails may leave any part of what it was to write. The mark
    // goes by itself, once the disk is there.
    let (params, mark) = (BTreeMap::new(), Some(Box::new(mark)));
    steps.push(Step::Configure { params, makes_disk: false, mark });
    steps
}
