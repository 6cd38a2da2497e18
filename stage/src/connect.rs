//! `TrustArgs`: the options by which a stage trusts a PVE endpoint. Does no I/O.

use clap::Args;
use std::path::PathBuf;

/// Which certificate is believed. Without an option: the system's CAs.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Trust")]
pub struct TrustArgs {
    /// Believe certificates signed by the CA in this PEM file (a node has it at /etc/pve/pve-root-ca.pem).
    #[arg(long, value_name = "FILE", env = "PVE_CA_FILE", conflicts_with_all = ["fingerprint", "insecure"])]
    pub ca_file: Option<PathBuf>,
    /// Believe the certificate with this SHA-256 fingerprint, as PVE shows it; may be repeated.
    #[arg(
        long,
        value_name = "SHA256",
        env = "PVE_FINGERPRINT",
        value_delimiter = ',',
        conflicts_with = "insecure"
    )]
    pub fingerprint: Vec<String>,
    /// Believe any certificate: whoever answers gets the API token.
    #[arg(long)]
    pub insecure: bool,
}
