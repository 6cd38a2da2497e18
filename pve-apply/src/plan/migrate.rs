//! Plans the migration of a VM that the site's YAML has given another node. Does no I/O.

use super::context::Context;
use super::difference::Difference;
use super::find::Whereabouts;
use super::migration::Migration;
use crate::action::CopiedDisk;
use crate::blocked::{BlockReason, Obstacle};
use crate::change::{Change, Impact};
use crate::outlook::{Outlook, Refusal, Target};
use pve_client::{LocalDisk, MigrationPreconditions, NodeName};
use std::collections::{BTreeMap, BTreeSet};

impl Difference {
    /// Compares the VM's node, after its disks.
    pub(super) fn node(&mut self, c: &Context<'_>) {
        if c.ours.whereabouts(c.vm) != Whereabouts::MustMigrate {
            return;
        }
        let (from, wanted) = (&c.ours.seen.node, &c.vm.node);
        let outlook = c.observed.outlooks.get(&c.ours.seen.vmid);
        let answer = outlook.and_then(|outlook| outlook.answer.as_ref().ok());
        let migration = answer.map(|answer| self.migration(c, answer));
        let change = Change {
            field: "node".to_owned(),
            from: Some(from.to_string()),
            to: Some(wanted.to_string()),
            impact: Impact::Migration,
            reason: migration.as_ref().map(Migration::text),
        };
        self.changes.insert(0, change);
        if !c.desired.consent.migrate {
            let (from, wanted) = (from.to_string(), wanted.to_string());
            self.blocked.push(BlockReason::MustMigrate { from, wanted });
        }
        let obstacles = outlook.map(|outlook| self.obstacles(c, outlook, migration.as_ref()));
        let blocked = obstacles.into_iter().flatten().map(|obstacle| {
            let (wanted, vmid) = (wanted.to_string(), c.ours.seen.vmid.get());
            BlockReason::CannotMigrate { wanted, vmid, obstacle }
        });
        self.blocked.extend(blocked.filter(|_| c.desired.consent.migrate));
        if let Some(migration) = &migration {
            // What the migration itself puts on the right storage needs no move.
            self.moves.retain(|disk, storage| {
                let is_there = |copied: &CopiedDisk| {
                    copied.volid == volume_of(c, disk) && copied.storage == storage.as_str()
                };
                !migration.disks.iter().any(is_there)
            });
        }
        self.migration = migration;
    }

    fn migration(&self, c: &Context<'_>, answer: &MigrationPreconditions) -> Migration {
        let map = self.storage_map(c, answer);
        let disk = |disk: &LocalDisk| {
            let storage = storage_of(&disk.volid);
            CopiedDisk {
                volid: disk.volid.clone(),
                storage: map.get(storage).map_or(storage, String::as_str).to_owned(),
                bytes: disk.size,
            }
        };
        let pairs: Vec<String> = map.iter().map(|(from, to)| format!("{from}:{to}")).collect();
        Migration {
            target: c.vm.node.clone(),
            online: c.runs(),
            target_storage: (!pairs.is_empty()).then(|| pairs.join(",")),
            disks: answer.local_disks.iter().filter(|disk| is_copied(disk)).map(disk).collect(),
            along: answer.dependent.clone(),
        }
    }

    /// Returns where the disks go whose storage is not on the target: where the document wants all of them, else
    /// to the target's datastore.
    fn storage_map(
        &self,
        c: &Context<'_>,
        answer: &MigrationPreconditions,
    ) -> BTreeMap<String, String> {
        let missing = answer.not_allowed.get(&c.vm.node).map(|found| found.storages.as_slice());
        let mut map = BTreeMap::new();
        for from in missing.unwrap_or_default().iter().filter(|from| is_local(answer, from)) {
            let wanted: BTreeSet<&str> = self
                .moves
                .iter()
                .filter(|(disk, _)| storage_of(&volume_of(c, disk)) == from.as_str())
                .map(|(_, to)| to.as_str())
                .collect();
            let to = match wanted.first() {
                Some(only) if wanted.len() == 1 => *only,
                _ => c.definition.storage.as_str(),
            };
            if to != from {
                map.insert(from.clone(), to.to_owned());
            }
        }
        map
    }

    /// Returns what PVE would refuse, or what would only show when the VM has moved.
    fn obstacles(
        &self,
        c: &Context<'_>,
        outlook: &Outlook,
        migration: Option<&Migration>,
    ) -> Vec<Obstacle> {
        match outlook.target {
            Target::Unknown => return vec![Obstacle::TargetUnknown],
            Target::Offline => return vec![Obstacle::TargetOffline],
            Target::Online => {}
        }
        let answer = match &outlook.answer {
            Ok(answer) => answer,
            // The lock itself is reported.
            Err(Refusal::Said(_)) if c.config().lock().is_some() => return Vec::new(),
            Err(Refusal::Said(text) | Refusal::Outdated(text)) => {
                return vec![Obstacle::Refused { text: text.clone() }];
            }
            Err(Refusal::Forbidden) => return vec![Obstacle::Forbidden],
        };
        let mut found = on_target(&c.vm.node, answer, migration);
        found.extend(devices(answer));
        let disks = &answer.local_disks;
        found.extend(disks.iter().filter_map(|disk| not_copied(disk, outlook)));
        let volids: Vec<String> = disks
            .iter()
            .filter(|disk| disk.snapshot && is_copied(disk))
            .filter(|disk| answer.running || !keeps_snapshots(disk, outlook))
            .map(|disk| disk.volid.clone())
            .collect();
        found.extend((!volids.is_empty()).then_some(Obstacle::Snapshots { volids }));
        if answer.running && !outlook.missing_bridges.is_empty() {
            let bridges = outlook.missing_bridges.iter().cloned().collect();
            found.push(Obstacle::Bridges { bridges });
        }
        found
    }
}

