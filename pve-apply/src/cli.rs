//! Arguments of `pve-apply`. DOOR: the environment is read here and nowhere else.

mod list;
mod sdn;
mod wait;

pub(crate) use list::{InventoryArgs, StatusArgs};
pub(crate) use sdn::{NetworkArgs, UnlockSdnArgs};
pub(crate) use wait::{WaitArgs, WaitCommandArgs, WaitFor};

use crate::desired::OnError;
use crate::manual::MANUAL;
use clap::{Args, Parser, Subcommand};
use pve_client::Vmid;
use stage::api_token;
use stage::identity::{SITE_NAME, is_site_name};
use stage::{Console, ConsoleArgs, TrustArgs, variable};
use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::PathBuf;

/// Create, change and destroy the document's VMs on Proxmox VE
///
/// The document is read from stdin.
/// A VM is ours if it has the tag `pve-pipeline` and a line in its description that names this site,
/// this deployment, its own vmid and its own UUID.
/// No other VM is ever touched, not even a clone or a restored copy of one of ours.
#[derive(Debug, Parser)]
// Here `-o` is the output format of `status`, as in kubectl.
#[command(name = "pve-apply", version = stage::VERSION, max_term_width = 100, after_long_help = MANUAL.help(), mut_arg("output", |arg| arg.short(None)))]
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
    /// Create and change the VMs; a second run changes nothing
    Apply(ApplyArgs),
    /// Destroy the document's VMs that are ours
    Destroy(DestroyArgs),
    /// Take over VMs that were created by hand: show what differs, then write only our mark
    Adopt(AdoptArgs),
    /// Give up VMs that are ours: remove our mark and tag, and change nothing else
    Release(ReleaseArgs),
    /// Print existing VMs as an env, ready to be adopted; change nothing
    Export(ExportArgs),
    /// Start the document's VMs that are stopped
    Start(PowerArgs),
    /// Shut down the document's VMs that are running
    Stop(PowerArgs),
    /// Reboot the document's VMs that are running, which applies pending changes
    Reboot(PowerArgs),
    /// Wait until the document's VMs are ready, and print their addresses
    Wait(WaitCommandArgs),
    /// List the deployment's VMs: power, addresses, drift; change nothing
    Status(StatusArgs),
    /// Print the VMs as a dynamic inventory for Ansible
    Inventory(InventoryArgs),
    /// Check everything that apply needs, and name the command that fixes each problem
    Doctor(DoctorArgs),
    /// Print the commands that create an API token with the privileges it needs
    Privileges(PrivilegesArgs),
    /// Release the SDN lock of a run that was killed
    ///
    /// PVE's lock of the SDN configuration never expires, and PVE does not say who holds it.
    /// A run that was killed is known by its token, which is kept on this machine until it is released;
    /// apply and destroy release it, too.
    UnlockSdn(UnlockSdnArgs),
}

/// What may happen to running VMs.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Consent")]
pub(crate) struct ConsentArgs {
    /// Allow rebooting running VMs whose changes need it
    #[arg(long)]
    pub(crate) allow_reboot: bool,
    /// Allow shutting down running VMs whose changes need it
    ///
    /// The power of a guest that does not shut down within --shutdown-timeout is cut.
    #[arg(long)]
    pub(crate) allow_stop: bool,
    /// Allow detaching disks, and NICs of running VMs, that the document no longer has
    ///
    /// A detached disk stays on the VM as an unused disk, with its data.
    #[arg(long)]
    pub(crate) allow_detach: bool,
    /// Allow moving disks to the storage that the document says
    #[arg(long)]
    pub(crate) allow_move: bool,
    /// Allow migrating VMs to the node that the YAML gives them
    ///
    /// A VM that is running is migrated live.
    #[arg(long)]
    pub(crate) allow_migrate: bool,
    /// Write changes that need a reboot, and leave rebooting to you
    #[arg(long, conflicts_with_all = ["allow_reboot", "allow_stop"])]
    pub(crate) pending: bool,
    /// Give VMs whose cloud-init data has changed their new data
    #[arg(long)]
    pub(crate) reseed: bool,
    /// Seconds that a guest has to shut down
    #[arg(long, help_heading = "Pace", value_name = "SECONDS", default_value_t = 60, value_parser = seconds())]
    pub(crate) shutdown_timeout: u64,
}

/// A time in seconds, of a week at most: nothing here is worth waiting for longer.
fn seconds() -> clap::builder::RangedU64ValueParser {
    clap::value_parser!(u64).range(..=7 * 24 * 3600)
}

fn vmid(text: &str) -> Result<Vmid, String> {
    let number = text.parse().ok().and_then(|number| Vmid::new(number).ok());
    number.ok_or_else(|| format!("must be {}", Vmid::RULE))
}

