//! How seed data reaches a VM, is replaced, and leaves no file behind. Does no I/O.

use super::aspects::SEED_DISK;
use crate::action::Step;
use crate::desired::snippets::{self, Snippets};
use crate::desired::{Desired, DesiredVm, Machine, SeedWay};
use crate::observed::{Config, Observed, Seen};
use pve_client::{PropertyString, Volid};
use std::collections::BTreeSet;

/// The CD drive for a seed that is an ISO file.
pub(super) const SEED_CD: &str = "ide2";
/// The key that names snippets.
pub(super) const CICUSTOM: &str = "cicustom";

/// The step that brings a VM's seed data to PVE; `None`: no way to write snippets is given.
pub(super) fn bring(
    desired: &Desired,
    vm: &DesiredVm,
    machine: &Machine,
    way: SeedWay,
) -> Option<Step> {
    if way == SeedWay::Snippets {
        let Snippets { storage, to } = desired.snippets.as_ref()?;
        return Some(Step::WriteSnippets {
            storage: storage.clone(),
            file: desired.snippet_base(vm, &machine.seed.fingerprint),
            to: to.clone()?,
            user_data: machine.seed.user_data.clone(),
            meta_data: machine.seed.meta_data.clone(),
            network_config: machine.seed.network_config.clone(),
        });
    }
    let seed = desired.seed_volid(vm, way);
    Some(Step::UploadSeed {
        content: seed.content().unwrap_or("import").to_owned(),
        storage: seed.storage().clone(),
        file: seed.file().to_owned(),
        user_data: machine.seed.user_data.clone(),
        meta_data: machine.seed.meta_data.clone(),
        network_config: machine.seed.network_config.clone(),
    })
}

/// The files that [`bring`] writes, over what lies there under their names.
pub(super) fn brought(
    desired: &Desired,
    vm: &DesiredVm,
    machine: &Machine,
    way: SeedWay,
) -> BTreeSet<Volid> {
    if way != SeedWay::Snippets {
        return BTreeSet::from([desired.seed_volid(vm, way)]);
    }
    let Some(Snippets { storage, .. }) = &desired.snippets else { return BTreeSet::new() };
    let base = desired.snippet_base(vm, &machine.seed.fingerprint);
    let names = snippets::names(&base, !machine.seed.network_config.is_empty()).into_iter();
    names.map(|(_, name)| snippets::volid(storage, &name)).collect()
}

/// The parameters that give a VM its seed.
pub(super) fn parameters(
    desired: &Desired,
    vm: &DesiredVm,
    machine: &Machine,
    way: SeedWay,
) -> Vec<(&'static str, String)> {
    let seed = desired.seed_volid(vm, way);
    match way {
        SeedWay::Disk => vec![(SEED_DISK, format!("{}:0,import-from={seed}", machine.storage))],
        SeedWay::Iso => vec![(SEED_CD, format!("{seed},media=cdrom"))],
        SeedWay::Snippets => {
            let base = desired.snippet_base(vm, &machine.seed.fingerprint);
            let storage = desired.snippets.as_ref().map_or(&desired.image_storage, |s| &s.storage);
            let with_network = !machine.seed.network_config.is_empty();
            vec![
                (SEED_CD, cloud_init_drive(machine)),
                (CICUSTOM, snippets::cicustom(storage, &base, with_network)),
            ]
        }
    }
}

/// PVE makes the drive's content anew at each start, from what `cicustom` names.
pub(super) fn cloud_init_drive(machine: &Machine) -> String {
    format!("{}:cloudinit", machine.storage)
}

/// The snippets of ours that a VM's config names, in force or from its next start.
pub(super) fn snippets_of(config: &Config) -> BTreeSet<Volid> {
    let texts = [config.now(CICUSTOM), config.next(CICUSTOM)];
    texts.into_iter().flatten().flat_map(snippets::of_cicustom).collect()
}

/// The key of the drive that PVE fills by `cicustom`.
pub(super) fn cloud_init_key(config: &Config) -> Option<&str> {
    config.keys().find(|key| {
        let file = config.next(key).map(|text| PropertyString::parse(text, "file"));
        let is = |file: &str| file.ends_with("cloudinit") || file.contains("-cloudinit.");
        file.is_some_and(|drive| {
            drive.get("media") == Some("cdrom") && drive.get("file").is_some_and(is)
        })
    })
}

/// The snippets that a VM got with the seed that its mark names, as far as they are there.
pub(super) fn snippets_of_mark(
    desired: &Desired,
    vm: &DesiredVm,
    observed: &Observed,
    seen: &Seen,
) -> BTreeSet<Volid> {
    let config = &seen.config;
    // Its seed came in another way: snippets beside it are those of a create that came to nothing.
    let otherwise = config.next(SEED_DISK).is_some() || attached(config).is_some();
    if snippets_of(config).is_empty() && otherwise {
        return BTreeSet::new();
    }
    let Some(mark) = config.mark() else { return BTreeSet::new() };
    let base = desired.snippet_base(vm, &mark.seed);
    let names = snippets::names(&base, true);
    let is = |volid: &&Volid| names.iter().any(|(_, name)| name == volid.file());
    observed.seed_files.iter().filter(is).cloned().collect()
}

