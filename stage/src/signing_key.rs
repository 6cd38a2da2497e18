//! The rule for a signing key: `resolve` checks it, `mint-token` reads the key by it. Does no I/O.

use zeroize::Zeroizing;

/// The minimum length of a key in bytes: the length of the hash, as RFC 2104 recommends.
const LEAST: usize = 32;

/// How to get a key.
pub const HINT: &str = "create a key with `mint-token keygen`";

/// Why a text is not a signing key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyFault {
    /// It is not pairs of hexadecimal digits.
    NotHex,
    /// It has fewer than 32 bytes.
    TooShort,
}

impl KeyFault {
    /// Returns what is wrong, to follow the name of the value.
    pub const fn fact(self) -> &'static str {
        match self {
            Self::NotHex => "must be hexadecimal digits, two for each byte",
            Self::TooShort => "must be at least 32 bytes, that is 64 hexadecimal digits",
        }
    }
}

/// Returns the bytes of a key. Reads them as `bytes.fromhex` of Python does: digits in any case, with
/// or without blanks between bytes.
///
/// # Errors
/// The text is not hexadecimal, or too short.
pub fn bytes(text: &str) -> Result<Zeroizing<Vec<u8>>, KeyFault> {
    // Large enough that the vector never grows and leaves a partial key in memory.
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len() / 2));
    let mut rest = text.as_bytes();
    loop {
        rest = rest.trim_ascii_start();
        // Python counts the vertical tab among the blanks, Rust does not.
        if let Some(after) = rest.strip_prefix(b"\x0b") {
            rest = after;
            continue;
        }
        match rest {
            [] => break,
            [high, low, after @ ..] => {
                let digit = |b: &u8| char::from(*b).to_digit(16).ok_or(KeyFault::NotHex);
                let byte = digit(high)? << 4 | digit(low)?;
                bytes.push(u8::try_from(byte).map_err(|_| KeyFault::NotHex)?);
                rest = after;
            }
            [_] => return Err(KeyFault::NotHex),
        }
    }
    if bytes.len() < LEAST { Err(KeyFault::TooShort) } else { Ok(bytes) }
}

/// Checks a key.
///
/// # Errors
/// What is wrong with it.
pub fn check(text: &str) -> Result<(), &'static str> {
    bytes(text).map(drop).map_err(KeyFault::fact)
}

/// Returns whether a key can have this name: letters, digits, `-`, `_` and `.`.
pub fn is_name(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    !name.is_empty() && name.bytes().all(allowed)
}

/// What [`is_name`] checks.
pub const NAME_RULE: &str = "the name of a key must be letters, digits, `-`, `_` and `.`";

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<usize, KeyFault>) {
        assert_eq!(bytes(text).map(|key| key.len()), expected, "{text:?}");
    }

    #[test]
    fn keys_are_read_as_python_reads_them() {
        let hex = "0123456789abcdefABCDEF0011223344".repeat(2);
        check(&hex, Ok(32));
        check(&format!(" {hex}\n"), Ok(32));
        check(&hex.replace("45", "\t45\x0b\x0c\r\n"), Ok(32));
        check(&format!("{hex}{hex}"), Ok(64));
        check(&hex[2..], Err(KeyFault::TooShort));
        check("", Err(KeyFault::TooShort));
        check(&hex[1..], Err(KeyFault::NotHex));
        check(&hex.replace("45", "4 5"), Err(KeyFault::NotHex));
        check(&hex.replace("45", "4g"), Err(KeyFault::NotHex));
        check(&hex.replace("45", "０0"), Err(KeyFault::NotHex));
    }
}
