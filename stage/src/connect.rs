//! `TrustArgs`: the options by which a stage trusts a PVE endpoint. Does no I/O.

use clap::Args;
use std::path::PathBuf;

/// Which server to trust. By default, one with a certificate signed by the system's CAs.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Connection")]
pub struct TrustArgs {
    /// Trust certificates signed by this CA (PEM)
    ///
    /// A node has it at /etc/pve/pve-root-ca.pem.
    /// Without this option, --fingerprint and --insecure, the system's CAs are trusted.
    #[arg(
        long,
        value_name = "FILE",
        env = "PVE_CA_FILE",
        hide_env_values = true,
        conflicts_with_all = ["fingerprint", "insecure"]
    )]
    pub ca_file: Option<PathBuf>,
    /// Trust the certificate with this fingerprint; repeatable
    ///
    /// PVE shows it at Node > System > Certificates: SHA-256, in hexadecimal.
    #[arg(
        long,
        value_name = "SHA256",
        env = "PVE_FINGERPRINT",
        hide_env_values = true,
        value_delimiter = ',',
        conflicts_with = "insecure"
    )]
    pub fingerprint: Vec<String>,
    /// Trust any certificate, so that whoever answers gets the API token
    #[arg(long)]
    pub insecure: bool,
}

impl TrustArgs {
    /// Returns whether an option or its variable says whom to trust.
    pub fn is_given(&self) -> bool {
        self.ca_file.is_some() || !self.fingerprint.is_empty() || self.insecure
    }
}
