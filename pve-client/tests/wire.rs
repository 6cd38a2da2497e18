//! The client on the wire: what it sends, and how it handles answers and missing answers.

#![expect(
    clippy::unwrap_used,
    reason = "a test may unwrap, also in the functions that its tests share"
)]

#[path = "wire/identity.rs"]
mod identity;
#[path = "wire/lists.rs"]
mod lists;
#[path = "wire/proxies.rs"]
mod proxies;
#[path = "wire/server.rs"]
mod server;
#[path = "wire/tasks.rs"]
mod tasks;
#[path = "wire/tolerance.rs"]
mod tolerance;
#[path = "wire/trust.rs"]
mod trust;
#[path = "wire/uploads.rs"]
mod uploads;

use std::collections::BTreeSet;
use std::io::Read;
use std::time::Duration;

use pve_client::{
    CertificateProblem, Client, Downgrade, Endpoint, Error, Fetcher, Fingerprint, NodeName, Params,
    Proxies, Timeouts, Trust, Vmid,
};
use server::{Server, Step, answer, ok};

const UPID: &str = "UPID:pve1:0003A1F2:01C9D0E4:68FF2B10:qmcreate:100:root@pam!iac:";
const SECRET: &str = "5c0ffee5-secret";

fn endpoint(server: &Server, trust: Trust) -> Endpoint {
    Endpoint {
        url: format!("https://127.0.0.1:{}", server.port).parse().unwrap(),
        token: format!("root@pam!iac={SECRET}").parse().unwrap(),
        trust,
        timeouts: Timeouts {
            connect: Duration::from_secs(5),
            call: Duration::from_secs(20),
            stall: Duration::from_secs(20),
        },
    }
}

fn pinned(server: &Server) -> Trust {
    only(Fingerprint::of(&server.identity.der))
}

fn only(pin: Fingerprint) -> Trust {
    Trust::Fingerprint { pinned: vec![pin], named_by: String::new() }
}

fn client(server: &Server) -> Client {
    Client::new(endpoint(server, pinned(server)))
}

fn node() -> NodeName {
    "pve1".parse().unwrap()
}

fn vmid() -> Vmid {
    Vmid::new(100).unwrap()
}

