//! `verify`: checks a token as a server does, in the reference's order and with its codes
//! and texts. Does no I/O.
//!
//! Stricter than the reference about malformed tokens: base64url must be canonical and the payload
//! an object, so that one signature belongs to exactly one text.

use crate::key::KeyRing;
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Map, Value};

/// The parameters of a check: the trusted keys, the VM's name and the time.
#[derive(Debug)]
pub struct Verifier<'a> {
    /// The trusted keys.
    pub ring: &'a KeyRing,
    /// The name of the VM that shows the token.
    pub name: &'a str,
    /// Seconds since 1970.
    pub now: u64,
}

/// The payload of a token, unchanged.
#[derive(Clone, Debug, PartialEq)]
pub struct Payload {
    /// All claims, unknown ones too.
    pub claims: Map<String, Value>,
}

impl Payload {
    /// A claim as text; empty when absent.
    pub(crate) fn text(&self, claim: &str) -> &str {
        self.claims.get(claim).and_then(Value::as_str).unwrap_or_default()
    }
}

/// Why a token is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VerifyError {
    /// It is not two parts with a dot between them.
    Segments,
    /// The signature is not base64url.
    SignatureEncoding,
    /// None of the keys made the signature.
    Signature,
    /// The payload is not a JSON object in base64url.
    PayloadEncoding,
    /// `v` is not 1.
    Version(String),
    /// `n` or `s` is absent or empty.
    MissingClaims,
    /// A claim has the wrong type.
    ClaimType(&'static str),
    /// The token is for another VM.
    Identity {
        /// The name in the token.
        token: String,
        /// The name of the VM that shows it.
        name: String,
    },
    /// `exp` has passed.
    Expired,
}

impl VerifyError {
    /// The code that the reference's server answers with.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Signature | Self::Identity { .. } | Self::Expired => "E301",
            _ => "E300",
        }
    }
}

impl VerifyError {
    /// The HTTP status that the reference's server answers with.
    pub fn status(&self) -> u16 {
        match self.code() {
            "E301" => 401,
            _ => 400,
        }
    }
}

impl std::fmt::Display for VerifyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Segments => f.write_str("Malformed token: expected 2 dot-separated segments"),
            Self::SignatureEncoding => f.write_str("Malformed token: invalid signature encoding"),
            Self::Signature => f.write_str("Invalid token signature"),
            Self::PayloadEncoding => f.write_str("Malformed token: invalid payload encoding"),
            Self::Version(v) => write!(f, "Unsupported token version: {v}"),
            Self::MissingClaims => f.write_str("Malformed token: missing required claims"),
            Self::ClaimType(claim) => write!(f, "Malformed token: invalid claim {claim}"),
            Self::Identity { token, name } => {
                write!(f, "Token identity mismatch: token={token} url={name}")
            }
            Self::Expired => f.write_str("Token expired"),
        }
    }
}

impl std::error::Error for VerifyError {}

/// No damaged token is read further, in groups of three bytes: ours have some hundred.
const LONGEST: usize = 1024;

/// Judges a token.
///
/// # Errors
/// The first rule that the token breaks.
pub fn verify(token: &str, verifier: &Verifier<'_>) -> Result<Payload, VerifyError> {
    let (payload, signature) = segments(token)?;
    let signature =
        BASE64URL_NOPAD.decode(signature.as_bytes()).map_err(|_| VerifyError::SignatureEncoding)?;
    // Tries every key, so that the time does not reveal which one matches.
    let mut signers = Vec::new();
    for (kid, key) in verifier.ring.keys() {
        if key.verifies(payload.as_bytes(), &signature) {
            signers.push(kid);
        }
    }
    if signers.is_empty() {
        return Err(VerifyError::Signature);
    }
    let payload = decode(payload)?;
    judge(&payload)?;
    // A named key accepts only tokens that name it or name no key.
    let claimed = payload.claims.get("kid").and_then(Value::as_str);
    let fits = |kid: &Option<&str>| kid.is_none() || claimed.is_none() || *kid == claimed;
    if !signers.iter().any(fits) {
        return Err(VerifyError::Signature);
    }
    if payload.text("n") != verifier.name {
        let (token, name) = (payload.text("n").to_owned(), verifier.name.to_owned());
        return Err(VerifyError::Identity { token, name });
    }
    match payload.claims.get("exp").and_then(Value::as_u64) {
        Some(expires_at) if verifier.now >= expires_at => Err(VerifyError::Expired),
        _ => Ok(payload),
    }
}

/// Reads a token without checking its signature or its claims.
///
/// # Errors
/// The token is malformed.
pub fn read_unverified(token: &str) -> Result<Payload, VerifyError> {
    let (payload, signature) = segments(token)?;
    let signature = BASE64URL_NOPAD.decode(signature.as_bytes());
    signature.map_err(|_| VerifyError::SignatureEncoding)?;
    decode(payload)
}

