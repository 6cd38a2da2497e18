//! What `examples/` have and no real site may: public secrets, which protect nothing, and a name that
//! many sites start from. Does no I/O.

use crate::identity::EXAMPLE_SITE;
use crate::report::{Entry, Place};
use data_encoding::HEXLOWER;

/// The files that hold them; each value lives there alone.
const FILES: [&str; 2] = [
    include_str!("../../examples/minimal/secrets.yaml"),
    include_str!("../../examples/site/secrets.yaml"),
];

/// A kind of secret that the examples have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ExampleSecret {
    /// An API token, as `user@realm!name=uuid`.
    ApiToken,
    /// The hash of a password.
    PasswordHash,
    /// A key that signs provisioning tokens, in hexadecimal digits.
    SigningKey,
}

impl ExampleSecret {
    /// Returns the warning about one that is in use.
    pub fn warning(self, place: Place) -> Entry {
        let (fact, hint) = match self {
            Self::ApiToken => (
                "this API token is the placeholder of the examples",
                "`pve-apply privileges` prints the commands that make a token for your node",
            ),
            Self::PasswordHash => (
                "this password hash is the one of the examples: everyone knows the password",
                "`openssl passwd -6` prints the hash of a new password; remove the hash for none",
            ),
            Self::SigningKey => (
                "this signing key is the one of the examples: everyone can sign tokens with it",
                "`mint-token keygen` prints a new key",
            ),
        };
        Entry::warning("example-in-use", place, fact).hint(hint)
    }
}

/// Returns the warning about a site with the name of the example; `None` for any other name.
pub fn name_warning(site: &str, place: Place) -> Option<Entry> {
    let fact = format!("\"{site}\" is the name of the example, which many sites start from");
    let entry = Entry::warning("example-in-use", place, fact);
    (site == EXAMPLE_SITE).then(|| entry.hint(NAME_HINT))
}

/// How to name a site.
pub const NAME_HINT: &str =
    "set `site:` in site.yaml to a name that no other site on the cluster has";

/// Returns whether the examples have this value. The case of hexadecimal digits does not count.
pub fn has(value: &str) -> bool {
    words().any(|word| word == value) || keys().any(|key| key.eq_ignore_ascii_case(value))
}

/// Returns the signing keys of the examples, as bytes.
pub fn signing_keys() -> impl Iterator<Item = Vec<u8>> {
    keys().filter_map(|key| HEXLOWER.decode(key.as_bytes()).ok())
}

fn words() -> impl Iterator<Item = &'static str> {
    let secret = |word: &&str| word.starts_with('$') || word.contains('!') || is_key(word);
    FILES
        .iter()
        .flat_map(|text| text.split_whitespace())
        .map(|w| w.trim_matches('"'))
        .filter(secret)
}

fn keys() -> impl Iterator<Item = &'static str> {
    words().filter(|word| is_key(word))
}

/// A key of 256 bits.
fn is_key(word: &str) -> bool {
    word.len() == 64 && word.bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_values_of_the_examples_are_known() {
        for value in [
            "pipeline@pve!apply=00000000-0000-4000-8000-000000000001",
            "pipeline@pve!apply=00000000-0000-4000-8000-000000000002",
            "iac@pve!pipeline=00000000-0000-4000-8000-000000000000",
            "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
            "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F",
            "$6$example$qxJKSNBLbKQxqLCb2dCNvU0LpRrryL8zvttVk4XH1qOw.BvcOrtYJlSQpel8dWNpl7xWL93RYfWHbD5Vj4AGU/",
        ] {
            assert!(has(value), "{value}");
        }
        assert_eq!(signing_keys().count(), 2);
    }

    #[test]
    fn other_values_are_not() {
        for value in [
            "",
            "#",
            "alice@laptop",
            "api_tokens:",
            "iac@pve!pipeline=00000000-0000-4000-8000-000000000009",
            "ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
        ] {
            assert!(!has(value), "{value}");
        }
    }
}
