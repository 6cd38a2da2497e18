//! What waits for a power cycle, and what a running VM takes at once.
//! A pure module: does no I/O.
// PVE: qemu-server, QemuServer.pm, vmconfig_hotplug_pending and vmconfig_apply_pending;
// guest-common, AbstractConfig.pm, cleanup_pending; facts-4 27 and 51 to 55.

use serde_json::{Map, Value};

use super::World;
use super::change::Change;
use super::create::read_net;
use super::disk;
use super::vm::{View, Vm};
use crate::pve_sim::answer::Refusal;
use crate::pve_sim::property::Properties;
use crate::pve_sim::schema::numbered;

impl World {
    /// Throws a pending change away; a disk that was made for it stays as an unused one.
    pub(super) fn revert(&mut self, node: &str, vmid: u32, key: &str) -> Result<(), Refusal> {
        let waiting = self.vm_mut(node, vmid)?.pending.remove(key).flatten();
        match waiting.filter(|_| disk::is_drive(key)) {
            Some(waiting) => self.part_with(node, vmid, &waiting, None, false),
            None => Ok(()),
        }
    }

    /// All that waits takes effect: a VM that is off, or goes on or off.
    pub(crate) fn apply_pending(
        &mut self,
        node: &str,
        vmid: u32,
        change: &Change,
    ) -> Result<(), Refusal> {
        let pending = self.vm(node, vmid)?.pending.clone();
        // PVE: deletions first, each kind in the order of its keys.
        let (gone, set): (Vec<_>, Vec<_>) =
            pending.into_iter().partition(|(_, value)| value.is_none());
        for (key, value) in gone.into_iter().chain(set) {
            let free = change.force && change.delete.contains(&key);
            self.put_in_force(node, vmid, &key, value, free)?;
        }
        Ok(())
    }

    /// What a running VM takes at once; the rest waits. The texts of what fails come back.
    pub(super) fn hotplug_pending(
        &mut self,
        node: &str,
        vmid: u32,
        change: &Change,
    ) -> Result<Map<String, Value>, Refusal> {
        let mut errors = Map::new();
        for (key, value) in self.vm(node, vmid)?.pending.clone() {
            let vm = self.vm(node, vmid)?;
            let chosen = change.set.contains_key(&key) || change.delete.contains(&key);
            if !(chosen && vm.plugs(&key, value.as_deref()) || is_free_of_the_guest(&key)) {
                continue;
            }
            match vm.hotplug_fails.get(&key) {
                Some(text) => {
                    errors.insert(key, format!("hotplug problem - {text}\n").into());
                }
                None => {
                    let free = change.force && change.delete.contains(&key);
                    self.put_in_force(node, vmid, &key, value, free)?;
                }
            }
        }
        Ok(errors)
    }

    fn put_in_force(
        &mut self,
        node: &str,
        vmid: u32,
        key: &str,
        value: Option<String>,
        free: bool,
    ) -> Result<(), Refusal> {
        let vm = self.vm_mut(node, vmid)?;
        vm.pending.remove(key);
        let before = match &value {
            Some(value) => vm.config.insert(key.to_owned(), value.clone()),
            None => vm.config.remove(key),
        };
        match before.filter(|_| disk::is_drive(key)) {
            Some(before) => self.part_with(node, vmid, &before, value.as_deref(), free),
            None => Ok(()),
        }
    }

