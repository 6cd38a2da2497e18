//! `Wire`: how PVE encodes texts that may contain any character. Does no I/O.

use data_encoding::BASE64;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// The encoding of a text in PVE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// Unchanged.
    Plain,
    /// Percent-encoded.
    Url,
    /// In base64, if the option `base64` of the same key is set.
    Base64,
}

impl Wire {
    /// Decodes PVE's text; invalid text is kept unchanged.
    pub(crate) fn read(self, text: &str, is_base64: bool) -> String {
        let read = match self {
            Self::Url => Some(percent_decode_str(text).collect()),
            Self::Base64 if is_base64 => BASE64.decode(text.as_bytes()).ok(),
            Self::Plain | Self::Base64 => None,
        };
        read.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_else(|| text.to_owned())
    }

    /// Encodes a text for PVE.
    pub(crate) fn write(self, text: &str) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::Url => utf8_percent_encode(text, URL).to_string(),
            Self::Base64 => BASE64.encode(text.as_bytes()),
        }
    }
}

/// PVE: pve-common, JSONSchema.pm, pve_verify_urlencoded: everything except these is encoded.
const URL: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

#[cfg(test)]
mod tests {
    use super::Wire;
    use proptest::prelude::*;

    #[test]
    fn texts_are_encoded_for_pve() {
        assert_eq!(
            Wire::Url.write("ssh-rsa AAAA+/= a@b\nü"),
            "ssh-rsa%20AAAA%2B%2F%3D%20a%40b%0A%C3%BC"
        );
        assert_eq!(Wire::Url.write("-_.!~*'()"), "-_.!~*'()");
        assert_eq!(Wire::Base64.write("ACME, Inc."), "QUNNRSwgSW5jLg==");
        assert_eq!(Wire::Base64.read("ACME", false), "ACME");
        for broken in ["%", "%4", "%zz", "%FF", "%+1"] {
            assert_eq!(Wire::Url.read(broken, false), broken);
        }
        assert_eq!(Wire::Base64.read("?", true), "?");
    }

    proptest! {
        #[test]
        fn texts_round_trip(text in ".*") {
            for wire in [Wire::Plain, Wire::Url, Wire::Base64] {
                prop_assert_eq!(wire.read(&wire.write(&text), true), text.clone());
            }
        }
    }
}
