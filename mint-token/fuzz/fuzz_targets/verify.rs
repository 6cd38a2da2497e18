//! Whatever is shown to `verify`, it answers; it accepts nothing that the key has not signed, and
//! nothing for another name.

#![no_main]

use hmac::{Hmac, KeyInit, Mac};
use libfuzzer_sys::fuzz_target;
use mint_token::{KeyRing, Verifier, read_unverified, verify};

const KEY: [u8; 32] = [0x11; 32];

fuzz_target!(|text: &str| {
    let ring = KeyRing::parse(&"11".repeat(32)).unwrap();
    let verifier = Verifier { ring: &ring, name: "edge", now: 1_760_000_000 };

    // As it came. That the fuzzer guesses an HMAC is not to be expected.
    assert!(verify(text, &verifier).is_err());
    let _ = read_unverified(text);

    // As a payload that the key has signed, so that the fuzzer gets past the signature.
    let signed = format!("{text}.{}", sign(text));
    if let Ok(payload) = verify(&signed, &verifier) {
        assert_eq!(payload.claims["n"], "edge");
        assert_eq!(payload.claims["v"], 1);
        // Canonical: the same bytes in another spelling do not exist.
        let bytes = data_encoding::BASE64URL_NOPAD.decode(text.as_bytes()).unwrap();
        assert_eq!(data_encoding::BASE64URL_NOPAD.encode(&bytes), text);
    }
    let json = data_encoding::BASE64URL_NOPAD.encode(text.as_bytes());
    let _ = verify(&format!("{json}.{}", sign(&json)), &verifier);
});

fn sign(payload: &str) -> String {
    let mut hmac = Hmac::<sha2::Sha256>::new_from_slice(&KEY).unwrap();
    hmac.update(payload.as_bytes());
    data_encoding::BASE64URL_NOPAD.encode(&hmac.finalize().into_bytes())
}
