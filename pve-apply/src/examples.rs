//! Secrets of `examples/` in a document. Does no I/O.

use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use stage::example::{self, ExampleSecret};
use stage::{Deployment, Place, Report};
use std::collections::BTreeMap;

/// Returns a warning for each secret of the examples that the document has, at its first place.
pub(crate) fn warnings(deployment: &Deployment) -> Report {
    let mut found = BTreeMap::new();
    let mut see = |secret: ExampleSecret, field: String| {
        found.entry(secret).or_insert(field);
    };
    if example::has(deployment.api_token.expose()) {
        see(ExampleSecret::ApiToken, "api_token".to_owned());
    }
    if example::has(deployment.root_password.expose()) {
        see(ExampleSecret::PasswordHash, "root_password".to_owned());
    }
    for (index, vm) in deployment.vms.iter().enumerate() {
        if vm.password_hash.as_ref().is_some_and(|hash| example::has(hash.expose())) {
            see(ExampleSecret::PasswordHash, format!("vms[{index}].password_hash"));
        }
        if is_signed_by_an_example(vm.auth_token.expose()) {
            see(ExampleSecret::SigningKey, format!("vms[{index}].auth_token"));
        }
    }
    let mut report = Report::new();
    found.into_iter().for_each(|(secret, field)| report.push(secret.warning(Place::input(field))));
    report
}

/// A token is `P.S`, S the HMAC-SHA256 over P in base64url: docs/tokens.md.
fn is_signed_by_an_example(token: &str) -> bool {
    let Some((payload, signature)) = token.rsplit_once('.') else { return false };
    let Ok(signature) = BASE64URL_NOPAD.decode(signature.as_bytes()) else { return false };
    example::signing_keys().any(|key| {
        Hmac::<Sha256>::new_from_slice(&key)
            .is_ok_and(|mac| mac.chain_update(payload).verify_slice(&signature).is_ok())
    })
}
