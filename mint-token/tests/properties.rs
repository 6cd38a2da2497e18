//! Whatever comes, `verify` answers; whatever is minted, it accepts.

#![expect(clippy::unwrap_used, reason = "tests may unwrap")]

use mint_token::{Claims, Key, KeyRing, Validity, Verifier, mint, read_unverified, verify};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_minted_is_valid(
        name in "\\PC{1,40}|[\\x00-\\x7f]{1,40}",
        spec in ".{1,40}",
        issued_at: u64,
        key in proptest::collection::vec(any::<u8>(), 32..80),
    ) {
        let hex: String = key.iter().map(|b| format!("{b:02X}")).collect();
        let times = Validity { issued_at, expires_at: None };
        let claims = Claims { name: &name, spec: &spec, times, kid: None };
        let token = mint(&Key::parse(&hex).unwrap(), &claims);
        let ring = KeyRing::parse(&hex).unwrap();
        let payload = verify(token.expose(), &Verifier { ring: &ring, name: &name, now: 0 }).unwrap();
        prop_assert_eq!(&payload.claims["n"], &name);
        prop_assert_eq!(&payload.claims["s"], &spec);
        prop_assert_eq!(payload.claims["iat"].as_u64(), Some(issued_at));
        prop_assert!(token.expose().is_ascii());
    }

    #[test]
    fn any_text_gets_an_answer(token in ".{0,200}|[A-Za-z0-9_-]{0,100}\\.[A-Za-z0-9_-]{43}") {
        let ring = KeyRing::parse(&"11".repeat(32)).unwrap();
        let verifier = Verifier { ring: &ring, name: "edge", now: 0 };
        prop_assert!(verify(&token, &verifier).is_err());
        let _ = read_unverified(&token);
    }

    #[test]
    fn any_signed_payload_gets_an_answer(payload in "[A-Za-z0-9_-]{0,100}|eyJ2IjoxL[A-Za-z0-9_-]{0,60}") {
        let hex = "22".repeat(32);
        let ring = KeyRing::parse(&hex).unwrap();
        let signed = format!("{payload}.{}", sign(&hex, &payload));
        let answer = verify(&signed, &Verifier { ring: &ring, name: "edge", now: 0 });
        prop_assert!(!matches!(answer, Err(mint_token::VerifyError::Signature)));
    }
}

/// A signature over any text, by the primitives alone.
fn sign(hex: &str, payload: &str) -> String {
    use hmac::{Hmac, KeyInit, Mac};
    let key = data_encoding::HEXLOWER.decode(hex.as_bytes()).unwrap();
    let mut hmac = Hmac::<sha2::Sha256>::new_from_slice(&key).unwrap();
    hmac.update(payload.as_bytes());
    data_encoding::BASE64URL_NOPAD.encode(&hmac.finalize().into_bytes())
}
