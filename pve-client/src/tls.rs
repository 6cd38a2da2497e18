//! Which certificates to accept: the system's authorities, a CA file, pinned fingerprints, or (on explicit request) any.
//!
//! DOOR: reads the system's certificate store when the first connection needs it.

use std::fmt;
use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, KeyProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::SigningKey;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, InvalidMessage, OtherError,
    RootCertStore, SignatureScheme,
};

use crate::error::{CertificateProblem, Unreachable};
use crate::fingerprint::{BadFingerprint, Fingerprint};

/// Which certificates are accepted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Trust {
    /// Those signed by an authority that this system trusts.
    #[default]
    System,
    /// Those signed by one of the authorities in these PEM bytes; PVE keeps its own in `/etc/pve/pve-root-ca.pem`.
    CaFile(Vec<u8>),
    /// Those with one of these fingerprints. Name and validity period are not checked, as in PVE's own client.
    Fingerprint {
        /// The fingerprints.
        pinned: Vec<Fingerprint>,
        /// What the user knows them by, such as an option.
        named_by: String,
    },
    /// Any. Nothing then protects the token: only on the user's explicit request.
    Insecure,
}

/// The trust options conflict or are invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadTrust {
    /// More than one of the three options was given.
    #[error("a CA file, fingerprints and disabled verification cannot be combined")]
    MoreThanOne,
    /// The CA file has no usable certificate.
    #[error("the CA file has no usable PEM certificate")]
    NoCertificate,
    /// A fingerprint is invalid.
    #[error(transparent)]
    Fingerprint(#[from] BadFingerprint),
}

/// What names fingerprints that nobody has named.
const UNNAMED: &str = "this client";

impl Trust {
    /// Builds the trust from a tool's options [default: the system's].
    pub fn from_options(
        ca_pem: Option<Vec<u8>>,
        fingerprints: &[String],
        insecure: bool,
    ) -> Result<Self, BadTrust> {
        match (ca_pem, fingerprints, insecure) {
            (None, [], false) => Ok(Self::System),
            (Some(pem), [], false) => {
                roots_of(&pem).map(|_| Self::CaFile(pem)).ok_or(BadTrust::NoCertificate)
            }
            (None, [_, ..], false) => Ok(Self::Fingerprint {
                pinned: fingerprints.iter().map(|text| text.parse()).collect::<Result<_, _>>()?,
                named_by: UNNAMED.to_owned(),
            }),
            (None, [], true) => Ok(Self::Insecure),
            _ => Err(BadTrust::MoreThanOne),
        }
    }

    /// Says what the user knows the fingerprints by, for the error about another one.
    #[must_use]
    pub fn fingerprints_named_by(self, name: &str) -> Self {
        match self {
            Self::Fingerprint { pinned, .. } => {
                Self::Fingerprint { pinned, named_by: name.to_owned() }
            }
            other => other,
        }
    }
}

/// Builds the TLS configuration on first use and caches it.
#[derive(Debug)]
pub(crate) struct TlsSource {
    trust: Trust,
    made: OnceLock<Arc<ClientConfig>>,
}

impl TlsSource {
    /// Stores the trust; reads nothing yet.
    pub(crate) fn new(trust: Trust) -> Self {
        Self { trust, made: OnceLock::new() }
    }

    /// Returns the TLS configuration.
    pub(crate) fn config(&self) -> Result<Arc<ClientConfig>, Unreachable> {
        if let Some(config) = self.made.get() {
            return Ok(config.clone());
        }
        let provider =
            Arc::new(CryptoProvider { key_provider: &NoKeys, ..ring::default_provider() });
        let verifier = Verifier { rule: rule(&self.trust)?, provider: provider.clone() };
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| Unreachable::Tls(e.to_string()))?
            // "dangerous" is rustls' term for any verifier but its own; ours wraps it.
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        Ok(self.made.get_or_init(|| Arc::new(config)).clone())
    }
}

/// Loads no private key: we present no certificate. So a tool has no code that signs.
#[derive(Debug)]
struct NoKeys;

impl KeyProvider for NoKeys {
    fn load_private_key(
        &self,
        _: PrivateKeyDer<'static>,
    ) -> Result<Arc<dyn SigningKey>, rustls::Error> {
        Err(rustls::Error::General("a client without a certificate".to_owned()))
    }
}

/// Extracts our own certificate problem from a TLS error.
pub(crate) fn unreachable_from(error: &rustls::Error) -> Unreachable {
    if let rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(inner))) = error
        && let Some(problem) = inner.downcast_ref::<CertificateProblem>()
    {
        return Unreachable::Certificate(problem.clone());
    }
    match error {
        // The first bytes of the answer are not TLS: plain HTTP, or another service.
        rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            Unreachable::Tls("the server does not speak TLS on this port".to_owned())
        }
        other => Unreachable::Tls(other.to_string()),
    }
}

/// What the verifier requires of a leaf certificate.
enum Rule {
    Authorities(RootCertStore),
    Pinned { pinned: Vec<Fingerprint>, named_by: String },
    Any,
}

