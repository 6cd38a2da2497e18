//! `Selection`: what to resolve, and for which node. Does no I/O.

use stage::shown;

/// What to resolve.
#[derive(Clone, Debug)]
pub struct Selection {
    /// The VMs.
    pub source: VmSource,
    /// The node [default: the one in the YAML, or the only one].
    pub node: Option<Choice>,
    /// The deployment's name [default: the name of the env, manifest or VM].
    pub deployment: Option<String>,
    /// Options for the document.
    pub options: DocumentOptions,
}

/// A value that the user has chosen.
#[derive(Clone, Debug)]
pub struct Choice {
    /// The value.
    pub value: String,
    /// Its source: an option such as `--node`, or a variable such as `PVE_NODE`.
    pub by: String,
}

/// Options for the document, from the command line.
#[derive(Clone, Debug)]
pub struct DocumentOptions {
    /// The nested PVE node whose children to resolve.
    pub parent: Option<String>,
    /// Overrides the node's `api_endpoint`.
    pub endpoint: Option<Choice>,
    /// Overrides the site's `server_url`; empty for no spec server.
    pub spec_server: Option<Choice>,
    /// Whether the document contains secrets.
    pub secrets: bool,
}

impl DocumentOptions {
    /// Returns a URL for the document; without secrets, user and query are removed.
    pub(crate) fn address(&self, url: Option<String>) -> Option<String> {
        url.map(|url| if self.secrets { url } else { shown::address(&url) })
    }
}

/// Where the VMs come from.
#[derive(Clone, Debug)]
pub enum VmSource {
    /// An env, by name.
    Env(String),
    /// A manifest, by name.
    Manifest(String),
    /// A manifest outside the site, by path.
    ManifestFile(String),
    /// One VM from command-line options.
    CommandLine(AdHocVm),
}

/// One VM from the command line, values as typed.
#[derive(Clone, Debug)]
pub struct AdHocVm {
    /// Its name.
    pub name: String,
    /// Keys and values, in the order of the options.
    pub values: Vec<(&'static str, String)>,
}
