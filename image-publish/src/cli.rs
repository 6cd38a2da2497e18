//! Arguments. DOOR: the environment is read here and nowhere else.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use pve_client::Proxies;
use stage::{ConsoleArgs, OwnArgs, TrustArgs};

/// Brings the document's images onto Proxmox VE storage, whole, once and verified.
///
/// Without a command it is a filter: it reads the document on stdin, makes sure that each image that a VM
/// names is on `image_datastore` as content `import`, fills `images`, and prints the document.
#[derive(Parser, Debug)]
#[command(
    name = "image-publish",
    version,
    color = clap::ColorChoice::Never,
    after_help = "Exit codes: 0 done; 1 the input cannot be used, or nothing was changed; 2 the command line is wrong; \
                  3 stopped part-way, something was changed or may have been.\n\
                  Images are fetched through the HTTP proxy that https_proxy, http_proxy, all_proxy and no_proxy name; \
                  PVE is asked directly."
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

/// Where the commands that need no document get the storage from.
const WITHOUT_DOCUMENT: &str = "The document on stdin names the storage. Without a document, give --endpoint and --node \
    (or set PVE_ENDPOINT and PVE_NODE), and the API token in PVE_API_TOKEN or --token-file; on a PVE host, --local-dir is \
    enough. Options take precedence over the document, and the document over the environment.\n\n\
    Example: PVE_API_TOKEN=… image-publish list --endpoint https://pve1:8006 --node pve1";

/// What to do other than to filter a document.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Publish files or URLs.
    #[command(after_help = WITHOUT_DOCUMENT)]
    Publish(PublishArgs),
    /// List the images on the storage.
    #[command(after_help = WITHOUT_DOCUMENT)]
    List(ListArgs),
    /// Compare the document's images on the storage with their sums.
    Verify(VerifyArgs),
    /// Remove images: volids, or names with all their versions.
    #[command(after_help = WITHOUT_DOCUMENT)]
    Remove(RemoveArgs),
    /// Remove old versions that the document's VMs no longer name.
    Prune(PruneArgs),
}

/// Options of what works from the document's VMs: the filter, `verify` and `prune`.
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

/// How current a checksum must be that a web server lists.
#[derive(Args, Debug)]
pub(crate) struct RefreshArgs {
    /// When to fetch checksum lists from web servers.
    #[arg(long, value_enum, value_name = "WHEN", default_value_t)]
    pub(crate) refresh: Refresh,
}

/// When checksum lists are fetched from web servers.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Refresh {
    /// Fetch a list only when no image with the last known checksum is on the storage; if its server does
    /// not answer, use the last known checksum.
    #[default]
    Missing,
    /// Fetch each list in each run; a server that does not answer is an error.
    Always,
    /// Fetch none; use known checksums only.
    Never,
    /// As `Always`, for a command without the option.
    #[value(skip)]
    Required,
}

/// How images are read.
#[derive(Args, Debug)]
pub(crate) struct SourceArgs {
    /// Where an image without a source lies: DIR/NAME/NAME.qcow2, with NAME.qcow2.sha256 beside it.
    #[arg(long, value_name = "DIR", env = "IMAGE_DIR", default_value = "images")]
    pub(crate) image_dir: PathBuf,
    /// Where it is kept what is known of images, and where fetched files go [default: ~/.cache/pve-pipeline].
    #[arg(long, value_name = "DIR", env = "PVE_PIPELINE_CACHE")]
    cache_dir: Option<PathBuf>,
    /// Let qemu-img, when it is installed, compress local images first.
    #[arg(long)]
    pub(crate) compress: bool,
    /// How often a lost connection, or a server that is busy, is tried again.
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub(crate) retries: u32,
}

impl SourceArgs {
    /// Returns the cache folder; without a home there is none.
    #[expect(clippy::disallowed_methods, reason = "door: the environment")]
    pub(crate) fn cache_folder(&self) -> Option<PathBuf> {
        let from = |name: &str| {
            std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
        };
        let usual = || {
            let base = from("XDG_CACHE_HOME").or_else(|| Some(from("HOME")?.join(".cache")))?;
            Some(base.join("pve-pipeline"))
        };
        let given = self.cache_dir.clone().filter(|folder| !folder.as_os_str().is_empty());
        given.or_else(usual)
    }
}

