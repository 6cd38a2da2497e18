//! What `GET …/migrate` reports before a migration, and the devices that prevent one.
//! A pure module: does no I/O.
// PVE: qemu-server 9.2.6, API2/Qemu.pm, migrate_vm_precondition; QemuMigrate/Helpers.pm,
// check_local_resources.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::{World, drives_of, scan};
use crate::pve_sim::answer::Refusal;
use crate::pve_sim::keys::cases;
use crate::pve_sim::property::Properties;
use crate::pve_sim::schema::numbered;
use crate::pve_sim::world::vm::Vm;

/// The devices of a VM that bind it to its node.
#[derive(Debug, Default)]
pub(super) struct Devices {
    /// Keys, in order, such as `hostpci0`.
    pub(super) local: Vec<String>,
    /// Mapped devices: key → name of the mapping.
    pub(super) mapped: BTreeMap<String, String>,
    /// The mapped devices that support live migration.
    pub(super) live: BTreeSet<String>,
    /// Keys that have no mapping on a node.
    pub(super) missing: BTreeMap<String, Vec<String>>,
}

impl World {
    /// Returns what a migration of a VM needs and what prevents it.
    pub(crate) fn preconditions(&self, node: &str, vmid: u32) -> Result<Value, Refusal> {
        self.check_quorum()?;
        let vm = self.vm(node, vmid)?;
        vm.check_lock()?;
        let mut devices = self.devices(vm, vm.running)?;
        if vm.running && self.clipboard_binds(vm)? {
            devices.local.push("clipboard=vnc".to_owned());
        }
        // Clusters know about dependencies between HA resources since 9.1.
        let related = self.managed_by_ha(vmid).filter(|_| self.release() >= (9, 1));
        let blocking = related.map(|_| self.blocking_resources(vmid)).unwrap_or_default();
        let (mut allowed, mut refused) = (Vec::new(), Map::new());
        // Offline nodes are listed too: PVE does not ask whether a node is online.
        for other in self.nodes.keys().filter(|other| *other != node) {
            let causes = self.causes_against(vm, other, &devices, &blocking);
            if causes.is_empty() {
                allowed.push(other.clone());
            }
            // PVE: an allowed node is also in `not_allowed_nodes`, with an empty object.
            refused.insert(other.clone(), causes.into());
        }
        let mut shown = json!({
            "running": u8::from(vm.running),
            "allowed_nodes": allowed,
            "not_allowed_nodes": refused,
            "local_disks": self.local_disks(vm),
            "local_resources": devices.local,
            "mapped-resources": devices.mapped.keys().collect::<Vec<_>>(),
            "mapped-resource-info": devices.info(),
        });
        if self.release() >= (9, 1) {
            shown["has-dbus-vmstate"] = 1.into();
        }
        if related.is_some() {
            shown["dependent-ha-resources"] = self.dependent_resources(vmid).into();
        }
        Ok(shown)
    }

    fn causes_against(
        &self,
        vm: &Vm,
        node: &str,
        devices: &Devices,
        blocking: &BTreeMap<String, Vec<Value>>,
    ) -> Map<String, Value> {
        let mut causes = Map::new();
        let storages = self.storages_missing_on(vm, node);
        if !storages.is_empty() {
            causes.insert("unavailable_storages".to_owned(), json!(storages));
        }
        if let Some(missing) = devices.missing.get(node) {
            causes.insert("unavailable-resources".to_owned(), json!(missing));
        }
        if let Some(resources) = blocking.get(node) {
            causes.insert("blocking-ha-resources".to_owned(), json!(resources));
        }
        causes
    }

    /// Returns the storages of the VM's drives that are disabled or restricted to other nodes.
    // PVE: QemuServer.pm, check_local_storage_availability.
    fn storages_missing_on(&self, vm: &Vm, node: &str) -> BTreeSet<String> {
        let used = drives_of(vm).into_values();
        let ids = used.filter_map(|volid| Some(volid.split_once(':')?.0.to_owned()));
        ids.filter(|id| self.storage(id, node).is_err()).collect()
    }

