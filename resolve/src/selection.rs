//! `Selection`: what of a site is to be resolved, and for which node. Does no I/O.

use stage::shown;

/// What is to be resolved.
#[derive(Clone, Debug)]
pub struct Selection {
    /// The machines.
    pub source: VmSource,
    /// The node; `None`: the one that the YAML names, or the only one there is.
    pub node: Option<String>,
    /// The deployment's name; `None`: that of the env, the manifest or the VM.
    pub deployment: Option<String>,
    /// How.
    pub options: DocumentOptions,
}

/// What the command line says of the document.
#[derive(Clone, Debug)]
pub struct DocumentOptions {
    /// The nested PVE node whose children are wanted.
    pub parent: Option<String>,
    /// Instead of the node's `api_endpoint`.
    pub endpoint: Option<String>,
    /// Whether the document gets its secrets.
    pub secrets: bool,
}

impl DocumentOptions {
    /// Returns a URL for the document: without secrets also without its user and its query.
    pub(crate) fn address(&self, url: Option<String>) -> Option<String> {
        url.map(|url| if self.secrets { url } else { shown::address(&url) })
    }
}

/// Which machines.
#[derive(Clone, Debug)]
pub enum VmSource {
    /// An env, by name.
    Env(String),
    /// A manifest, by name.
    Manifest(String),
    /// A manifest that lies outside the site, by its path.
    ManifestFile(String),
    /// One VM that no file describes.
    CommandLine(AdHocVm),
}

/// One VM from the command line: option and value, as typed.
#[derive(Clone, Debug)]
pub struct AdHocVm {
    /// Its name.
    pub name: String,
    /// Key of a VM and its value, in the order of the options.
    pub values: Vec<(&'static str, String)>,
}
