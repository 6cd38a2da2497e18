//! What a config change does to a running VM.
//! A pure module: does no I/O. The table of keys says what happens key by key.
// PVE: qemu-server, QemuServer.pm, vmconfig_hotplug_pending, vmconfig_update_net,
// vmconfig_update_disk and vmconfig_update_agent; facts-4 52 and 53.

use super::disk;
use super::vm::Vm;
use crate::pve_sim::keys::{self, Case, Effect, Key, Running, cases};
use crate::pve_sim::property::Properties;

/// The result of one change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is in effect.
    Plugged,
    /// It is pending.
    Waits,
    /// It fails with this text and is pending.
    Fails(String),
}

impl Verdict {
    fn plugged(plugged: bool) -> Self {
        if plugged { Self::Plugged } else { Self::Waits }
    }
}

impl Vm {
    /// Returns the result of setting or deleting a key.
    pub(super) fn verdict(&self, key: &str, value: Option<&str>) -> Verdict {
        let Some(row) = keys::find(key) else {
            return Verdict::Waits;
        };
        let present = self.config.get(key).map(String::as_str);
        if let Some(text) = self.unplug_fails(row, key, present, value) {
            return Verdict::Fails(text);
        }
        match (present, value) {
            (Some(old), Some(new)) if disk::is_drive(key) => self.drive(row, key, old, new),
            (Some(old), Some(new)) if !row.options.is_empty() => self.options(row, key, old, new),
            _ => Verdict::plugged(self.takes(row, present, value)),
        }
    }

    /// Returns why a disk cannot be unplugged: the VM boots from it, or its bus does not support it.
    // PVE: QemuServer.pm, vm_deviceunplug.
    fn unplug_fails(
        &self,
        row: &Key,
        key: &str,
        present: Option<&str>,
        value: Option<&str>,
    ) -> Option<String> {
        let old = present.filter(|_| disk::is_drive(key) && self.hotplugs("disk"))?;
        let file = |text: &str| Properties::read(text, "file").get("file").map(str::to_owned);
        let old_drive = disk::read(key, old);
        let leaves = match value {
            // Devices that cannot be hotplugged cannot be unplugged either: they are pending.
            None => row.running == Running::Feature("disk"),
            Some(new) => {
                row.option("file", Case::Disk).is_some()
                    && !disk::is_cdrom(&old_drive)
                    && old_drive.get("media") == disk::read(key, new).get("media")
                    && file(old) != file(new)
            }
        };
        if !leaves {
            return None;
        }
        if self.boots_from(key) {
            return Some(format!("can't unplug bootdisk '{key}'"));
        }
        let can = row.running == Running::Feature("disk");
        (!can).then(|| format!("can't unplug device '{key}'"))
    }

    fn boots_from(&self, key: &str) -> bool {
        match self.config.get("boot").and_then(|boot| boot.strip_prefix("order=")) {
            Some(order) => order.split(';').any(|device| device == key),
            None => self.config.get("bootdisk").is_some_and(|disk| disk == key),
        }
    }

    /// Returns whether a key can be added, changed or deleted as a whole.
    fn takes(&self, row: &Key, present: Option<&str>, value: Option<&str>) -> bool {
        match row.running {
            Running::Free => value.is_some() || present.is_some(),
            Running::Live => true,
            Running::Feature(feature) => self.hotplugs(feature),
            Running::Usb => self.hotplugs("usb") && self.takes_usb(),
            // Ballooning is enabled or disabled at the start.
            Running::Balloon => {
                let on = |value: Option<&str>| value != Some("0");
                on(present) == on(value)
            }
            Running::Hotplug => {
                let heavy = |list: Option<&str>| {
                    list.is_some_and(|list| list.contains("cpu") || list.contains("memory"))
                };
                !heavy(present) && !heavy(value)
            }
            Running::Restart => false,
        }
    }

    /// Returns the result for a drive that stays in its slot.
    fn drive(&self, row: &Key, key: &str, old: &str, new: &str) -> Verdict {
        let (was, is) = (disk::read(key, old), disk::read(key, new));
        if row.options.iter().all(|option| option.name != "file") {
            return Verdict::Waits;
        }
        let media = |drive: &Properties| drive.get("media").unwrap_or("disk").to_owned();
        if media(&was) != media(&is) {
            return Verdict::Fails("unable to change media type".to_owned());
        }
        if disk::is_cdrom(&was) {
            return Verdict::Plugged;
        }
        self.options(row, key, old, new)
    }

    /// Returns the result for a value with changed options.
    fn options(&self, row: &Key, key: &str, old: &str, new: &str) -> Verdict {
        let (old, new) = (cases::read(key, old), cases::read(key, new));
        let names = old.iter().chain(new.iter()).map(|(name, _)| name);
        let changed: Vec<&str> = names.filter(|name| old.get(name) != new.get(name)).collect();
        // A NIC that gains or loses its bridge is another device.
        let mut replugged =
            row.stem == "net" && (old.get("bridge").is_none() || new.get("bridge").is_none());
        for name in changed {
            match row.option(name, Case::Disk).map(|option| option.effect) {
                Some(Effect::Live | Effect::Recorded) => {}
                Some(Effect::Replug) => replugged = true,
                Some(Effect::Restart | Effect::Refused) => return Verdict::Waits,
                None if row.running == Running::Restart => return Verdict::Waits,
                None => replugged = true,
            }
        }
        Verdict::plugged(!replugged || self.takes(row, Some(""), Some("")))
    }