    /// A disk that leaves its slot stays as `unused0`, unless it is freed (facts 23).
    pub(super) fn part_with(
        &mut self,
        node: &str,
        vmid: u32,
        before: &str,
        after: Option<&str>,
        free: bool,
    ) -> Result<(), Refusal> {
        let file = |text: &str| Properties::read(text, "file").get("file").map(str::to_owned);
        let Some(volid) = file(before) else {
            return Ok(());
        };
        let owned = self.volume(node, &volid).is_some_and(|v| v.vmid() == Some(vmid));
        if !owned || after.and_then(file).as_ref() == Some(&volid) {
            return Ok(());
        }
        if free || volid.contains("-cloudinit") {
            self.take_volume(node, &volid);
            return Ok(());
        }
        let vm = self.vm_mut(node, vmid)?;
        let slot = (0..256)
            .map(|number| format!("unused{number}"))
            .find(|slot| !vm.config.contains_key(slot));
        if let Some(slot) = slot {
            vm.config.insert(slot, volid);
        }
        Ok(())
    }
}

impl Vm {
    /// Forgets changes to what is so already.
    pub(super) fn cleanup_pending(&mut self) {
        let config = &self.config;
        self.pending.retain(|key, value| config.get(key) != value.as_ref());
    }

    /// Facts 23: an order that becomes empty is a blank.
    pub(super) fn forget_boot(&mut self, key: &str) {
        let Some(boot) = self.view(View::Pending).remove("boot") else {
            return;
        };
        let Some(order) = boot.strip_prefix("order=") else {
            return;
        };
        if !order.split(';').any(|device| device == key) {
            return;
        }
        let left: Vec<&str> = order.split(';').filter(|device| *device != key).collect();
        let boot = match left.is_empty() {
            true => " ".to_owned(),
            false => format!("order={}", left.join(";")),
        };
        self.pending.insert("boot".to_owned(), Some(boot));
    }

    /// Whether a running VM takes a change of this key at once.
    // PVE: facts-4 52.
    fn plugs(&self, key: &str, value: Option<&str>) -> bool {
        let present = self.config.get(key);
        match (key, numbered(key)) {
            ("cpulimit" | "cpuunits" | "hotplug", _) => true,
            ("tablet", _) | (_, Some(("usb", _))) => self.hotplugs("usb"),
            // Whether there is a balloon is settled at the start.
            ("balloon", _) => {
                let on = |value: Option<&str>| value != Some("0");
                on(present.map(String::as_str)) == on(value)
            }
            (_, Some(("net", _))) => {
                self.hotplugs("network")
                    || matches!((present, value), (Some(old), Some(new)) if is_same_nic(old, new))
            }
            // A disk is plugged and unplugged while the VM runs; its options are not changed.
            (_, Some(("scsi" | "virtio", _))) => {
                self.hotplugs("disk") && (present.is_none() || value.is_none())
            }
            _ => false,
        }
    }

    // PVE: QemuServer.pm, parse_hotplug_features: by default network, disk and usb.
    fn hotplugs(&self, feature: &str) -> bool {
        match self.config.get("hotplug").map(String::as_str) {
            None | Some("1") => true,
            Some(list) => list.split([',', ';', ' ']).any(|word| word == feature),
        }
    }
}

/// A change that leaves the NIC plugged.
// PVE: QemuServer.pm, vmconfig_update_net.
fn is_same_nic(old: &str, new: &str) -> bool {
    let (old, new) = (read_net(old), read_net(new));
    let same = |key: &str| old.get(key) == new.get(key);
    ["model", "macaddr", "queues", "mtu"].iter().all(|key| same(key))
        && old.get("bridge").is_some()
        && new.get("bridge").is_some()
}

/// What has no effect on a running VM, and is put in force at once.
// PVE: QemuServer.pm, $fast_plug_option.
fn is_free_of_the_guest(key: &str) -> bool {
    matches!(
        key,
        "cicustom"
            | "ciuser"
            | "citype"
            | "ciupgrade"
            | "description"
            | "hookscript"
            | "lock"
            | "migrate_downtime"
            | "migrate_speed"
            | "name"
            | "nameserver"
            | "onboot"
            | "protection"
            | "searchdomain"
            | "shares"
            | "sshkeys"
            | "startup"
            | "tags"
            | "vmstatestorage"
    ) || matches!(numbered(key), Some(("ipconfig", _)))
}
