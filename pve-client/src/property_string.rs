//! Property strings: `virtio=BC:24:11:00:00:01,bridge=vmbr0,tag=20` ⇄ ordered pairs.
//!
//! PVE allows one key to omit its name (the default key), accepts booleans in many spellings and
//! reorders what it stores, so compare the parsed values, never the texts (facts 10). Does no I/O.

use std::fmt;

/// Ordered pairs of a property string. A part without `=` is the value of the default key.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PropertyString {
    pairs: Vec<(String, String)>,
}

impl PropertyString {
    /// The key for a part without `=` if there is no default key.
    pub const UNNAMED: &str = "";

    /// Splits a property string; a part without `=` becomes the value of `default_key`.
    pub fn parse(text: &str, default_key: &str) -> Self {
        let pair = |part: &str| match part.split_once('=') {
            Some((key, value)) => (key.trim().to_owned(), value.to_owned()),
            None => (default_key.to_owned(), part.to_owned()),
        };
        let pairs = text.split(',').filter(|part| !part.is_empty()).map(pair).collect();
        Self { pairs }
    }

    /// Returns the value of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.pairs.iter().find(|(k, _)| k == key).map(|(_, value)| value.as_str())
    }

    /// Returns the value of a key as a boolean, in any of PVE's spellings.
    pub fn flag(&self, key: &str) -> Option<bool> {
        self.get(key).and_then(parse_boolean)
    }

    /// Returns the value of a key in bytes: `10G`, `1M`, `512`.
    pub fn size(&self, key: &str) -> Option<u64> {
        self.get(key).and_then(parse_size)
    }

    /// Sets a key: in place if it exists, else at the end.
    pub fn set(&mut self, key: &str, value: impl Into<String>) -> &mut Self {
        let value = value.into();
        match self.pairs.iter_mut().find(|(k, _)| k == key) {
            Some(pair) => pair.1 = value,
            None => self.pairs.push((key.to_owned(), value)),
        }
        self
    }

    /// Removes a key and returns its value.
    pub fn remove(&mut self, key: &str) -> Option<String> {
        let place = self.pairs.iter().position(|(k, _)| k == key)?;
        Some(self.pairs.remove(place).1)
    }

    /// Returns the pairs in order.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Returns the first part: the volid of a drive, the model and MAC of a network device.
    pub fn first(&self) -> Option<(&str, &str)> {
        self.pairs().next()
    }

    /// Formats the value of `default_key` without its name, as PVE does for a drive's volid, unless it would be read as
    /// something else then: with a `=` in it as another key, empty as nothing.
    pub fn display_with_default(&self, default_key: &str) -> String {
        let part = |(key, value): (&str, &str)| match key {
            _ if key == default_key && !value.is_empty() && !value.contains('=') => {
                value.to_owned()
            }
            _ => format!("{key}={value}"),
        };
        self.pairs().map(part).collect::<Vec<_>>().join(",")
    }
}

impl fmt::Display for PropertyString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.display_with_default(Self::UNNAMED))
    }
}

/// Reads a boolean in PVE's spellings.
pub fn parse_boolean(text: &str) -> Option<bool> {
    // PVE: facts 10; pve-common, JSONSchema.pm, parse_boolean.
    match text.to_ascii_lowercase().as_str() {
        "1" | "on" | "yes" | "true" => Some(true),
        "0" | "off" | "no" | "false" => Some(false),
        _ => None,
    }
}

/// Reads a size in bytes: a decimal number with an optional K, M, G or T (powers of 1024).
pub fn parse_size(text: &str) -> Option<u64> {
    // PVE: pve-common, JSONSchema.pm, parse_size: `^(\d+(\.\d+)?)([KMGT])?$`.
    let (number, shift) = match text.as_bytes().last()? {
        b'K' => (&text[..text.len() - 1], 10),
        b'M' => (&text[..text.len() - 1], 20),
        b'G' => (&text[..text.len() - 1], 30),
        b'T' => (&text[..text.len() - 1], 40),
        _ => (text, 0),
    };
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if !digits(whole) || !digits(fraction) || fraction.len() > 18 {
        return None;
    }
    let unit = 1u128 << shift;
    let part =
        fraction.parse::<u128>().ok()? * unit / 10u128.pow(u32::try_from(fraction.len()).ok()?);
    u64::try_from(whole.parse::<u128>().ok()?.checked_mul(unit)?.checked_add(part)?).ok()
}

/// Formats bytes in the largest unit that divides them, as PVE does in a drive's `size`.
pub fn display_size(bytes: u64) -> String {
    let unit = [(40, "T"), (30, "G"), (20, "M"), (10, "K")]
        .into_iter()
        .find(|(shift, _)| bytes != 0 && bytes.is_multiple_of(1 << shift));
    match unit {
        Some((shift, letter)) => format!("{}{letter}", bytes >> shift),
        None => bytes.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_order_and_text() {
        let text = "virtio=BC:24:11:00:00:01,bridge=vmbr0,tag=20";
        let net = PropertyString::parse(text, "model");
        assert_eq!(net.to_string(), text);
        assert_eq!(net.first(), Some(("virtio", "BC:24:11:00:00:01")));
        assert_eq!(net.get("tag"), Some("20"));
    }

    #[test]
    fn the_default_key_may_omit_its_name() {
        let mut drive =
            PropertyString::parse("local-lvm:vm-100-disk-0,size=10G,discard=on", "file");
        assert_eq!(drive.get("file"), Some("local-lvm:vm-100-disk-0"));
        assert_eq!(drive.size("size"), Some(10 << 30));
        assert_eq!(drive.flag("discard"), Some(true));
        drive.set("size", "20G").set("ssd", "1");
        assert_eq!(drive.remove("discard").as_deref(), Some("on"));
        assert_eq!(drive.display_with_default("file"), "local-lvm:vm-100-disk-0,size=20G,ssd=1");
        let image = PropertyString::parse("file=local:iso/a=b.iso,media=cdrom", "file");
        assert_eq!(image.display_with_default("file"), "file=local:iso/a=b.iso,media=cdrom");
        let empty = PropertyString::parse("file=,media=cdrom", "file");
        assert_eq!(empty.display_with_default("file"), "file=,media=cdrom");
    }

    #[test]
    fn sizes() {
        let cases = [
            ("512", Some(512)),
            ("1M", Some(1 << 20)),
            ("1.5G", Some(3 << 29)),
            ("2T", Some(2 << 40)),
        ];
        for (text, bytes) in cases {
            assert_eq!(parse_size(text), bytes, "{text}");
        }
        for text in ["", "G", "1X", "-1G", "1.G", "99999999999999999999T"] {
            assert_eq!(parse_size(text), None, "{text}");
        }
        assert_eq!(display_size(10 << 30), "10G");
        assert_eq!(display_size(1536 << 20), "1536M");
        assert_eq!(display_size(1000), "1000");
        assert_eq!(display_size(0), "0");
    }
}
