//! `NewVm`: what a create adds to what is said. Does no I/O.

use crate::config_key::ConfigKey;

/// What a document makes of a VM that is not there yet, besides its `config`.
#[derive(Clone, Copy, Debug)]
pub struct NewVm {
    /// The slot that it boots from.
    pub boot_disk: ConfigKey,
    /// Its cores, where `config` says nothing.
    pub cores: Option<u32>,
    /// Its memory in MiB, where `config` says nothing.
    pub memory: Option<u32>,
}
