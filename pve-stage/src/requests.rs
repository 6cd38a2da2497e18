//! What `-vv` shows of a request's parameters. Does no I/O.
//!
//! Promises: only what is known to hold no secret is shown. A parameter that nobody has listed is masked,
//! and of an upload nothing but its length is shown.

use pve_client::{Params, Traffic};
use serde_json::{Map, Value};
use stage::shown::{self, Exposure, MASK};

/// Returns whether a name is a config key of PVE whose value may be shown.
pub type IsConfigKey = fn(&str) -> bool;

/// Parameters of the calls that the tools make, apart from config keys: names of things, numbers, flags.
const OPEN: [&str; 34] = [
    "allow-move",
    "check-node",
    "checksum",
    "checksum-algorithm",
    "content",
    "current",
    "delete",
    "destroy-unreferenced-disks",
    "digest",
    "disk",
    "file",
    "filename",
    "force",
    "forceStop",
    "full",
    "limit",
    "name",
    "path",
    "pending",
    "pool",
    "poolid",
    "purge",
    "since",
    "size",
    "source",
    "start",
    "storage",
    "tags",
    "timeout",
    "type",
    "typefilter",
    "verify-certificates",
    "vmid",
    "vms",
];

/// A config key that holds people's notes: whatever they wrote into PVE is sent again with our mark.
const NOTES: &str = "description";

/// Parameters that hold a URL, which may have a password in it.
const ADDRESSES: [&str; 1] = ["url"];

/// Returns each parameter as it may be shown.
pub(crate) fn shown(params: &Params, is_config_key: IsConfigKey) -> Map<String, Value> {
    let pair = |(name, text): (&str, &str)| {
        let exposure = exposure(name, is_config_key);
        let value = shown::value(text, exposure).unwrap_or_else(|| MASK.to_owned());
        (name.to_owned(), Value::from(value))
    };
    params.pairs().map(pair).collect()
}

fn exposure(name: &str, is_config_key: IsConfigKey) -> Exposure {
    if ADDRESSES.contains(&name) {
        return Exposure::Address;
    }
    match OPEN.contains(&name) || name != NOTES && is_config_key(name) {
        true => Exposure::Open,
        false => Exposure::Hidden,
    }
}

/// Returns the request in one line: method, path, status and time; with `parameters`, those too.
pub(crate) fn line(traffic: &Traffic, parameters: Option<&Map<String, Value>>) -> String {
    let status = traffic.status.map_or("no answer".to_owned(), |status| status.to_string());
    let text = format!("{}: {status}, {} ms", traffic.call, traffic.took.as_millis());
    let Some(parameters) = parameters else { return text };
    let pair = |(name, value): (&String, &Value)| {
        format!("{name}={}", quoted(value.as_str().unwrap_or_default()))
    };
    let pairs =
        parameters.iter().map(pair).chain(traffic.bytes.map(|count| format!("{count} bytes")));
    match pairs.collect::<Vec<_>>().join(" ") {
        none if none.is_empty() => text,
        pairs => format!("{text}: {pairs}"),
    }
}

/// Returns a value in quotes where it would not be read as one word.
fn quoted(value: &str) -> String {
    let is_word = !value.is_empty() && !value.contains(|c: char| c.is_whitespace() || c == '"');
    if is_word { value.to_owned() } else { format!("\"{value}\"") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, value: &str, expected: &str) {
        let shown = shown(&Params::new().with(name, value), |name| {
            ["cores", "description"].contains(&name)
        });
        assert_eq!(shown[name], expected, "{name}");
    }

    #[test]
    fn what_is_not_known_is_masked() {
        check("cores", "4", "4");
        check("vmid", "101", "101");
        check("cipassword", "s3cret", MASK);
        check("sshkeys", "ssh-ed25519 AAAA", MASK);
        check("cores2", "4", MASK);
        check("description", "the root password is s3cret", MASK);
    }

    #[test]
    fn a_url_shows_no_password() {
        check("url", "https://me:s3cret@x/a?sig=s3cret", "https://…@x/a?…");
        check("file", "https://me:s3cret@x/", "https://…@x/");
    }

    #[test]
    fn words_with_blanks_are_quoted() {
        assert_eq!([quoted("a b"), quoted(""), quoted("a,b=c")], ["\"a b\"", "\"\"", "a,b=c"]);
    }
}
