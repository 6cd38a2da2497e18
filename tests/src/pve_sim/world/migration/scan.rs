//! The volumes of a VM that a migration copies, and those that prevent it.
//! A pure module: does no I/O. The texts are PVE's.
// PVE: qemu-server 9.2.6, QemuMigrate.pm, scan_local_volumes; QemuServer.pm, foreach_volid.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Migration, World, file_of};
use crate::pve_sim::property::Properties;
use crate::pve_sim::world::disk;
use crate::pve_sim::world::storage::Name;
use crate::pve_sim::world::vm::Vm;

/// How a VM uses a volume.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Use {
    pub(super) cdrom: bool,
    pub(super) cloud_init: bool,
    pub(super) attached: bool,
    pub(super) unused: bool,
    pub(super) pending: bool,
    pub(super) tpm: bool,
    pub(super) size: Option<String>,
    pub(super) drive: Option<String>,
    /// Whether a snapshot has it.
    pub(super) snapshot: bool,
}

impl Use {
    /// Returns the row in `local_disks`.
    // PVE: API2/Qemu.pm, $check_vm_disks_local: all attributes, and the size as in the config.
    // QemuServer.pm, foreach_volid: the names of the snapshots that refer to it.
    pub(super) fn shown(&self, volid: &str, snapshots: &[String]) -> Value {
        let flag = |set: bool| u8::from(set);
        let mut row = json!({
            "volid": volid, "cdrom": flag(self.cdrom), "is_unused": flag(self.unused),
            "is_attached": flag(self.attached), "is_cloudinit": flag(self.cloud_init),
            "is_tpmstate": flag(self.tpm), "is_vmstate": 0, "replicate": 1, "shared": 0,
        });
        if let Some(bytes) = self.size.as_deref().and_then(disk::parse_size) {
            row["size"] = bytes.into();
        }
        if let Some(drive) = &self.drive {
            row["drivename"] = drive.clone().into();
        }
        if self.snapshot {
            let names = snapshots.iter().map(|name| (name.clone(), Value::from(1)));
            row["referenced_in_snapshot"] = names.collect::<serde_json::Map<_, _>>().into();
        }
        if self.pending {
            row["referenced_in_pending"] = 1.into();
        }
        row
    }

    /// Returns where PVE has found the volume.
    fn place(&self) -> &'static str {
        match self {
            _ if self.tpm || self.cloud_init => "generated",
            _ if self.attached => "attached",
            _ if self.unused => "unused",
            _ if self.snapshot => "snapshot",
            _ => "pending",
        }
    }

    /// Returns whether QEMU copies it while the VM runs.
    pub(super) fn is_mirrored(&self, running: bool) -> bool {
        running && self.place() == "attached"
    }
}

/// Returns every volume of a VM and how it is used.
pub(super) fn uses(vm: &Vm) -> BTreeMap<String, Use> {
    let mut all: BTreeMap<String, Use> = BTreeMap::new();
    let current = vm.config.iter().map(|(key, text)| (key, text, false));
    let waiting = vm.pending.iter().filter_map(|(k, v)| Some((k, v.as_ref()?, true)));
    for (key, text, pending) in current.chain(waiting) {
        let unused = key.starts_with("unused");
        if !disk::is_drive(key) && !unused {
            continue;
        }
        let Some(volid) = file_of(text) else {
            continue;
        };
        let drive = Properties::read(text, "file");
        let known = all.contains_key(&volid);
        let found = all.entry(volid.clone()).or_default();
        found.cdrom = disk::is_cdrom(&drive) && (found.cdrom || !known);
        found.cloud_init |= volid.contains("-cloudinit");
        found.unused |= unused;
        found.attached |= !unused && !pending;
        found.pending |= pending;
        found.tpm |= key == "tpmstate0";
        found.size = found.size.take().or_else(|| drive.get("size").map(str::to_owned));
        found.snapshot |= !vm.snapshots.is_empty() && !unused && !pending;
        if !unused {
            found.drive = Some(key.clone());
        }
    }
    all
}

/// The volumes to copy, and the log lines about them.
#[derive(Debug, Default)]
pub(super) struct Scan {
    pub(super) local: BTreeMap<String, Use>,
    pub(super) lines: Vec<String>,
}

