//! Rules across keys: combinations that PVE refuses, or cannot start a VM with, as far as the
//! document shows. Does no I/O.
//!
//! Unknown values, which only PVE has, cause no problem: they may be right.

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

/// Returns problems between the keys of a VM. `new` is `None` for a VM that is never created by the
/// document: then keys that are not set are unknown.
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
