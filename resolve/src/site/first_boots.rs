//! What the VMs that have been resolved do at their first boot. Does no I/O.

use std::collections::BTreeSet;

/// Whether the VMs that have been resolved set themselves up at their first boot.
#[derive(Default)]
pub(crate) struct FirstBoots {
    /// Some VM does.
    pub some: bool,
    /// The names of VMs that do not, although nothing says that they should not.
    pub missed: BTreeSet<String>,
    /// Where the spec server is set, other than in site.yaml.
    pub server: Option<String>,
}
