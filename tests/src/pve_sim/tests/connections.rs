//! How pveproxy handles connections and bodies (facts 6 to 9, 39; reference 4).

use std::net::TcpStream;
use std::time::Duration;

use super::start;
use super::wire::Wire;
use crate::pve_sim::{Options, PveSim, World};

/// Sends a raw request; returns `None` if the connection ended without an answer.
fn sent(method: &str, path: &str, headers: &str, body: &[u8]) -> Option<String> {
    let sim = start("{}", "[]");
    let headers = format!("Authorization: PVEAPIToken={}\r\n{headers}", sim.token());
    Wire::connect(&sim).raw(method, path, &headers, body).map(|got| got.text())
}

/// Sends a raw request and compares status and body.
fn check(method: &str, path: &str, headers: &str, body: &[u8], expected: &str) {
    let seen = sent(method, path, headers, body).unwrap();
    assert!(seen.contains(expected), "{method} {path}: {seen}");
}

#[test]
fn bodies_are_accepted_and_refused_as_in_pve() {
    let json = "Content-Type: application/json\r\nContent-Length: ";
    let qemu = "/nodes/pve1/qemu";
    check(
        "DELETE",
        "/nodes/pve1/qemu/100",
        "Content-Length: 7\r\n",
        b"purge=1",
        "501 Unexpected content for method 'DELETE' Unexpected",
    );
    check(
        "POST",
        qemu,
        "Transfer-Encoding: chunked\r\n",
        b"0\r\n\r\n",
        "501 chunked transfer encoding not supported",
    );
    check("POST", qemu, "Content-Length: 600000\r\n", b"", "501 for data too large");
    check("POST", qemu, &format!("{json}26\r\n"), br#"{"vmid":100,"onboot":true}"#, "200 OK");
    check("POST", qemu, &format!("{json}4\r\n"), b"{no}", "500 malformed JSON");
    check(
        "POST",
        qemu,
        "Content-Type: text/plain\r\nContent-Length: 1\r\n",
        b"x",
        "506 upload 'Content-Type 'text/plain' not implemented",
    );
    check("POST", "/nodes/pve1/qemu?vmid=100", "Content-Length: 0\r\n", b"", "200 OK");
    check("PATCH", "/version", "", b"", "501 method 'PATCH' not available");
}

#[test]
fn a_head_has_at_most_64_lines_and_8_kib() {
    for (lines, length, answered) in
        [(50, 1, true), (70, 1, false), (1, 6000, true), (1, 9000, false)]
    {
        let headers = format!("X: {}\r\n", "y".repeat(length)).repeat(lines);
        let got = sent("GET", "/version", &headers, b"");
        assert_eq!(got.is_some(), answered, "{lines} of {length}: {got:?}");
    }
}

#[test]
fn a_connection_serves_many_requests_until_an_error() {
    let sim = start("{}", "[]");
    let mut wire = Wire::connect(&sim);
    for _ in 0..3 {
        assert!(wire.ask("GET", "/version", b"").head.contains("Connection: Keep-Alive"));
    }
    let got = wire.ask("GET", "/nodes/pve1/qemu/100/config", b"");
    assert!(got.head.contains("Connection: close") && wire.ends());
    assert_eq!(sim.requests().iter().map(|request| request.connection).max(), Some(1));
}

#[test]
fn a_connection_ends_after_its_maximum_of_requests() {
    let options = Options { requests_per_connection: 2, ..Options::default() };
    let sim = PveSim::start(World::default(), options).unwrap();
    let mut wire = Wire::connect(&sim);
    assert!(wire.ask("GET", "/version", b"").head.contains("Keep-Alive"));
    assert!(wire.ask("GET", "/version", b"").head.contains("close"));
    assert!(wire.ends());
}

#[test]
fn an_idle_connection_is_closed() {
    // Long enough that a busy machine does not cause an idle timeout.
    let options = Options { idle: Duration::from_millis(500), ..Options::default() };
    let sim = PveSim::start(World::default(), options).unwrap();
    let mut silent = Wire::connect(&sim);
    silent.ask("GET", "/version", b"");
    assert!(silent.ends());
}

#[test]
fn shutdown_closes_the_connections() {
    let sim = start("{}", "[]");
    let address = sim.address();
    let mut wire = Wire::connect(&sim);
    wire.ask("GET", "/version", b"");
    drop(sim);
    assert!(wire.ends());
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn the_log_has_parameters_and_no_secret() {
    let sim = start("{}", "[]");
    let mut wire = Wire::connect(&sim);
    wire.ask("POST", "/nodes/pve1/qemu", b"vmid=100&cores=2");
    let requests = sim.requests();
    assert_eq!(requests[0].line(), "POST /nodes/pve1/qemu");
    assert_eq!(requests[0].params["cores"], "2");
    let secret = sim.token().split('=').nth(1).unwrap().to_owned();
    assert!(!format!("{requests:?}").contains(&secret));
}

#[test]
fn old_versions_have_the_text_only_in_the_status_line() {
    let sim = start(r#"{"version": "8.3.5"}"#, "[]");
    let got = Wire::connect(&sim).ask("GET", "/nodes/pve1/qemu/100/config", b"");
    assert!(got.status.contains("does not exist"));
    assert_eq!(got.body, r#"{"data":null}"#);
}
