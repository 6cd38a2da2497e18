//! The report of a nested node: the file that its first boot writes at the end. Does no I/O.
//!
//! Guarantees: no message contains its token.

use pve_client::{ApiUrl, Fingerprint, NodeName};
use serde_json::Value;
use stage::{Secret, api_token};

/// Where the report is in the guest; cloudinit-render says so in the guest's user-data.
pub(crate) const FILE: &str = "/var/lib/pve-pipeline/node.json";

/// The version of the report that we can read.
const VERSION: u64 = 1;
/// A longer file is not a report.
const LONGEST_FILE: usize = 64 << 10;
/// How many characters of the guest's own text are shown: a guest can write what it likes.
const LONGEST: usize = 400;

/// What a nested node reports.
#[derive(Debug)]
pub(crate) struct NodeReport {
    /// Its name in PVE.
    pub node: NodeName,
    /// The address of its API, as the guest sees it.
    pub url: ApiUrl,
    /// That of its API's certificate.
    pub fingerprint: Fingerprint,
    /// Its API token.
    pub token: Secret<String>,
}

/// The content of a report.
#[derive(Debug)]
pub(crate) enum Reading {
    /// The node runs.
    Ready(Box<NodeReport>),
    /// The guest could not set it up; with its own text.
    Failed(String),
    /// It cannot be read, and why.
    Unusable(String),
}

/// Reads a report.
pub(crate) fn read(content: &[u8]) -> Reading {
    match parse(content) {
        Ok(Ok(report)) => Reading::Ready(Box::new(report)),
        Ok(Err(said)) => Reading::Failed(said),
        Err(fault) => Reading::Unusable(fault),
    }
}

/// Returns the report, or the guest's own error.
fn parse(content: &[u8]) -> Result<Result<NodeReport, String>, String> {
    if content.len() > LONGEST_FILE {
        return Err(format!("it has {} bytes, more than a report", content.len()));
    }
    let json: Value = serde_json::from_slice(content).map_err(|error| error.to_string())?;
    if json.get("version").and_then(Value::as_u64) != Some(VERSION) {
        return Err(format!("its `version` is not {VERSION}"));
    }
    if let Some(error) = json.get("error") {
        let said = error.as_str().unwrap_or("no text");
        return Ok(Err(said.chars().take(LONGEST).collect()));
    }
    let text = |key: &'static str| {
        json.get(key).and_then(Value::as_str).ok_or_else(|| format!("it has no `{key}`"))
    };
    let token = text("token")?;
    // The site's YAML accepts no other.
    if !api_token::is_token(token) {
        return Err(format!("its `token` is not {}", api_token::TOKEN_FORM));
    }
    let node = text("node")?.parse().map_err(|_| "its `node` is not the name of a node")?;
    let url = text("endpoint")?.parse().map_err(|bad| format!("its `endpoint` {bad}"))?;
    let fingerprint = text("fingerprint")?;
    let fingerprint = fingerprint.parse().map_err(|_| "its `fingerprint` is not a SHA-256")?;
    Ok(Ok(NodeReport { node, url, fingerprint, token: Secret::new(token.to_owned()) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "pipeline@pve!inner=00000000-0000-4000-8000-000000000001";

    fn report(key: &str, value: Value) -> String {
        let mut report = serde_json::json!({"version": 1, "node": "inner", "endpoint": "https://10.0.0.9:8006",
            "fingerprint": (["5E"; 32].join(":")), "token": TOKEN});
        report[key] = value;
        report.to_string()
    }

    fn check(content: &str, expected: &str) {
        let found = match read(content.as_bytes()) {
            Reading::Ready(report) => format!("{} at {}", report.node, report.url),
            Reading::Failed(said) => format!("failed: {said}"),
            Reading::Unusable(fault) => fault,
        };
        assert_eq!(found, expected, "{content}");
        assert!(!found.contains("4000"), "{found}");
    }

    #[test]
    fn reports() {
        check(&report("version", 1.into()), "inner at https://10.0.0.9:8006");
        check(&report("more", true.into()), "inner at https://10.0.0.9:8006");
        check(&report("error", "apt failed".into()), "failed: apt failed");
        check(&report("error", "x".repeat(1000).into()), &format!("failed: {}", "x".repeat(400)));
        check(&report("error", Value::Null), "failed: no text");
        check(&report("version", 2.into()), "its `version` is not 1");
        check(&report("node", "a b".into()), "its `node` is not the name of a node");
        check(&report("token", Value::Null), "it has no `token`");
        check(
            &report("token", TOKEN.replace('!', "").into()),
            "its `token` is not user@realm!id=uuid",
        );
        check(
            &report("endpoint", "http://10.0.0.9".into()),
            "its `endpoint` must be the address of a Proxmox VE API: it must start with `https://`",
        );
        check(&report("fingerprint", TOKEN.into()), "its `fingerprint` is not a SHA-256");
        check("{\"version\": 1, \"tok", "EOF while parsing a string at line 1 column 19");
        check(&"x".repeat(LONGEST_FILE + 1), "it has 65537 bytes, more than a report");
    }
}
