//! DOOR: reads the CA file and makes the client from the document and the trust options.
//!
//! Promises: the token goes into the client and nowhere else.

use pve_client::{ApiToken, ApiUrl, Client, Endpoint, Timeouts, Trust};
use stage::{Console, Deployment, Entry, Event, Failure, Place, Report, TrustArgs};
use std::sync::Arc;

/// Makes a client. Opens no connection yet.
///
/// # Errors
/// The endpoint, the token or a trust option cannot be used; all that are wrong are said.
pub(crate) fn client(
    deployment: &Deployment,
    trust: &TrustArgs,
    console: &Console,
) -> Result<Client, Report> {
    let mut report = Report::new();
    let url = deployment.api_endpoint.parse::<ApiUrl>();
    let token = deployment.api_token.expose().parse::<ApiToken>();
    let trust = read_trust(trust);
    if let Err(bad) = &url {
        let fact = if deployment.api_endpoint.is_empty() {
            "is missing".to_owned()
        } else {
            bad.to_string()
        };
        report.error(Place::input("api_endpoint"), fact);
    }
    if let Err(bad) = &token {
        let missing = deployment.api_token.expose().is_empty();
        let fact = if missing { "is missing".to_owned() } else { bad.to_string() };
        let hint = "secrets.yaml holds it; `pve-apply privileges` prints how to make one";
        report.push(Entry::error(Place::input("api_token"), fact).hint(hint));
    }
    match (url, token, trust) {
        (Ok(url), Ok(token), Ok(trust)) => {
            let client = Client::new(Endpoint { url, token, trust, timeouts: Timeouts::default() });
            Ok(told(client, console))
        }
        (_, _, Err(failure)) => {
            report.extend(failure.report().clone());
            Err(report)
        }
        _ => Err(report),
    }
}

/// With `-v` each request is told: method, path, status, time.
fn told(client: Client, console: &Console) -> Client {
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

fn read_trust(options: &TrustArgs) -> Result<Trust, Failure> {
    let pem = options.ca_file.as_deref().map(read_file).transpose()?;
    Trust::from_options(pem, &options.fingerprint, options.insecure).map_err(|bad| {
        let option = if options.ca_file.is_some() { "--ca-file" } else { "--fingerprint" };
        Entry::error(Place::Named(option.to_owned()), bad.to_string()).into()
    })
}

#[expect(clippy::disallowed_methods, reason = "door: the CA file")]
fn read_file(path: &std::path::Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| {
        Entry::error(Place::file(path.display().to_string()), "cannot be read").cause(&error).into()
    })
}
