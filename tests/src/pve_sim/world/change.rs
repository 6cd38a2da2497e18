//! Changing a VM's config, and what stays pending until a power cycle.
//! A pure module: does no I/O.
// PVE: qemu-server, API2/Qemu.pm, update_vm_api; QemuServer.pm, vmconfig_hotplug_pending.

use std::collections::BTreeMap;

use super::World;
use super::access::Who;
use super::disk;
use super::needs::{Target, Write};
use super::normal;
use super::vm::{View, Vm};
use crate::pve_sim::answer::Refusal;
use crate::pve_sim::keys::{Case, cases};
use crate::pve_sim::property::Properties;
use crate::pve_sim::schema::numbered;

/// A change of a config.
#[derive(Debug, Clone, Default)]
pub(crate) struct Change {
    pub(crate) set: BTreeMap<String, String>,
    pub(crate) delete: Vec<String>,
    pub(crate) revert: Vec<String>,
    /// Whether to free a deleted disk at once.
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
        let warnings = self.write_pending(node, who, vmid, change)?;
        self.vm_mut(node, vmid)?.cleanup_pending();
        let errors = match self.vm(node, vmid)?.running {
            true => self.hotplug_pending(node, vmid, change, who)?,
            false => self.apply_pending(node, vmid, Some(who))?,
        };
        match errors.is_empty() {
            true => Ok(warnings),
            false => Err(Refusal::parameters(errors)),
        }
    }

    /// The first half of a change: everything becomes pending.
    pub(super) fn write_pending(
        &mut self,
        node: &str,
        who: &Who,
        vmid: u32,
        change: &Change,
    ) -> Result<Vec<String>, Refusal> {
        let vm = self.vm(node, vmid)?;
        vm.check_digest(change.digest.as_deref())?;
        vm.check_lock()?;
        vm.check_balloon(&change.set)?;
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
            self.unset(node, who, vmid, key, change.force)?;
            self.vm_mut(node, vmid)?.clean_up();
        }
        // PVE: facts-4 27. Keys written before one fails stay pending, whatever the power state
        // of the VM; PVE processes the keys in no particular order.
        for (key, value) in &change.set {
            self.set(node, who, vmid, key, value, change)?;
            self.vm_mut(node, vmid)?.clean_up();
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
        change: &Change,
    ) -> Result<(), Refusal> {
        let vm = self.vm(node, vmid)?;
        if vm.pending.get(key).and_then(Option::as_deref) == Some(value) {
            return Ok(());
        }
        let (before, replaced) = (vm.config.get(key).cloned(), vm.pending.get(key).cloned());
        if let Some(before) = &before {
            self.check_held(who, vmid, Write::Change, key, before)?;
        }
        self.check_held(who, vmid, Write::Change, key, value)?;
        let mut value = value.to_owned();
        if disk::is_drive(key) {
            same_version(key, before.as_deref(), &value)?;
            if let Some(Some(replaced)) = replaced {
                self.detach(node, vmid, &replaced, Some(&value), false)?;
            }
            let others = self.vm(node, vmid)?.drives();
            value = self.make_drive(node, vmid, key, &value, &others).map_err(Refusal::die)?;
        } else if key == "tags" {
            self.check_tags(who, vmid, before.as_deref().unwrap_or_default(), &value)?;
            value = self.unique_tags(&value);
        }
        self.write(node, vmid, key, &value, change)
    }

    /// Writes a value, and what PVE changes along with it.
    // PVE: API2/Qemu.pm, $update_vm_api.
    fn write(
        &mut self,
        node: &str,
        vmid: u32,
        key: &str,
        value: &str,
        change: &Change,
    ) -> Result<(), Refusal> {
        let pinned = match key {
            "ostype" if !change.touches("machine") => self.pinned(node, vmid, value)?,
            _ => None,
        };
        let vm = self.vm_mut(node, vmid)?;
        match key {
            // It is in effect at once.
            "cipassword" => {
                vm.pending.remove(key);
                let value = vm.password(value);
                vm.config.insert(key.to_owned(), value);
                return Ok(());
            }
            "vga" => normal::check_clipboard(value).map_err(Refusal::die)?,
            "machine" => normal::check_machine(value).map_err(Refusal::die)?,
            "boot" => vm.check_boot_order(change)?,
            _ => {}
        }
        if let Some(machine) = pinned {
            vm.pending.insert("machine".to_owned(), Some(machine));
        }
        vm.boot_from_new_cd(key, value);
        let value = normal::kept(key, value);
        vm.forced.remove(key);
        vm.pending.insert(key.to_owned(), value);
        Ok(())
    }

    /// Returns the machine type that PVE pins when the guest type changes and none is set.
    fn pinned(&self, node: &str, vmid: u32, guest: &str) -> Result<Option<String>, Refusal> {
        let vm = self.vm(node, vmid)?;
        if vm.pending.contains_key("machine") {
            return Ok(None);
        }
        let present = vm.config.get("machine").map_or("", String::as_str);
        // An invalid machine is only reported here.
        Ok(normal::machine(present, guest).ok().flatten())
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
        let waiting = vm.pending.remove(key).flatten();
        let value = vm.config.get(key).cloned().or(waiting.clone()).unwrap_or_default();
        let file = Properties::read(&value, "file").get("file").unwrap_or_default().to_owned();
        vm.forget_boot(key);
        if key == "tags" {
            self.check_tags(who, vmid, &value, "")?;
            self.vm_mut(node, vmid)?.config.remove(key);
            return Ok(());
        }
        if key.starts_with("unused") {
            vm.check_protection(&format!("can't remove unused disk '{file}'"))?;
            self.check_held(who, vmid, Write::Delete, key, &value)?;
            self.free_unused(node, who, vmid, &file)?;
            self.vm_mut(node, vmid)?.config.remove(key);
            return Ok(());
        }
        if disk::is_drive(key) {
            vm.check_protection(&format!("can't remove drive '{key}'"))?;
        }
        self.check_held(who, vmid, Write::Delete, key, &value)?;
        if let Some(waiting) = waiting.filter(|_| disk::is_drive(key)) {
            self.detach(node, vmid, &waiting, None, false)?;
        }
        let vm = self.vm_mut(node, vmid)?;
        vm.pending.insert(key.to_owned(), None);
        if force {
            vm.forced.insert(key.to_owned());
        }
        Ok(())
    }

    /// Checks what a key needs for its current value, in addition to what every key needs.
    fn check_held(
        &self,
        who: &Who,
        vmid: u32,
        write: Write,
        key: &str,
        value: &str,
    ) -> Result<(), Refusal> {
        let on = Target { who, vmid, pool: None, write };
        if disk::is_drive(key) {
            let drives = [Case::Disk, Case::Cdrom, Case::CloudInit];
            return self.check_value(&on, key, value, &drives);
        }
        match numbered(key) {
            Some(("serial" | "usb" | "hostpci" | "rng" | "virtiofs", _)) => {
                self.check_device(&on, key, value)
            }
            Some(("net", _)) => self.check_bridge(who, value),
            Some(("unused", _)) => self.check_value(&on, key, value, &[Case::Always]),
            _ => Ok(()),
        }
    }
}

