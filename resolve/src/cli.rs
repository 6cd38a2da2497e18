//! The command line. DOOR: the environment is read here and nowhere else.

use crate::load::Environment;
use crate::selection::{AdHocVm, DocumentOptions, Selection, VmSource};
use clap::{ArgGroup, Args, Parser, Subcommand};
use stage::{ConsoleArgs, OwnArgs};
use std::path::PathBuf;

/// Resolves a site's YAML into one document, for the stages that follow.
#[derive(Clone, Debug, Parser)]
#[command(name = "resolve", version, after_help = AFTER_HELP)]
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

const AFTER_HELP: &str = "\
The site is looked for in this order: --site, HOMESTAK_SITE_CONFIG, HOMESTAK_ETC,
HOMESTAK_ROOT/config, ../site-config, /usr/local/etc/homestak, /opt/homestak/site-config,
~/config.

Exit codes: 0 done; 1 the site cannot be used; 2 the command line is wrong.";

/// Where the site is.
#[derive(Args, Clone, Debug, Default)]
pub struct SiteArgs {
    /// The site's folder.
    #[arg(long, value_name = "DIR", global = true)]
    pub site: Option<PathBuf>,
}

/// Which machines on which node.
#[derive(Args, Clone, Debug, Default)]
#[command(group = ArgGroup::new("what").args(["env", "manifest", "manifest_file", "vm"]))]
pub struct SelectArgs {
    /// The env: envs/NAME.yaml.
    #[arg(long, value_name = "NAME")]
    pub env: Option<String>,
    /// The manifest: manifests/NAME.yaml.
    #[arg(long, value_name = "NAME")]
    pub manifest: Option<String>,
    /// A manifest outside the site.
    #[arg(long, value_name = "FILE")]
    pub manifest_file: Option<String>,
    /// One VM that no file describes.
    #[arg(long, value_name = "NAME")]
    pub vm: Option<String>,
    /// The node: nodes/NAME.yaml. Not needed when there is only one, or when the env or
    /// manifest names its `node`.
    #[arg(long, visible_alias = "host", value_name = "NAME")]
    pub node: Option<String>,
    /// The deployment's name, so that one env or manifest can exist twice [default: the name of
    /// the env or manifest].
    #[arg(long, value_name = "NAME", conflicts_with = "vm")]
    pub deployment: Option<String>,
    /// The children of this nested PVE node of the manifest, for a pipe that runs against it.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["env", "vm"])]
    pub parent: Option<String>,
    /// The PVE API, instead of the node's `api_endpoint`; for a tunnel.
    #[arg(long, value_name = "URL")]
    pub endpoint: Option<String>,
    /// Leave secrets out, so that the document can be shown and compared.
    #[arg(long)]
    pub no_secrets: bool,
    /// The VM's own fields.
    #[command(flatten)]
    pub machine: MachineArgs,
}

/// The fields of `--vm`.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "With --vm")]
pub struct MachineArgs {
    /// The preset that it begins with.
    #[arg(long, value_name = "NAME", requires = "vm", conflicts_with_all = ["env", "manifest", "manifest_file"])]
    pub preset: Option<String>,
    /// Its image.
    #[arg(long, value_name = "NAME", requires = "vm", conflicts_with_all = ["env", "manifest", "manifest_file"])]
    pub image: Option<String>,
    /// Its vmid; absent: the first free one of `vmid_range`.
    #[arg(long, value_name = "N", requires = "vm", conflicts_with_all = ["env", "manifest", "manifest_file"])]
    pub vmid: Option<String>,
    /// Its spec.
    #[arg(long, value_name = "NAME", requires = "vm", conflicts_with_all = ["env", "manifest", "manifest_file"])]
    pub spec: Option<String>,
    /// Its address: dhcp or CIDR.
    #[arg(long, value_name = "IP", requires = "vm", conflicts_with_all = ["env", "manifest", "manifest_file"])]
    pub ip: Option<String>,
    /// Its gateway.
    #[arg(long, value_name = "IP", requires = "vm", conflicts_with_all = ["env", "manifest", "manifest_file"])]
    pub gateway: Option<String>,
    /// Its bridge.
    #[arg(long, value_name = "NAME", requires = "vm", conflicts_with_all = ["env", "manifest", "manifest_file"])]
    pub bridge: Option<String>,
    /// Its boot disk in GiB.
    #[arg(long, value_name = "GIB", requires = "vm", conflicts_with_all = ["env", "manifest", "manifest_file"])]
    pub disk: Option<String>,
}

/// What else resolve can do.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Say where each value of a VM comes from, or of the document's head.
    Explain {
        /// A VM, what lies at a path of it, such as db1.net1.tag, or a field of the document, such
        /// as datastore.
        #[arg(value_name = "VM[.PATH]|FIELD")]
        target: String,
        /// As JSON.
        #[arg(long)]
        json: bool,
        /// What to resolve.
        #[command(flatten)]
        select: Box<SelectArgs>,
    },
    /// Check the whole site: each file, and each env and manifest on each node.
    Check {
        /// Leave secrets.yaml alone.
        #[arg(long)]
        no_secrets: bool,
    },
    /// Show what the site holds.
    List {
        /// Only this kind.
        #[arg(value_parser = ["env", "manifest", "node", "preset", "template", "spec", "posture", "host"])]
        kind: Option<String>,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Print the variables for ansible.
    AnsibleVars {
        /// The posture; absent: that of the env, or dev.
        #[arg(long, value_name = "NAME")]
        posture: Option<String>,
        /// The env.
        #[arg(long, value_name = "NAME")]
        env: Option<String>,
    },
    /// Print a spec with its references resolved.
    Spec {
        /// The spec: specs/NAME.yaml.
        name: String,
    },
    /// Print the JSON Schema of a kind of files, for editors.
    Schema {
        /// The kind.
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
    pub fn selection(self) -> Option<Selection> {
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
        let options = DocumentOptions {
            parent: self.parent,
            endpoint: self.endpoint,
            secrets: !self.no_secrets,
        };
        Some(Selection { source, node: self.node, deployment: self.deployment, options })
    }
}

/// What the environment says of the site's place.
#[expect(clippy::disallowed_methods, reason = "door: the environment is read here")]
pub fn environment() -> Environment {
    let path = |name| std::env::var_os(name).map(PathBuf::from);
    Environment {
        site_config: path("HOMESTAK_SITE_CONFIG"),
        etc: path("HOMESTAK_ETC"),
        root: path("HOMESTAK_ROOT"),
        home: path("HOME"),
    }
}