/// Returns the HTTP proxies that the environment names.
#[expect(clippy::disallowed_methods, reason = "door: the environment")]
pub(crate) fn proxies() -> Proxies {
    Proxies::from_variables(|name| std::env::var(name).ok())
}

/// Where images go.
#[derive(Args, Debug)]
pub(crate) struct PlaceArgs {
    /// On a PVE host itself: write into the storage's folder, as /var/lib/vz, instead of asking the API.
    #[arg(long, value_name = "DIR")]
    pub(crate) local_dir: Option<PathBuf>,
    /// Read, check and say what would be done; write nothing to PVE.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// Which storage to work on, in place of the document on stdin.
#[derive(Args, Debug)]
#[command(next_help_heading = "Connection (in place of a document on stdin)")]
pub(crate) struct ConnectArgs {
    /// Base URL of the PVE API; stdin is then not read [env: PVE_ENDPOINT].
    #[arg(long, value_name = "URL", conflicts_with = "local_dir")]
    pub(crate) endpoint: Option<String>,
    /// Node to work on [env: PVE_NODE].
    #[arg(long, value_name = "NAME")]
    pub(crate) node: Option<String>,
    /// File that holds the API token [default: the token in PVE_API_TOKEN].
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Storage to work on [default: the document's image_datastore, or local].
    #[arg(long, value_name = "NAME")]
    pub(crate) storage: Option<String>,
    #[command(flatten)]
    pub(crate) trust: TrustArgs,
}

/// What the environment says of the connection. An empty variable counts as unset.
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
    #[expect(clippy::disallowed_methods, reason = "door: the environment")]
    pub(crate) fn read() -> Self {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        Self {
            endpoint: variable("PVE_ENDPOINT"),
            node: variable("PVE_NODE"),
            token: variable("PVE_API_TOKEN"),
        }
    }
}

/// The content type under which an image is stored.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    /// PVE can make disks from it.
    Import,
    /// For a CD drive only: PVE makes no disk from it.
    Iso,
}

/// Options of `publish`.
#[derive(Args, Debug)]
pub(crate) struct PublishArgs {
    /// Files or URLs.
    #[arg(required = true, value_name = "FILE|URL")]
    pub(crate) what: Vec<String>,
    /// The image's name, when there is one file [default: the file's name without its endings].
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// The sum that the one file must have: sha256:HEX or sha512:HEX.
    #[arg(long, value_name = "SUM")]
    pub(crate) checksum: Option<String>,
    /// The content type.
    #[arg(long, value_enum, default_value = "import")]
    pub(crate) content: Content,
    /// Print the result as JSON.
    #[arg(long)]
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
    /// Print the result as JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// Read the storage's folder instead of asking the API.
    #[arg(long, value_name = "DIR")]
    pub(crate) local_dir: Option<PathBuf>,
    /// As with the other commands; `list` writes nothing anyway.
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) connect: ConnectArgs,
}

/// Options of `verify`.
#[derive(Args, Debug)]
pub(crate) struct VerifyArgs {
    /// Print the result as JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) refresh: RefreshArgs,
    #[command(flatten)]
    pub(crate) document: DocumentArgs,
}

/// Options of `remove`.
#[derive(Args, Debug)]
pub(crate) struct RemoveArgs {
    /// Volids, or names with all their versions.
    #[arg(required = true, value_name = "VOLID|NAME")]
    pub(crate) what: Vec<String>,
    /// Remove also what the document's VMs name.
    #[arg(long)]
    pub(crate) force: bool,
    /// Print the result as JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
    #[command(flatten)]
    pub(crate) connect: ConnectArgs,
}

/// Options of `prune`.
#[derive(Args, Debug)]
pub(crate) struct PruneArgs {
    /// Prune also images of names that the document does not know; other deployments may use them.
    #[arg(long)]
    pub(crate) all: bool,
    /// Keep the newest N versions of each name, whoever uses them.
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub(crate) keep: usize,
    /// Keep versions that are not older than DAYS.
    #[arg(long, value_name = "DAYS", default_value_t = 30)]
    pub(crate) older_than: u32,
    /// Print the result as JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) document: DocumentArgs,
}
