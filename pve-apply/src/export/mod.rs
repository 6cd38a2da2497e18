//! Writes existing VMs as an env that describes them. Does no I/O.
//!
//! The env has what differs from a VM that we would create, by the table of config keys.
//! What YAML cannot express becomes a comment with the reason.

mod env_value;
#[cfg(test)]
mod tests;
mod vm;
mod yaml;

pub(crate) use vm::Found;

use std::fmt::Write;

/// Returns the env of these VMs.
pub(crate) fn env(node: &str, vms: &[Found<'_>]) -> String {
    let mut out = format!(
        "# Existing VMs of node {}. Save this as a file in envs/, then take them over with `pve-apply adopt`.\n\
         # With `image: none`, apply never creates a VM; with an image, it creates the VM again if it is missing.\n\
         vms:\n",
        yaml::comment(node)
    );
    // Writing into a String cannot fail.
    vms.iter().for_each(|vm| _ = write!(out, "{}", vm.entry().lines()));
    out
}
