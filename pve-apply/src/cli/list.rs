//! Arguments of the subcommands that list VMs. Does no I/O.

use super::TargetArgs;
use clap::{Args, ValueEnum};

/// How a list is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A table
    #[default]
    Table,
    /// A table with MACs and tags, and how each VM differs from a new one in what nobody sets
    Wide,
    /// JSON
    Json,
}

#[derive(Args, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// Output format
    ///
    /// --wide and --json are other names for the last two.
    #[arg(
        short = 'o',
        long,
        value_enum,
        value_name = "FORMAT",
        default_value_t,
        help_heading = "Output"
    )]
    pub(crate) format: Format,
    /// As `-o json`.
    #[arg(long, hide = true, help_heading = "Output")]
    pub(crate) json: bool,
    /// As `-o wide`; with `--json`, JSON with the differences.
    #[arg(long, hide = true, help_heading = "Output")]
    pub(crate) wide: bool,
    /// Ask the guest agent of each running VM for its addresses, once
    #[arg(long, help_heading = "Output")]
    pub(crate) addresses: bool,
    /// Also list VMs of other deployments
    #[arg(long, conflicts_with_all = ["vms", "tags"], help_heading = "Selection")]
    pub(crate) all: bool,
    /// List the networks only
    #[arg(long, conflicts_with_all = ["vms", "tags", "all"], help_heading = "Selection")]
    pub(crate) networks_only: bool,
}

impl StatusArgs {
    /// Returns whether JSON is asked for, by whichever option.
    pub(crate) fn is_json(&self) -> bool {
        self.json || self.format == Format::Json
    }

    /// Returns whether everything known is asked for.
    pub(crate) fn is_wide(&self) -> bool {
        self.wide || self.format == Format::Wide
    }
}

#[derive(Args, Debug)]
pub(crate) struct InventoryArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// Print the whole inventory [default]
    #[arg(long, conflicts_with = "host", help_heading = "Output")]
    pub(crate) list: bool,
    /// Print the variables of one host
    #[arg(long, value_name = "NAME", help_heading = "Output")]
    pub(crate) host: Option<String>,
}
