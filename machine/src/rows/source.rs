//! Where in PVE's source most rows are known from. Does no I/O.

/// The key's schema; what is on no list of changes waits for the next start.
pub(super) const CONFDESC: &str = "qemu-server, QemuServer.pm, confdesc";

/// The list of keys that count at once.
pub(super) const FAST_PLUG: &str = "qemu-server, QemuServer.pm, fast_plug_option";
