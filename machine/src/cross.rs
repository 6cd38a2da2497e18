//! Rules across keys: what PVE refuses, or starts no VM with, as far as the text alone tells.
//! Does no I/O.
//!
//! A value that only PVE has is no problem: it may be the one that is needed.

mod board;
mod compute;
mod device;
mod drive;
mod limit;
mod network;
mod new_vm;
#[cfg(test)]
mod tests;
mod view;

pub use new_vm::NewVm;

use crate::settings::{Problem, Settings};
use view::View;

/// Returns what is wrong between the keys of a VM. `new` is absent for a VM that is never made
/// here: what is not said of that is unknown.
pub fn problems(settings: &Settings, new: Option<&NewVm>) -> Vec<Problem> {
    let view = View { settings, new };
    let mut problems = Vec::new();
    for validate in
        [board::validate, compute::validate, device::validate, drive::validate, network::validate]
    {
        validate(&view, &mut problems);
    }
    problems
}
