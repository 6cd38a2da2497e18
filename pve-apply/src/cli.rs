//! Arguments of `pve-apply`. DOOR: the environment is read here and nowhere else.

use crate::desired::snippets::{is_destination, is_remote_folder};
use crate::desired::{OnError, SeedWay};
use clap::{Args, Parser, Subcommand, ValueEnum};
use pve_client::StorageId;
use stage::{ConsoleArgs, TrustArgs};
use std::ffi::OsString;
use std::path::PathBuf;

/// Makes the document's VMs on Proxmox VE, changes them in place, destroys them.
///
/// The document is read on stdin. A VM is ours when it carries the tag `pve-pipeline` and a line of
/// ours in its description; nothing else is ever touched.
#[derive(Debug, Parser)]
#[command(name = "pve-apply", version, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    pub(crate) console: ConsoleArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl AsRef<ConsoleArgs> for Cli {
    fn as_ref(&self) -> &ConsoleArgs {
        &self.console
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show what apply would do; change nothing
    Plan(PlanArgs),
    /// Make and change the VMs; a second run changes nothing
    Apply(ApplyArgs),
    /// Destroy the document's VMs that are ours
    Destroy(DestroyArgs),
    /// Take over VMs that were made by hand: show what differs, then write only our mark
    Adopt(AdoptArgs),
    /// Start those of the document's VMs that do not run
    Start(PowerArgs),
    /// Shut down those of the document's VMs that run
    Stop(PowerArgs),
    /// Reboot those of the document's VMs that run, which brings pending values into force
    Reboot(PowerArgs),
    /// Wait until the document's VMs answer, and print their addresses
    Wait(WaitCommandArgs),
    /// List our VMs across the cluster: power, drift, addresses; change nothing
    Status(StatusArgs),
    /// Check all that apply needs, and name the command that mends each finding; change nothing
    Doctor(DoctorArgs),
    /// Print the commands that give an API token what it needs
    Privileges(PrivilegesArgs),
}

/// What may happen to running VMs.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct ConsentArgs {
    /// Reboot running VMs whose changes need it
    #[arg(long)]
    pub(crate) allow_reboot: bool,
    /// Shut down running VMs whose changes need it, and cut their power when they do not listen
    #[arg(long)]
    pub(crate) allow_stop: bool,
    /// Give VMs whose cloud-init data has changed the new data
    #[arg(long)]
    pub(crate) reseed: bool,
    /// How long a guest has to shut down
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = seconds())]
    pub(crate) shutdown_timeout: u64,
    /// How cloud-init data reaches VMs that are made
    #[arg(long, value_enum, value_name = "WAY", default_value_t)]
    pub(crate) seed: SeedWay,
    #[command(flatten)]
    pub(crate) snippets: SnippetsArgs,
}

/// How snippets get onto the node.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct SnippetsArgs {
    /// Write snippets into this folder: pve-apply runs on the node, or the storage is mounted here
    #[arg(long, value_name = "DIR", conflicts_with = "snippets_ssh", value_parser = one_line)]
    pub(crate) snippets_dir: Option<String>,
    /// Write snippets by the system's sftp, with your own SSH configuration and known hosts
    #[arg(long, value_name = "[USER@]HOST", value_parser = destination)]
    pub(crate) snippets_ssh: Option<String>,
    /// The folder of the storage's snippets on that host
    #[arg(long, value_name = "DIR", default_value = "/var/lib/vz/snippets", value_parser = remote_folder)]
    pub(crate) snippets_path: String,
    #[command(flatten)]
    pub(crate) storage: SnippetsStorageArgs,
}

/// Where snippets lie.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct SnippetsStorageArgs {
    /// The storage that has the snippets; the document's `image_datastore` when absent
    #[arg(long, value_name = "STORAGE")]
    pub(crate) snippets_storage: Option<StorageId>,
}

/// A time in seconds, of a week at most: nothing here is worth waiting for longer.
fn seconds() -> clap::builder::RangedU64ValueParser {
    clap::value_parser!(u64).range(..=7 * 24 * 3600)
}

fn destination(text: &str) -> Result<String, &'static str> {
    let fits = is_destination(text).then(|| text.to_owned());
    fits.ok_or("must be HOST or USER@HOST, an IPv6 address in brackets")
}

fn remote_folder(text: &str) -> Result<String, &'static str> {
    let fits = is_remote_folder(text).then(|| text.to_owned());
    fits.ok_or("must be a path without wildcards, quotes and backslashes")
}

fn one_line(text: &str) -> Result<String, &'static str> {
    let fits = !text.is_empty() && !text.chars().any(char::is_control);
    fits.then(|| text.to_owned()).ok_or("must be a path of one line")
}