impl World {
    /// Finds the volumes to copy; the error is that of the task, after these lines.
    pub(super) fn scan(
        &self,
        node: &str,
        vmid: u32,
        vm: &Vm,
        wish: &Migration,
    ) -> (Scan, Result<(), String>) {
        let (mut scan, mut errors) = (Scan::default(), BTreeMap::new());
        for (volid, used) in uses(vm) {
            if volid == "none" {
                continue;
            }
            match self.judge(node, vmid, &volid, &used, vm, wish) {
                Ok(None) => {}
                Ok(Some(())) => {
                    scan.local.insert(volid, used);
                }
                // PVE lists a volume that it could not check, if it had got as far as its storage.
                Err((text, listed)) => {
                    if listed {
                        scan.local.insert(volid.clone(), used);
                    }
                    errors.insert(volid, text);
                }
            }
        }
        for (volid, used) in &scan.local {
            let place = used.place();
            if place == "attached" && vm.running && !wish.with_local_disks {
                let text =
                    "can't live migrate attached local disks without with-local-disks option";
                errors.insert(volid.clone(), text.to_owned());
            }
            scan.lines.push(match place {
                "generated" => format!("found generated disk '{volid}' (in current VM config)"),
                "snapshot" => format!("found local disk '{volid}' (referenced by snapshot(s))"),
                "pending" => format!("found local disk '{volid}' (pending change)"),
                place => format!("found local disk '{volid}' ({place})"),
            });
        }
        scan.lines.extend(errors.iter().map(|(volid, text)| match volid.as_str() {
            "cdrom" => text.clone(),
            volid => format!("can't migrate local disk '{volid}': {text}"),
        }));
        let verdict = match errors.is_empty() {
            true => self.supported(&scan),
            false => Err("can't migrate VM - check log".to_owned()),
        };
        (scan, verdict.map_err(|cause| format!("Problem found while scanning volumes - {cause}")))
    }

    /// Returns whether a volume is copied, or why it prevents the migration, and whether it is listed.
    fn judge(
        &self,
        node: &str,
        vmid: u32,
        volid: &str,
        used: &Use,
        vm: &Vm,
        wish: &Migration,
    ) -> Result<Option<()>, (String, bool)> {
        let early = |text: String| (text, false);
        let late = |text: &str| Err((text.to_owned(), true));
        if volid == "cdrom" {
            return Err(early("can't migrate local cdrom drive".to_owned()));
        }
        if volid.starts_with('/') {
            return late("local file/device");
        }
        let (id, _) = volid.split_once(':').unwrap_or_default();
        let storage = self.storage(id, node).map_err(|refusal| early(refusal.in_task()))?;
        self.has_room_for(volid, wish).map_err(early)?;
        if storage.shared {
            return Ok(None);
        }
        let Some(volume) = self.volume(node, volid) else {
            return late(&format!("volume '{volid}' does not exist"));
        };
        if used.cdrom {
            return if used.cloud_init { Ok(Some(())) } else { late("local cdrom image") };
        }
        match volume.vmid() {
            Some(owner) if owner != vmid => {
                return late(&format!("owned by other VM (owner = VM {owner})"));
            }
            _ => {}
        }
        if used.snapshot {
            if vm.running {
                return late(
                    "online storage migration not possible if non-replicated snapshot exists",
                );
            }
            let raw_btrfs = storage.r#type == "btrfs" && volume.format == "raw";
            if storage.r#type != "zfspool" && !raw_btrfs && volume.format != "qcow2" {
                return late("non-migratable snapshot exists");
            }
        }
        match self.is_base_in_use(node, volid) {
            true => late("referenced by linked clone(s)"),
            false => Ok(Some(())),
        }
    }

    /// Checks that the target's storage exists there and takes the content.
    // PVE: QemuMigrate.pm, target_storage_check_available.
    pub(super) fn has_room_for(&self, volid: &str, wish: &Migration) -> Result<(), String> {
        let (id, _) = volid.split_once(':').unwrap_or_default();
        let shared = self.storages.get(id).is_some_and(|storage| storage.shared);
        let target = if shared { id } else { wish.map.target(id) };
        let storage = self.storage(target, &wish.target).map_err(|refusal| refusal.in_task())?;
        let content = Name::parse(volid).map_or("", |name| name.content);
        match storage.content.contains(content) {
            true => Ok(()),
            false => Err(format!(
                "{volid}: content type '{content}' is not available on storage '{target}'"
            )),
        }
    }

    /// Checks the type of each storage, and that no volume is a linked clone.
    fn supported(&self, scan: &Scan) -> Result<(), String> {
        for volid in scan.local.keys() {
            let (id, name) = volid.split_once(':').unwrap_or_default();
            let kind = self.storages.get(id).map_or("", |storage| storage.r#type.as_str());
            if !["dir", "btrfs", "zfspool", "lvmthin", "lvm"].contains(&kind) {
                return Err(format!(
                    "can't migrate '{volid}' - storage type '{kind}' not supported"
                ));
            }
            // PVE: facts-3 1.4. LVM-thin does not show it in the name.
            let base = name.split('/').find(|part| part.starts_with("base-"));
            if let Some(base) = base.filter(|base| !name.ends_with(base)) {
                return Err(format!(
                    "can't migrate '{volid}' as it's a clone of '{base}' at \
                     /usr/share/perl5/PVE/QemuMigrate.pm line 586."
                ));
            }
        }
        Ok(())
    }
}
