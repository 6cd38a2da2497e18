//! Tokens: what anybody may show to `verify` and `inspect`, and files with signing keys.

use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use mint_token::{
    Claims, Key, KeyRing, Payload, Validity, Verifier, VerifyError, mint, read_unverified, verify,
};

const KEY: [u8; 32] = [0x11; 32];
const NAME: &str = "edge";
const NOW: u64 = 1_760_000_000;

/// The input is a token, the payload of one, its JSON, and a file of keys.
///
/// Nothing is accepted that the key has not signed, nothing for another VM or after its time; an accepted payload
/// has one spelling only; without its signature it shows the same claims; its claims, minted again, are accepted.
pub fn token(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    // That the fuzzer guesses an HMAC is not to be expected.
    check(verify_with(text, NOW).is_err(), "accepted without a signature");
    unsigned(text);
    signed(text);
    signed(&BASE64URL_NOPAD.encode(bytes));
    keys(text);
}

fn verify_with(token: &str, now: u64) -> Result<Payload, VerifyError> {
    let ring = KeyRing::parse(&"11".repeat(32)).unwrap();
    verify(token, &Verifier { ring: &ring, name: NAME, now })
}

/// Reads a token without its signature.
fn unsigned(text: &str) {
    if let Err(refused) = read_unverified(text) {
        check(!refused.to_string().is_empty(), "refused without a reason");
    }
}

/// Verifies a payload that the key has signed, so that the fuzzer gets past the signature.
fn signed(payload: &str) {
    let token = format!("{payload}.{}", sign(payload));
    match verify_with(&token, NOW) {
        Ok(read) => {
            check(read.claims["n"] == NAME && read.claims["v"] == 1, "accepted for another VM");
            let expiry = read.claims.get("exp").map(|exp| exp.as_u64().unwrap());
            check(expiry.is_none_or(|exp| NOW < exp), "accepted after its time");
            if let Some(exp) = expiry {
                check(verify_with(&token, exp) == Err(VerifyError::Expired), "it never expires");
            }
            // The same bytes in another spelling do not exist.
            let bytes = BASE64URL_NOPAD.decode(payload.as_bytes()).unwrap();
            check(BASE64URL_NOPAD.encode(&bytes) == payload, "not canonical");
            check(read_unverified(&token) == Ok(read.clone()), "shown with other claims");
            mint_again(&read);
        }
        Err(VerifyError::Signature) => {
            // The one key has no name, so the signature is right.
            check(payload.contains('.'), "the signature of the key was refused");
        }
        Err(refused) => {
            check(!refused.to_string().is_empty(), "refused without a reason");
            check((refused.code() == "E301") == (refused.status() == 401), "two answers");
        }
    }
}

fn mint_again(read: &Payload) {
    let text = |claim: &str| read.claims.get(claim).and_then(|value| value.as_str());
    let times = Validity {
        issued_at: read.claims.get("iat").and_then(|iat| iat.as_u64()).unwrap_or_default(),
        expires_at: read.claims.get("exp").and_then(|exp| exp.as_u64()),
    };
    let claims = Claims { name: NAME, spec: text("s").unwrap(), times, kid: text("kid") };
    let minted = mint(&Key::parse(&"11".repeat(32)).unwrap(), &claims);
    let again = verify_with(minted.expose(), NOW).unwrap();
    for claim in ["v", "n", "s", "exp", "kid"] {
        check(again.claims.get(claim) == read.claims.get(claim), claim);
    }
    check(minted.expose().is_ascii(), "a token is ASCII");
}

/// Reads a file of keys, whose messages must not show them.
fn keys(text: &str) {
    match KeyRing::parse(text) {
        Ok(ring) => {
            let shown = format!("{ring:?}");
            let secrets = text.lines().filter_map(|line| line.rsplit('=').next());
            let is_shown = |secret: &str| secret.len() >= 64 && shown.contains(secret);
            check(!secrets.map(str::trim).any(is_shown), "a key is shown");
        }
        Err((line, problem)) => {
            check(line <= text.lines().count(), "a line that does not exist");
            check(!problem.to_string().is_empty(), "refused without a reason");
        }
    }
}

fn check(holds: bool, property: &str) {
    assert!(holds, "{property}");
}

fn sign(payload: &str) -> String {
    let mut hmac = Hmac::<sha2::Sha256>::new_from_slice(&KEY).unwrap();
    hmac.update(payload.as_bytes());
    BASE64URL_NOPAD.encode(&hmac.finalize().into_bytes())
}
