//! The command line of `cloudinit-render`. Does no I/O.

use crate::manual::MANUAL;
use crate::render::Texts;
use clap::{Parser, ValueEnum};
use stage::ConsoleArgs;
use std::path::PathBuf;

/// Give each VM of the document its user-data, meta-data and network-config
///
/// Reads the document on stdin and prints it with `user_data`, `meta_data`, `network_config`,
/// `instance_id`, `seed_fingerprint` and `seed_inputs` set in each VM, and `vendor_data` where the
/// VM has some.
#[derive(Parser, Debug)]
#[command(version = stage::VERSION, max_term_width = 100, after_long_help = MANUAL.help())]
pub struct Cli {
    /// Add this YAML file to the document's `cloud_init`; repeatable
    #[arg(long, value_name = "FILE", help_heading = "Input")]
    pub fragment: Vec<PathBuf>,
    /// VM to export with --part, --seed-dir or --seed-image
    ///
    /// [default: the only VM of the document; with --seed-dir every VM]
    #[arg(long, value_name = "NAME", requires = "export", help_heading = "Selection")]
    pub vm: Option<String>,
    /// Print this part of one VM
    #[arg(long, value_enum, group = "export", help_heading = "Output")]
    pub part: Option<Part>,
    /// Write the parts to DIR/NAME/ for each VM, and print nothing
    #[arg(long, value_name = "DIR", group = "export", help_heading = "Output")]
    pub seed_dir: Option<PathBuf>,
    /// Write the NoCloud seed image of one VM to this file, and print nothing
    ///
    /// The image is ISO 9660 with the label `cidata`; `-` is stdout.
    #[arg(long, value_name = "FILE", group = "export", help_heading = "Output")]
    pub seed_image: Option<PathBuf>,
    /// How messages are written.
    #[command(flatten)]
    pub console: ConsoleArgs,
}

/// A file of a NoCloud seed.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Part {
    /// What the VM makes of itself; contains secrets
    UserData,
    /// Hand-written data that user-data overrides; may be empty, may contain secrets
    VendorData,
    /// Instance ID and host name
    MetaData,
    /// Network configuration, version 2
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
    /// Returns whether to export something instead of printing the document.
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
