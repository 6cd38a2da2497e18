//! The rows, by what they are about; and the keys that nobody may set here, with the reason.
//! Does no I/O.

mod boot;
mod cpu;
mod drive;
mod memory;
mod nic;
mod options;
mod refused;

pub use refused::{REFUSED, Refused, refusal};

use crate::row::{Key, Need, On};

/// Every key that YAML may set.
pub static KEYS: &[&Key] = &[
    &cpu::CORES,
    &cpu::CPU,
    &memory::MEMORY,
    &nic::NET,
    &drive::VIRTIO,
    &drive::SCSI,
    &boot::BOOT,
    &boot::SCSIHW,
    &boot::SERIAL,
    &options::AGENT,
    &options::OSTYPE,
    &options::ONBOOT,
    &options::STARTUP,
];

/// PVE: qemu-server, API2/Qemu.pm, check_vm_modify_config_perm.
const fn on_vm(privilege: &'static str) -> Need {
    Need { on: On::Vm, privilege }
}
