//! The command line of `cloudinit-render`. Does no I/O.

use crate::render::Texts;
use clap::{Parser, ValueEnum};
use stage::ConsoleArgs;
use std::path::PathBuf;

/// Gives each VM in the document its user-data, meta-data and network-config.
///
/// Reads the document on stdin and prints it with `user_data`, `meta_data`, `network_config`,
/// `instance_id`, `seed_fingerprint` and `seed_inputs` set in each VM, and `vendor_data` where the
/// VM has some.
#[derive(Parser, Debug)]
#[command(version, about)]
pub struct Cli {
    /// Add what this YAML file says to the document's `cloud_init`; may be repeated.
    #[arg(long, value_name = "FILE")]
    pub fragment: Vec<PathBuf>,
    /// The VM that --part, --seed-dir or --seed-image is for.
    #[arg(long, value_name = "NAME", requires = "export")]
    pub vm: Option<String>,
    /// Print this part of one VM instead of the document.
    #[arg(long, value_enum, group = "export")]
    pub part: Option<Part>,
    /// Write the parts to DIR/NAME/ for each VM, or the one named, and print nothing.
    #[arg(long, value_name = "DIR", group = "export")]
    pub seed_dir: Option<PathBuf>,
    /// Write the NoCloud seed image of one VM (ISO 9660, label cidata), and print nothing; `-` is stdout.
    #[arg(long, value_name = "FILE", group = "export")]
    pub seed_image: Option<PathBuf>,
    /// How messages are written.
    #[command(flatten)]
    pub console: ConsoleArgs,
}

/// A file of a NoCloud seed.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Part {
    /// What the VM makes of itself; holds secrets.
    UserData,
    /// What somebody has written by hand, below user-data; may be nothing, may hold secrets.
    VendorData,
    /// instance-id and host name.
    MetaData,
    /// Version 2.
    NetworkConfig,
}

impl Part {
    pub(crate) fn of(self, texts: &Texts) -> &str {
        match self {
            Self::UserData => &texts.user_data,
            Self::VendorData => texts.vendor_data.as_deref().unwrap_or_default(),
            Self::MetaData => &texts.meta_data,
            Self::NetworkConfig => &texts.network_config,
        }
    }
}

impl Cli {
    /// Says whether something is wanted instead of the document.
    pub(crate) fn wants_export(&self) -> bool {
        self.part.is_some() || self.seed_dir.is_some() || self.seed_image.is_some()
    }
}

impl AsRef<ConsoleArgs> for Cli {
    fn as_ref(&self) -> &ConsoleArgs {
        &self.console
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_sound() {
        use clap::CommandFactory;
        super::Cli::command().debug_assert();
    }
}
