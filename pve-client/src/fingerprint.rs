//! The SHA-256 fingerprint of a certificate, in PVE's notation.
//!
//! Does no I/O.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

/// SHA-256 of a certificate's DER bytes. Displayed as PVE does: upper-case pairs with colons.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fingerprint([u8; 32]);

/// The text is not a SHA-256 fingerprint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{text}\" must be 32 pairs of hexadecimal digits, with or without colons")]
pub struct BadFingerprint {
    /// The original text.
    pub text: String,
}

impl Fingerprint {
    /// Returns the fingerprint of a certificate's DER bytes.
    pub fn of(der: &[u8]) -> Self {
        Self(Sha256::digest(der).into())
    }
}

impl FromStr for Fingerprint {
    type Err = BadFingerprint;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || BadFingerprint { text: text.to_owned() };
        let digits: Vec<u32> = text
            .trim()
            .chars()
            .filter(|c| *c != ':')
            .map(|c| c.to_digit(16).ok_or_else(bad))
            .collect::<Result<_, _>>()?;
        if digits.len() != 64 {
            return Err(bad());
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
            *byte = pair.iter().fold(0, |sum, digit| sum << 4 | *digit as u8);
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().enumerate().try_for_each(|(i, byte)| {
            let colon = if i == 0 { "" } else { ":" };
            write!(f, "{colon}{byte:02X}")
        })
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<&str>) {
        let got = text.parse::<Fingerprint>().ok().map(|f| f.to_string());
        assert_eq!(got.as_deref(), expected, "{text}");
    }

    #[test]
    fn accepts_all_common_notations() {
        let plain = "AB".repeat(32);
        let colons = vec!["AB"; 32].join(":");
        check(&plain, Some(&colons));
        check(&plain.to_lowercase(), Some(&colons));
        check(&colons.to_lowercase(), Some(&colons));
        check(&format!(" {colons}\n"), Some(&colons));
    }

    #[test]
    fn refuses_other_lengths_and_digits() {
        check("", None);
        check(&"AB".repeat(20), None);
        check(&"AG".repeat(32), None);
        check(&"AB".repeat(33), None);
    }
}
