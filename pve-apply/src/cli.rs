//! Arguments of `pve-apply`. DOOR: the environment is read here and nowhere else.

mod list;

pub(crate) use list::{InventoryArgs, StatusArgs};

use crate::desired::OnError;
use clap::{Args, Parser, Subcommand, ValueEnum};
use pve_client::Vmid;
use stage::api_token;
use stage::identity::{SITE_NAME, is_site_name};
use stage::{Console, ConsoleArgs, TrustArgs};
use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::PathBuf;

/// Makes the document's VMs on Proxmox VE, changes them in place, destroys them.
///
/// The document is read on stdin. A VM is ours when it carries the tag `pve-pipeline` and a line in its
/// description that names this site, this deployment, its own vmid and its own uuid; nothing else is
/// ever touched, a clone or a restored copy of our own VMs neither.
#[derive(Debug, Parser)]
// Here `-o` is the output format of `status`, as kubectl has it.
#[command(name = "pve-apply", version, max_term_width = 100, mut_arg("output", |arg| arg.short(None)))]
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
    /// Give up VMs that are ours: remove our mark and our tag, and change nothing else
    Release(ReleaseArgs),
    /// Print VMs that are there as an env, to be adopted; change nothing
    Export(ExportArgs),
    /// Start those of the document's VMs that do not run
    Start(PowerArgs),
    /// Shut down those of the document's VMs that run
    Stop(PowerArgs),
    /// Reboot those of the document's VMs that run, which brings pending values into force
    Reboot(PowerArgs),
    /// Wait until the document's VMs answer, and print their addresses
    Wait(WaitCommandArgs),
    /// List the deployment's VMs: power, addresses, drift; change nothing
    Status(StatusArgs),
    /// Print the VMs as a dynamic inventory for Ansible; change nothing
    Inventory(InventoryArgs),
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
    /// Take disks, and NICs of running VMs, off the VM once nothing says them any more; a disk stays
    /// as an unused one, with its data
    #[arg(long)]
    pub(crate) allow_detach: bool,
    /// Move disks to the storage that the YAML says
    #[arg(long)]
    pub(crate) allow_move: bool,
    /// Write changes that need a reboot, and leave the reboot to you
    #[arg(long, conflicts_with_all = ["allow_reboot", "allow_stop"])]
    pub(crate) pending: bool,
    /// Give VMs whose cloud-init data has changed the new data
    #[arg(long)]
    pub(crate) reseed: bool,
    /// How long a guest has to shut down
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = seconds())]
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
    #[command(flatten)]
    pub(crate) trust: TrustArgs,
    /// Only this VM of the document; may be repeated
    #[arg(long = "vm", value_name = "NAME")]
    pub(crate) vms: Vec<String>,
    /// Only the VMs of the document that have this tag; may be repeated, and adds to --vm
    #[arg(long = "tag", value_name = "TAG")]
    pub(crate) tags: Vec<String>,
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
    /// Print the plan as JSON instead of text; it contains the seed data, and so the tokens in it
    #[arg(long)]
    pub(crate) json: bool,
    /// Write the plan as JSON to a file that only you can read, for `apply --plan`; `-` is stdout
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Exit with 4 when there are changes; 1 still means that something is blocked
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

#[derive(Args, Clone, Debug)]
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
    #[arg(long, value_name = "FILE", conflicts_with_all = ["allow_reboot", "allow_stop", "allow_detach", "allow_move", "pending", "reseed", "vms", "tags", "prune"])]
    pub(crate) plan: Option<PathBuf>,
    /// Also destroy the VMs of this deployment that left the document
    #[arg(long, conflicts_with_all = ["vms", "tags"])]
    pub(crate) prune: bool,
    /// Destroy what --prune finds without asking, for scripts
    #[arg(long, requires = "prune")]
    pub(crate) yes: bool,
    /// Do what can be done when something about other VMs is blocked, and exit with 3
    #[arg(long)]
    pub(crate) skip_blocked: bool,
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
    /// The guest agent, and from it the addresses that the document says: each fixed one, and one for
    /// each NIC with DHCP
    Agent,
    /// An SSH server at the VM's address; the agent tells the address where the document does not fix it
    Ssh,
    /// The end of cloud-init's work at this boot, without an error, and then as `agent`
    CloudInit,
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
    /// Only the VM with this vmid, which must be ours: it chooses between VMs of one name; may be repeated
    #[arg(long = "vmid", value_name = "VMID", conflicts_with_all = ["vms", "tags"], value_parser = vmid)]
    pub(crate) vmids: Vec<Vmid>,
    /// Also destroy the VMs of this deployment that left the document
    #[arg(long, conflicts_with_all = ["vms", "tags", "vmids"])]
    pub(crate) prune: bool,
    /// Destroy the others when something about a VM is blocked, and exit with 3
    #[arg(long)]
    pub(crate) skip_blocked: bool,
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
    /// Take over VMs of a site of this name too: the name that this site had before
    #[arg(long, value_name = "SITE", value_parser = site_name)]
    pub(crate) from_site: Option<String>,
    /// Only show what differs
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Args, Debug)]
pub(crate) struct ReleaseArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    #[command(flatten)]
    pub(crate) pace: PaceArgs,
    /// Only show what would be removed
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Args, Debug)]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    pub(crate) trust: TrustArgs,
    /// The VMs, by vmid or by their name in PVE; any document tells where PVE is
    #[arg(required = true, value_name = "VM")]
    pub(crate) vms: Vec<String>,
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
    /// Do the others when something about a VM is blocked, and exit with 3
    #[arg(long)]
    pub(crate) skip_blocked: bool,
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
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// Also check what `apply` needs to wait for this
    #[arg(long, value_enum, value_name = "WHAT", default_value_t)]
    pub(crate) wait: WaitFor,
}

#[derive(Args, Debug)]
pub(crate) struct PrivilegesArgs {
    /// Read the document on stdin, and print what its VMs need and no more
    #[arg(long)]
    pub(crate) document: bool,
    /// Also what `apply` needs to wait for this
    #[arg(long, value_enum, value_name = "WHAT", default_value_t)]
    pub(crate) wait: WaitFor,
    /// The user that the token belongs to [default: with --document that of its `api_token`, else iac@pve]
    #[arg(long, value_name = "USER@REALM", value_parser = user)]
    pub(crate) user: Option<String>,
    /// The token's name [default: with --document that of its `api_token`, else pipeline]
    #[arg(long, value_name = "NAME", value_parser = token_name)]
    pub(crate) token: Option<String>,
}

/// Returns whether what goes to stdout is watched on a terminal.
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
#[expect(clippy::disallowed_methods, reason = "door: the environment is read here")]
pub(crate) fn no_color() -> Option<OsString> {
    std::env::var_os("NO_COLOR")
}

/// Where what runs on this machine know of each other is kept; `None`: there is no such place.
#[expect(clippy::disallowed_methods, reason = "door: the environment is read here")]
pub(crate) fn state_folder() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|p| p.is_absolute());
    let state = folder("XDG_STATE_HOME").or_else(|| Some(folder("HOME")?.join(".local/state")))?;
    Some(state.join("pve-pipeline"))
}
