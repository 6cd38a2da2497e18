//! Changing a VM's config, and what waits for a power cycle.
//! A pure module: does no I/O.
// PVE: qemu-server, API2/Qemu.pm, update_vm_api; QemuServer.pm, vmconfig_hotplug_pending.

use std::collections::{BTreeMap, BTreeSet};

use super::World;
use super::access::Who;
use super::disk;
use super::vm::{View, Vm};
use crate::pve_sim::answer::Refusal;
use crate::pve_sim::property::Properties;
use crate::pve_sim::schema::numbered;

/// What a config request asks for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Change {
    pub(crate) set: BTreeMap<String, String>,
    pub(crate) delete: Vec<String>,
    pub(crate) revert: Vec<String>,
    /// Frees a deleted disk at once.
    pub(crate) force: bool,
    pub(crate) digest: Option<String>,
}

impl World {
    pub(crate) fn change(
        &mut self,
        node: &str,
        who: &Who,
        vmid: u32,
        change: &Change,
    ) -> Result<Vec<String>, Refusal> {
        let vm = self.vm(node, vmid)?;
        vm.check_digest(change.digest.as_deref())?;
        vm.check_lock()?;
        vm.check_boot_order(change)?;
        let mut warnings = Vec::new();
        for key in &change.revert {
            self.vm_mut(node, vmid)?.pending.remove(key);
        }
        for key in &change.delete {
            if !self.vm(node, vmid)?.view(View::Pending).contains_key(key) {
                // PVE: facts 21.
                let line = format!("cannot delete '{key}' - not set in current configuration!");
                warnings.push(line);
            }
            self.unset(node, who, vmid, key, change.force)?;
        }
        for (key, value) in &change.set {
            self.set(node, who, vmid, key, value)?;
        }
        Ok(warnings)
    }

    fn set(
        &mut self,
        node: &str,
        who: &Who,
        vmid: u32,
        key: &str,
        value: &str,
    ) -> Result<(), Refusal> {
        let value = if disk::is_drive(key) {
            self.check_drive(who, vmid, value)?;
            self.make_drive(node, vmid, key, value).map_err(Refusal::die)?
        } else {
            let Some(value) = kept(key, value) else {
                self.vm_mut(node, vmid)?.config.remove(key);
                return Ok(());
            };
            stored(key, &value)
        };
        let vm = self.vm_mut(node, vmid)?;
        vm.boot_from_new_cd(key, &value);
        let present = vm.config.contains_key(key);
        let same = vm.config.get(key) == Some(&value);
        if same {
            vm.pending.remove(key);
        } else if vm.running && !is_live(key, present) {
            vm.pending.insert(key.to_owned(), Some(value));
        } else {
            vm.pending.remove(key);
            let before = vm.config.insert(key.to_owned(), value.clone());
            if let (true, Some(before)) = (disk::is_drive(key), before) {
                self.part_with(node, vmid, &before, Some(&value), false)?;
            }
        }
        Ok(())
    }

    fn unset(
        &mut self,
        node: &str,
        who: &Who,
        vmid: u32,
        key: &str,
        force: bool,
    ) -> Result<(), Refusal> {
        let vm = self.vm_mut(node, vmid)?;
        vm.pending.remove(key);
        // PVE: facts 21. A key that is not set is a warning in the node's log.
        let Some(before) = vm.config.get(key).cloned() else {
            return Ok(());
        };
        if !disk::is_drive(key) && !key.starts_with("unused") {
            if vm.running && !is_live(key, true) {
                vm.pending.insert(key.to_owned(), None);
            } else {
                vm.config.remove(key);
            }
            return Ok(());
        }
        let file = Properties::read(&before, "file").get("file").unwrap_or_default().to_owned();
        if key.starts_with("unused") {
            vm.check_protection(&format!("can't remove unused disk '{file}'"))?;
        } else {
            vm.check_protection(&format!("can't remove drive '{key}'"))?;
        }
        if vm.running && !is_live(key, true) && !key.starts_with("unused") {
            vm.pending.insert(key.to_owned(), None);
            return Ok(());
        }
        vm.config.remove(key);
        vm.forget_boot(key);
        self.check_drive(who, vmid, &before)?;
        self.part_with(node, vmid, &before, None, force || key.starts_with("unused"))
    }