fn version() -> Step {
    ok(r#"{"data":{"version":"9.1.7"}}"#)
}

#[test]
fn a_form_is_fully_encoded_and_has_a_length() {
    let server = Server::start(vec![vec![ok(&format!(r#"{{"data":"{UPID}"}}"#))]]);
    let params = Params::new().with("boot", "order=virtio0;ide2").with("size", "+512M");
    let upid = client(&server).create_vm(&node(), vmid(), &params).unwrap();
    assert_eq!(upid.as_str(), UPID);
    let request = server.requests().remove(0);
    assert!(request.starts_with("POST /api2/json/nodes/pve1/qemu HTTP/1.1\r\n"), "{request}");
    assert!(
        request.ends_with("\r\n\r\nvmid=100&boot=order%3Dvirtio0%3Bide2&size=%2B512M"),
        "{request}"
    );
    let lower = request.to_lowercase();
    assert!(lower.contains("\r\ncontent-length: 49\r\n"), "{request}");
    assert!(
        lower.contains("\r\nauthorization: pveapitoken=root@pam!iac=5c0ffee5-secret\r\n"),
        "{request}"
    );
    assert!(!lower.contains("transfer-encoding"), "{request}");
}

#[test]
fn an_empty_post_has_a_length_of_zero() {
    let server = Server::start(vec![vec![ok(&format!(r#"{{"data":"{UPID}"}}"#))]]);
    client(&server).start(&node(), vmid()).unwrap();
    let request = server.requests().remove(0).to_lowercase();
    assert!(request.contains("\r\ncontent-length: 0\r\n"), "{request}");
    assert!(!request.contains("transfer-encoding"), "{request}");
}

#[test]
fn a_delete_has_its_parameters_in_the_query_and_no_body() {
    let server = Server::start(vec![vec![ok(&format!(r#"{{"data":"{UPID}"}}"#))]]);
    client(&server).delete_vm(&node(), vmid(), true).unwrap();
    let request = server.requests().remove(0).to_lowercase();
    let line =
        "delete /api2/json/nodes/pve1/qemu/100?purge=1&destroy-unreferenced-disks=0 http/1.1\r\n";
    assert!(request.starts_with(line), "{request}");
    assert!(request.ends_with("\r\n\r\n"), "{request}");
    assert!(
        !request.contains("content-length") && !request.contains("transfer-encoding"),
        "{request}"
    );
}

#[test]
fn calls_share_one_connection() {
    let server = Server::start(vec![vec![version(), version(), version()]]);
    let client = client(&server);
    for _ in 0..3 {
        assert_eq!(client.version().unwrap().version, "9.1.7");
    }
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn without_a_body_the_message_is_the_status_line() {
    let close =
        "HTTP/1.1 401 Authentication failed!\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    let server = Server::start(vec![vec![Step::Answer(close.to_owned())]]);
    let error = client(&server).version().unwrap_err();
    let refusal = error.refusal().unwrap();
    assert_eq!((refusal.status, refusal.message.as_str()), (401, "Authentication failed!"));
    assert!(error.is_token_refused() && !error.is_permission());
}

#[test]
fn a_get_on_a_stale_connection_is_sent_again() {
    let server = Server::start(vec![vec![version(), Step::Drop], vec![version()]]);
    let client = client(&server);
    client.version().unwrap();
    assert_eq!(client.version().unwrap().version, "9.1.7");
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn a_write_is_never_sent_again() {
    let server = Server::start(vec![vec![version(), Step::Drop], vec![version()]]);
    let client = client(&server);
    client.version().unwrap();
    let error = client.start(&node(), vmid()).unwrap_err();
    assert!(matches!(error, Error::MaybeSent { .. }), "{error:?}");
    assert!(error.is_outcome_unknown());
    assert_eq!(error.to_string(), "the answer to POST /nodes/pve1/qemu/100/status/start was lost");
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn a_get_that_fails_on_a_new_connection_is_not_sent_again() {
    let server = Server::start(vec![vec![Step::Drop], vec![version()]]);
    assert!(matches!(client(&server).version(), Err(Error::MaybeSent { .. })));
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn half_an_answer_is_an_error() {
    let half = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"data\":".to_owned();
    let server = Server::start(vec![vec![Step::Answer(half)]]);
    let error = client(&server).start(&node(), vmid()).unwrap_err();
    assert!(matches!(error, Error::MaybeSent { .. }), "{error:?}");
}

#[test]
fn a_closed_port_is_unreachable() {
    let server = Server::start(vec![]);
    // The listener ended with its thread; the port is closed.
    let error = loop {
        match client(&server).start(&node(), vmid()).unwrap_err() {
            Error::NeverSent { reason: pve_client::Unreachable::Connect { error }, endpoint }
                if error.kind() == std::io::ErrorKind::ConnectionRefused =>
            {
                break endpoint;
            }
            // The thread has not yet ended.
            _ => {}
        }
    };
    assert_eq!(error, format!("https://127.0.0.1:{}", server.port));
}

#[test]
fn certificates_are_trusted_or_not() {
    let server = Server::start((0..5).map(|_| vec![version()]).collect());
    let ask = |trust| Client::new(endpoint(&server, trust)).version();
    ask(pinned(&server)).unwrap();
    ask(Trust::CaFile(server.identity.ca_pem.clone().into_bytes())).unwrap();
    ask(Trust::Insecure).unwrap();
    let shown = Fingerprint::of(&server.identity.der);
    let pin: Fingerprint = "AB".repeat(32).parse().unwrap();
    let error = ask(only(pin)).unwrap_err();
    assert_eq!(
        error.certificate(),
        Some(&CertificateProblem::NotPinned { shown, pinned: vec![pin], named_by: String::new() })
    );
    let foreign = rcgen::generate_simple_self_signed(["other".to_owned()]).unwrap().cert.pem();
    let error = ask(Trust::CaFile(foreign.into_bytes())).unwrap_err();
    assert_eq!(error.certificate(), Some(&CertificateProblem::UnknownIssuer { shown }));
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn no_text_contains_a_secret() {
    let server = Server::start(vec![vec![Step::Answer(answer(
        "400 Parameter verification failed.",
        r#"{"errors":{"x":"y"}}"#,
    ))]]);
    let client = client(&server);
    let error = client
        .update_config(&node(), vmid(), &Params::new().with("cipassword", SECRET))
        .unwrap_err();
    let texts = [
        format!("{client:?}"),
        format!("{error:?}"),
        error.to_string(),
        format!("{:?}", client.endpoint()),
    ];
    assert!(!texts.concat().contains(SECRET), "{texts:?}");
}

#[test]
fn a_file_is_fetched_or_an_error_is_returned() {
    let server = Server::start(vec![vec![
        Step::Answer(
            "HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n".to_owned(),
        ),
        Step::Answer(answer("200 OK", "the image")),
        Step::Answer(answer("404 Not Found", "no")),
    ]]);
    let fetcher = Fetcher::new(pinned(&server), Duration::from_secs(20), &Proxies::default());
    let url = format!("https://127.0.0.1:{}/here", server.port);
    let mut fetched = fetcher.get(&url, Downgrade::Refused).unwrap();
    let mut text = String::new();
    fetched.reader.read_to_string(&mut text).unwrap();
    assert_eq!((fetched.length, text.as_str()), (Some(9), "the image"));
    drop(fetched);
    assert_eq!(
        fetcher.get(&url, Downgrade::Refused).unwrap_err().to_string(),
        "the server answered with status 404"
    );
    assert!(!server.requests().concat().contains("PVEAPIToken"), "no token goes to a web server");
    let schemes: BTreeSet<_> = ["ftp://x/y", "file:///etc/passwd", ""]
        .map(|url| fetcher.get(url, Downgrade::Refused).is_err())
        .into();
    assert_eq!(schemes, [true].into());
}
