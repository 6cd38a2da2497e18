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
        "# VMs of node {} as they are. As a file in envs/ this is an env: `pve-apply adopt` takes them over.\n\
         # `image: none`: nothing makes such a VM; with the name of an image, apply would make it anew once it is gone.\n\
         vms:\n",
        yaml::comment(node)
    );
    // Writing into a String cannot fail.
    vms.iter().for_each(|vm| _ = write!(out, "{}", vm.entry().lines()));
    out
}