    /// A disk that leaves its slot stays as `unused0`, unless it is freed (facts 23).
    fn part_with(
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

    fn check_drive(&self, who: &Who, vmid: u32, text: &str) -> Result<(), Refusal> {
        let drive = Properties::read(text, "file");
        let privileges: &[&str] = match disk::wanted(&drive) {
            disk::Wanted::CloudInit { .. } => &["VM.Config.Cloudinit", "VM.Config.CDROM"],
            _ if disk::is_cdrom(&drive) => &["VM.Config.CDROM"],
            _ => &["VM.Config.Disk"],
        };
        self.check(who, &format!("/vms/{vmid}"), privileges)
    }

    /// What waited takes effect: at start and stop of a VM.
    pub(super) fn apply_pending(&mut self, node: &str, vmid: u32) -> Result<(), Refusal> {
        let pending = std::mem::take(&mut self.vm_mut(node, vmid)?.pending);
        for (key, value) in pending {
            let vm = self.vm_mut(node, vmid)?;
            let before = match &value {
                Some(value) => vm.config.insert(key.clone(), value.clone()),
                None => vm.config.remove(&key),
            };
            if value.is_none() {
                vm.forget_boot(&key);
            }
            if let (true, Some(before)) = (disk::is_drive(&key), before) {
                self.part_with(node, vmid, &before, value.as_deref(), false)?;
            }
        }
        Ok(())
    }
}

impl Vm {
    /// Create takes any order (facts 14), a change only one of devices that are there.
    // PVE: API2/Qemu.pm, $update_vm_api.
    fn check_boot_order(&self, change: &Change) -> Result<(), Refusal> {
        let order = change.set.get("boot").and_then(|boot| boot.strip_prefix("order="));
        let there = self.view(View::Pending);
        let exists = |device: &str| {
            (there.contains_key(device) && !change.delete.iter().any(|key| key == device))
                || change.set.contains_key(device)
        };
        let mut devices = order.into_iter().flat_map(|order| order.split(';'));
        match devices.find(|device| !device.is_empty() && !exists(device)) {
            Some(device) => {
                Err(Refusal::die(format!("invalid bootorder: device '{device}' does not exist'")))
            }
            None => Ok(()),
        }
    }

    /// A CD that a change brings is put at the end of the boot order.
    // PVE: API2/Qemu.pm, $update_vm_api.
    fn boot_from_new_cd(&mut self, key: &str, value: &str) {
        let drive = Properties::read(value, "file");
        let is_cd = disk::is_drive(key)
            && disk::is_cdrom(&drive)
            && !drive.get("file").unwrap_or_default().contains("-cloudinit");
        let order = self.config.get("boot").and_then(|boot| boot.strip_prefix("order="));
        let Some(order) = order.filter(|order| is_cd && !order.split(';').any(|d| d == key)) else {
            return;
        };
        let boot = format!("order={order};{key}");
        if self.running {
            self.pending.insert("boot".to_owned(), Some(boot));
        } else {
            self.config.insert("boot".to_owned(), boot);
        }
    }

