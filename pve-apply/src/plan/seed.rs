//! How seed data reaches a VM, is replaced, and leaves no file behind. Does no I/O.

use super::aspects::SEED_DISK;
use crate::action::Step;
use crate::desired::{Desired, DesiredVm, Machine, SeedWay};
use crate::observed::{Config, Observed, Seen};
use pve_client::{PropertyString, Volid};
use std::collections::BTreeMap;

/// The CD drive for a seed that is an ISO file.
const SEED_CD: &str = "ide2";

/// The step that brings a VM's seed data onto the image storage.
pub(super) fn upload(machine: &Machine, seed: &Volid) -> Step {
    Step::UploadSeed {
        content: seed.content().unwrap_or("import").to_owned(),
        storage: seed.storage().clone(),
        file: seed.file().to_owned(),
        user_data: machine.seed.user_data.clone(),
        meta_data: machine.seed.meta_data.clone(),
        network_config: machine.seed.network_config.clone(),
    }
}

/// The parameter that gives a VM its seed.
pub(super) fn parameter(way: SeedWay, machine: &Machine, seed: &Volid) -> (&'static str, String) {
    match way {
        SeedWay::Disk => (SEED_DISK, format!("{}:0,import-from={seed}", machine.storage)),
        SeedWay::Iso => (SEED_CD, format!("{seed},media=cdrom")),
    }
}

/// The step that deletes the uploaded file once the VM has its own copy.
pub(super) fn delete(desired: &Desired, way: SeedWay, seed: Volid) -> Option<Step> {
    (way == SeedWay::Disk).then(|| delete_file(desired, seed))
}

fn delete_file(desired: &Desired, volid: Volid) -> Step {
    Step::DeleteVolume { node: desired.node.clone(), volid }
}

/// The drive that holds a seed file of ours, and the file.
pub(super) fn attached(config: &Config) -> Option<(&str, Volid)> {
    config.keys().find_map(|key| {
        let drive = PropertyString::parse(config.next(key)?, "file");
        let volid: Volid = drive.get("file")?.parse().ok()?;
        crate::desired::is_seed_file(volid.file()).then_some((key, volid))
    })
}

/// Seed files of a VM that an earlier run has left, all but `keep` and the one in its CD drive.
pub(super) fn leftovers(
    desired: &Desired,
    vm: &DesiredVm,
    observed: &Observed,
    seen: Option<&Seen>,
    keep: Option<&Volid>,
) -> Vec<Step> {
    let used = seen.and_then(|seen| attached(&seen.config)).map(|(_, volid)| volid);
    let ours = observed.seed_files.iter().filter(|volid| desired.owns_seed_file(vm, volid.file()));
    ours.filter(|volid| Some(*volid) != keep && Some(*volid) != used.as_ref())
        .map(|volid| delete_file(desired, volid.clone()))
        .collect()
}

/// The way in which a VM got its seed, which is the way in which it gets the next.
pub(super) fn way_of(desired: &Desired, seen: &Seen) -> SeedWay {
    match attached(&seen.config) {
        Some(_) => SeedWay::Iso,
        None if seen.config.next(SEED_DISK).is_some() => SeedWay::Disk,
        None => desired.seed_way,
    }
}

/// The steps that give a VM new seed data and say so in its mark.
pub(super) fn replace(
    desired: &Desired,
    vm: &DesiredVm,
    machine: &Machine,
    seen: &Seen,
) -> Vec<Step> {
    let way = way_of(desired, seen);
    let seed = desired.seed_volid(vm, way);
    let description = seen.config.next("description").unwrap_or_default();
    let mark = ("description", desired.mark(vm).write_into(description));
    let configure = |list: [(&str, String); 2], makes_disk| {
        let params: BTreeMap<_, _> = list.map(|(k, v)| (k.to_owned(), v)).into();
        Step::Configure { params, makes_disk }
    };
    let mut steps = vec![upload(machine, &seed)];
    if way == SeedWay::Disk && seen.config.next(SEED_DISK).is_some() {
        // PVE: reference 5: `force` frees the volume at once, instead of leaving it as `unused0`.
        let list = [("delete", SEED_DISK.to_owned()), ("force", "1".to_owned())];
        steps.push(configure(list, false));
    }
    let old = attached(&seen.config);
    let (key, value) = parameter(way, machine, &seed);
    // People may have moved the CD to another drive.
    let key = old.as_ref().map_or(key, |(drive, _)| drive);
    steps.push(configure([(key, value), mark], way == SeedWay::Disk));
    steps.extend(delete(desired, way, seed.clone()));
    steps.extend(
        old.filter(|(_, volid)| *volid != seed).map(|(_, volid)| delete_file(desired, volid)),
    );
    steps
}
