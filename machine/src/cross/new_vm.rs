//! `NewVm`: fields of a new VM outside `config`. Does no I/O.

use crate::config_key::ConfigKey;

/// Fields of a VM that does not exist yet, in addition to its `config`.
#[derive(Clone, Copy, Debug)]
pub struct NewVm {
    /// The slot that it boots from.
    pub boot_disk: ConfigKey,
    /// Its cores, unless `config` sets them.
    pub cores: Option<u32>,
    /// Its memory in MiB, unless `config` sets it.
    pub memory: Option<u32>,
}