    // PVE: QemuServer.pm, parse_hotplug_features: by default network, disk and usb.
    fn hotplugs(&self, feature: &str) -> bool {
        let usual = keys::find("hotplug").and_then(|row| row.default).unwrap_or_default();
        let list = match self.config.get("hotplug").map(String::as_str) {
            None | Some("1") => usual,
            Some(list) => list,
        };
        list.split([',', ';', ' ']).any(|word| word == feature)
    }

    // PVE: QemuServer.pm, $is_usb_hotplug_supported: Linux from 2.6 on, Windows from 8 on.
    fn takes_usb(&self) -> bool {
        let guest = self.config.get("ostype").map_or("", String::as_str);
        matches!(guest, "l26" | "win8" | "win10" | "win11")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DISK: &str = "local-lvm:vm-100-disk-0,size=1G";
    const NIC: &str = "virtio=BC:24:11:00:00:01,bridge=vmbr0";

    /// Checks the result of a change in a running VM with these keys.
    fn check(config: &[(&str, &str)], key: &str, value: Option<&str>, expected: &str) {
        let config = config.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let vm = Vm { config, running: true, ..Vm::default() };
        let seen = match vm.verdict(key, value) {
            Verdict::Plugged => "live".to_owned(),
            Verdict::Waits => "waits".to_owned(),
            Verdict::Fails(text) => text,
        };
        assert_eq!(seen, expected, "{config:?} {key} {value:?}", config = vm.config);
    }

    #[test]
    fn options_of_a_disk_are_pending_or_not() {
        for (option, expected) in [
            ("discard=on", "waits"),
            ("iothread=1", "waits"),
            ("cache=writeback", "waits"),
            ("mbps=100", "live"),
            ("backup=0", "live"),
            ("serial=x", "live"),
            ("mbps=100,ro=1", "waits"),
        ] {
            let new = format!("{DISK},{option}");
            check(&[("virtio0", DISK)], "virtio0", Some(&new), expected);
            check(&[("virtio0", DISK), ("hotplug", "0")], "virtio0", Some(&new), expected);
        }
        let cd = "local:iso/a.iso,media=cdrom";
        check(&[("ide2", "none,media=cdrom")], "ide2", Some(cd), "live");
        check(&[("ide2", DISK)], "ide2", Some(cd), "unable to change media type");
    }

    #[test]
    fn disks_are_hotplugged_by_bus() {
        let (other, boot) = ("local-lvm:vm-100-disk-1,size=1G", ("boot", "order=scsi0"));
        check(&[], "scsi1", Some(DISK), "live");
        check(&[("hotplug", "network")], "scsi1", Some(DISK), "waits");
        check(&[], "sata1", Some(DISK), "waits");
        check(&[("sata1", DISK)], "sata1", None, "waits");
        check(&[("sata1", DISK)], "sata1", Some(other), "can't unplug device 'sata1'");
        check(&[("scsi0", DISK)], "scsi0", Some(other), "live");
        check(&[("scsi0", DISK), boot], "scsi0", None, "can't unplug bootdisk 'scsi0'");
        check(&[("scsi0", DISK), boot], "scsi0", Some(other), "can't unplug bootdisk 'scsi0'");
        check(&[("scsi0", DISK), boot, ("hotplug", "0")], "scsi0", None, "waits");
        check(&[("efidisk0", DISK)], "efidisk0", Some(other), "waits");
    }

    #[test]
    fn options_of_a_nic_are_pending_or_not() {
        for (new, with, without) in [
            ("virtio=BC:24:11:00:00:01,bridge=vmbr1,tag=5", "live", "live"),
            ("virtio=BC:24:11:00:00:01,bridge=vmbr0,firewall=1,rate=2,link_down=1", "live", "live"),
            ("virtio=BC:24:11:00:00:02,bridge=vmbr0", "live", "waits"),
            ("e1000=BC:24:11:00:00:01,bridge=vmbr0", "live", "waits"),
            ("virtio=BC:24:11:00:00:01,bridge=vmbr0,queues=4", "live", "waits"),
            ("virtio=BC:24:11:00:00:01,bridge=vmbr0,mtu=1", "live", "waits"),
            ("virtio=BC:24:11:00:00:01", "live", "waits"),
        ] {
            check(&[("net0", NIC)], "net0", Some(new), with);
            check(&[("net0", NIC), ("hotplug", "disk")], "net0", Some(new), without);
        }
    }

    #[test]
    fn other_keys_follow_the_table() {
        check(&[("agent", "1")], "agent", Some("1,fstrim_cloned_disks=1"), "live");
        check(&[("agent", "1")], "agent", Some("1,type=isa"), "waits");
        check(&[], "agent", Some("1"), "waits");
        check(&[("agent", "enabled=1")], "agent", Some("1"), "live");
        check(&[], "vga", Some("qxl"), "waits");
        check(&[], "hotplug", Some("disk"), "live");
        check(&[], "hotplug", Some("disk,memory"), "waits");
        check(&[], "vcpus", Some("2"), "waits");
        check(&[("hotplug", "cpu")], "vcpus", Some("2"), "live");
        check(&[], "usb0", Some("spice"), "waits");
        check(&[("ostype", "l26")], "usb0", Some("spice"), "live");
        check(&[("ostype", "win7")], "usb0", Some("spice"), "waits");
        check(&[("balloon", "0")], "balloon", None, "waits");
        check(&[], "cpulimit", Some("2"), "live");
    }
}
