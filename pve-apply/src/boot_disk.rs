//! Which of a VM's drives is its boot disk. Does no I/O.

use machine::{ConfigKey, Form, Parts};

/// The families of drives in the order in which PVE looks for one to boot from.
// PVE: qemu-server, QemuServer/Drive.pm, valid_drive_names.
const FAMILIES: [&str; 4] = ["ide", "scsi", "virtio", "sata"];

/// The slot of the boot disk of a new VM, where nobody says which.
pub(crate) const NEW: &str = "virtio0";

/// Returns the boot disk's slot: the first disk of the boot order; where the order names none, the
/// one that PVE would take. `None`: the VM has no disk.
pub(crate) fn of<'a>(config: impl Fn(&str) -> Option<&'a str>) -> Option<ConfigKey> {
    let disk = |name: &str| {
        let key = ConfigKey::find(name).filter(|key| matches!(key.key.form, Form::Drive(_)))?;
        let drive = Parts::read(key.key, config(name)?);
        (FAMILIES.contains(&key.key.part.name) && !drive.is_cd()).then_some(key)
    };
    let boot = ConfigKey::find("boot").and_then(|key| Some(Parts::read(key.key, config("boot")?)));
    let order = boot.iter().filter_map(|boot| boot.get("order")).flat_map(|text| text.split(';'));
    // PVE: qemu-server, QemuServer.pm, bootorder_from_legacy: `bootdisk` is the older way to say it.
    let legacy = config("bootdisk").into_iter();
    let slots = FAMILIES.iter().flat_map(|family| {
        let count = ConfigKey::family(&format!("{family}0")).and_then(|key| key.slots);
        (0..count.unwrap_or(0)).map(move |slot| format!("{family}{slot}"))
    });
    order.chain(legacy).find_map(disk).or_else(|| slots.map(|slot| disk(&slot)).find_map(|d| d))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(config: &[(&str, &str)], expected: Option<&str>) {
        let value = |key: &str| config.iter().find(|(k, _)| *k == key).map(|(_, value)| *value);
        assert_eq!(of(value).map(|key| key.to_string()).as_deref(), expected, "{config:?}");
    }

    #[test]
    fn the_first_disk_of_the_boot_order() {
        let disks = [("scsi0", "a:b"), ("virtio1", "a:c"), ("scsi2", "none,media=cdrom")];
        let with = |boot| [&disks[..], &[("boot", boot)]].concat();
        check(&with("order=scsi2;net0;virtio1;scsi0"), Some("virtio1"));
        check(&with("order=virtio7;scsi0"), Some("scsi0"));
        check(&with("order=net0"), Some("scsi0"));
        check(&with(" "), Some("scsi0"));
        check(&[&disks[..], &[("bootdisk", "virtio1")]].concat(), Some("virtio1"));
        check(&disks, Some("scsi0"));
        check(&[("scsi2", "none,media=cdrom"), ("virtio3", "a:b")], Some("virtio3"));
        check(&[], None);
    }
}