fn site_name(text: &str) -> Result<String, String> {
    match is_site_name(text) {
        true => Ok(text.to_owned()),
        false => Err(format!("must be {SITE_NAME}")),
    }
}

/// Which VMs, and how the endpoint is trusted.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct TargetArgs {
    /// Use only this VM of the document; repeatable
    #[arg(long = "vm", value_name = "NAME", help_heading = "Selection")]
    pub(crate) vms: Vec<String>,
    /// Use the VMs of the document with this tag, in addition to --vm; repeatable
    #[arg(long = "tag", value_name = "TAG", help_heading = "Selection")]
    pub(crate) tags: Vec<String>,
    #[command(flatten)]
    pub(crate) trust: TrustArgs,
}

impl TargetArgs {
    /// Returns whether only some of the document's VMs are asked for.
    pub(crate) fn is_selection(&self) -> bool {
        !self.vms.is_empty() || !self.tags.is_empty()
    }
}

#[derive(Args, Debug)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(crate) consent: ConsentArgs,
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    #[command(flatten)]
    pub(crate) network: NetworkArgs,
    /// Also plan to destroy VMs of this deployment that are no longer in the document
    #[arg(long, conflicts_with_all = ["vms", "tags"], help_heading = "Selection")]
    pub(crate) prune: bool,
    /// Print the plan as JSON, which contains the seed data and its tokens
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
    /// Write the plan to this file, for `apply --plan`
    ///
    /// The file is JSON, readable only by you, and contains the seed data and its tokens; `-` is stdout.
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) out: Option<PathBuf>,
    /// Exit with 4 if there are changes; 1 still means that something is blocked
    #[arg(long, help_heading = "Output")]
    pub(crate) detailed_exitcode: bool,
    /// Exit with 1 if there are changes
    #[arg(long, conflicts_with = "detailed_exitcode", help_heading = "Output")]
    pub(crate) expect_no_changes: bool,
}

/// How the work is spread.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Pace")]
pub(crate) struct PaceArgs {
    /// Number of VMs to work on at a time; 1 also does the steps of each one by one
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub(crate) parallelism: u8,
    /// Number of disks to import into one storage at a time
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub(crate) imports_per_storage: u8,
    /// Begin no further step once a VM has failed
    #[arg(long)]
    pub(crate) fail_fast: bool,
    /// Seconds that one task of PVE may take
    #[arg(long, value_name = "SECONDS", default_value_t = 1800, value_parser = seconds())]
    pub(crate) task_timeout: u64,
}

#[derive(Args, Clone, Debug)]
pub(crate) struct ApplyArgs {
    #[command(flatten)]
    pub(crate) consent: ConsentArgs,
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    #[command(flatten)]
    pub(crate) network: NetworkArgs,
    #[command(flatten)]
    pub(crate) pace: PaceArgs,
    /// What to do once a VM has failed
    ///
    /// [default: the document's `on_error`, or continue]
    #[arg(long, value_enum, value_name = "WHAT", help_heading = "Pace")]
    pub(crate) on_error: Option<OnError>,
    /// Carry out exactly this plan, written by `plan --out`
    #[arg(long, value_name = "FILE", group = "removals", help_heading = "Selection", conflicts_with_all = ["allow_reboot", "allow_stop", "allow_detach", "allow_move", "allow_migrate", "pending", "reseed", "vms", "tags", "prune", "networks_only", "with_pending_sdn"])]
    pub(crate) plan: Option<PathBuf>,
    /// Also destroy VMs of this deployment that are no longer in the document
    #[arg(long, group = "removals", conflicts_with_all = ["vms", "tags"], help_heading = "Selection")]
    pub(crate) prune: bool,
    /// Destroy what --prune finds, or found for --plan, without asking, for scripts
    #[arg(long, requires = "removals", help_heading = "Consent")]
    pub(crate) yes: bool,
    /// Go on with the other VMs if some are blocked, and exit with 3
    #[arg(long, help_heading = "Consent")]
    pub(crate) skip_blocked: bool,
    #[command(flatten)]
    pub(crate) wait: WaitArgs,
}

#[derive(Args, Debug)]
pub(crate) struct DestroyArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    #[command(flatten)]
    pub(crate) network: NetworkArgs,
    #[command(flatten)]
    pub(crate) pace: PaceArgs,
    /// Destroy without asking, for scripts
    #[arg(long, help_heading = "Consent")]
    pub(crate) yes: bool,
    /// Destroy only the VM with this vmid, which must be ours; repeatable
    ///
    /// Tells VMs of the same name apart.
    #[arg(long = "vmid", value_name = "VMID", help_heading = "Selection", conflicts_with_all = ["vms", "tags", "networks_only"], value_parser = vmid)]
    pub(crate) vmids: Vec<Vmid>,
    /// Also destroy VMs of this deployment that are no longer in the document
    #[arg(long, conflicts_with_all = ["vms", "tags", "vmids"], help_heading = "Selection")]
    pub(crate) prune: bool,
    /// Go on with the other VMs if some are blocked, and exit with 3
    #[arg(long, help_heading = "Consent")]
    pub(crate) skip_blocked: bool,
    /// Seconds that a guest has to shut down before its power is cut
    #[arg(long, help_heading = "Pace", value_name = "SECONDS", default_value_t = 60, value_parser = seconds())]
    pub(crate) shutdown_timeout: u64,
}

