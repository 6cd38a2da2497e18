//! Arguments about networks, and those of `pve-apply unlock-sdn`. Does no I/O.

use clap::Args;
use stage::TrustArgs;

#[derive(Args, Debug)]
pub(crate) struct UnlockSdnArgs {
    /// Break the lock, whoever holds it
    ///
    /// Whoever is changing the SDN configuration at the time is no longer protected from others.
    /// No pending change is committed or lost.
    #[arg(long, help_heading = "Consent")]
    pub(crate) force: bool,
    /// Break the lock without asking, for scripts
    #[arg(long, requires = "force", help_heading = "Consent")]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) trust: TrustArgs,
}

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
