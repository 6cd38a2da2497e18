//! Moving a VM to another node: what is asked, and what PVE refuses at once.
//! A pure module: does no I/O. The texts are PVE's.
// PVE: qemu-server 9.2.6, API2/Qemu.pm, migrate_vm; facts-3 4.4.

mod obstacles;
mod progress;
mod run;
mod scan;

use std::collections::BTreeMap;

pub(crate) use run::{ABORTED, Begun};

use super::World;
use super::access::Who;
use super::disk;
use super::storage::Name;
use super::vm::Vm;
use crate::pve_sim::answer::Refusal;
use crate::pve_sim::property::Properties;

/// A migration that was asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Migration {
    pub(crate) target: String,
    /// Whether a running VM may be migrated; ignored if it is off.
    pub(crate) online: bool,
    /// Whether the disks of a running VM may be copied.
    pub(crate) with_local_disks: bool,
    /// Whether local devices do not matter; only root and HA ask for that.
    pub(crate) force: bool,
    /// Where local disks go.
    pub(crate) map: StorageMap,
}

/// `targetstorage`: storage by storage, one for all others, or the same on both nodes.
// PVE: pve-common, JSONSchema.pm, parse_idmap and map_id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct StorageMap {
    pub(crate) pairs: BTreeMap<String, String>,
    pub(crate) default: Option<String>,
    /// `1`.
    pub(crate) identity: bool,
}

impl StorageMap {
    /// Parses `a:b,c:d`, one name, or `1`.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let mut map = Self::default();
        for entry in text.split([',', ';', ' ', '\0']).filter(|entry| !entry.is_empty()) {
            match entry.split_once(':') {
                _ if entry == "1" => map.identity = true,
                Some((from, to)) => {
                    if map.pairs.insert(from.to_owned(), to.to_owned()).is_some() {
                        return Err(format!("duplicate mapping for source '{from}'"));
                    }
                }
                None if map.default.is_some() => {
                    return Err("default target ID can only be provided once".to_owned());
                }
                None => map.default = Some(entry.to_owned()),
            }
        }
        if map.identity && (map.default.is_some() || !map.pairs.is_empty()) {
            return Err("identity mapping cannot be combined with other mappings".to_owned());
        }
        Ok(map)
    }

    /// Returns the target of a storage; without an entry it is the same storage.
    pub(crate) fn target<'m>(&'m self, storage: &'m str) -> &'m str {
        let other = self.pairs.get(storage).or(self.default.as_ref());
        other.map_or(storage, String::as_str)
    }
}

impl World {
    /// Checks everything that PVE checks before the task.
    pub(crate) fn migratable(
        &self,
        who: &Who,
        node: &str,
        vmid: u32,
        wish: &Migration,
    ) -> Result<(), Refusal> {
        let vm = self.vm(node, vmid)?;
        vm.check_lock()?;
        if vm.running && !wish.online {
            return Err(Refusal::die("can't migrate running VM without --online"));
        }
        let StorageMap { pairs, default, identity } = &wish.map;
        let mapped = !pairs.is_empty() || default.is_some();
        if mapped {
            self.check_vm(who, vmid, None, &["VM.Config.Disk"])?;
        }
        for target in pairs.values().chain(default) {
            self.check_target_storage(who, target, &wish.target)?;
        }
        match mapped && !identity {
            true => Ok(()),
            false => self.check_storages_of(vm, node, &wish.target).map_err(Refusal::die),
        }
    }

    // PVE: API2/Qemu.pm, $check_storage_access_migrate.
    fn check_target_storage(&self, who: &Who, id: &str, node: &str) -> Result<(), Refusal> {
        self.storage(id, node)?;
        self.check(who, &format!("/storage/{id}"), &["Datastore.AllocateSpace"])?;
        match self.storage(id, node)?.content.contains("images") {
            true => Ok(()),
            false => Err(Refusal::die(format!("storage '{id}' does not support vm images"))),
        }
    }

    /// Checks that the storages of a VM's drives are on both nodes.
    // PVE: QemuServer.pm, check_storage_availability.
    fn check_storages_of(&self, vm: &Vm, node: &str, target: &str) -> Result<(), String> {
        for volid in drives_of(vm).values() {
            let Some((id, _)) = volid.split_once(':') else {
                continue;
            };
            self.storage(id, node).map_err(|refusal| refusal.in_task())?;
            let storage = self.storage(id, target).map_err(|refusal| refusal.in_task())?;
            let content = Name::parse(volid).map_or("", |name| name.content);
            if !storage.content.contains(content) {
                let text = "content type";
                return Err(format!(
                    "{volid}: {text} '{content}' is not available on storage '{id}'"
                ));
            }
        }
        Ok(())
    }
}

/// Returns the volumes of a VM's drives by key, including CDs, without `none`.
// PVE: guest-common, AbstractConfig.pm, foreach_volume.
fn drives_of(vm: &Vm) -> BTreeMap<&str, String> {
    let drives = vm.config.iter().filter(|(key, _)| disk::is_drive(key));
    let files = drives.filter_map(|(key, text)| Some((key.as_str(), file_of(text)?)));
    files.filter(|(_, file)| file != "none").collect()
}

fn file_of(text: &str) -> Option<String> {
    let drive = Properties::read(text, "file");
    drive.get("file").or_else(|| drive.get("volume")).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<&[(&str, &str)], &str>) {
        let map = StorageMap::read(text);
        let Ok(targets) = expected else {
            assert_eq!(map.unwrap_err(), expected.unwrap_err(), "{text}");
            return;
        };
        let map = map.unwrap();
        for (from, to) in targets {
            assert_eq!(map.target(from), *to, "{text}: {from}");
        }
    }

    #[test]
    fn storages_are_mapped() {
        check("", Ok(&[("a1", "a1")]));
        check("1", Ok(&[("a1", "a1")]));
        check("b1", Ok(&[("a1", "b1"), ("c1", "b1")]));
        check("a1:b1,c1", Ok(&[("a1", "b1"), ("d1", "c1")]));
        check("a1:b1", Ok(&[("d1", "d1")]));
        check("a1:b1,a1:c1", Err("duplicate mapping for source 'a1'"));
        check("a1,b1", Err("default target ID can only be provided once"));
        check("1,b1", Err("identity mapping cannot be combined with other mappings"));
    }
}