/// Returns the claims that a damaged token still shows: those before the first byte that is lost.
pub(crate) fn read_damaged(token: &str) -> Payload {
    let payload = token.split('.').next().unwrap_or_default();
    let bytes: Vec<u8> =
        payload.as_bytes().chunks(4).take(LONGEST).map_while(group).flatten().collect();
    if let Some(Ok(Value::Object(claims))) =
        serde_json::Deserializer::from_slice(&bytes).into_iter().next()
    {
        return Payload { claims };
    }
    // A claim is whole up to a comma, or up to the quote that ends its text: a number may be cut.
    let commas = bytes.iter().enumerate().rev().filter(|(_, b)| **b == b',').map(|(at, _)| at);
    let end = bytes.ends_with(b"\"").then_some(bytes.len());
    let cut = |at: usize| serde_json::from_slice(&[&bytes[..at], b"}"].concat()).ok();
    Payload { claims: end.into_iter().chain(commas).find_map(cut).unwrap_or_default() }
}

/// Decodes up to four characters: the last one of fewer may have bits of the next byte.
fn group(characters: &[u8]) -> Option<Vec<u8>> {
    let mut whole = [b'A'; 4];
    whole[..characters.len()].copy_from_slice(characters);
    let mut bytes = BASE64URL_NOPAD.decode(&whole).ok()?;
    bytes.truncate(characters.len() - 1);
    Some(bytes)
}

fn segments(token: &str) -> Result<(&str, &str), VerifyError> {
    let (payload, signature) = token.split_once('.').ok_or(VerifyError::Segments)?;
    if signature.contains('.') { Err(VerifyError::Segments) } else { Ok((payload, signature)) }
}

fn decode(payload: &str) -> Result<Payload, VerifyError> {
    // `BASE64URL_NOPAD` refuses padding, other alphabets and bits that carry nothing.
    let bytes =
        BASE64URL_NOPAD.decode(payload.as_bytes()).map_err(|_| VerifyError::PayloadEncoding)?;
    match serde_json::from_slice(&bytes) {
        Ok(Value::Object(claims)) => Ok(Payload { claims }),
        _ => Err(VerifyError::PayloadEncoding),
    }
}

/// Judges the claims by themselves: version, then presence, then type.
fn judge(payload: &Payload) -> Result<(), VerifyError> {
    match payload.claims.get("v") {
        Some(v) if v.as_u64() == Some(1) => {}
        Some(Value::String(v)) => return Err(VerifyError::Version(v.clone())),
        Some(v) => return Err(VerifyError::Version(v.to_string())),
        None => return Err(VerifyError::Version("None".into())),
    }
    if payload.text("n").is_empty() || payload.text("s").is_empty() {
        return Err(VerifyError::MissingClaims);
    }
    let claim = |name| payload.claims.get(name);
    if claim("exp").is_some_and(|exp| !exp.is_u64()) {
        return Err(VerifyError::ClaimType("exp"));
    }
    if claim("kid").is_some_and(|kid| !kid.is_string()) {
        return Err(VerifyError::ClaimType("kid"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_token_cut_anywhere_shows_whole_claims_only() {
        let claims = r#"{"v":1,"n":"edge, \"x\"","s":"base","iat":1760000000}"#;
        let all: Map<String, Value> = serde_json::from_str(claims).unwrap();
        for length in 0..=claims.len() {
            let token = BASE64URL_NOPAD.encode(&claims.as_bytes()[..length]);
            let read = read_damaged(&token).claims;
            assert!(read.iter().all(|(name, value)| all.get(name) == Some(value)), "{token}");
            // Each claim is read from its end on: the comma, or the quote of a text.
            let ends = [r#""v":1,"#, r#""edge, \"x\"""#, r#""base""#, "1760000000}"];
            let whole = ends
                .iter()
                .filter(|end| claims.find(**end).is_some_and(|at| at + end.len() <= length));
            assert_eq!(read.len(), whole.count(), "{}", &claims[..length]);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// What a damaged token shows, the whole one has; and a whole one is not damaged.
        #[test]
        fn nothing_is_shown_that_a_token_does_not_have(
            claims in proptest::collection::btree_map("[a-z\",:}]{0,3}", ".{0,9}", 0..5),
            end in any::<proptest::sample::Index>(),
        ) {
            let json = serde_json::to_vec(&claims).unwrap();
            let token = BASE64URL_NOPAD.encode(&json);
            let whole = read_unverified(&format!("{token}.AAAA")).unwrap();
            prop_assert_eq!(read_damaged(&token), whole.clone());
            let read = read_damaged(&token[..end.index(token.len())]);
            prop_assert!(read.claims.iter().all(|(name, value)| whole.claims.get(name) == Some(value)));
        }

        #[test]
        fn any_text_can_be_shown(text in ".{0,40}", payload in "[A-Za-z0-9_=-]{0,40}", json in ".{0,40}") {
            for token in [text, payload, BASE64URL_NOPAD.encode(json.as_bytes())] {
                let damaged = read_damaged(&token);
                if let Ok(whole) = read_unverified(&token) {
                    prop_assert_eq!(damaged, whole);
                }
            }
        }
    }
}
