//! The options of waits. Does no I/O.

use super::{TargetArgs, seconds};
use clap::{Args, ValueEnum};
use pve_client::{ApiUrl, BadUrl};
use std::path::{Path, PathBuf};

/// What is waited for after the VMs run.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Waiting")]
pub(crate) struct WaitArgs {
    /// What to wait for once the VMs run
    #[arg(long, value_enum, value_name = "WHAT", default_value_t)]
    pub(crate) wait: WaitFor,
    /// Seconds to wait for it
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = seconds())]
    pub(crate) wait_timeout: u64,
}

/// What is waited for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum WaitFor {
    /// Nothing: done once PVE has started the VM
    #[default]
    None,
    /// The guest agent, and the addresses in the document: each fixed one, and one for each NIC with
    /// DHCP
    Agent,
    /// An SSH server at the VM's address, which the agent reports if the document does not fix it
    Ssh,
    /// cloud-init to finish this boot without an error, and then as `agent`
    CloudInit,
}

#[derive(Args, Debug)]
pub(crate) struct WaitCommandArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// What to wait for
    #[arg(long = "for", value_enum, value_name = "WHAT", help_heading = "Waiting", default_value_t = WaitFor::Agent)]
    pub(crate) what: WaitFor,
    /// Seconds to wait for it [default: 300; with --pve: 1200]
    #[arg(long, value_name = "SECONDS", help_heading = "Waiting", value_parser = seconds())]
    pub(crate) timeout: Option<u64>,
    /// Wait until the document's nested PVE nodes can take VMs, and write their files into the site
    ///
    /// Each guest reports its node when it has set up PVE. The node's API must then answer with what was
    /// reported, and have storages for disks and images and the bridge vmbr0. nodes/NAME.yaml and
    /// secrets.d/NAME.yaml describe it for `resolve --parent NAME`.
    #[arg(long, help_heading = "Nested nodes", conflicts_with = "what", requires = "site")]
    pub(crate) pve: bool,
    /// Site that the files of nested nodes are written to
    #[arg(long, value_name = "DIR", help_heading = "Nested nodes", requires = "pve")]
    pub(crate) site: Option<PathBuf>,
    /// Address of the API of a nested node, if it is not the one that the guest reports; repeatable
    ///
    /// The certificate is still the one that the guest reports.
    #[arg(long = "pve-endpoint", value_name = "NAME=URL", help_heading = "Nested nodes", requires = "pve", value_parser = named_url)]
    pub(crate) pve_endpoints: Vec<(String, ApiUrl)>,
}

impl WaitCommandArgs {
    /// Returns the site for the files of nested nodes; `None` for a wait for guests.
    pub(crate) fn nested_site(&self) -> Option<&Path> {
        self.site.as_deref().filter(|_| self.pve)
    }
}

fn named_url(text: &str) -> Result<(String, ApiUrl), String> {
    let (name, url) = text.split_once('=').ok_or("must be NAME=URL")?;
    Ok((name.to_owned(), url.parse().map_err(|bad: BadUrl| format!("the URL {bad}"))?))
}
