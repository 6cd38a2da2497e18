//! DOOR: reads the CA file. Options → whom to trust; a client that shows its requests under `-v`.

use crate::requests::{self, IsConfigKey};
use pve_client::{Client, Trust};
use stage::{Console, Entry, Event, Place, TrustArgs};
use std::path::Path;
use std::sync::Arc;

/// Reads the trust options; without any, the document's `api_fingerprint` applies, if it has one.
///
/// # Errors
/// The CA file cannot be read or used, or a fingerprint is invalid.
pub fn trust(
    args: &TrustArgs,
    in_document: Option<&str>,
    console: &Console,
) -> Result<Trust, Entry> {
    if let Some(known) = in_document.filter(|_| !args.is_given()) {
        let trust = Trust::from_options(None, &[known.to_owned()], false);
        return trust.map(|trust| trust.fingerprints_named_by("`api_fingerprint`")).map_err(
            |bad| Entry::error("invalid-value", Place::input("api_fingerprint"), bad.to_string()),
        );
    }
    let variable = console.variable_of("--ca-file");
    let pem = match (args.ca_file.as_deref(), variable) {
        (Some(path), Some(variable)) => Some(read_named_by(variable, path)?),
        (path, _) => path.map(read).transpose()?,
    };
    let place = match (&args.ca_file, variable) {
        (None, _) => console.option("--fingerprint"),
        (Some(_), Some(variable)) => Place::Named(variable.to_owned()),
        (Some(path), None) => Place::file(path.display().to_string()),
    };
    let option = "--fingerprint";
    Trust::from_options(pem, &args.fingerprint, args.insecure)
        .map(|trust| trust.fingerprints_named_by(console.variable_of(option).unwrap_or(option)))
        .map_err(|bad| Entry::error("invalid-value", place, bad.to_string()))
}

/// Reads a file that an option names.
///
/// # Errors
/// It cannot be read.
pub fn read(path: &Path) -> Result<Vec<u8>, Entry> {
    bytes(path).map_err(|error| {
        Entry::error("unreadable", Place::file(path.display().to_string()), "cannot be read")
            .cause(&error)
    })
}

/// The same for a file that a variable names.
fn read_named_by(variable: &str, path: &Path) -> Result<Vec<u8>, Entry> {
    bytes(path).map_err(|error| {
        let fact = format!("\"{}\" cannot be read", path.display());
        Entry::error("unreadable", Place::Named(variable.to_owned()), fact).cause(&error)
    })
}

#[expect(clippy::disallowed_methods, reason = "door: a file that an option names")]
fn bytes(path: &Path) -> std::io::Result<Vec<u8>> {
    std::fs::read(path)
}

/// Returns the client; with `-v` one that shows each request: method, path, status, time; with `-vv`
/// its parameters too, as far as they are known to hold no secret.
pub fn with_request_log(client: Client, console: &Console, is_config_key: IsConfigKey) -> Client {
    if console.verbosity() == 0 {
        return client;
    }
    let console = console.clone();
    client.with_observer(Arc::new(move |traffic| {
        let parameters =
            (console.verbosity() > 1).then(|| requests::shown(&traffic.params, is_config_key));
        let text = requests::line(traffic, parameters.as_ref());
        let mut event = Event::new("request", "", &text);
        if let Some(parameters) = parameters.filter(|parameters| !parameters.is_empty()) {
            event.fields.insert("parameters".to_owned(), parameters.into());
        }
        console.event(&event);
    }))
}
