//! Ranges of addresses, as in a subnet's `dhcp-range`. Does no I/O.

use serde_json::Value;
use std::net::IpAddr;

/// Reads PVE's property string in any order of its options; `None` if it is not a range.
pub(super) fn parse(text: &str) -> Option<(IpAddr, IpAddr)> {
    let (mut start, mut end) = (None, None);
    for option in text.split(',') {
        let (name, address) = option.trim().split_once('=')?;
        let place = match name.trim() {
            "start-address" => &mut start,
            "end-address" => &mut end,
            _ => return None,
        };
        if place.replace(address.trim().parse().ok()?).is_some() {
            return None;
        }
    }
    Some((start?, end?))
}

/// Returns the normal form of a range.
pub(super) fn normal(text: &str) -> Option<String> {
    let (start, end) = parse(text)?;
    Some(format!("start-address={start},end-address={end}"))
}

/// Returns a range in JSON as text.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.contains('\n') => Some(text.clone()),
        Value::Object(options) => {
            let option = |(name, value): (&String, &Value)| {
                Some(format!("{name}={}", value.as_str().filter(|text| !text.contains(','))?))
            };
            Some(options.iter().map(option).collect::<Option<Vec<_>>>()?.join(","))
        }
        _ => None,
    }
}
