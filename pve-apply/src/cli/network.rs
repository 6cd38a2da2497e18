//! Arguments about networks. Does no I/O.

use clap::Args;

/// What happens to networks.
#[derive(Args, Clone, Copy, Debug, Default)]
pub(crate) struct NetworkArgs {
    /// Work on the networks only, and leave VMs alone
    #[arg(long, conflicts_with_all = ["vms", "tags"], help_heading = "Selection")]
    pub(crate) networks_only: bool,
    /// Also apply changes of SDN that others have made and not applied yet
    ///
    /// PVE applies all of them or none; without this option, such changes block those of networks.
    #[arg(long, help_heading = "Consent")]
    pub(crate) with_pending_sdn: bool,
}
