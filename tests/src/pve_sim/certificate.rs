//! The simulator's certificates: its own CA and a leaf, new at each start.
//! A pure module, except for the random numbers in the keys.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use sha2::{Digest, Sha256};

/// What a client trusts and what the server uses.
pub struct Identity {
    /// The CA as PEM, for `--ca-file`.
    pub ca_pem: String,
    /// SHA-256 of the leaf in PVE's notation (reference 9).
    pub fingerprint: String,
    /// The TLS configuration of the server.
    pub config: Arc<ServerConfig>,
}

/// Creates a CA and a leaf for loopback.
///
/// # Errors
/// The library's own; only without a source of random numbers.
pub fn make() -> Result<Identity, String> {
    make_for(&["127.0.0.1", "::1", "localhost", "pve1"])
}

/// Makes a CA and a leaf for these names.
///
/// # Errors
/// As [`make`].
pub fn make_for(names: &[&str]) -> Result<Identity, String> {
    let text = |error: rcgen::Error| error.to_string();
    let mut ca = CertificateParams::new(Vec::new()).map_err(text)?;
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.distinguished_name.push(DnType::CommonName, "Proxmox Virtual Environment (simulated)");
    let ca_key = KeyPair::generate().map_err(text)?;
    let ca_pem = ca.self_signed(&ca_key).map_err(text)?.pem();
    let issuer = Issuer::new(ca, ca_key);

    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut leaf = CertificateParams::new(names).map_err(text)?;
    leaf.distinguished_name.push(DnType::CommonName, "pve1");
    let key = KeyPair::generate().map_err(text)?;
    let leaf = leaf.signed_by(&key, &issuer).map_err(text)?;

    let pairs: Vec<String> =
        Sha256::digest(leaf.der()).iter().map(|byte| format!("{byte:02X}")).collect();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], private)
        .map_err(|error| error.to_string())?;
    Ok(Identity { ca_pem, fingerprint: pairs.join(":"), config: Arc::new(config) })
}
