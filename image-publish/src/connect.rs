//! Document or options → the storage to work on.

use std::path::Path;

use pve_client::{ApiToken, ApiUrl, Client, Endpoint, NodeName, StorageId, Timeouts};
use pve_stage::connect;
use stage::{Console, Deployment, Place, Report, TrustArgs};

use crate::cli::ConnectArgs;
use crate::folder::Folder;
use crate::node::Node;
use crate::target::Target;

/// What says which storage to work on, before it is judged; with where each value came from.
struct Named<'a> {
    endpoint: (&'a str, Place),
    token: (&'a str, Place),
    node: (&'a str, Place),
    storage: (&'a str, Place),
}

/// Returns the storage that the document names.
pub(crate) fn of_document(
    deployment: &Deployment,
    local_dir: Option<&Path>,
    trust: &TrustArgs,
    console: &Console,
) -> Result<Target, Report> {
    let named = Named {
        endpoint: (&deployment.api_endpoint, Place::input("api_endpoint")),
        token: (deployment.api_token.expose(), Place::input("api_token")),
        node: (&deployment.node, Place::input("node")),
        storage: (&deployment.image_datastore, Place::input("image_datastore")),
    };
    target(&named, local_dir, trust, console, "import")
}

/// Returns the storage that the options name, or the document where they do not.
pub(crate) fn of_options(
    connect: &ConnectArgs,
    deployment: Option<&Deployment>,
    local_dir: Option<&Path>,
    content: &'static str,
    console: &Console,
) -> Result<Target, Report> {
    let option = |name: &str| Place::Named(name.to_owned());
    let storage = match (&connect.storage, deployment) {
        (Some(storage), _) => (storage.as_str(), option("--storage")),
        (None, Some(deployment)) => {
            (deployment.image_datastore.as_str(), Place::input("image_datastore"))
        }
        (None, None) => ("local", option("--storage")),
    };
    if let Some(deployment) = deployment {
        let named = Named {
            endpoint: (&deployment.api_endpoint, Place::input("api_endpoint")),
            token: (deployment.api_token.expose(), Place::input("api_token")),
            node: (connect.node.as_deref().unwrap_or(&deployment.node), Place::input("node")),
            storage,
        };
        return target(&named, local_dir, &connect.trust, console, content);
    }
    let token = match (&connect.token_file, local_dir) {
        (Some(file), _) => {
            connect::read(file).map(|bytes| String::from_utf8_lossy(&bytes).trim().to_owned())?
        }
        (None, _) => ConnectArgs::token_from_environment().unwrap_or_default(),
    };
    let named = Named {
        endpoint: (connect.endpoint.as_deref().unwrap_or_default(), option("--endpoint")),
        token: (&token, option("PVE_API_TOKEN")),
        node: (connect.node.as_deref().unwrap_or_default(), option("--node")),
        storage,
    };
    target(&named, local_dir, &connect.trust, console, content)
}

/// Judges what was named; every problem goes into the report.
fn target(
    named: &Named<'_>,
    local_dir: Option<&Path>,
    trust: &TrustArgs,
    console: &Console,
    content: &'static str,
) -> Result<Target, Report> {
    let mut report = Report::new();
    let storage: Option<StorageId> = parsed(&named.storage, &mut report);
    if let Some(path) = local_dir {
        return match storage {
            Some(storage) => Ok(Target::Folder(Folder { path: path.to_owned(), storage })),
            None => Err(report),
        };
    }
    let url: Option<ApiUrl> = parsed(&named.endpoint, &mut report);
    let token: Option<ApiToken> = parsed(&named.token, &mut report);
    let node: Option<NodeName> = parsed(&named.node, &mut report);
    let trust = connect::trust(trust).map_err(|entry| report.push(entry)).ok();
    let (Some(storage), Some(url), Some(token), Some(node), Some(trust)) =
        (storage, url, token, node, trust)
    else {
        return Err(report);
    };
    let client = Client::new(Endpoint { url, token, trust, timeouts: Timeouts::default() });
    Ok(Target::Node(Node {
        client: connect::with_request_log(client, console),
        node,
        storage,
        content,
    }))
}

/// Parses a value; an absent one is a problem of its own, and a secret one is never shown.
fn parsed<T: std::str::FromStr<Err: std::error::Error>>(
    (text, place): &(&str, Place),
    report: &mut Report,
) -> Option<T> {
    if text.is_empty() {
        report.error("missing-field", place.clone(), "must be there");
        return None;
    }
    text.parse()
        .map_err(|e: T::Err| report.error("invalid-value", place.clone(), e.to_string()))
        .ok()
}
