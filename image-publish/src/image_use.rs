//! The images that a VM uses: for its boot disk, and for its data disks.
//! Does no I/O.

use machine::{Form, Settings, parse_size};
use stage::Vm;

/// The use of an image by a VM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ImageUse {
    /// Its name.
    pub(crate) image: String,
    /// The field of the document that names it.
    pub(crate) place: String,
    /// The disk that is created from it.
    pub(crate) disk: Disk,
}

/// A disk that is created from an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Disk {
    /// The field of the document that has its size.
    pub(crate) place: String,
    /// The name of that field for users.
    pub(crate) key: &'static str,
    /// Its size in bytes; `None` for the size of the image.
    pub(crate) bytes: Option<u64>,
}

/// Returns the images that the VM at `index` uses. Errors in its `config` are reported by pve-apply.
pub(crate) fn images(index: usize, vm: &Vm) -> Vec<ImageUse> {
    let bytes = u64::from(vm.disk.unwrap_or_default()) << 30;
    let disk = Disk { place: format!("vms[{index}].disk"), key: "disk", bytes: Some(bytes) };
    let boot = ImageUse { image: vm.image.clone(), place: format!("vms[{index}].image"), disk };
    // An existing VM may still get a data disk.
    let mut named = if vm.image == Vm::NO_IMAGE { Vec::new() } else { vec![boot] };
    let (settings, _) = vm.config.as_ref().map(Settings::read).unwrap_or_default();
    for key in settings.0.keys().filter(|key| matches!(key.key.form, Form::Drive(_))) {
        let Some(image) = settings.value(*key, "import") else { continue };
        let place = format!("vms[{index}].config.{key}");
        let bytes = settings.value(*key, "size").and_then(parse_size);
        let disk = Disk { place: format!("{place}.size"), key: "size", bytes };
        named.push(ImageUse { image: image.to_owned(), place: format!("{place}.import"), disk });
    }
    named
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn check(image: &str, config: &Value, expected: &[(&str, &str, Option<u64>)]) {
        let config = config.as_object().cloned();
        let vm = Vm { image: image.into(), disk: Some(8), config, ..Vm::default() };
        let named = images(3, &vm);
        let named: Vec<_> = named.iter().map(|n| (&*n.image, &*n.place, n.disk.bytes)).collect();
        assert_eq!(named, expected, "{image} {:?}", vm.config);
    }

    #[test]
    fn a_vm_names_the_images_of_all_its_disks() {
        const GIB: u64 = 1 << 30;
        let boot = ("debian", "vms[3].image", Some(8 * GIB));
        check("debian", &Value::Null, &[boot]);
        check("debian", &json!({"scsi1": {"size": 4}, "scsi2": null, "cores": "x"}), &[boot]);
        check(
            "debian",
            &json!({"scsi1": {"import": "data", "size": "512M"}, "virtio2": {"import": "more"}}),
            &[
                boot,
                ("data", "vms[3].config.scsi1.import", Some(GIB / 2)),
                ("more", "vms[3].config.virtio2.import", None),
            ],
        );
        check("none", &json!({}), &[]);
        let added = ("data", "vms[3].config.scsi1.import", None);
        check("none", &json!({"scsi1": {"import": "data"}}), &[added]);
    }
}
