//! Arguments. DOOR: the environment is read here and nowhere else.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use pve_client::Proxies;
use stage::{ConsoleArgs, OwnArgs, TrustArgs, variable};

use crate::manual::MANUAL;

/// Publish the document's images on Proxmox VE storage: complete, once and verified
///
/// Without a command it is a filter: it reads the document on stdin, makes sure that the `image_datastore`
/// of each node has the images that its VMs name as content `import`, sets `images`, and prints the document.
/// For VMs that are cloned (`create: clone`), it also makes a template of each image, and sets `templates`; with
/// --local-dir it does not.
#[derive(Parser, Debug)]
#[command(
    name = "image-publish",
    version = stage::VERSION,
    color = clap::ColorChoice::Never,
    max_term_width = 100,
    after_long_help = MANUAL.help()
)]
pub struct Cli {
    #[command(flatten)]
    pub(crate) filter: OwnArgs<FilterArgs>,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    console: ConsoleArgs,
}

impl AsRef<ConsoleArgs> for Cli {
    fn as_ref(&self) -> &ConsoleArgs {
        &self.console
    }
}

/// How the commands that work without a document find the storage.
const WITHOUT_DOCUMENT: &str = "The document on stdin names the storage. Without a document, use --endpoint and \
    --node (or set PVE_ENDPOINT and PVE_NODE), and the API token in PVE_API_TOKEN or --token-file; on a PVE host, --local-dir is \
    enough. Options take precedence over the document, and the document over the environment.\n\n\
    Example: PVE_API_TOKEN=… image-publish list --endpoint https://pve1:8006 --node pve1";

/// The commands; without one, the tool is a filter.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Publish files or URLs
    #[command(after_help = WITHOUT_DOCUMENT)]
    Publish(PublishArgs),
    /// List the images on the storage, and their templates on the nodes
    #[command(after_help = WITHOUT_DOCUMENT)]
    List(ListArgs),
    /// Compare the document's images on the storage with their checksums
    Verify(VerifyArgs),
    /// Remove images by volume ID, or by name with all their versions and templates
    #[command(after_help = WITHOUT_DOCUMENT)]
    Remove(RemoveArgs),
    /// Remove old versions that the document's VMs no longer use, and their templates
    Prune(PruneArgs),
}

/// Options of the commands that need the document: the filter, `verify` and `prune`.
#[derive(Args, Debug)]
pub(crate) struct DocumentArgs {
    #[command(flatten)]
    pub(crate) source: SourceArgs,
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
    #[command(flatten)]
    pub(crate) trust: TrustArgs,
}

/// Options of the filter.
#[derive(Args, Debug)]
pub(crate) struct FilterArgs {
    #[command(flatten)]
    pub(crate) document: DocumentArgs,
    #[command(flatten)]
    pub(crate) refresh: RefreshArgs,
}

/// How current checksums from web servers must be.
#[derive(Args, Debug)]
pub(crate) struct RefreshArgs {
    /// When to fetch lists of checksums
    #[arg(long, value_enum, value_name = "WHEN", default_value_t, help_heading = "Images")]
    pub(crate) refresh: Refresh,
}

/// When checksum lists are fetched from web servers.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Refresh {
    /// Only if the storage has no image with the last known checksum; if the server does not answer,
    /// use the last known checksum
    #[default]
    Missing,
    /// In each run; a server that does not answer is an error
    Always,
    /// Never; use known checksums only
    Never,
    /// Like `Always`, for a command without the option.
    #[value(skip)]
    Required,
}

/// Where and how images are read.
#[derive(Args, Debug)]
#[command(next_help_heading = "Images")]
pub(crate) struct SourceArgs {
    /// Directory of images that have no source
    ///
    /// An image is DIR/NAME/NAME.qcow2, its checksum DIR/NAME/NAME.qcow2.sha256.
    #[arg(
        long,
        value_name = "DIR",
        env = "IMAGE_DIR",
        hide_env_values = true,
        default_value = "images"
    )]
    pub(crate) image_dir: PathBuf,
    /// Directory of the image cache and downloaded files
    ///
    /// [default: $XDG_CACHE_HOME/pve-pipeline, or ~/.cache/pve-pipeline]
    #[arg(long, value_name = "DIR", env = "PVE_PIPELINE_CACHE", hide_env_values = true)]
    cache_dir: Option<PathBuf>,
    /// Compress local images first, if qemu-img is installed
    #[arg(long)]
    pub(crate) compress: bool,
    /// Retries after a lost connection or a busy server
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub(crate) retries: u32,
}

impl SourceArgs {
    /// Returns the cache directory; `None` without a home directory.
    pub(crate) fn cache_folder(&self) -> Option<PathBuf> {
        let usual = || {
            let base = variable("XDG_CACHE_HOME").map(PathBuf::from);
            let base = base.or_else(|| Some(PathBuf::from(variable("HOME")?).join(".cache")))?;
            Some(base.join("pve-pipeline"))
        };
        let given = self.cache_dir.clone().filter(|folder| !folder.as_os_str().is_empty());
        given.or_else(usual)
    }
}

/// Returns the HTTP proxies in the environment.
pub(crate) fn proxies() -> Proxies {
    Proxies::from_variables(|name| variable(name)?.into_string().ok())
}

