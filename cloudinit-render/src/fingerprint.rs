//! The fingerprint of a VM's seed, which shows whether the seed has changed. Does no I/O.
//!
//! A token that is minted again has another time of issue, and so other bytes, but the same meaning.
//! So the hash covers the token's `n` and `s` in place of the token.

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use serde_json::Value;
use sha2::{Digest, Sha256};
use stage::Vm;
use std::borrow::Cow;

/// Returns a network-config with each derived MAC replaced by its slot: an existing NIC keeps its
/// own MAC, and that must not change the seed of its VM.
pub(crate) fn without_derived_macs<'t>(network_config: &'t str, vm: &Vm) -> Cow<'t, str> {
    let mut text = Cow::from(network_config);
    for nic in vm.nics.iter().flatten().filter(|nic| nic.derived && !nic.mac.is_empty()) {
        // With its quotes, so that it cannot match a part of an address.
        let mac = format!("'{}'", nic.mac.to_ascii_lowercase());
        text = text.replace(&mac, &nic.slot).into();
    }
    text
}

type Digest256 = sha2::digest::Output<Sha256>;

/// Returns 32 hexadecimal digits over the parts.
///
/// Each part is hashed separately first, so that no two lists of parts give the same input.
pub(crate) fn of(parts: &[&str], token: &str) -> String {
    let stand_in = stand_in(token);
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(match &stand_in {
            Some(stand_in) if part.len() >= token.len() => replaced(part, token, stand_in),
            _ => Sha256::digest(part),
        });
    }
    HEXLOWER.encode(&hash.finalize()[..16])
}

/// Hashes a text with the token replaced, without copying the text.
fn replaced(text: &str, token: &str, stand_in: &str) -> Digest256 {
    let mut hash = Sha256::new();
    for (index, piece) in text.split(token).enumerate() {
        if index > 0 {
            hash.update(stand_in);
        }
        hash.update(piece);
    }
    hash.finalize()
}

/// Returns what to hash in place of a provisioning token: its name and spec. `None` if the text is
/// not such a token; it is then hashed as it is.
fn stand_in(token: &str) -> Option<String> {
    let (payload, _) = token.split_once('.')?;
    let payload = BASE64URL_NOPAD.decode(payload.as_bytes()).ok()?;
    let payload: Value = serde_json::from_slice(&payload).ok()?;
    let (name, spec) = (payload.get("n")?.as_str()?, payload.get("s")?.as_str()?);
    Some(format!("token for {name:?} {spec:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(payload: &str, signature: &str) -> String {
        format!("{}.{signature}", BASE64URL_NOPAD.encode(payload.as_bytes()))
    }

    #[test]
    fn a_token_counts_by_what_it_is_about() {
        let seed = |token: &str| of(&["dev", &format!("a\ntoken {token}\n")], token);
        let first = seed(&token(r#"{"v":1,"n":"a","s":"b","iat":1}"#, "x"));
        assert_eq!(first, seed(&token(r#"{"v":1,"n":"a","s":"b","iat":2,"exp":9}"#, "yz")));
        assert_ne!(first, seed(&token(r#"{"v":1,"n":"a","s":"c","iat":1}"#, "x")));
        assert_ne!(first, seed(&token(r#"{"v":1,"n":"c","s":"b","iat":1}"#, "x")));
        assert_ne!(first, seed("plain"));
        assert_ne!(seed("plain"), seed("other"));
        assert_ne!(of(&["ab", "c"], ""), of(&["a", "bc"], ""));
    }
}