    // PVE: API2/Qemu.pm, $check_vm_disks_local.
    fn local_disks(&self, vm: &Vm) -> Vec<Value> {
        let uses = scan::uses(vm);
        let local = uses.iter().filter(|(volid, attr)| {
            let id = volid.split_once(':').map(|(id, _)| id);
            let shared = id.and_then(|id| self.storages.get(id)).is_some_and(|s| s.shared);
            !(shared || attr.cdrom && volid.as_str() == "none")
        });
        local.map(|(volid, attr)| attr.shown(volid, &vm.snapshots)).collect()
    }

    /// Returns the devices that bind a VM to its node.
    pub(super) fn devices(&self, vm: &Vm, running: bool) -> Result<Devices, Refusal> {
        let mut found = Devices::default();
        let virtiofs = vm.config.keys().any(|key| key.starts_with("virtiofs"));
        for (word, set) in [
            ("amd-sev", vm.config.contains_key("amd-sev")),
            ("intel-tdx", vm.config.contains_key("intel-tdx")),
            ("virtiofs", virtiofs),
            ("ivshmem", vm.config.contains_key("ivshmem")),
        ] {
            if set && (running || word == "ivshmem") {
                found.local.push(word.to_owned());
            }
        }
        for (key, text) in &vm.config {
            let Some((stem, _)) = numbered(key) else {
                continue;
            };
            let read = cases::read(key, text);
            let bound = match stem {
                "usb"
                    if read.get("host").is_some_and(|host| host.eq_ignore_ascii_case("spice")) =>
                {
                    false
                }
                "usb" => {
                    self.note_mapping(&mut found, "usb", key, read.get("mapping"));
                    true
                }
                "hostpci" => self.note_pci(&mut found, key, read.get("mapping"), running),
                "virtiofs" => {
                    self.note_mapping(&mut found, "dir", key, read.get("dirid"));
                    true
                }
                "serial" => text != "socket",
                "parallel" => true,
                _ => false,
            };
            if bound {
                found.local.push(key.clone());
            }
        }
        Ok(found)
    }

    /// Notes a PCI device; returns whether it binds the VM.
    fn note_pci(&self, found: &mut Devices, key: &str, id: Option<&str>, running: bool) -> bool {
        let Some(id) = id else {
            return true;
        };
        self.note_mapping(found, "pci", key, Some(id));
        let mapping = self.mappings.of("pci").get(id);
        if mapping.is_some_and(|mapping| mapping.live_migration_capable) {
            found.live.insert(key.to_owned());
            return false;
        }
        running
    }

    fn note_mapping(&self, found: &mut Devices, kind: &str, key: &str, id: Option<&str>) {
        let Some(id) = id else {
            return;
        };
        found.mapped.insert(key.to_owned(), id.to_owned());
        let mapping = self.mappings.of(kind).get(id);
        for node in self.nodes.keys() {
            if mapping.is_none_or(|mapping| mapping.on(node) == 0) {
                found.missing.entry(node.clone()).or_default().push(key.to_owned());
            }
        }
    }

    /// Returns whether the clipboard of a running VM prevents its migration.
    // PVE: API2/Qemu.pm: since 9.1 a machine version of 10.1 or newer can be migrated.
    pub(super) fn clipboard_binds(&self, vm: &Vm) -> Result<bool, Refusal> {
        let vga = Properties::read(vm.config.get("vga").map_or("", String::as_str), "type");
        match vga.get("clipboard") == Some("vnc") {
            true if self.release() >= (9, 1) => Err(Refusal::unknown(
                "pve-sim: a migration with clipboard=vnc is not served: it depends on QEMU",
            )),
            binds => Ok(binds),
        }
    }
}

impl Devices {
    fn info(&self) -> Map<String, Value> {
        let row = |(key, name): (&String, &String)| {
            let mut info = json!({ "name": name });
            if self.live.contains(key) {
                info["live-migration"] = 1.into();
            }
            (key.clone(), info)
        };
        self.mapped.iter().map(row).collect()
    }
}
