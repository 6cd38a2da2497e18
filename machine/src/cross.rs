//! Rules across keys: what PVE refuses, or starts no VM with, as far as the text alone tells.
//! Does no I/O.
//!
//! A value that only PVE has is no problem: it may be the one that is needed.

mod board;
mod compute;
mod device;
mod drive;
mod network;
#[cfg(test)]
mod tests;
mod view;

use crate::config_key::ConfigKey;
use crate::settings::{Problem, Settings};
use view::View;

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

/// Returns what is wrong between the keys of a VM. `new` is absent for a VM that is never made
/// here: what is not said of that is unknown.
pub fn problems(settings: &Settings, new: Option<&NewVm>) -> Vec<Problem> {
    let view = View { settings, new };
    let mut problems = Vec::new();
    for judge in [board::judge, compute::judge, device::judge, drive::judge, network::judge] {
        judge(&view, &mut problems);
    }
    problems
}
