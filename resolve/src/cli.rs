//! The command line. DOOR: the environment is read here and nowhere else.

use crate::command::ListKind;
use crate::load::Environment;
use crate::manual::MANUAL;
use crate::selection::{AdHocVm, Choice, DocumentOptions, Selection, VmSource};
use clap::{ArgGroup, Args, Parser, Subcommand};
use stage::{Console, ConsoleArgs, OwnArgs, variable};
use std::ffi::OsString;
use std::path::PathBuf;

/// Resolve a site's YAML into one document for the stages that follow
///
/// Reads the site's folder, works out every value of every selected VM, and prints the document as
/// JSON. The other tools of the pipe read only this document.
#[derive(Clone, Debug, Parser)]
#[command(name = "resolve", version = stage::VERSION, max_term_width = 100, after_long_help = MANUAL.help())]
pub struct Cli {
    /// What to resolve.
    #[command(flatten)]
    pub select: OwnArgs<SelectArgs>,
    /// What to do instead of printing a document.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The site.
    #[command(flatten)]
    pub site: SiteArgs,
    /// Messages.
    #[command(flatten)]
    pub console: ConsoleArgs,
}

/// Where the site is.
#[derive(Args, Clone, Debug, Default)]
pub struct SiteArgs {
    /// Directory of the site
    ///
    /// Without this option, resolve uses the first of: $HOMESTAK_SITE_CONFIG, $HOMESTAK_ETC,
    /// $HOMESTAK_ROOT/config, ../site-config, /usr/local/etc/homestak, /opt/homestak/site-config,
    /// ~/config.
    #[arg(long, value_name = "DIR", global = true, help_heading = "Site")]
    pub site: Option<PathBuf>,
}

/// Which machines on which node.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Selection")]
#[command(group = ArgGroup::new("what").args(["env", "manifest", "manifest_file", "vm"]))]
pub struct SelectArgs {
    /// Resolve the env envs/NAME.yaml
    #[arg(long, value_name = "NAME")]
    pub env: Option<String>,
    /// Resolve the manifest manifests/NAME.yaml
    #[arg(long, value_name = "NAME")]
    pub manifest: Option<String>,
    /// Resolve a manifest outside the site
    #[arg(long, value_name = "FILE")]
    pub manifest_file: Option<String>,
    /// Resolve one ad-hoc VM of this name, which no file describes
    #[arg(long, value_name = "NAME")]
    pub vm: Option<String>,
    /// Node nodes/NAME.yaml to use
    ///
    /// VMs with a `node` of their own are on that one instead.
    /// [default: the `node` of the env or manifest, that of its first VM if every VM has one, or else
    /// the only node of the site]
    #[arg(
        long,
        visible_alias = "host",
        value_name = "NAME",
        env = "PVE_NODE",
        hide_env_values = true
    )]
    pub node: Option<String>,
    /// Name of the deployment [default: the name of the env or manifest]
    ///
    /// With different names, VMs of one env or manifest can exist more than once.
    #[arg(long, value_name = "NAME", conflicts_with = "vm")]
    pub deployment: Option<String>,
    /// Resolve the children of this nested PVE node of the manifest
    ///
    /// The document is for a pipe that runs against the nested node.
    /// $PVE_NODE and $PVE_ENDPOINT are ignored, because they name the outer node.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["env", "vm"])]
    pub parent: Option<String>,
    /// URL of the PVE API, such as a tunnel's
    ///
    /// [default: the node's `api_endpoint`]
    #[arg(
        long,
        value_name = "URL",
        env = "PVE_ENDPOINT",
        hide_env_values = true,
        help_heading = "Connection"
    )]
    pub endpoint: Option<String>,
    /// URL of the spec server from which the VMs set themselves up, or empty for none
    ///
    /// [default: the site's `server_url`]
    /// In a run on a nested PVE node, $HOMESTAK_SERVER names the server that is nearest to its VMs.
    #[arg(
        long,
        value_name = "URL",
        env = "HOMESTAK_SERVER",
        hide_env_values = true,
        help_heading = "Connection"
    )]
    pub spec_server: Option<String>,
    /// Leave secrets out, so that the document can be shown and compared
    #[arg(long, help_heading = "Output")]
    pub no_secrets: bool,
    /// The VM's own fields.
    #[command(flatten)]
    pub machine: MachineArgs,
}