/// Where images are published.
#[derive(Args, Debug)]
#[command(next_help_heading = "Target")]
pub(crate) struct PlaceArgs {
    /// Write to this directory of the storage instead of using the API
    ///
    /// For a run on the PVE host itself. The directory of the storage `local` is /var/lib/vz.
    #[arg(long, value_name = "DIR")]
    pub(crate) local_dir: Option<PathBuf>,
    /// Show what would be done, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// Which storage to work on, in place of the document on stdin.
#[derive(Args, Debug)]
#[command(next_help_heading = "Connection (in place of a document on stdin)")]
pub(crate) struct ConnectArgs {
    /// URL of the PVE API; stdin is then not read [env: PVE_ENDPOINT]
    #[arg(long, value_name = "URL", conflicts_with = "local_dir")]
    pub(crate) endpoint: Option<String>,
    /// Node that has the storage; with a document, only this one of its nodes [env: PVE_NODE]
    #[arg(long, value_name = "NAME")]
    pub(crate) node: Option<String>,
    /// File that holds the API token [default: $PVE_API_TOKEN]
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Storage [default: that of the document or its node, or local]
    #[arg(long, value_name = "NAME")]
    pub(crate) storage: Option<String>,
    #[command(flatten)]
    pub(crate) trust: TrustArgs,
}

/// The connection settings in the environment. An empty variable counts as unset.
///
/// The token is never an argument, because other users can read those.
#[derive(Default)]
pub(crate) struct Environment {
    /// `PVE_ENDPOINT`.
    pub(crate) endpoint: Option<String>,
    /// `PVE_NODE`.
    pub(crate) node: Option<String>,
    /// `PVE_API_TOKEN`.
    pub(crate) token: Option<String>,
}

impl Environment {
    /// Reads the variables.
    pub(crate) fn read() -> Self {
        let text = |value: OsString| value.into_string().ok();
        Self {
            endpoint: variable("PVE_ENDPOINT").and_then(text),
            node: variable("PVE_NODE").and_then(text),
            token: variable("PVE_API_TOKEN").and_then(text),
        }
    }
}

/// The content type under which an image is stored.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    /// For disks of VMs
    Import,
    /// For CD drives only; PVE cannot create disks from it
    Iso,
}

/// Options of `publish`.
#[derive(Args, Debug)]
pub(crate) struct PublishArgs {
    /// Files or URLs to publish
    #[arg(required = true, value_name = "FILE|URL")]
    pub(crate) what: Vec<String>,
    /// Name of the image, if there is one file
    ///
    /// [default: the file's name without extensions]
    #[arg(long, help_heading = "Images")]
    pub(crate) name: Option<String>,
    /// Checksum that the one file must have: sha256:HEX or sha512:HEX
    #[arg(long, value_name = "SUM", help_heading = "Images")]
    pub(crate) checksum: Option<String>,
    /// Content type of the images
    #[arg(long, value_enum, default_value = "import", help_heading = "Images")]
    pub(crate) content: Content,
    /// Print the result as JSON
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) refresh: RefreshArgs,
    #[command(flatten)]
    pub(crate) source: SourceArgs,
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
    #[command(flatten)]
    pub(crate) connect: ConnectArgs,
}

/// Options of `list`.
#[derive(Args, Debug)]
pub(crate) struct ListArgs {
    /// Print the result as JSON
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
    /// Read this directory of the storage instead of using the API
    #[arg(long, value_name = "DIR", help_heading = "Target")]
    pub(crate) local_dir: Option<PathBuf>,
    /// Accepted for uniformity; `list` changes nothing anyway
    #[arg(long, help_heading = "Target")]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) connect: ConnectArgs,
}

/// Options of `verify`.
#[derive(Args, Debug)]
pub(crate) struct VerifyArgs {
    /// Print the result as JSON
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) refresh: RefreshArgs,
    #[command(flatten)]
    pub(crate) document: DocumentArgs,
}

/// Options of `remove`.
#[derive(Args, Debug)]
pub(crate) struct RemoveArgs {
    /// Volume IDs, or names for all versions of an image
    #[arg(required = true, value_name = "VOLID|NAME")]
    pub(crate) what: Vec<String>,
    /// Also remove images that the document's VMs use, and templates that nothing depends on
    #[arg(long, help_heading = "Selection")]
    pub(crate) force: bool,
    /// Print the result as JSON
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
    #[command(flatten)]
    pub(crate) connect: ConnectArgs,
}

/// Options of `prune`.
#[derive(Args, Debug)]
pub(crate) struct PruneArgs {
    /// Also prune images that the document does not name
    ///
    /// Other deployments may use them.
    #[arg(long, help_heading = "Selection")]
    pub(crate) all: bool,
    /// Number of newest versions of each name to keep; of templates, on each node and storage
    #[arg(long, value_name = "N", default_value_t = 2, help_heading = "Selection")]
    pub(crate) keep: usize,
    /// Keep versions that are at most this many days old
    #[arg(long, value_name = "DAYS", default_value_t = 30, help_heading = "Selection")]
    pub(crate) older_than: u32,
    /// Print the result as JSON
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) document: DocumentArgs,
}
