//! Creates the client from the document and the trust options.
//!
//! Guarantees: the token reaches the client and nothing else.

use crate::nested::NodeReport;
use machine::ConfigKey;
use pve_client::{ApiToken, ApiUrl, Client, Endpoint, Timeouts, Trust};
use pve_stage::connect;
use stage::{Console, Deployment, Entry, Place, Report, TrustArgs};
use std::fmt;

/// Creates a client, without opening a connection.
///
/// # Errors
/// The endpoint, the token or a trust option is invalid; all problems are reported.
pub(crate) fn client(
    deployment: &Deployment,
    trust: &TrustArgs,
    console: &Console,
) -> Result<Client, Report> {
    let mut report = Report::new();
    let url = deployment.api_endpoint.parse::<ApiUrl>();
    let token = deployment.api_token.expose().parse::<ApiToken>();
    let trust = connect::trust(trust, deployment.api_fingerprint.as_deref(), console);
    if let Err(bad) = &url {
        report.push(unusable("api_endpoint", &deployment.api_endpoint, bad));
    }
    if let Err(bad) = &token {
        let hint = "it belongs in secrets.yaml; `pve-apply privileges` prints how to create one";
        report.push(unusable("api_token", deployment.api_token.expose(), bad).hint(hint));
    }
    match (url, token, trust) {
        (Ok(url), Ok(token), Ok(trust)) => {
            let client = Client::new(Endpoint { url, token, trust, timeouts: Timeouts::default() });
            Ok(with_request_log(client, console))
        }
        (_, _, Err(entry)) => {
            report.push(entry);
            Err(report)
        }
        _ => Err(report),
    }
}

/// A field that is missing, or has a value that cannot be used.
fn unusable(field: &str, value: &str, bad: &dyn fmt::Display) -> Entry {
    match value.is_empty() {
        true => Entry::error("missing-field", Place::input(field), "is missing"),
        false => Entry::error("invalid-value", Place::input(field), bad.to_string()),
    }
}

/// Creates a client for a nested node, which trusts only the certificate that its guest reports.
///
/// # Errors
/// The report's token or fingerprint is unusable.
pub(crate) fn nested_client(report: &NodeReport, console: &Console) -> Result<Client, Entry> {
    let fault = |fact: String| Entry::error("invalid-value", Place::Run, fact);
    let token = report.token.expose().parse::<ApiToken>().map_err(|bad| fault(bad.to_string()))?;
    let pinned = [report.fingerprint.to_string()];
    let trust = Trust::from_options(None, &pinned, false).map_err(|bad| fault(bad.to_string()))?;
    let trust = trust.fingerprints_named_by("the guest's report");
    let endpoint =
        Endpoint { url: report.url.clone(), token, trust, timeouts: Timeouts::default() };
    Ok(with_request_log(Client::new(endpoint), console))
}

fn with_request_log(client: Client, console: &Console) -> Client {
    connect::with_request_log(client, console, |name| ConfigKey::find(name).is_some())
}
