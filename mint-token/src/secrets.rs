//! The signing keys in the text of secrets.yaml. Does no I/O.
//!
//! Reads only `auth.signing_key` and `auth.signing_keys`; resolve checks the rest of the file.

use crate::key::KeyText;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny};
use serde_yaml::Spanned;
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
    signing_key: Option<Spanned<Hex>>,
    #[serde(default)]
    signing_keys: Option<BTreeMap<String, Option<Spanned<Hex>>>>,
}

struct Hex(KeyText);

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(KeyText::new(text)))
    }
}

/// A key as it is written. Has no `Debug`.
pub(crate) struct NamedHex<'s> {
    /// Its field.
    pub(crate) field: String,
    /// Its `kid`.
    pub(crate) name: Option<&'s str>,
    /// Its text.
    pub(crate) hex: &'s KeyText,
    /// Line and column from 1.
    pub(crate) at: Option<(usize, usize)>,
}

/// Where the text is invalid. The parser's message is dropped, because it could quote a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SecretsError {
    /// Line and column from 1, when the parser knows them.
    pub(crate) at: Option<(usize, usize)>,
    /// A mapping has two `<<`: resolve takes the last one, this module's reader the first.
    pub(crate) two_merges: bool,
}

impl Secrets {
    pub(crate) fn parse(text: &str) -> Result<Self, SecretsError> {
        let error = |error: serde_yaml::Error, two_merges| SecretsError {
            at: error.location().and_then(position),
            two_merges,
        };
        let options = serde_yaml::options! { reject_unsupported_tags: true };
        let parsed: Option<Self> =
            serde_yaml::from_str_with_options(text, options).map_err(|e| error(e, false))?;
        // As ordinary keys, two `<<` are a duplicate.
        let literal = serde_yaml::options! { merge_keys: serde_yaml::MergeKeyPolicy::AsOrdinary };
        let second: Result<Option<IgnoredAny>, _> =
            serde_yaml::from_str_with_options(text, literal);
        second.map_err(|e| error(e, true))?;
        Ok(parsed.unwrap_or_default())
    }

    /// Returns the keys, `auth.signing_key` first.
    pub(crate) fn keys(&self) -> Vec<NamedHex<'_>> {
        let Some(auth) = &self.auth else { return Vec::new() };
        // The reference's example file has an empty one, for a site without a key.
        let current = auth.signing_key.iter().filter(|hex| !hex.value.0.is_empty());
        let current = current.map(|hex| named("auth.signing_key".into(), None, hex));
        let others = auth.signing_keys.iter().flatten().filter_map(|(name, hex)| {
            // A user who mixes up name and key has written the key here.
            let field = format!("auth.signing_keys.{}", shown::name(name));
            Some(named(field, Some(name.as_str()), hex.as_ref()?))
        });
        current.chain(others).collect()
    }
}

fn named<'s>(field: String, name: Option<&'s str>, spanned: &'s Spanned<Hex>) -> NamedHex<'s> {
    NamedHex { field, name, hex: &spanned.value.0, at: position(spanned.referenced) }
}

fn position(location: serde_yaml::Location) -> Option<(usize, usize)> {
    let position = (location.line() as usize, location.column() as usize);
    Some(position).filter(|(line, _)| *line > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[(&str, &str)]) {
        let secrets = Secrets::parse(text).unwrap();
        let keys = secrets.keys();
        let keys: Vec<_> = keys.iter().map(|key| (key.field.as_str(), key.hex.as_str())).collect();
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
    fn null_sets_no_key() {
        check("auth: {signing_key: null, signing_keys: {a: null, b: }}", &[]);
        check("auth: {signing_keys: {a: ~, b: y}}", &[("auth.signing_keys.b", "y")]);
    }

    #[test]
    fn merges_are_read_like_resolve_or_refused() {
        let anchors = "x-a: &a {signing_key: x}\nx-b: &b {signing_key: y}\n";
        let first = [("auth.signing_key", "x")];
        check(&format!("{anchors}auth: {{<<: *a}}"), &first);
        check(&format!("{anchors}auth: {{<<: [*a, *b]}}"), &first);
        check(&format!("{anchors}auth: {{\"<<\": *a}}"), &[]);
        let error = Secrets::parse(&format!("{anchors}auth:\n  <<: *a\n  <<: *b\n")).err();
        let expected = SecretsError { at: Some((5, 3)), two_merges: true };
        assert_eq!(error, Some(expected));
        let tag = Secrets::parse("auth: {signing_key: !x y}").err();
        assert!(tag.is_some_and(|error| !error.two_merges));
    }

    #[test]
    fn what_cannot_be_read_names_its_line() {
        let at = |text: &str| Secrets::parse(text).err().and_then(|e| e.at).map(|(line, _)| line);
        assert_eq!(at("a: b\nauth: hunter2\n"), Some(2));
        assert_eq!(at("auth:\n\tx: y\n"), Some(2));
    }
}