    /// Facts 23: an order that becomes empty is a blank.
    fn forget_boot(&mut self, key: &str) {
        let Some(boot) = self.config.get("boot").cloned() else {
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
        self.config.insert("boot".to_owned(), boot);
    }
}

/// A value as the config file can hold it; none when it holds nothing.
// PVE: QemuServer.pm, write_vm_config: an empty value is a blank, an empty text goes.
pub(super) fn kept(key: &str, value: &str) -> Option<String> {
    match (key, value) {
        ("description" | "sshkeys", "") => None,
        (_, "") => Some(" ".to_owned()),
        ("description", text) => Some(text.trim_end_matches('\n').to_owned()),
        _ => Some(value.to_owned()),
    }
}

/// A value as the config keeps it.
fn stored(key: &str, value: &str) -> String {
    // PVE: reference 1, way A: a config change hashes a plain password, a create does not.
    if key == "cipassword" && !value.starts_with('$') {
        return "$5$simulated$hash".to_owned();
    }
    // PVE: guest-common, GuestHelpers.pm, get_unique_tags: each once, in order, in small letters.
    // PVE 9.2 does so at create too.
    if key == "tags" {
        let words = value.split([',', ';', ' ']).filter(|word| !word.is_empty());
        let tags: BTreeSet<String> = words.map(str::to_lowercase).collect();
        return tags.into_iter().collect::<Vec<_>>().join(";");
    }
    value.to_owned()
}

/// Whether a running VM takes a change at once.
// PVE: reference 5, "Live"; hotplug is at its default: network, disk, usb.
fn is_live(key: &str, present: bool) -> bool {
    if matches!(
        key,
        "balloon"
            | "cicustom"
            | "cipassword"
            | "citype"
            | "ciupgrade"
            | "ciuser"
            | "cpulimit"
            | "cpuunits"
            | "description"
            | "hookscript"
            | "hotplug"
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
            | "tablet"
            | "tags"
            | "vmstatestorage"
    ) {
        return true;
    }
    match numbered(key) {
        Some(("net" | "ipconfig" | "usb" | "unused", _)) => true,
        // A disk is plugged and unplugged while the VM runs; its options are not changed.
        Some(("scsi" | "virtio", _)) => !present || key.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Applies a change to VM 100 and compares config and pending.
    fn check(running: bool, set: &[(&str, &str)], delete: &[&str], expected: &str) {
        let mut world = World::default();
        let config = [
            ("cores", "1"),
            ("virtio0", "local-lvm:vm-100-disk-0,size=1G"),
            ("boot", "order=virtio0"),
            ("tags", "a"),
        ];
        let vm = Vm {
            node: "pve1".to_owned(),
            config: config.map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
            running,
            ..Vm::default()
        };
        world.vms.insert(100, vm);
        world.make_missing_disks(100).unwrap();
        let change = Change {
            set: set.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
            delete: delete.iter().map(|k| (*k).to_owned()).collect(),
            ..Change::default()
        };
        let who = Who { authid: "root@pam".to_owned() };
        world.change("pve1", &who, 100, &change).unwrap();
        let vm = &world.vms[&100];
        let config: Vec<_> = vm.config.iter().map(|(k, v)| format!("{k}={v}")).collect();
        let pending: Vec<_> = vm.pending.iter().map(|(k, v)| format!("{k}={v:?}")).collect();
        assert_eq!(format!("{} | {}", config.join(" "), pending.join(" ")), expected);
    }

    #[test]
    fn changes_take_effect_at_once_or_wait() {
        let disk = "virtio0=local-lvm:vm-100-disk-0,size=1G";
        check(
            false,
            &[("cores", "4")],
            &[],
            &format!("boot=order=virtio0 cores=4 tags=a {disk} | "),
        );
        check(
            true,
            &[("cores", "4")],
            &[],
            &format!("boot=order=virtio0 cores=1 tags=a {disk} | cores=Some(\"4\")"),
        );
        check(
            true,
            &[("tags", "B A,c;a")],
            &[],
            &format!("boot=order=virtio0 cores=1 tags=a;b;c {disk} | "),
        );
        check(
            true,
            &[],
            &["cores"],
            &format!("boot=order=virtio0 cores=1 tags=a {disk} | cores=None"),
        );
        check(false, &[], &["virtio0"], "boot=  cores=1 tags=a unused0=local-lvm:vm-100-disk-0 | ");
        check(false, &[], &["onboot"], &format!("boot=order=virtio0 cores=1 tags=a {disk} | "));
    }
}
