//! Sources of most rows in PVE's code. Does no I/O.

/// The key's schema; changes of keys on no other list take effect at the next start.
pub(super) const CONFDESC: &str = "qemu-server, QemuServer.pm, confdesc";

/// The list of keys that take effect immediately.
pub(super) const FAST_PLUG: &str = "qemu-server, QemuServer.pm, fast_plug_option";
