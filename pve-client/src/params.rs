//! The parameters of a call and their encoding as a query or a form. Does no I/O.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::fmt;

/// Ordered parameters of a call. `Debug` shows only the names because a value may be secret.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Params(Vec<(String, String)>);

impl Params {
    /// Creates an empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a parameter.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.push(name, value);
        self
    }

    /// Adds a parameter if it has a value.
    #[must_use]
    pub fn with_some(self, name: &str, value: Option<impl fmt::Display>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Adds a boolean in the only spelling that PVE accepts in a form.
    #[must_use]
    pub fn with_flag(self, name: &str, value: bool) -> Self {
        // PVE: facts 9: only 1 and 0 pass the type check.
        self.with(name, u8::from(value))
    }

    /// Adds a parameter.
    pub fn push(&mut self, name: &str, value: impl fmt::Display) {
        self.0.push((name.to_owned(), value.to_string()));
    }

    /// Returns the pairs in order.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Returns whether there are no parameters.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Encodes the parameters as a form body or a query string.
    pub(crate) fn encoded(&self) -> String {
        let encoded = |text| utf8_percent_encode(text, FORM);
        let pair = |(name, value)| format!("{}={}", encoded(name), encoded(value));
        self.pairs().map(pair).collect::<Vec<_>>().join("&")
    }
}

impl fmt::Debug for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.pairs().map(|(name, _)| name)).finish()
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Params {
    fn from_iter<T: IntoIterator<Item = (N, V)>>(pairs: T) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

/// Everything except the unreserved characters.
///
/// PVE: facts 12 and reference 3: `+` would become a space, and PVE also splits forms at `;`.
const FORM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What is encoded in a segment of a path.
///
/// PVE accepts a UPID either way (facts 33). Unencoded, with `:`, `@` and `!`, it is what most clients
/// send, and what any server expects.
const SEGMENT: &AsciiSet = &FORM.remove(b':').remove(b'@').remove(b'!');

/// Joins path segments below `/api2/json`, each percent-encoded.
pub(crate) fn path(segments: &[&str]) -> String {
    let encoded = |segment| utf8_percent_encode(segment, SEGMENT);
    segments.iter().map(|segment| format!("/{}", encoded(segment))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: &str, expected: &str) {
        assert_eq!(Params::new().with("k", value).encoded(), format!("k={expected}"));
    }

    #[test]
    fn encodes_characters_that_pve_would_split_at() {
        check("+512M", "%2B512M");
        check("order=virtio0;ide2", "order%3Dvirtio0%3Bide2");
        check("a b&c=d\n", "a%20b%26c%3Dd%0A");
        check("ü", "%C3%BC");
        check("a-b_c.d~e", "a-b_c.d~e");
    }

    #[test]
    fn keeps_order_and_hides_values() {
        let params = Params::new().with("b", 1).with_flag("a", true).with_some("c", None::<u8>);
        assert_eq!(params.encoded(), "b=1&a=1");
        assert_eq!(
            format!("{:?}", Params::new().with("cipassword", "s3cret")),
            r#"["cipassword"]"#
        );
    }

    proptest::proptest! {
        #![proptest_config(proptest::test_runner::Config { failure_persistence: None, ..proptest::test_runner::Config::default() })]

        #[test]
        fn encoding_round_trips(text in "\\PC{0,20}|[\\x00-\\x7f]{0,20}") {
            let encoded = utf8_percent_encode(&text, FORM).to_string();
            assert!(encoded.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~%".contains(&b)));
            assert_eq!(crate::client::decoded(&encoded), text);
            assert_eq!(crate::client::decoded(&path(&[&text])), format!("/{text}"));
        }
    }

    #[test]
    fn path_segments_encode_their_slashes() {
        assert_eq!(
            path(&["nodes", "pve1", "storage", "local", "content", "local:import/x.qcow2"]),
            "/nodes/pve1/storage/local/content/local:import%2Fx.qcow2"
        );
    }
}
