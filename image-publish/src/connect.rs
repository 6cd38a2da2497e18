//! Document or options → the storages to work on.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use pve_client::{ApiToken, ApiUrl, Client, Endpoint, NodeName, StorageId, Timeouts};
use pve_stage::connect;
use stage::{Console, Deployment, Entry, Place, Report, TrustArgs};

use crate::cli::{ConnectArgs, Environment};
use crate::destination::{self, Destinations};
use crate::folder::Folder;
use crate::node::{Node, Sharing};
use crate::target::Target;

/// The settings of the connection, unparsed, and where each came from.
struct ConnectionSettings<'a> {
    endpoint: (&'a str, Place),
    token: (&'a str, Place),
    node: (&'a str, Place),
    storage: (&'a str, Place),
    /// The document's `api_fingerprint`, if the endpoint is the document's too.
    fingerprint: Option<&'a str>,
}

/// Returns the storages of the document that serve `nodes`, or the one of a document without `nodes`.
pub(crate) fn of_document(
    deployment: &Deployment,
    nodes: &BTreeSet<String>,
    local_dir: Option<&Path>,
    trust: &TrustArgs,
    console: &Console,
) -> Result<Destinations, Report> {
    let settings = ConnectionSettings {
        endpoint: (&deployment.api_endpoint, Place::input("api_endpoint")),
        token: (deployment.api_token.expose(), Place::input("api_token")),
        node: (&deployment.node, Place::input("node")),
        storage: (&deployment.image_datastore, Place::input("image_datastore")),
        fingerprint: deployment.api_fingerprint.as_deref(),
    };
    let first = target(&settings, local_dir, trust, console, "import")?;
    if deployment.nodes.is_empty() {
        return Ok(Destinations::one(first));
    }
    let storage = |node: &str| {
        let (storage, field) = deployment.image_datastore_on(node);
        (storage.to_owned(), Place::input(field))
    };
    spread(first, nodes, &storage)
}

/// Returns the storages of several nodes, which have the endpoint of the first one.
fn spread<'a>(
    first: Target,
    nodes: impl IntoIterator<Item = &'a String>,
    storage: &dyn Fn(&str) -> (String, Place),
) -> Result<Destinations, Report> {
    let first = match first {
        Target::Node(node) => node,
        Target::Folder(_) => return Err(not_a_directory(nodes).into()),
    };
    let mut report = Report::new();
    let mut all = Vec::new();
    for name in nodes {
        let (storage, field) = storage(name);
        let node: Option<NodeName> =
            parsed(&(name, Place::input(format!("nodes.{name}"))), &mut report);
        let storage: Option<StorageId> = parsed(&(&storage, field), &mut report);
        if let (Some(node), Some(storage)) = (node, storage) {
            all.push(Node { node, storage, ..first.clone() });
        }
    }
    if report.has_errors() { Err(report) } else { destination::of_nodes(all) }
}

/// Returns the error for a directory in place of the storages of several nodes.
fn not_a_directory<'a>(nodes: impl IntoIterator<Item = &'a String>) -> Entry {
    let names: Vec<&str> = nodes.into_iter().map(String::as_str).collect();
    let fact = format!(
        "must not be used with a document whose VMs are on several nodes: {}",
        names.join(", ")
    );
    Entry::error("exclusive-options", Place::Named("--local-dir".to_owned()), fact)
        .hint("without `--local-dir`, the images are published through the API")
}

/// Returns the storages from the options, the document, or the environment, in this order of precedence. There
/// are several only if the document has several nodes, and no option names one.
///
/// Endpoint and token come from one source, so no server gets the token of another one; only
/// `--token-file` always takes precedence.
pub(crate) fn of_options(
    connect: &ConnectArgs,
    deployment: Option<&Deployment>,
    local_dir: Option<&Path>,
    content: &'static str,
    console: &Console,
) -> Result<Destinations, Report> {
    let environment = Environment::read();
    let flag = |name: &str| Place::Named(name.to_owned());
    let storage = match (&connect.storage, deployment) {
        (Some(storage), _) => (storage.as_str(), flag("--storage")),
        (None, Some(found)) => (found.image_datastore.as_str(), Place::input("image_datastore")),
        (None, None) => ("local", flag("--storage")),
    };
    let endpoint = match (&connect.endpoint, deployment, &environment.endpoint) {
        (Some(url), ..) => (url.as_str(), flag("--endpoint")),
        (None, Some(found), _) => (found.api_endpoint.as_str(), Place::input("api_endpoint")),
        (None, None, Some(url)) => (url.as_str(), flag("PVE_ENDPOINT")),
        (None, None, None) => ("", flag("--endpoint")),
    };
    let in_document = deployment.map(|found| found.node.as_str()).filter(|node| !node.is_empty());
    let node = match (&connect.node, in_document, &environment.node) {
        (Some(node), ..) => (node.as_str(), flag("--node")),
        (None, Some(node), _) => (node, Place::input("node")),
        (None, None, Some(node)) => (node.as_str(), flag("PVE_NODE")),
        (None, None, None) => ("", flag("--node")),
    };
    let in_file = match (&connect.token_file, local_dir) {
        (Some(file), None) => Some((token_in(file)?, Place::file(file.display().to_string()))),
        _ => None,
    };
    let token = match (&in_file, deployment) {
        (Some((token, place)), _) => (token.as_str(), place.clone()),
        (None, Some(found)) => (found.api_token.expose().as_str(), Place::input("api_token")),
        (None, None) => (environment.token.as_deref().unwrap_or(""), flag("PVE_API_TOKEN")),
    };
    let fingerprint = deployment
        .filter(|_| connect.endpoint.is_none())
        .and_then(|found| found.api_fingerprint.as_deref());
    let settings = ConnectionSettings { endpoint, token, node, storage, fingerprint };
    let first = target(&settings, local_dir, &connect.trust, console, content)?;
    match deployment.filter(|found| !found.nodes.is_empty()) {
        Some(found) => of_options_on_several(connect, found, first),
        None => Ok(Destinations::one(first)),
    }
}

/// Returns the storages of a document with several nodes, or only that of `--node`.
fn of_options_on_several(
    connect: &ConnectArgs,
    deployment: &Deployment,
    first: Target,
) -> Result<Destinations, Report> {
    let storage = |node: &str| match &connect.storage {
        Some(storage) => (storage.clone(), Place::Named("--storage".to_owned())),
        None => {
            let (storage, field) = deployment.image_datastore_on(node);
            (storage.to_owned(), Place::input(field))
        }
    };
    let nodes: BTreeSet<String> = deployment.nodes.keys().cloned().collect();
    let Some(node) = &connect.node else { return spread(first, &nodes, &storage) };
    // First, so that a storage that it shares is used through it.
    let others = nodes.iter().filter(|other| *other != node);
    let mut all = spread(first, std::iter::once(node).chain(others), &storage)?;
    all.keep_node(node);
    Ok(all)
}

/// Reads the file that holds the token.
fn token_in(file: &Path) -> Result<String, Entry> {
    connect::read(file).map(|bytes| String::from_utf8_lossy(&bytes).trim().to_owned())
}

/// Parses the settings; all problems are reported together.
fn target(
    settings: &ConnectionSettings<'_>,
    local_dir: Option<&Path>,
    trust: &TrustArgs,
    console: &Console,
    content: &'static str,
) -> Result<Target, Report> {
    let mut report = Report::new();
    let storage: Option<StorageId> = parsed(&settings.storage, &mut report);
    if let Some(path) = local_dir {
        return match storage {
            Some(storage) => Ok(Target::Folder(Folder { path: path.to_owned(), storage })),
            None => Err(report),
        };
    }
    let url: Option<ApiUrl> = parsed(&settings.endpoint, &mut report);
    let token: Option<ApiToken> = parsed(&settings.token, &mut report);
    let node: Option<NodeName> = parsed(&settings.node, &mut report);
    let trust = connect::trust(trust, settings.fingerprint, console)
        .map_err(|entry| report.push(entry))
        .ok();
    let (Some(storage), Some(url), Some(token), Some(node), Some(trust)) =
        (storage, url, token, node, trust)
    else {
        return Err(report);
    };
    let client = Client::new(Endpoint { url, token, trust, timeouts: Timeouts::default() });
    Ok(Target::Node(Node {
        client: connect::with_request_log(client, console, |_| false),
        node,
        storage,
        content,
        sharing: Sharing::Unknown,
        uploads: Arc::default(),
    }))
}

/// Parses a value, which is required; the error never shows a secret.
fn parsed<T: std::str::FromStr<Err: std::error::Error>>(
    (text, place): &(&str, Place),
    report: &mut Report,
) -> Option<T> {
    if text.is_empty() {
        let entry = Entry::error("missing-field", place.clone(), "is required");
        report.push(match hint(place) {
            Some(hint) => entry.hint(hint),
            None => entry,
        });
        return None;
    }
    text.parse()
        .map_err(|e: T::Err| report.error("invalid-value", place.clone(), e.to_string()))
        .ok()
}

/// Returns the hint for a missing value; `None` if the place says enough.
fn hint(place: &Place) -> Option<&'static str> {
    let Place::Named(name) = place else { return None };
    match name.as_str() {
        "--endpoint" => Some("use `--endpoint URL`, or set PVE_ENDPOINT"),
        "--node" => Some("use `--node NAME`, or set PVE_NODE"),
        "PVE_API_TOKEN" => {
            Some("set PVE_API_TOKEN to USER@REALM!TOKENID=SECRET, or use `--token-file FILE`")
        }
        _ => None,
    }
}
