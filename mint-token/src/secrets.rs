//! The signing keys in the text of secrets.yaml. Does no I/O.
//!
//! Reads only `auth.signing_key` and `auth.signing_keys`; resolve checks the rest of the file.

use crate::key::KeyText;
use serde::Deserialize;
use serde::de::Deserializer;
use stage::shown;
use std::collections::BTreeMap;

/// The part of secrets.yaml that mint-token uses.
#[derive(Default, Deserialize)]
pub(crate) struct Secrets {
    #[serde(default)]
    auth: Option<Auth>,
}

#[derive(Default, Deserialize)]
struct Auth {
    #[serde(default)]
    signing_key: Option<Hex>,
    #[serde(default)]
    signing_keys: Option<BTreeMap<String, Hex>>,
}

struct Hex(KeyText);

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(KeyText::new(text)))
    }
}

/// Where the text is invalid. The parser's message is dropped, because it could quote a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SecretsError {
    /// Line and column from 1, when the parser knows them.
    pub(crate) at: Option<(usize, usize)>,
}

impl Secrets {
    pub(crate) fn parse(text: &str) -> Result<Self, SecretsError> {
        let parsed: Result<Option<Self>, _> = serde_yaml::from_str(text);
        parsed.map(Option::unwrap_or_default).map_err(|error| {
            let place = |l: serde_yaml::Location| (l.line() as usize, l.column() as usize);
            SecretsError { at: error.location().map(place).filter(|(line, _)| *line > 0) }
        })
    }

    /// Returns the keys, `auth.signing_key` first, each with its field and its `kid`.
    pub(crate) fn keys(&self) -> Vec<(String, Option<&str>, &KeyText)> {
        let Some(auth) = &self.auth else { return Vec::new() };
        // The reference's example file has an empty one, for a site without a key.
        let current = auth.signing_key.iter().filter(|hex| !hex.0.is_empty());
        let current = current.map(|hex| ("auth.signing_key".into(), None, &hex.0));
        let named = auth.signing_keys.iter().flatten().map(|(name, hex)| {
            // A user who mixes up name and key has written the key here.
            (format!("auth.signing_keys.{}", shown::name(name)), Some(name.as_str()), &hex.0)
        });
        current.chain(named).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[(&str, &str)]) {
        let secrets = Secrets::parse(text).unwrap();
        let keys = secrets.keys();
        let keys: Vec<_> = keys.iter().map(|(n, _, text)| (n.as_str(), text.as_str())).collect();
        assert_eq!(keys, expected, "{text}");
    }

    #[test]
    fn only_the_signing_keys_are_read() {
        check("", &[]);
        check("auth:\n", &[]);
        check("auth: {site_token: x}\npasswords: [1, {a: b}]\n", &[]);
        check("auth:\n  signing_key: abc\n", &[("auth.signing_key", "abc")]);
        check("auth: {signing_key: ''}", &[]);
        check("auth: {signing_key: ' '}", &[("auth.signing_key", " ")]);
        // Digits alone are a number to YAML; the field's type makes them text again.
        let digits = "12".repeat(32);
        check(&format!("auth: {{signing_key: {digits}}}"), &[("auth.signing_key", &digits)]);
        let both = "auth: {signing_keys: {b: x, a: y}, signing_key: z}";
        let expected =
            [("auth.signing_key", "z"), ("auth.signing_keys.a", "y"), ("auth.signing_keys.b", "x")];
        check(both, &expected);
    }

    #[test]
    fn what_cannot_be_read_names_its_line() {
        let at = |text: &str| Secrets::parse(text).err().and_then(|e| e.at).map(|(line, _)| line);
        assert_eq!(at("a: b\nauth: hunter2\n"), Some(2));
        assert_eq!(at("auth:\n\tx: y\n"), Some(2));
    }
}
