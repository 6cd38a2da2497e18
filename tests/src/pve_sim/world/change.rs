//! Changing a VM's config, and what waits for a power cycle.
//! A pure module: does no I/O.
// PVE: qemu-server, API2/Qemu.pm, update_vm_api; QemuServer.pm, vmconfig_hotplug_pending.

use std::collections::BTreeMap;

use serde_json::Map;

use super::World;
use super::access::Who;
use super::disk;
use super::vm::{View, Vm};
use crate::pve_sim::answer::Refusal;
use crate::pve_sim::property::Properties;

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
            self.revert(node, vmid, key)?;
        }
        for key in &change.delete {
            if !self.vm(node, vmid)?.view(View::Pending).contains_key(key) {
                // PVE: facts 21.
                let line = format!("cannot delete '{key}' - not set in current configuration!");
                warnings.push(line);
                continue;
            }
            self.unset(node, who, vmid, key)?;
        }
        // PVE: facts-4 27. What was written before a key fails stays pending, whatever the power
        // of the VM; PVE takes the keys in no order.
        for (key, value) in &change.set {
            self.set(node, who, vmid, key, value)?;
        }
        self.vm_mut(node, vmid)?.cleanup_pending();
        let errors = match self.vm(node, vmid)?.running {
            true => self.hotplug_pending(node, vmid, change)?,
            false => {
                self.apply_pending(node, vmid, change)?;
                Map::new()
            }
        };
        match errors.is_empty() {
            true => Ok(warnings),
            false => Err(Refusal::parameters(errors)),
        }
    }

    fn set(
        &mut self,
        node: &str,
        who: &Who,
        vmid: u32,
        key: &str,
        value: &str,
    ) -> Result<(), Refusal> {
        let vm = self.vm(node, vmid)?;
        if vm.pending.get(key).and_then(Option::as_deref) == Some(value) {
            return Ok(());
        }
        let (before, replaced) = (vm.config.get(key).cloned(), vm.pending.get(key).cloned());
        let value = if disk::is_drive(key) {
            if let Some(before) = &before {
                self.check_drive(who, vmid, before)?;
            }
            self.check_drive(who, vmid, value)?;
            let value = self.make_drive(node, vmid, key, value).map_err(Refusal::die)?;
            if let Some(Some(replaced)) = replaced {
                self.part_with(node, vmid, &replaced, Some(&value), false)?;
            }
            Some(value)
        } else if key == "tags" {
            self.check_tags(who, before.as_deref().unwrap_or_default(), value)?;
            Some(self.unique_tags(value))
        } else {
            kept(key, value).map(|value| stored(key, &value))
        };
        let vm = self.vm_mut(node, vmid)?;
        if let Some(value) = &value {
            vm.boot_from_new_cd(key, value);
        }
        match (key, value) {
            // PVE: API2/Qemu.pm, $update_vm_api: it is in force at once.
            ("cipassword", Some(value)) => vm.config.insert(key.to_owned(), value),
            (_, value) => vm.pending.insert(key.to_owned(), value).flatten(),
        };
        Ok(())
    }

    fn unset(&mut self, node: &str, who: &Who, vmid: u32, key: &str) -> Result<(), Refusal> {
        let vm = self.vm_mut(node, vmid)?;
        let waiting = vm.pending.remove(key).flatten();
        let value = vm.config.get(key).cloned().or(waiting.clone()).unwrap_or_default();
        let file = Properties::read(&value, "file").get("file").unwrap_or_default().to_owned();
        vm.forget_boot(key);
        if key == "tags" {
            self.check_tags(who, &value, "")?;
            self.vm_mut(node, vmid)?.config.remove(key);
            return Ok(());
        }
        if key.starts_with("unused") {
            vm.check_protection(&format!("can't remove unused disk '{file}'"))?;
            vm.config.remove(key);
            self.check_drive(who, vmid, &value)?;
            return self.part_with(node, vmid, &value, None, true);
        }
        if disk::is_drive(key) {
            vm.check_protection(&format!("can't remove drive '{key}'"))?;
            self.check_drive(who, vmid, &value)?;
            if let Some(waiting) = waiting {
                self.part_with(node, vmid, &waiting, None, false)?;
            }
        }
        self.vm_mut(node, vmid)?.pending.insert(key.to_owned(), None);
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
        let view = self.view(View::Pending);
        let order = view.get("boot").and_then(|boot| boot.strip_prefix("order="));
        let Some(order) = order.filter(|order| is_cd && !order.split(';').any(|d| d == key)) else {
            return;
        };
        let boot = format!("order={order};{key}");
        self.pending.insert("boot".to_owned(), Some(boot));
    }
}

/// A value as the config file can hold it; none when it holds nothing.
// PVE: QemuServer.pm, write_vm_config: an empty value is a blank, an empty text goes.
pub(super) fn kept(key: &str, value: &str) -> Option<String> {
    match (key, value) {
        ("description" | "sshkeys", "") => None,
        (_, "") => Some(" ".to_owned()),
        // PVE: QemuServer.pm, parse_vm_config: blanks and newlines at the end are lost.
        ("description", text) => Some(text.trim_end().to_owned()).filter(|text| !text.is_empty()),
        _ => Some(value.to_owned()),
    }
}

/// A value as the config keeps it.
fn stored(key: &str, value: &str) -> String {
    // PVE: reference 1, way A: a config change hashes a plain password, a create does not.
    if key == "cipassword" && !value.starts_with('$') {
        return "$5$simulated$hash".to_owned();
    }
    value.to_owned()
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