impl Vm {
    /// Checks the boot order: a create accepts any (facts 14), a change only existing devices.
    // PVE: API2/Qemu.pm, $update_vm_api.
    fn check_boot_order(&mut self, change: &Change) -> Result<(), Refusal> {
        let order = change.set.get("boot").and_then(|boot| boot.strip_prefix("order="));
        let there = self.view(View::Pending);
        let exists = |device: &str| {
            (there.contains_key(device) && !change.delete.iter().any(|key| key == device))
                || change.set.contains_key(device)
        };
        let mut devices = order.into_iter().flat_map(|order| order.split(';'));
        if let Some(device) = devices.find(|device| !device.is_empty() && !exists(device)) {
            let text = format!("invalid bootorder: device '{device}' does not exist'");
            return Err(Refusal::die(text));
        }
        // The legacy form is removed.
        if order.is_some() && self.config.contains_key("bootdisk") {
            self.pending.insert("bootdisk".to_owned(), None);
        }
        Ok(())
    }

    /// Checks that the balloon is not larger than the memory.
    // PVE: API2/Qemu.pm, $update_vm_api.
    pub(crate) fn check_balloon(&self, set: &BTreeMap<String, String>) -> Result<(), Refusal> {
        if !set.contains_key("memory") && !set.contains_key("balloon") {
            return Ok(());
        }
        let there = self.view(View::Pending);
        let number = |key: &str| {
            let value = set.get(key).or_else(|| there.get(key))?;
            cases::read(key, value).iter().find_map(|(_, size)| size.parse::<u64>().ok())
        };
        match number("balloon").is_some_and(|balloon| balloon > number("memory").unwrap_or(512)) {
            true => {
                Err(Refusal::die("balloon value too large (must be smaller than assigned memory)"))
            }
            false => Ok(()),
        }
    }

    /// Appends a CD added by a change to the boot order.
    // PVE: API2/Qemu.pm, $update_vm_api.
    fn boot_from_new_cd(&mut self, key: &str, value: &str) {
        let drive = Properties::read(value, "file");
        let is_cd = disk::is_drive(key)
            && disk::is_cdrom(&drive)
            && !cases::is_cloud_init(drive.get("file").unwrap_or_default());
        let view = self.view(View::Pending);
        let order = view.get("boot").and_then(|boot| boot.strip_prefix("order="));
        let Some(order) = order.filter(|order| is_cd && !order.split(';').any(|d| d == key)) else {
            return;
        };
        let boot = format!("order={order};{key}");
        self.pending.insert("boot".to_owned(), Some(boot));
    }

    /// Returns a password as stored: a change hashes it, except for Windows guests.
    // PVE: API2/Qemu.pm, $update_vm_api.
    fn password(&self, value: &str) -> String {
        let windows = self.config.get("ostype").is_some_and(|guest| normal::is_windows(guest));
        match windows || value.starts_with('$') {
            true => value.to_owned(),
            false => "$5$simulated$hash".to_owned(),
        }
    }
}

impl Change {
    fn touches(&self, key: &str) -> bool {
        self.set.contains_key(key) || self.delete.iter().any(|gone| gone == key)
    }
}

/// Checks that a TPM keeps its version, unless it is new.
// PVE: API2/Qemu.pm, prohibit_tpm_version_change.
fn same_version(key: &str, before: Option<&str>, value: &str) -> Result<(), Refusal> {
    let Some(before) = before.filter(|_| key == "tpmstate0") else {
        return Ok(());
    };
    let (old, new) = (disk::read(key, before), disk::read(key, value));
    let version = |drive: &Properties| drive.get("version").unwrap_or("v1.2").to_owned();
    match old.get("file") == new.get("file") && version(&old) != version(&new) {
        true => Err(Refusal::die("cannot change TPM state version after creation")),
        false => Ok(()),
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
    fn changes_take_effect_at_once_or_are_pending() {
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
