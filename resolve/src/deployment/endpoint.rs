//! The API endpoint of the document. Does no I/O.

use crate::selection::{Choice, DocumentOptions};
use crate::shape::ENDPOINT;
use crate::site::{NodeFile, Site};
use stage::{Entry, Place, shown};

/// Returns the endpoint: that of `--endpoint`, or else that of the node's file, or else that of
/// `PVE_ENDPOINT`.
///
/// A variable stays set from one command to the next, and the API token is always that of the node.
/// So a variable never replaces an endpoint of the node: it would get the token of another server.
pub(super) fn endpoint(site: &mut Site<'_>, node: &NodeFile, options: &DocumentOptions) -> String {
    let own = node.api_endpoint.set().filter(|(url, _)| !url.is_empty());
    let Some(Choice { value: given, by }) = &options.endpoint else {
        if own.is_none() && !node.api_endpoint.is_invalid() {
            report_none(site, node);
        }
        return own.map(|(url, _)| url.clone()).unwrap_or_default();
    };
    if !ENDPOINT.accepts(given) {
        let fact = format!("must be {}, not \"{}\"", ENDPOINT.must, shown::address(given));
        site.report.push(Entry::error("invalid-value", Place::Named(by.clone()), fact));
    } else if let Some((own, at)) = own
        && by != "--endpoint"
        && address(own) != address(given)
    {
        let (own, other) = (shown::address(own), shown::address(given));
        let fact = format!("this node is at \"{own}\", but `{by}` is \"{other}\"");
        let entry = site.sources.error("endpoint-conflict", at, fact);
        let hint = format!(
            "unset {by}, or pass `--endpoint URL` for another way to the node, such as a tunnel"
        );
        site.report.push(entry.note("that server would get the API token of this node").hint(hint));
    }
    given.clone()
}

fn report_none(site: &mut Site<'_>, node: &NodeFile) {
    let at = node.api_endpoint.at().unwrap_or(node.at);
    let fact = "the node has no `api_endpoint`, so no stage can reach it";
    let entry = site.sources.warning("no-endpoint", at, fact);
    site.report.push(entry.hint("set it, or pass `--endpoint URL` to resolve"));
}

/// Returns host, port and path of an endpoint, to compare it with another one: pve-client ignores the
/// fragment of the web UI's URL and the path of the API itself, and connects to port 8006 by default.
fn address(endpoint: &str) -> String {
    let url = endpoint.split('#').next().unwrap_or_default();
    let url = url.split_once("://").map_or(url, |(_, rest)| rest).trim_end_matches('/');
    let url = url.strip_suffix("/api2/json").unwrap_or(url);
    let (server, path) = url.split_once('/').unwrap_or((url, ""));
    let behind = server.rsplit_once(']').map_or(server, |(_, behind)| behind);
    let port = if behind.contains(':') { "" } else { ":8006" };
    format!("{}{port}/{path}", server.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::address;

    fn check(one: &str, other: &str, same: bool) {
        assert_eq!(address(one) == address(other), same, "{one} {other}");
    }

    #[test]
    fn only_another_server_is_another_address() {
        check("https://pve1:8006", "HTTPS://PVE1/#v1:0:18", true);
        check("https://pve1", "https://pve1:8006/api2/json/", true);
        check("https://[fd00::1]", "https://[FD00::1]:8006", true);
        check("https://pve1", "https://pve2", false);
        check("https://pve1", "https://pve1:443", false);
        check("https://[fd00::1]", "https://[fd00::2]", false);
        check("https://proxy/pve1", "https://proxy/pve2", false);
    }
}
