//! The boot disk of a new VM, as its document says it. Does no I/O.

use crate::config_key::ConfigKey;
use crate::settings::Settings;
use stage::Vm;

/// The slot of a new VM's boot disk, if the document sets none.
pub const BOOT_DISK: &str = "virtio0";

/// Returns the storage that a VM's config sets for its boot disk; `None` if the disk is on the VM's storage.
///
/// image-publish makes templates for this storage, and pve-apply looks for them there.
pub fn boot_storage<'a>(vm: &Vm, config: &'a Settings) -> Option<&'a str> {
    let slot = vm.boot_disk.as_deref().unwrap_or(BOOT_DISK);
    config.value(ConfigKey::find(slot)?, "storage")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(boot_disk: Option<&str>, expected: Option<&str>) {
        let config =
            json!({"scsi0": {"storage": "fast"}, "virtio0": {"storage": "slow"}, "scsi1": {}});
        let (config, _) = Settings::read(config.as_object().unwrap());
        let vm = Vm { boot_disk: boot_disk.map(str::to_owned), ..Vm::default() };
        assert_eq!(boot_storage(&vm, &config), expected, "{boot_disk:?}");
    }

    #[test]
    fn the_slot_decides() {
        check(None, Some("slow"));
        check(Some("scsi0"), Some("fast"));
        check(Some("scsi1"), None);
        check(Some("sata0"), None);
        check(Some("none"), None);
    }
}
