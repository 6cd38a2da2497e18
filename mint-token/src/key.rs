//! `Key` and `KeyRing`: the signing keys, read from text. Does no I/O.
//!
//! Keys are zeroed when they are dropped, and so is the text that they were read from.

use hmac::digest::InvalidLength;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use stage::signing_key::{self, KeyFault};
use zeroize::Zeroizing;

/// Text that contains keys.
pub type KeyText = Zeroizing<String>;

/// A signing key of at least 32 bytes. It is zeroed when dropped, and its `Debug` hides it.
pub struct Key(Zeroizing<Vec<u8>>);

/// Why a text is not a usable key or key file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyProblem {
    /// It is not a key.
    Invalid(KeyFault),
    /// It contains no key.
    Absent,
    /// Two keys have the same name.
    SameName,
    /// The name of a key is empty or has invalid characters.
    BadName,
}

impl std::fmt::Display for KeyProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Invalid(fault) => fault.fact(),
            Self::Absent => "contains no signing key",
            Self::SameName => "has two keys with the same name",
            Self::BadName => signing_key::NAME_RULE,
        })
    }
}

impl From<KeyFault> for KeyProblem {
    fn from(fault: KeyFault) -> Self {
        Self::Invalid(fault)
    }
}

impl Key {
    /// Reads a key by the rule of [`signing_key`].
    ///
    /// # Errors
    /// It is not hexadecimal, or too short.
    pub fn parse(text: &str) -> Result<Self, KeyProblem> {
        Ok(Self(signing_key::bytes(text)?))
    }

    /// Starts an HMAC-SHA256 with this key.
    pub(crate) fn hmac(&self) -> Result<Hmac<Sha256>, InvalidLength> {
        Hmac::new_from_slice(&self.0)
    }

    /// Signs a message.
    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 32] {
        // HMAC accepts keys of any length, so this cannot fail; an all-zero signature
        // would not verify anywhere.
        let Ok(mut hmac) = self.hmac() else { return [0; 32] };
        hmac.update(message);
        hmac.finalize().into_bytes().into()
    }

    /// Returns whether this key made the signature, in constant time.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let Ok(mut hmac) = self.hmac() else { return false };
        hmac.update(message);
        hmac.verify_slice(signature).is_ok()
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[secret]")
    }
}

/// One key, or several during a rotation. Never empty; names are unique.
#[derive(Debug)]
pub struct KeyRing {
    keys: Vec<(Option<String>, Key)>,
    has_first: bool,
}

impl KeyRing {
    /// Creates a ring; the first key signs.
    ///
    /// # Errors
    /// There are no keys, two have the same name, or a name is invalid.
    pub fn new(keys: Vec<(Option<String>, Key)>) -> Result<Self, KeyProblem> {
        let mut names: Vec<_> = keys.iter().filter_map(|(name, _)| name.as_deref()).collect();
        if names.iter().any(|name| !signing_key::is_name(name)) {
            return Err(KeyProblem::BadName);
        }
        let named = names.len();
        names.sort_unstable();
        names.dedup();
        match keys.len() {
            0 => Err(KeyProblem::Absent),
            _ if names.len() < named => Err(KeyProblem::SameName),
            _ => Ok(Self { keys, has_first: true }),
        }
    }

    /// Reads the lines of a key file: `HEX` or `NAME=HEX`; empty lines and `#` comments are skipped.
    ///
    /// # Errors
    /// The number of the line (0 for the whole text) and what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, (usize, KeyProblem)> {
        let mut keys = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (name, hex) = match line.split_once('=') {
                Some((name, hex)) => (Some(name.trim().to_owned()), hex),
                None => (None, line),
            };
            keys.push((name, Key::parse(hex).map_err(|problem| (index + 1, problem))?));
        }
        Self::new(keys).map_err(|problem| (0, problem))
    }

    /// Removes the order of the keys: unless there is only one, the signing key must be named.
    pub(crate) fn unordered(self) -> Self {
        Self { has_first: self.keys.len() == 1, ..self }
    }

    /// Returns the key that signs by default, or `None` if it must be named.
    pub(crate) fn first(&self) -> Option<&Key> {
        self.keys.first().filter(|_| self.has_first).map(|(_, key)| key)
    }

    /// The keys with their names.
    pub(crate) fn keys(&self) -> impl Iterator<Item = (Option<&str>, &Key)> {
        self.keys.iter().map(|(name, key)| (name.as_deref(), key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_file_has_one_key_a_line() {
        let [a, b] = ["aa".repeat(32), "bb".repeat(32)];
        let names = |text: &str| {
            let ring = KeyRing::parse(text);
            ring.map(|ring| ring.keys().map(|(n, _)| n.map(str::to_owned)).collect::<Vec<_>>())
        };
        assert_eq!(names(&a), Ok(vec![None]));
        assert_eq!(
            names(&format!("# now\n2026 = {a}\n\n{b}\n")),
            Ok(vec![Some("2026".into()), None])
        );
        assert_eq!(names(""), Err((0, KeyProblem::Absent)));
        assert_eq!(names(&format!("x={a}\nx={b}")), Err((0, KeyProblem::SameName)));
        assert_eq!(names(&format!("={a}")), Err((0, KeyProblem::BadName)));
        assert_eq!(names(&format!("{a}\nx=1")), Err((2, KeyFault::NotHex.into())));
    }

    #[test]
    fn debug_says_nothing() {
        let ring = KeyRing::parse(&"ab".repeat(32)).unwrap();
        assert_eq!(format!("{ring:?}"), "KeyRing { keys: [(None, [secret])], has_first: true }");
    }
}
