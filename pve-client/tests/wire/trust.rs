//! Which servers are trusted, and the errors for those that are not.

use pve_client::{CertificateProblem, Client, Error, Fingerprint, Trust};

use crate::identity::{Identity, Leaf, authority};
use crate::server::Server;
use crate::{endpoint, version};

/// Requests the version from a server with `identity`, connecting to the name `host`.
fn ask(identity: Identity, host: &str, trust: impl Fn(&Identity) -> Trust) -> Result<(), Error> {
    let address = if host == "[::1]" { "[::1]:0" } else { "127.0.0.1:0" };
    let server = Server::serve(address, identity, vec![vec![version()]]);
    let mut endpoint = endpoint(&server, trust(&server.identity));
    endpoint.url = format!("https://{host}:{}", server.port).parse().unwrap();
    Client::new(endpoint).version().map(drop)
}

fn by_ca(identity: &Identity) -> Trust {
    Trust::from_options(Some(identity.ca_pem.clone().into_bytes()), &[], false).unwrap()
}

fn problem(identity: Identity, host: &str) -> CertificateProblem {
    let error = ask(identity, host, by_ca).unwrap_err();
    error.certificate().unwrap().clone()
}

#[test]
fn a_ca_is_trusted_for_names_and_addresses() {
    let names = ["pve1", "localhost", "127.0.0.1", "::1"];
    for host in ["localhost", "127.0.0.1", "[::1]"] {
        ask(Identity::signed(&names, Leaf::Good, false), host, by_ca).unwrap();
        ask(Identity::signed(&names, Leaf::Good, true), host, by_ca).unwrap();
    }
}

#[test]
fn a_ca_file_may_have_several_cas() {
    ask(Identity::signed(&["localhost"], Leaf::Good, false), "localhost", |identity| {
        let pem = format!("a comment\n{}\n{}", authority().pem(), identity.ca_pem);
        Trust::from_options(Some(pem.into_bytes()), &[], false).unwrap()
    })
    .unwrap();
}

#[test]
fn the_error_names_the_problem_of_the_certificate() {
    let shown = |identity: &Identity| Fingerprint::of(&identity.der);
    let other = Identity::signed(&["pve1"], Leaf::Good, false);
    let is = CertificateProblem::WrongName { host: "localhost".to_owned(), shown: shown(&other) };
    assert_eq!(problem(other, "localhost"), is);
    let other = Identity::signed(&["localhost"], Leaf::Good, false);
    let is = CertificateProblem::WrongName { host: "127.0.0.1".to_owned(), shown: shown(&other) };
    assert_eq!(problem(other, "127.0.0.1"), is);
    for leaf in [Leaf::Expired, Leaf::NotYetValid] {
        let late = Identity::signed(&["localhost"], leaf, false);
        let is = CertificateProblem::NotValidNow { shown: shown(&late) };
        assert_eq!(problem(late, "localhost"), is);
    }
}

#[test]
fn a_pinned_fingerprint_is_trusted_whatever_the_name_and_dates() {
    for leaf in [Leaf::Good, Leaf::Expired, Leaf::NotYetValid, Leaf::IsCa] {
        ask(Identity::signed(&["elsewhere"], leaf, false), "localhost", |identity| {
            let shown = Fingerprint::of(&identity.der).to_string().to_lowercase();
            Trust::from_options(None, &["AB".repeat(32), shown], false).unwrap()
        })
        .unwrap();
    }
}

#[test]
fn a_ca_certificate_is_accepted_by_fingerprint_only() {
    let own = Identity::signed(&["localhost"], Leaf::IsCa, false);
    let shown = Fingerprint::of(&own.der);
    let what = "it is a CA certificate".to_owned();
    assert_eq!(problem(own, "localhost"), CertificateProblem::Other { what, shown });
}
