//! Flags and sizes in PVE's notation. Does no I/O.

/// Parses a flag, which PVE accepts in many spellings.
pub fn parse_flag(text: &str) -> Option<bool> {
    // PVE: facts 10; pve-common, JSONSchema.pm, parse_boolean.
    match text.to_ascii_lowercase().as_str() {
        "1" | "on" | "yes" | "true" => Some(true),
        "0" | "off" | "no" | "false" => Some(false),
        _ => None,
    }
}

/// Parses a size in bytes: a decimal number with an optional K, M, G or T (powers of 1024).
pub fn parse_size(text: &str) -> Option<u64> {
    // PVE: pve-common, JSONSchema.pm, parse_size: `^(\d+(\.\d+)?)([KMGT])?$`.
    let (number, shift) = match text.as_bytes().last()? {
        b'K' => (text.get(..text.len() - 1)?, 10),
        b'M' => (text.get(..text.len() - 1)?, 20),
        b'G' => (text.get(..text.len() - 1)?, 30),
        b'T' => (text.get(..text.len() - 1)?, 40),
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

/// Formats bytes in the largest unit that divides them, like PVE in a drive's `size`.
pub fn display_size(bytes: u64) -> String {
    let unit = [(40, "T"), (30, "G"), (20, "M"), (10, "K")]
        .into_iter()
        .find(|(shift, _)| bytes != 0 && bytes.is_multiple_of(1 << shift));
    match unit {
        Some((shift, letter)) => format!("{}{letter}", bytes >> shift),
        None => bytes.to_string(),
    }
}

/// Formats bytes for people: `20 GiB`.
pub fn shown_size(bytes: u64) -> String {
    let text = display_size(bytes);
    match text.strip_suffix(['K', 'M', 'G', 'T']) {
        Some(number) => format!("{number} {}iB", &text[number.len()..]),
        None => format!("{text} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        for text in ["", "G", "1X", "-1G", "1.G", "99999999999999999999T", "é"] {
            assert_eq!(parse_size(text), None, "{text}");
        }
        assert_eq!(display_size(10 << 30), "10G");
        assert_eq!(display_size(1536 << 20), "1536M");
        assert_eq!(display_size(1000), "1000");
        assert_eq!(display_size(0), "0");
        assert_eq!(shown_size(10 << 30), "10 GiB");
        assert_eq!(shown_size(1000), "1000 bytes");
    }
}