#[derive(Args, Debug)]
pub(crate) struct AdoptArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    #[command(flatten)]
    pub(crate) network: NetworkArgs,
    #[command(flatten)]
    pub(crate) pace: PaceArgs,
    /// Also take over VMs of a site of this name, which this site had before
    #[arg(long, value_name = "SITE", help_heading = "Selection", value_parser = site_name)]
    pub(crate) from_site: Option<String>,
    /// Show what differs, and change nothing
    #[arg(long, help_heading = "Consent")]
    pub(crate) dry_run: bool,
}

#[derive(Args, Debug)]
pub(crate) struct ReleaseArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    #[command(flatten)]
    pub(crate) pace: PaceArgs,
    /// Show what would be removed, and change nothing
    #[arg(long, help_heading = "Consent")]
    pub(crate) dry_run: bool,
}

#[derive(Args, Debug)]
pub(crate) struct ExportArgs {
    /// VMs to export, by vmid or by their name in PVE
    ///
    /// Any document of their node will do: only its endpoint, token and node are used.
    #[arg(required = true, value_name = "VM")]
    pub(crate) vms: Vec<String>,
    #[command(flatten)]
    pub(crate) trust: TrustArgs,
}

#[derive(Args, Debug)]
pub(crate) struct PowerArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    #[command(flatten)]
    pub(crate) pace: PaceArgs,
    /// Seconds that a guest has to shut down
    #[arg(long, help_heading = "Pace", value_name = "SECONDS", default_value_t = 60, value_parser = seconds())]
    pub(crate) shutdown_timeout: u64,
    /// Cut the power of a guest that does not shut down in time
    #[arg(long, help_heading = "Consent")]
    pub(crate) force: bool,
    /// Go on with the other VMs if some are blocked, and exit with 3
    #[arg(long, help_heading = "Consent")]
    pub(crate) skip_blocked: bool,
}

#[derive(Args, Debug)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// Also check what `apply --wait` needs for this
    #[arg(long, value_enum, value_name = "WHAT", default_value_t, help_heading = "Waiting")]
    pub(crate) wait: WaitFor,
}

#[derive(Args, Debug)]
pub(crate) struct PrivilegesArgs {
    /// Read a document on stdin, and print what its VMs need and no more
    #[arg(long, help_heading = "Input")]
    pub(crate) document: bool,
    /// Also print what `apply --wait` needs for this
    #[arg(long, value_enum, value_name = "WHAT", default_value_t, help_heading = "Waiting")]
    pub(crate) wait: WaitFor,
    /// User that the token belongs to [default: that of the document's `api_token`, or iac@pve]
    #[arg(long, help_heading = "Output", value_name = "USER@REALM", value_parser = user)]
    pub(crate) user: Option<String>,
    /// Name of the token [default: that of the document's `api_token`, or pipeline]
    #[arg(long, help_heading = "Output", value_name = "NAME", value_parser = token_name)]
    pub(crate) token: Option<String>,
}

/// Returns whether stdout is a terminal.
pub(crate) fn stdout_is_terminal(console: &Console) -> bool {
    !console.writes_file() && std::io::stdout().is_terminal()
}

fn user(text: &str) -> Result<String, String> {
    let must = || format!("must be {}", api_token::USER_FORM);
    api_token::is_user(text).then(|| text.to_owned()).ok_or_else(must)
}

fn token_name(text: &str) -> Result<String, String> {
    let must = || format!("must be {}", api_token::TOKEN_NAME_FORM);
    api_token::is_token_name(text).then(|| text.to_owned()).ok_or_else(must)
}

/// What `NO_COLOR` holds.
pub(crate) fn no_color() -> Option<OsString> {
    variable("NO_COLOR")
}

/// Returns the directory for locks between runs on this machine, if there is one.
pub(crate) fn state_folder() -> Option<PathBuf> {
    let folder = |value: Option<OsString>| value.map(PathBuf::from).filter(|p| p.is_absolute());
    let home = || Some(folder(variable("HOME"))?.join(".local/state"));
    let state = folder(variable("XDG_STATE_HOME")).or_else(home)?;
    Some(state.join("pve-pipeline"))
}
