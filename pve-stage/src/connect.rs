//! DOOR: reads the CA file. Turns the trust options into a `Trust`, and logs requests with `-v`.

use pve_client::{Client, Trust};
use stage::{Console, Entry, Event, Place, TrustArgs};
use std::path::Path;
use std::sync::Arc;

/// Reads the trust options.
///
/// # Errors
/// The CA file cannot be read or used, or a fingerprint is invalid.
pub fn trust(args: &TrustArgs) -> Result<Trust, Entry> {
    let pem = args.ca_file.as_deref().map(read).transpose()?;
    let place = match &args.ca_file {
        Some(path) => Place::file(path.display().to_string()),
        None => Place::Named("--fingerprint".to_owned()),
    };
    Trust::from_options(pem, &args.fingerprint, args.insecure)
        .map_err(|bad| Entry::error("invalid-value", place, bad.to_string()))
}

/// Reads a file that an option names.
///
/// # Errors
/// It cannot be read.
#[expect(clippy::disallowed_methods, reason = "door: a file that an option names")]
pub fn read(path: &Path) -> Result<Vec<u8>, Entry> {
    std::fs::read(path).map_err(|error| {
        Entry::error("unreadable", Place::file(path.display().to_string()), "cannot be read")
            .cause(&error)
    })
}

/// Returns the client; with `-v` it logs each request: method, path, status, time.
pub fn with_request_log(client: Client, console: &Console) -> Client {
    if !console.verbose() {
        return client;
    }
    let console = console.clone();
    client.with_observer(Arc::new(move |traffic| {
        let status = traffic.status.map_or("no answer".to_owned(), |status| status.to_string());
        let text = format!("{}: {status}, {} ms", traffic.call, traffic.took.as_millis());
        console.event(&Event::new("request", "", &text));
    }))
}
