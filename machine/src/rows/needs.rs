//! The privilege that most rows require. Does no I/O.

use crate::need::{Need, On};

/// PVE: qemu-server, API2/Qemu.pm, check_vm_modify_config_perm.
pub(super) const fn on_vm(privilege: &'static str) -> Need {
    Need::new(On::Vm, privilege)
}