/// The steps that delete the snippets in a VM's config, once it is gone.
pub(super) fn delete_snippets(
    desired: &Desired,
    vm: &DesiredVm,
    observed: &Observed,
    seen: &Seen,
) -> Vec<Step> {
    let list = snippets_of(&seen.config).into_iter();
    let unlisted = list.filter(|volid| !observed.seed_files.contains(volid));
    let ours = unlisted.filter(|volid| desired.owns_seed_file(vm, volid.file()));
    ours.map(|volid| Step::DeleteVolume { node: seen.node.clone(), volid }).collect()
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

/// Seed files of a VM that an earlier run has left, all but those to `keep` and those that it uses.
pub(super) fn leftovers(
    desired: &Desired,
    vm: &DesiredVm,
    observed: &Observed,
    seen: Option<&Seen>,
    keep: &BTreeSet<Volid>,
) -> Vec<Step> {
    let used = seen.map(|seen| {
        let mut used = snippets_of(&seen.config);
        used.extend(snippets_of_mark(desired, vm, observed, seen));
        used.extend(attached(&seen.config).map(|(_, volid)| volid));
        used
    });
    let used = used.unwrap_or_default();
    let ours = observed.seed_files.iter().filter(|volid| desired.owns_seed_file(vm, volid.file()));
    ours.filter(|volid| !keep.contains(volid) && !used.contains(volid))
        .map(|volid| delete_file(desired, volid.clone()))
        .collect()
}

/// The way in which a VM got its seed, which is the way in which it gets the next.
pub(super) fn way_of(desired: &Desired, seen: &Seen) -> SeedWay {
    match attached(&seen.config) {
        _ if !snippets_of(&seen.config).is_empty() => SeedWay::Snippets,
        Some(_) => SeedWay::Iso,
        None if seen.config.next(SEED_DISK).is_some() => SeedWay::Disk,
        None => desired.seed_way,
    }
}

/// The steps of a reseed.
pub(super) struct Replacement {
    /// They give the VM the new data, and take away what it cannot need any more.
    pub(super) give: Vec<Step>,
    /// Once the VM has booted with the data: its mark says so, and the old files go. Before that a run
    /// that comes after a crash must find the reseed undone.
    pub(super) settle: Vec<Step>,
}

/// The steps that give a VM new seed data and say so in its mark.
pub(super) fn replace(
    desired: &Desired,
    vm: &DesiredVm,
    machine: &Machine,
    seen: &Seen,
    observed: &Observed,
) -> Replacement {
    let way = way_of(desired, seen);
    let seed = desired.seed_volid(vm, way);
    let mut give: Vec<Step> = bring(desired, vm, machine, way).into_iter().collect();
    let mut given = parameters(desired, vm, machine, way);
    let description = seen.config.next("description").unwrap_or_default();
    let mark = vec![("description", desired.mark(vm).write_into(description))];
    let mut settle = vec![configure(mark, false)];
    if way == SeedWay::Snippets {
        given.retain(|(key, _)| *key == CICUSTOM || cloud_init_key(&seen.config).is_none());
        let makes_disk = given.len() > 1;
        let new: BTreeSet<Volid> =
            given.iter().flat_map(|(_, value)| snippets::of_cicustom(value)).collect();
        give.push(configure(given, makes_disk));
        // After a crash the config may name the new ones already, and only the mark the old ones.
        let mut old = snippets_of(&seen.config);
        old.extend(snippets_of_mark(desired, vm, observed, seen));
        old.retain(|volid| desired.owns_seed_file(vm, volid.file()) && !new.contains(volid));
        settle.extend(old.into_iter().map(|volid| delete_file(desired, volid)));
        return Replacement { give, settle };
    }
    if way == SeedWay::Disk && seen.config.next(SEED_DISK).is_some() {
        // PVE: reference 5: `force` frees the volume at once, instead of leaving it as `unused0`.
        let list = vec![("delete", SEED_DISK.to_owned()), ("force", "1".to_owned())];
        give.push(configure(list, false));
    }
    let old = attached(&seen.config);
    if let (Some((drive, _)), Some((key, _))) = (&old, given.first_mut()) {
        // People may have moved the CD to another drive.
        *key = drive;
    }
    give.push(configure(given, way == SeedWay::Disk));
    give.extend(delete(desired, way, seed.clone()));
    let old = old.map(|(_, volid)| volid).filter(|volid| *volid != seed);
    settle.extend(old.map(|volid| delete_file(desired, volid)));
    Replacement { give, settle }
}

fn configure(list: Vec<(&str, String)>, makes_disk: bool) -> Step {
    let params = list.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    Step::Configure { params, makes_disk }
}