/// Which VMs, and how the endpoint is trusted.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct TargetArgs {
    #[command(flatten)]
    pub(crate) trust: TrustArgs,
    /// Only this VM of the document; may be repeated
    #[arg(long = "vm", value_name = "NAME")]
    pub(crate) vms: Vec<String>,
}

#[derive(Args, Debug)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(crate) consent: ConsentArgs,
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// Print the plan as JSON on stdout; it holds the seed data, and so the tokens in it
    #[arg(long)]
    pub(crate) json: bool,
    /// Write the plan into a file that only you can read, for `apply --plan`
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Exit with 4 when there are changes
    #[arg(long)]
    pub(crate) detailed_exitcode: bool,
    /// Exit with 1 when there are changes
    #[arg(long, conflicts_with = "detailed_exitcode")]
    pub(crate) expect_no_changes: bool,
}

/// How the work is spread.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct PaceArgs {
    /// How many VMs are worked on at a time
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub(crate) parallelism: u8,
    /// How many disks are imported into one storage at a time
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub(crate) imports_per_storage: u8,
    /// Begin no further step once a VM has failed
    #[arg(long)]
    pub(crate) fail_fast: bool,
    /// How long one task of PVE may take
    #[arg(long, value_name = "SECONDS", default_value_t = 1800, value_parser = seconds())]
    pub(crate) task_timeout: u64,
}

#[derive(Args, Debug)]
pub(crate) struct ApplyArgs {
    #[command(flatten)]
    pub(crate) consent: ConsentArgs,
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    #[command(flatten)]
    pub(crate) pace: PaceArgs,
    /// What happens once a VM has failed: go on with the others, begin no further step, or also destroy
    /// the VMs that this run has made; absent: what the document's `on_error` says, else continue
    #[arg(long, value_enum, value_name = "WHAT")]
    pub(crate) on_error: Option<OnError>,
    /// Carry out exactly this plan, written by `plan --out`
    #[arg(long, value_name = "FILE", conflicts_with_all = ["allow_reboot", "allow_stop", "reseed", "vms"])]
    pub(crate) plan: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) wait: WaitArgs,
}

/// What is waited for after the VMs run.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct WaitArgs {
    /// What to wait for once the VMs run
    #[arg(long, value_enum, default_value_t)]
    pub(crate) wait: WaitFor,
    /// How long to wait for it
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = seconds())]
    pub(crate) wait_timeout: u64,
}

/// What is waited for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum WaitFor {
    /// Nothing: done when PVE has started the VM
    #[default]
    None,
    /// The guest agent, and an address from it
    Agent,
    /// An SSH server at the VM's address; the agent tells the address where the document does not fix it
    Ssh,
}

#[derive(Args, Debug)]
pub(crate) struct DestroyArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    #[command(flatten)]
    pub(crate) pace: PaceArgs,
    /// Destroy without asking, for scripts
    #[arg(long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) snippets: SnippetsStorageArgs,
    /// How long a guest has to shut down before its power is cut
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = seconds())]
    pub(crate) shutdown_timeout: u64,
}

#[derive(Args, Debug)]
pub(crate) struct AdoptArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    #[command(flatten)]
    pub(crate) pace: PaceArgs,
    /// Only show what differs
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Args, Debug)]
pub(crate) struct PowerArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    #[command(flatten)]
    pub(crate) pace: PaceArgs,
    /// How long a guest has to shut down
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = seconds())]
    pub(crate) shutdown_timeout: u64,
    /// Cut the power of a guest that does not listen
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Args, Debug)]
pub(crate) struct WaitCommandArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// What to wait for
    #[arg(long = "for", value_enum, value_name = "WHAT", default_value_t = WaitFor::Agent)]
    pub(crate) what: WaitFor,
    /// How long to wait for it
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = seconds())]
    pub(crate) timeout: u64,
}

#[derive(Args, Debug)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Ask each running VM's guest agent for its addresses, once
    #[arg(long)]
    pub(crate) addresses: bool,
    /// VMs of other deployments too
    #[arg(long)]
    pub(crate) all: bool,
}

#[derive(Args, Debug)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
}

#[derive(Args, Debug)]
pub(crate) struct PrivilegesArgs {
    /// Read the document on stdin and name its storages and bridges
    #[arg(long)]
    pub(crate) document: bool,
    /// The user that the token belongs to
    #[arg(long, value_name = "USER@REALM", default_value = "iac@pve")]
    pub(crate) user: String,
    /// The token's name
    #[arg(long, value_name = "NAME", default_value = "pipeline")]
    pub(crate) token: String,
}

/// What `NO_COLOR` holds.
#[expect(clippy::disallowed_methods, reason = "door: the environment is read here")]
pub(crate) fn no_color() -> Option<OsString> {
    std::env::var_os("NO_COLOR")
}
