//! The rows by topic, and refused keys with reasons. Does no I/O.

mod boot;
mod cloud_init;
mod cpu;
mod devices;
mod drive;
mod memory;
mod needs;
mod nic;
mod options;
mod refused;
mod source;

pub use refused::{REFUSED, REFUSED_OPTIONS, Refused, RefusedOption, option_refusal, refusal};

use crate::row::Key;

/// All keys that YAML may set, sorted by name; a family comes after a key with the same name.
pub static KEYS: &[&Key] = &[
    &boot::ACPI,
    &options::AGENT,
    &memory::ALLOW_KSM,
    &devices::AUDIO,
    &memory::BALLOON,
    &boot::BIOS,
    &boot::BOOT,
    &cloud_init::CICUSTOM,
    &cloud_init::CITYPE,
    &cloud_init::CIUPGRADE,
    &cloud_init::CIUSER,
    &cpu::CORES,
    &cpu::CPU,
    &cpu::CPULIMIT,
    &cpu::CPUUNITS,
    &options::DESCRIPTION,
    &drive::EFIDISK,
    &boot::FREEZE,
    &devices::HOSTPCI,
    &boot::HOTPLUG,
    &drive::IDE,
    &cloud_init::IPCONFIG,
    &boot::KEYBOARD,
    &cpu::KVM,
    &boot::LOCALTIME,
    &boot::MACHINE,
    &memory::MEMORY,
    &options::MIGRATE_DOWNTIME,
    &options::MIGRATE_SPEED,
    &cloud_init::NAMESERVER,
    &nic::NET,
    &cpu::NUMA,
    &cpu::NUMA_NODE,
    &options::ONBOOT,
    &options::OSTYPE,
    &options::PROTECTION,
    &boot::REBOOT,
    &devices::RNG,
    &drive::SATA,
    &drive::SCSI,
    &boot::SCSIHW,
    &cloud_init::SEARCHDOMAIN,
    &boot::SERIAL,
    &memory::SHARES,
    &boot::SMBIOS1,
    &cpu::SOCKETS,
    &cloud_init::SSHKEYS,
    &boot::STARTDATE,
    &options::STARTUP,
    &boot::TABLET,
    &boot::TDF,
    &drive::TPMSTATE,
    &devices::USB,
    &cpu::VCPUS,
    &boot::VGA,
    &drive::VIRTIO,
    &devices::VIRTIOFS,
    &options::VMSTATESTORAGE,
    &devices::WATCHDOG,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_sorted_for_the_search() {
        let names: Vec<_> = KEYS.iter().map(|key| (key.part.name, key.slots.is_some())).collect();
        assert!(names.is_sorted_by(|a, b| a < b), "{names:?}");
    }

    /// Values of rows must be in normal form to be comparable.
    #[test]
    fn values_of_rows_are_in_normal_form() {
        for key in KEYS {
            for part in key.parts() {
                for value in [part.absent, part.at_create].into_iter().flatten() {
                    let normal = part.kind.normal(value);
                    assert_eq!(normal.as_deref(), Some(value), "{} {}", key.part.name, part.name);
                }
            }
        }
    }

    #[test]
    fn nothing_is_both_a_row_and_refused() {
        for key in KEYS {
            let exact = REFUSED.iter().any(|refused| refused.name == key.part.name);
            assert!(!exact, "{}", key.part.name);
        }
        for refused in REFUSED_OPTIONS {
            for name in refused.keys {
                let key = KEYS.iter().find(|key| key.part.name == *name).unwrap();
                assert!(key.part(refused.name).is_none(), "{name}.{}", refused.name);
                assert_eq!(option_refusal(key, refused.name), Some(refused.reason));
            }
        }
        assert!(refusal("parallel1").is_some());
        assert!(refusal("nix1").is_none());
    }
}
