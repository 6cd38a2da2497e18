//! A token's claims as text for people or as JSON. Does no I/O.

use crate::verify::Payload;
use jiff::Timestamp;
use serde_json::Value;
use stage::printable;

/// Returns the claims: one JSON object on one line, or lines for people.
pub(crate) fn payload(payload: &Payload, json: bool, signature: &str) -> String {
    if json {
        // A map of JSON values can always be written.
        return serde_json::to_string(&payload.claims).unwrap_or_default() + "\n";
    }
    let mut lines = claims(payload);
    lines.push(format!("{:<10} {signature}", "signature"));
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// Returns a line for each claim.
pub(crate) fn claims(payload: &Payload) -> Vec<String> {
    let mut lines = Vec::new();
    for (claim, value) in &payload.claims {
        let label = match claim.as_str() {
            "v" => "version",
            "n" => "name",
            "s" => "spec",
            "iat" => "issued",
            "exp" => "expires",
            "kid" => "key",
            other => other,
        };
        let shown = match (claim.as_str(), value) {
            ("iat" | "exp", value) => time(value),
            (_, Value::String(text)) => text.clone(),
            (_, value) => value.to_string(),
        };
        // A token may come from anyone.
        lines.push(format!("{:<10} {}", printable(label), printable(&shown)));
    }
    lines
}

/// Returns seconds since 1970, after the date if they are one.
fn time(value: &Value) -> String {
    let date = value.as_i64().and_then(|seconds| Timestamp::from_second(seconds).ok());
    date.map_or_else(|| value.to_string(), |date| format!("{date} ({value})"))
}
