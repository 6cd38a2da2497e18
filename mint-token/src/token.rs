//! `mint`: makes a token from a key and claims. Does no I/O.
//!
//! `P.S`, where P is the payload as JSON in base64url without padding, and S is the
//! HMAC-SHA256 of P's ASCII bytes, likewise. The JSON is byte for byte what Python's
//! `json.dumps(…, separators=(',', ':'))` writes, which is how tokens were made before.

use crate::key::{Key, KeyRing};
use data_encoding::BASE64URL_NOPAD;
use stage::{Entry, Failure, Place, shown};
use std::fmt::Write;

/// The claims of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claims<'a> {
    /// The name of the VM.
    pub name: &'a str,
    /// The spec that the VM may fetch.
    pub spec: &'a str,
    /// When it was issued and when it expires.
    pub times: Validity,
    /// The name of the key, for a verifier with several; tokens of the reference have none.
    pub kid: Option<&'a str>,
}

/// Times of a token, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// The time of issue.
    pub issued_at: u64,
    /// The time from which on it is refused; tokens of the reference have none.
    pub expires_at: Option<u64>,
}

/// A provisioning token; its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// Returns the token; the caller must not put it in a message.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[secret]")
    }
}

/// Makes a token.
pub fn mint(key: &Key, claims: &Claims<'_>) -> Token {
    let mut token = BASE64URL_NOPAD.encode(payload(claims).as_bytes());
    let signature = key.sign(token.as_bytes());
    token.push('.');
    token.push_str(&BASE64URL_NOPAD.encode(&signature));
    Token(token)
}

/// The key that signs, and its name in the token.
pub(crate) struct Minter<'a> {
    kid: Option<&'a str>,
    key: &'a Key,
}

impl<'a> Minter<'a> {
    /// Picks the key named `kid`, or else the first one. The first one adds no `kid`, so that the
    /// token is the same as the reference's.
    pub(crate) fn new(ring: &'a KeyRing, kid: Option<&str>) -> Result<Self, Failure> {
        let found = match kid {
            Some(wanted) => ring.keys().find(|(name, _)| *name == Some(wanted)),
            None => ring.first().map(|key| (None, key)),
        };
        found.map(|(kid, key)| Self { kid, key }).ok_or_else(|| {
            let fact = match kid {
                Some(wanted) => format!("found no key named \"{}\"", shown::name(wanted)),
                None => "is required to choose the signing key, because all keys have names".into(),
            };
            let names: Vec<_> = ring.keys().filter_map(|(name, _)| name.map(shown::name)).collect();
            let hint = if names.is_empty() {
                "none of the keys has a name".into()
            } else {
                format!("available keys: {}", names.join(", "))
            };
            Entry::error("unknown-kid", Place::Named("--kid".into()), fact).hint(hint).into()
        })
    }

    pub(crate) fn mint(&self, name: &str, spec: &str, times: Validity) -> Token {
        mint(self.key, &Claims { name, spec, times, kid: self.kid })
    }
}

fn payload(claims: &Claims<'_>) -> String {
    let mut out = String::from(r#"{"v":1,"n":"#);
    push_json(&mut out, claims.name);
    out.push_str(r#","s":"#);
    push_json(&mut out, claims.spec);
    out.push_str(&format!(r#","iat":{}"#, claims.times.issued_at));
    if let Some(at) = claims.times.expires_at {
        out.push_str(&format!(r#","exp":{at}"#));
    }
    if let Some(kid) = claims.kid {
        out.push_str(r#","kid":"#);
        push_json(&mut out, kid);
    }
    out.push('}');
    out
}

/// Writes a JSON string in ASCII, as Python does by default. serde_json would not escape other
/// characters, and the signature would differ.
fn push_json(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            ' '..='~' => out.push(c),
            _ => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    // Writing to a string cannot fail.
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let mut out = String::new();
        push_json(&mut out, text);
        assert_eq!(out, expected);
    }

    #[test]
    fn debug_says_nothing() {
        assert_eq!(format!("{:?}", Token("abc.def".into())), "[secret]");
    }

    #[test]
    fn json_is_pythons() {
        check("edge", r#""edge""#);
        check("a\"\\/\n\r\t\u{8}\u{c}", r#""a\"\\/\n\r\t\b\f""#);
        check("\0\u{1f}\u{7f}\u{80}é<>&'", r#""\u0000\u001f\u007f\u0080\u00e9<>&'""#);
        check("\u{2028}\u{ffff}😀", r#""\u2028\uffff\ud83d\ude00""#);
    }
}