/// The options that select VMs which a file describes.
// A group of the fields would say it once as well, but then clap's error lists all eight.
const OTHER_SOURCES: [&str; 3] = ["env", "manifest", "manifest_file"];

/// The fields of `--vm`.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Ad-hoc VM (with --vm)")]
pub struct MachineArgs {
    /// Preset to start from
    #[arg(long, value_name = "NAME", requires = "vm", conflicts_with_all = OTHER_SOURCES)]
    pub preset: Option<String>,
    /// Image of the boot disk
    #[arg(long, value_name = "NAME", requires = "vm", conflicts_with_all = OTHER_SOURCES)]
    pub image: Option<String>,
    /// VM ID [default: the first free ID of the site's `vmid_range`]
    #[arg(long, value_name = "N", requires = "vm", conflicts_with_all = OTHER_SOURCES)]
    pub vmid: Option<String>,
    /// Spec that the VM fetches with its token
    #[arg(long, value_name = "NAME", requires = "vm", conflicts_with_all = OTHER_SOURCES)]
    pub spec: Option<String>,
    /// Address: `dhcp`, or an address with its prefix such as 10.0.0.7/24
    #[arg(long, value_name = "IP", requires = "vm", conflicts_with_all = OTHER_SOURCES)]
    pub ip: Option<String>,
    /// Gateway
    #[arg(long, value_name = "IP", requires = "vm", conflicts_with_all = OTHER_SOURCES)]
    pub gateway: Option<String>,
    /// Bridge or VNet of the first NIC
    #[arg(long, value_name = "NAME", requires = "vm", conflicts_with_all = OTHER_SOURCES)]
    pub bridge: Option<String>,
    /// Size of the boot disk in GiB
    #[arg(long, value_name = "GIB", requires = "vm", conflicts_with_all = OTHER_SOURCES)]
    pub disk: Option<String>,
}

/// Where a new site is written, and what is known of it already.
#[derive(Args, Clone, Debug, Default)]
pub struct InitArgs {
    /// Directory of the new site [default: that of --site, or the current directory]
    #[arg(value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Name of the PVE node [default: PVE_NODE, or pve1]
    #[arg(long, value_name = "NAME", help_heading = "Selection")]
    pub node: Option<String>,
    /// URL of the PVE API [default: PVE_ENDPOINT, or one for you to edit]
    #[arg(long, value_name = "URL", help_heading = "Connection")]
    pub endpoint: Option<String>,
    /// Your SSH public key, for the VMs [default: ~/.ssh/id_ed25519.pub, id_ecdsa.pub or id_rsa.pub]
    #[arg(long, value_name = "FILE", help_heading = "Input")]
    pub ssh_key: Option<PathBuf>,
}

/// The environment of a new site; an empty variable is unset.
#[derive(Clone, Debug, Default)]
pub struct InitEnvironment {
    /// `PVE_NODE`.
    pub node: Option<String>,
    /// `PVE_ENDPOINT`.
    pub endpoint: Option<String>,
    /// `HOME`, where the user's SSH key is.
    pub home: Option<PathBuf>,
}

