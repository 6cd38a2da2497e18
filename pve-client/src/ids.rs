//! Names that have a meaning in PVE: vmid, node, storage, digest.
//!
//! Each is checked once, on input. Does no I/O.

use std::fmt;
use std::str::FromStr;

/// The text is not a valid name of its kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{text}\" must be {rule}")]
pub struct BadName {
    /// The original text.
    pub text: String,
    /// The rule that it violates.
    pub rule: &'static str,
}

/// The ID of a VM: 100 to 999999999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Vmid(u32);

impl Vmid {
    /// The rule for a vmid.
    pub const RULE: &str = "a vmid: a number from 100 to 999999999";

    /// Checks a number against PVE's rule.
    pub fn new(number: u64) -> Result<Self, BadName> {
        let bad = || BadName { text: number.to_string(), rule: Self::RULE };
        match u32::try_from(number) {
            Ok(small @ 100..=999_999_999) => Ok(Self(small)),
            _ => Err(bad()),
        }
    }

    /// Returns the number.
    pub fn get(self) -> u32 {
        self.0
    }
}

impl FromStr for Vmid {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let bad = || BadName { text: text.to_owned(), rule: Self::RULE };
        text.parse().map_err(|_| bad()).and_then(|n| Self::new(n).map_err(|_| bad()))
    }
}

impl fmt::Display for Vmid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Defines a newtype around a text that `$accepts` allows.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $rule:literal, $accepts:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
/// The rule for such a name.
            pub const RULE: &str = $rule;

/// Checks a text against the rule.
            pub fn new(text: impl Into<String>) -> Result<Self, BadName> {
                let text = text.into();
                let accepts: fn(&str) -> bool = $accepts;
                if accepts(&text) { Ok(Self(text)) } else { Err(BadName { text, rule: Self::RULE }) }
            }

            /// Returns the text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = BadName;

            fn from_str(text: &str) -> Result<Self, BadName> {
                Self::new(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// The name of a node in the cluster.
    NodeName,
    "a node name: letters, digits and `-`, at most 63",
    |text| (1..=63).contains(&text.len())
        && !text.starts_with('-')
        && !text.ends_with('-')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
);

name!(
    /// The name of a storage, as in `storage.cfg`.
    StorageId,
    "a storage name: a letter, then letters, digits, `-`, `_` and `.`",
    // PVE: pve-common, JSONSchema.pm, format pve-storage-id.
    |text| text.len() >= 2
        && text.as_bytes()[0].is_ascii_alphabetic()
        && text.ends_with(|c: char| c.is_ascii_alphanumeric())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
);

name!(
    /// The digest of a config: sent with a change, it guards against concurrent changes.
    Digest,
    "a digest: hexadecimal digits",
    |text| (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit())
);

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: FromStr + fmt::Display>(text: &str, accepted: bool) {
        let got = text.parse::<T>().ok().map(|name| name.to_string());
        assert_eq!(got.as_deref(), accepted.then_some(text), "{text}");
    }

    #[test]
    fn vmid_range() {
        check::<Vmid>("100", true);
        check::<Vmid>("999999999", true);
        check::<Vmid>("99", false);
        check::<Vmid>("1000000000", false);
        check::<Vmid>("-100", false);
        check::<Vmid>("1e3", false);
    }

    #[test]
    fn node_and_storage_names() {
        check::<NodeName>("pve-1", true);
        check::<NodeName>("-pve", false);
        check::<NodeName>("pve/../x", false);
        check::<StorageId>("local-lvm", true);
        check::<StorageId>("a", false);
        check::<StorageId>("1local", false);
        check::<StorageId>("lo cal", false);
        check::<StorageId>("", false);
    }

    #[test]
    fn digest_is_hexadecimal() {
        check::<Digest>("c03d9a7d3b4d6f5a0b0a3d5e1f2c4b6a7d8e9f01", true);
        check::<Digest>("not a digest", false);
    }
}
