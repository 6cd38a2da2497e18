//! Makes the client from the document and the trust options.
//!
//! Promises: the token goes into the client and nowhere else.

use pve_client::{ApiToken, ApiUrl, Client, Endpoint, Timeouts};
use pve_stage::connect;
use stage::{Console, Deployment, Entry, Place, Report, TrustArgs};

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
    let trust = connect::trust(trust);
    if let Err(bad) = &url {
        let fact = if deployment.api_endpoint.is_empty() {
            "is missing".to_owned()
        } else {
            bad.to_string()
        };
        report.error("missing-field", Place::input("api_endpoint"), fact);
    }
    if let Err(bad) = &token {
        let missing = deployment.api_token.expose().is_empty();
        let fact = if missing { "is missing".to_owned() } else { bad.to_string() };
        let hint = "secrets.yaml holds it; `pve-apply privileges` prints how to make one";
        report.push(Entry::error("missing-field", Place::input("api_token"), fact).hint(hint));
    }
    match (url, token, trust) {
        (Ok(url), Ok(token), Ok(trust)) => {
            let client = Client::new(Endpoint { url, token, trust, timeouts: Timeouts::default() });
            Ok(connect::with_request_log(client, console))
        }
        (_, _, Err(entry)) => {
            report.push(entry);
            Err(report)
        }
        _ => Err(report),
    }
}