/// What else resolve can do.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Write a new site with one VM: four files to edit
    ///
    /// The site gets a random name and a new signing key. Nothing is overwritten.
    Init(InitArgs),
    /// Explain where each value of a VM, a network or the document's head comes from
    Explain {
        /// A VM or network, a path within it such as db1.net1.tag or lab.lan.tag, or a field of the
        /// document such as datastore
        #[arg(value_name = "VM[.PATH]|NETWORK[.PATH]|FIELD")]
        target: String,
        /// Print JSON
        #[arg(long, help_heading = "Output")]
        json: bool,
        /// What to resolve.
        #[command(flatten)]
        select: Box<SelectArgs>,
    },
    /// Check the whole site: each file, each env and manifest on each node, and these together
    Check {
        /// Treat warnings as errors
        #[arg(long, help_heading = "Output")]
        strict: bool,
        /// Check without secrets.yaml
        #[arg(long, help_heading = "Output")]
        no_secrets: bool,
    },
    /// List what the site holds
    List {
        /// Kind to list; the plural works too [default: every kind of file]
        #[arg(value_enum)]
        kind: Option<ListKind>,
        /// Only VMs or tiers of manifests/NAME.yaml
        #[arg(long, value_name = "NAME", help_heading = "Selection")]
        manifest: Option<String>,
        /// Print JSON
        #[arg(long, help_heading = "Output")]
        json: bool,
        /// Print names only, one per line
        #[arg(long, conflicts_with = "json", help_heading = "Output")]
        names: bool,
    },
    /// Print the variables for Ansible as JSON
    AnsibleVars {
        /// Posture to use [default: that of the env, or dev]
        #[arg(long, value_name = "NAME", help_heading = "Selection")]
        posture: Option<String>,
        /// Env to use
        #[arg(long, value_name = "NAME", help_heading = "Selection")]
        env: Option<String>,
    },
    /// Print a spec as JSON, with its references resolved
    Spec {
        /// Spec specs/NAME.yaml to print
        name: String,
    },
    /// Print the JSON Schema of a kind of file, for editors
    Schema {
        /// Kind of file
        #[arg(value_parser = clap::builder::PossibleValuesParser::new(crate::schema_kinds()))]
        kind: String,
    },
}

impl AsRef<ConsoleArgs> for Cli {
    fn as_ref(&self) -> &ConsoleArgs {
        &self.console
    }
}

impl SelectArgs {
    /// The selection, when one is made.
    pub fn selection(self, console: &Console) -> Option<Selection> {
        // With --parent, variables name the outer node, which its children must not go to.
        let nested = self.parent.is_some();
        let choice = |option: &str, value: Option<String>| {
            let variable = console.variable_of(option);
            let value = value.filter(|_| !(nested && variable.is_some()))?;
            Some(Choice { value, by: variable.unwrap_or(option).to_owned() })
        };
        let node = choice("--node", self.node);
        let endpoint = choice("--endpoint", self.endpoint);
        // This one does not name a node: children use it like their parents.
        let by = console.variable_of("--spec-server").unwrap_or("--spec-server");
        let spec_server = self.spec_server.map(|value| Choice { value, by: by.to_owned() });
        let m = self.machine;
        let source = match (self.env, self.manifest, self.manifest_file, self.vm) {
            (Some(name), ..) => VmSource::Env(name),
            (_, Some(name), ..) => VmSource::Manifest(name),
            (_, _, Some(path), _) => VmSource::ManifestFile(path),
            (.., Some(name)) => {
                let values = [
                    ("vm_preset", m.preset),
                    ("image", m.image),
                    ("vmid", m.vmid),
                    ("spec", m.spec),
                    ("ip", m.ip),
                    ("gateway", m.gateway),
                    ("bridge", m.bridge),
                    ("disk", m.disk),
                ];
                let values = values.into_iter().filter_map(|(key, value)| Some((key, value?)));
                VmSource::CommandLine(AdHocVm { name, values: values.collect() })
            }
            _ => return None,
        };
        let secrets = !self.no_secrets;
        let options = DocumentOptions { parent: self.parent, endpoint, spec_server, secrets };
        Some(Selection { source, node, deployment: self.deployment, options })
    }
}

/// What the environment says of the site's place.
pub fn environment() -> Environment {
    Environment {
        site_config: variable("HOMESTAK_SITE_CONFIG").map(PathBuf::from),
        etc: variable("HOMESTAK_ETC").map(PathBuf::from),
        root: variable("HOMESTAK_ROOT").map(PathBuf::from),
        home: variable("HOME").map(PathBuf::from),
    }
}

/// What the environment says of a new site.
pub fn init_environment() -> InitEnvironment {
    let text = |value: OsString| value.into_string().ok();
    InitEnvironment {
        node: variable("PVE_NODE").and_then(text),
        endpoint: variable("PVE_ENDPOINT").and_then(text),
        home: environment().home,
    }
}
