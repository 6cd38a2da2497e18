//! VMs that are there, as an env that describes them. Does no I/O.
//!
//! Written is what differs from what a creation of ours would give: the table of config keys says
//! what that is. What the YAML cannot say stands in a comment, with the reason.

mod said;
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
