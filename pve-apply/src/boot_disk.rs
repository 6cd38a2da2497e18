//! Finds the boot disk among a VM's drives. Does no I/O.

use machine::{ConfigKey, Form, Parts};

/// The families of drives in the order in which PVE looks for one to boot from.
// PVE: qemu-server, QemuServer/Drive.pm, valid_drive_names.
const FAMILIES: [&str; 4] = ["ide", "scsi", "virtio", "sata"];

/// The slot of a new VM's boot disk [default].
pub(crate) const NEW: &str = machine::BOOT_DISK;

/// What a VM's config shows about its boot disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// The boot disk.
    Disk(ConfigKey),
    /// The boot order names no disk; it may be one of these. Empty when the VM has no disk.
    OneOf(Vec<ConfigKey>),
}

/// Finds a VM's boot disk: the first disk of the boot order, or the only disk of a VM without one.
/// `is_other` returns whether a disk is known to be something else.
///
/// It never guesses: a change of the boot disk, such as its size, must not hit somebody's data.
pub(crate) fn of<'a>(
    config: impl Fn(&str) -> Option<&'a str>,
    is_other: impl Fn(ConfigKey) -> bool,
) -> Known {
    let disk = |name: &str| {
        let key = ConfigKey::find(name).filter(|key| matches!(key.key.form, Form::Drive(_)))?;
        let drive = Parts::read(key.key, config(name)?);
        (FAMILIES.contains(&key.key.part.name) && !drive.is_cd()).then_some(key)
    };
    let boot = ConfigKey::find("boot").and_then(|key| Some(Parts::read(key.key, config("boot")?)));
    // PVE: facts-4, 46: a blank remains of an order whose last device was removed.
    let is_old = |boot: &Parts| boot.get("legacy").is_some_and(|text| !text.trim().is_empty());
    let has_order = boot.as_ref().is_some_and(|boot| !is_old(boot));
    let order = boot.iter().filter_map(|boot| boot.get("order")).flat_map(|text| text.split(';'));
    // PVE: qemu-server, QemuServer.pm, bootorder_from_legacy: `bootdisk` is the older form.
    let legacy = config("bootdisk").filter(|_| !has_order).into_iter();
    if let Some(found) = order.chain(legacy).find_map(disk) {
        return Known::Disk(found);
    }
    let slots = FAMILIES.iter().flat_map(|family| {
        let count = ConfigKey::family(&format!("{family}0")).and_then(|key| key.slots);
        (0..count.unwrap_or(0)).map(move |slot| format!("{family}{slot}"))
    });
    let list: Vec<ConfigKey> =
        slots.filter_map(|slot| disk(&slot)).filter(|key| !is_other(*key)).collect();
    match list.as_slice() {
        [only] if !has_order => Known::Disk(*only),
        _ => Known::OneOf(list),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(config: &[(&str, &str)], expected: &str) {
        let value = |key: &str| config.iter().find(|(k, _)| *k == key).map(|(_, value)| *value);
        let found = match of(value, |key| key.to_string() == "scsi9") {
            Known::Disk(key) => key.to_string(),
            Known::OneOf(list) => {
                let list: Vec<String> = list.iter().map(ToString::to_string).collect();
                format!("? {}", list.join(" "))
            }
        };
        assert_eq!(found, expected, "{config:?}");
    }

    #[test]
    fn the_boot_order_decides_and_nothing_is_guessed() {
        let disks = [("scsi0", "a:b"), ("virtio1", "a:c"), ("scsi2", "none,media=cdrom")];
        let with = |more: &[(&'static str, &'static str)]| [&disks[..], more].concat();
        check(&with(&[("boot", "order=scsi2;net0;virtio1;scsi0")]), "virtio1");
        check(&with(&[("boot", "order=virtio7;scsi0")]), "scsi0");
        check(&with(&[("boot", "order=net0")]), "? scsi0 virtio1");
        check(&with(&[("boot", " ")]), "? scsi0 virtio1");
        check(&with(&[("boot", "")]), "? scsi0 virtio1");
        check(&with(&[("boot", "cdn")]), "? scsi0 virtio1");
        check(&with(&[("boot", "cdn"), ("bootdisk", "virtio1")]), "virtio1");
        check(&with(&[("boot", "legacy=n"), ("bootdisk", "virtio1")]), "virtio1");
        check(&with(&[("bootdisk", "virtio1")]), "virtio1");
        check(&with(&[("bootdisk", "virtio7")]), "? scsi0 virtio1");
        check(&with(&[("boot", "order=net0"), ("bootdisk", "virtio1")]), "? scsi0 virtio1");
        check(&disks, "? scsi0 virtio1");
    }

    #[test]
    fn the_only_disk_of_a_vm_without_an_order_is_it() {
        let one = [("scsi2", "none,media=cdrom"), ("virtio3", "a:b")];
        let with = |boot| [&one[..], &[("boot", boot)]].concat();
        check(&one, "virtio3");
        check(&[&one[..], &[("scsi9", "a:c")]].concat(), "virtio3");
        check(&with("cdn"), "virtio3");
        check(&with(" "), "? virtio3");
        check(&with("order=net0"), "? virtio3");
        check(&[("efidisk0", "a:b"), ("tpmstate0", "a:c")], "? ");
        check(&[], "? ");
    }
}