/// What PVE itself has against the target.
fn on_target(
    target: &NodeName,
    answer: &MigrationPreconditions,
    migration: Option<&Migration>,
) -> Vec<Obstacle> {
    let Some(against) = answer.not_allowed.get(target) else { return Vec::new() };
    let map = migration.and_then(|migration| migration.target_storage.as_deref());
    let is_mapped = |storage: &String| {
        map.is_some_and(|map| map.split(',').any(|pair| storage_of(pair) == storage))
    };
    let storages: Vec<String> =
        against.storages.iter().filter(|storage| !is_mapped(storage)).cloned().collect();
    let some = |list: &[String], obstacle: fn(Vec<String>) -> Obstacle| {
        (!list.is_empty()).then(|| obstacle(list.to_vec()))
    };
    [
        some(&storages, |storages| Obstacle::Storages { storages }),
        some(&against.resources, |keys| Obstacle::Unmapped { keys }),
        some(&against.ha_resources, |resources| Obstacle::HaResources { resources }),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What binds a VM to its node only while it runs.
// PVE: qemu-server 9.2.6, QemuMigrate/Helpers.pm, check_local_resources; API2/Qemu.pm, migrate_vm_precondition.
const WHILE_RUNNING: [&str; 4] = ["amd-sev", "intel-tdx", "virtiofs", "clipboard=vnc"];

/// Devices that only the VM's node has.
fn devices(answer: &MigrationPreconditions) -> Vec<Obstacle> {
    let mut bound = Vec::new();
    let mut halting: Vec<String> = Vec::new();
    for key in &answer.local_resources {
        match answer.mapped_resources.get(key) {
            None if WHILE_RUNNING.contains(&key.as_str()) => halting.push(key.clone()),
            None => bound.push(key.clone()),
            Some(mapped) if answer.running && !mapped.live => halting.push(key.clone()),
            Some(_) => {}
        }
    }
    let bound = (!bound.is_empty()).then_some(Obstacle::Devices { keys: bound });
    let halting = (!halting.is_empty()).then_some(Obstacle::StopFirst { keys: halting });
    bound.into_iter().chain(halting).collect()
}

/// The storage types whose volumes PVE copies.
// PVE: facts-3 4.4; qemu-server 9.2.6, QemuMigrate.pm, scan_local_volumes.
const COPIED_TYPES: [&str; 5] = ["btrfs", "dir", "lvm", "lvmthin", "zfspool"];

/// Returns why a disk that only the VM's node has cannot be copied.
// PVE: facts-3 4.4, facts-4 10: the preconditions list these disks and do not say that they are refused.
fn not_copied(disk: &LocalDisk, outlook: &Outlook) -> Option<Obstacle> {
    let volid = disk.volid.clone();
    if !disk.volid.contains(':') || disk.cdrom && !is_cloud_init(disk) {
        return Some(Obstacle::Medium { volid });
    }
    let (storage, name) = (storage_of(&disk.volid), disk.volid.split_once(':')?.1);
    let kind = outlook.storage_types.get(storage).map_or("", String::as_str);
    if !kind.is_empty() && !COPIED_TYPES.contains(&kind) {
        return Some(Obstacle::StorageType { volid, kind: kind.to_owned() });
    }
    let base = name.split('/').find(|part| part.starts_with("base-"));
    let base = base.filter(|base| !name.ends_with(*base))?.to_owned();
    Some(Obstacle::LinkedClone { volid, base })
}

/// Returns whether PVE copies the snapshots of a disk of a VM that is off.
// PVE: qemu-server 9.2.6, QemuMigrate.pm, scan_local_volumes.
fn keeps_snapshots(disk: &LocalDisk, outlook: &Outlook) -> bool {
    let kind = outlook.storage_types.get(storage_of(&disk.volid)).map_or("", String::as_str);
    kind == "zfspool" || kind == "btrfs" || disk.volid.ends_with(".qcow2")
}

/// Returns whether a migration copies a disk.
fn is_copied(disk: &LocalDisk) -> bool {
    disk.volid.contains(':') && (!disk.cdrom || is_cloud_init(disk))
}

// PVE: pve-storage: cloud-init's drive is named vm-ID-cloudinit.
fn is_cloud_init(disk: &LocalDisk) -> bool {
    disk.volid.contains("-cloudinit")
}

/// Returns whether a storage of the VM is one that each node has for itself.
fn is_local(answer: &MigrationPreconditions, storage: &str) -> bool {
    answer.local_disks.iter().any(|disk| is_copied(disk) && storage_of(&disk.volid) == storage)
}

/// Returns the text before the first colon.
fn storage_of(volid: &str) -> &str {
    volid.split(':').next().unwrap_or_default()
}

/// Returns the volume of a drive.
fn volume_of(c: &Context<'_>, disk: &str) -> String {
    let text = c.config().next(disk).unwrap_or_default();
    let drive = pve_client::PropertyString::parse(text, "file");
    drive.get("file").unwrap_or_default().to_owned()
}

impl Migration {
    /// Returns what happens, for people.
    fn text(&self) -> String {
        let mut parts = vec![if self.online { "live" } else { "offline" }.to_owned()];
        let copies: Vec<String> = self.disks.iter().map(CopiedDisk::text).collect();
        parts.push(match copies.is_empty() {
            true => "copies no disk".to_owned(),
            false => format!("copies {}", copies.join(", ")),
        });
        if !self.along.is_empty() {
            parts.push(format!("HA takes along {}", self.along.join(", ")));
        }
        parts.join("; ")
    }
}