/// Builds the rule for a trust; reads the system's store if needed.
fn rule(trust: &Trust) -> Result<Rule, Unreachable> {
    match trust {
        Trust::Insecure => Ok(Rule::Any),
        Trust::Fingerprint { pinned, named_by } => {
            Ok(Rule::Pinned { pinned: pinned.clone(), named_by: named_by.clone() })
        }
        Trust::CaFile(pem) => roots_of(pem)
            .map(Rule::Authorities)
            .ok_or_else(|| Unreachable::Tls(BadTrust::NoCertificate.to_string())),
        Trust::System => roots(rustls_native_certs::load_native_certs().certs)
            .map(Rule::Authorities)
            .ok_or(Unreachable::NoSystemRoots),
    }
}

/// Reads the authorities in a PEM text; `None` if part of it is invalid or none is usable.
fn roots_of(pem: &[u8]) -> Option<RootCertStore> {
    roots(CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().ok()?)
}

/// Collects the certificates usable as authorities; `None` if there are none.
fn roots(certificates: Vec<CertificateDer<'static>>) -> Option<RootCertStore> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates);
    (!roots.is_empty()).then_some(roots)
}

/// Verifies the server's certificate and reports its fingerprint.
struct Verifier {
    rule: Rule,
    provider: Arc<CryptoProvider>,
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verifier")
    }
}

impl Verifier {
    /// Does what [`rustls::client::WebPkiServerVerifier`] does without revocation lists, whose code is large.
    fn signed_by(
        &self,
        roots: &RootCertStore,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), rustls::Error> {
        let leaf = ParsedCertificate::try_from(leaf)?;
        let algorithms = self.provider.signature_verification_algorithms.all;
        verify_server_cert_signed_by_trust_anchor(&leaf, roots, intermediates, now, algorithms)?;
        verify_server_name(&leaf, name)
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let shown = Fingerprint::of(leaf);
        let problem = match &self.rule {
            Rule::Any => return Ok(ServerCertVerified::assertion()),
            Rule::Pinned { pinned, .. } if pinned.contains(&shown) => {
                return Ok(ServerCertVerified::assertion());
            }
            Rule::Pinned { pinned, named_by } => CertificateProblem::NotPinned {
                shown,
                pinned: pinned.clone(),
                named_by: named_by.clone(),
            },
            Rule::Authorities(roots) => match self.signed_by(roots, leaf, intermediates, name, now)
            {
                Ok(()) => return Ok(ServerCertVerified::assertion()),
                Err(error) => certificate_problem(&error, name, shown),
            },
        };
        Err(CertificateError::Other(OtherError(Arc::new(problem))).into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(
            message,
            cert,
            dss,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(
            message,
            cert,
            dss,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Converts an error from rustls.
fn certificate_problem(
    error: &rustls::Error,
    name: &ServerName<'_>,
    shown: Fingerprint,
) -> CertificateProblem {
    use CertificateError as E;
    match error {
        rustls::Error::InvalidCertificate(fault) => match fault {
            // A bad signature comes from another authority of the same name.
            E::UnknownIssuer | E::BadSignature => CertificateProblem::UnknownIssuer { shown },
            E::NotValidForName | E::NotValidForNameContext { .. } => {
                CertificateProblem::WrongName { host: name.to_str().into_owned(), shown }
            }
            E::Expired
            | E::ExpiredContext { .. }
            | E::NotValidYet
            | E::NotValidYetContext { .. } => CertificateProblem::NotValidNow { shown },
            // `openssl req -x509` creates such a certificate by default.
            E::Other(OtherError(inner)) if inner.to_string() == "CaUsedAsEndEntity" => {
                CertificateProblem::Other { what: "it is a CA certificate".to_owned(), shown }
            }
            other => CertificateProblem::Other { what: other.to_string(), shown },
        },
        other => CertificateProblem::Other { what: other.to_string(), shown },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(
        ca: Option<&str>,
        fingerprints: &[&str],
        insecure: bool,
        expected: Result<Trust, BadTrust>,
    ) {
        let fingerprints: Vec<String> = fingerprints.iter().map(|f| (*f).to_owned()).collect();
        assert_eq!(
            Trust::from_options(ca.map(|c| c.as_bytes().to_vec()), &fingerprints, insecure),
            expected
        );
    }

    #[test]
    fn trust_options_cannot_be_combined() {
        let pin = "AB".repeat(32);
        check(None, &[], false, Ok(Trust::System));
        check(None, &[], true, Ok(Trust::Insecure));
        let trust =
            Trust::Fingerprint { pinned: vec![pin.parse().unwrap()], named_by: UNNAMED.to_owned() };
        check(None, &[&pin], false, Ok(trust));
        check(None, &[&pin], true, Err(BadTrust::MoreThanOne));
        check(Some("no certificate"), &[], false, Err(BadTrust::NoCertificate));
        // PEM, but of four bytes that are not a certificate.
        let hollow = "-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n";
        check(Some(hollow), &[], false, Err(BadTrust::NoCertificate));
        check(Some("no certificate"), &[], true, Err(BadTrust::MoreThanOne));
    }
}
