//! Certificates for the server: self-signed, or from a CA that can be left out, chained or out of date.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};

/// The server's certificate, and what a client needs to trust it.
pub(crate) struct Identity {
    /// The leaf.
    pub(crate) der: Vec<u8>,
    /// What signed it.
    pub(crate) ca_pem: String,
    pub(crate) config: Arc<ServerConfig>,
}

/// What is wrong with a leaf certificate.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leaf {
    Good,
    Expired,
    NotYetValid,
    /// A CA certificate, as created by `openssl req -x509`.
    IsCa,
}

impl Identity {
    /// Creates a self-signed certificate.
    pub(crate) fn self_signed() -> Self {
        let key = KeyPair::generate().unwrap();
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let leaf = CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
        Self::new(vec![leaf.der().clone()], leaf.pem(), &key)
    }

    /// Creates a leaf for `names`, signed by a CA, with `intermediate` through another CA, which the server also sends.
    pub(crate) fn signed(names: &[&str], leaf: Leaf, intermediate: bool) -> Self {
        let root = authority();
        let mut params = params(names);
        match leaf {
            Leaf::Good => {}
            Leaf::Expired => params.not_after = date_time_ymd(2020, 1, 1),
            Leaf::NotYetValid => params.not_before = date_time_ymd(2999, 1, 1),
            Leaf::IsCa => params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained),
        }
        let key = KeyPair::generate().unwrap();
        if leaf == Leaf::IsCa {
            let leaf = params.self_signed(&key).unwrap();
            return Self::new(vec![leaf.der().clone()], leaf.pem(), &key);
        }
        if !intermediate {
            let leaf = params.signed_by(&key, &root).unwrap();
            return Self::new(vec![leaf.der().clone()], root.pem(), &key);
        }
        let mut between = self::params(&[]);
        between.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        between.distinguished_name.push(rcgen::DnType::CommonName, "between");
        let between =
            CertifiedIssuer::signed_by(between, KeyPair::generate().unwrap(), &root).unwrap();
        let leaf = params.signed_by(&key, &between).unwrap();
        Self::new(vec![leaf.der().clone(), between.der().clone()], root.pem(), &key)
    }

    fn new(chain: Vec<CertificateDer<'static>>, ca_pem: String, key: &KeyPair) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let der = chain[0].to_vec();
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, PrivatePkcs8KeyDer::from(key.serialize_der()).into())
            .unwrap();
        Self { der, ca_pem, config: Arc::new(config) }
    }
}

/// Creates a CA.
pub(crate) fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = params(&[]);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(rcgen::DnType::CommonName, "a CA of these tests");
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn params(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    CertificateParams::new(names).unwrap()
}
