//! Answers in the forms that another server, or a proxy in front of PVE, may use.

use std::time::{Duration, Instant};

use pve_client::{Client, Error, Params};

use crate::server::{Server, Step, answer, ok};
use crate::{client, endpoint, node, pinned, vmid};

const VERSION: &str = r#"{"data":{"version":"9.1.7"}}"#;

/// Requests the version from a server that answers with these bytes and closes.
fn version_from(answer: impl Into<Vec<u8>>) -> Result<String, Error> {
    let server = Server::start(vec![vec![Step::AnswerAndClose(answer.into())]]);
    client(&server).version().map(|version| version.version)
}

/// Returns the status and message of a refusal.
fn refused(answer: impl Into<Vec<u8>>) -> (u16, String) {
    let error = version_from(answer).unwrap_err();
    let refusal = error.refusal().unwrap();
    (refusal.status, refusal.message.clone())
}

#[test]
fn an_answer_may_end_in_any_way_http_allows() {
    for head in [
        format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", VERSION.len()),
        format!("HTTP/1.1 200 OK\r\nCONTENT-LENGTH:{}\r\n\r\n", VERSION.len()),
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".to_owned(),
        "HTTP/1.0 200 OK\r\n\r\n".to_owned(),
        format!("HTTP/1.0 200 OK\r\nContent-Length: {}\r\n\r\n", VERSION.len()),
        format!("HTTP/1.1 200\r\nContent-Length: {}\r\n\r\n", VERSION.len()),
        format!(
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n",
            VERSION.len()
        ),
    ] {
        assert_eq!(
            version_from(format!("{head}{VERSION}")).unwrap_or_else(|e| panic!("{head}: {e:?}")),
            "9.1.7",
            "{head}"
        );
    }
    let (first, second) = VERSION.split_at(7);
    let chunked = format!(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{first}\r\n{:X};ext=1\r\n{second}\r\n0\r\n\r\n",
        first.len(),
        second.len()
    );
    assert_eq!(version_from(chunked).unwrap(), "9.1.7");
}

#[test]
fn a_reason_phrase_may_contain_anything() {
    let refusal = |reason: &[u8]| {
        let head = [b"HTTP/1.1 500 ", reason, b"\r\nContent-Length: 0\r\n\r\n"].concat();
        refused(head)
    };
    assert_eq!(refusal("Datei \"ü\" fehlt".as_bytes()), (500, "Datei \"ü\" fehlt".to_owned()));
    assert_eq!(refusal(b"caf\xe9"), (500, "caf\u{fffd}".to_owned()));
    assert_eq!(refusal(b""), (500, String::new()));
    let long = "x".repeat(6000);
    assert_eq!(refusal(long.as_bytes()), (500, long));
    assert_eq!(refusal(b"a\tb"), (500, "a\tb".to_owned()));
}

#[test]
fn pves_own_status_codes_are_read() {
    for (status, body) in [
        (401, ""),
        (403, "{\"data\":null}"),
        (500, "{\"data\":null,\"errors\":null}"),
        (501, "plain words"),
        (503, "<html>"),
        (595, ""),
        (596, ""),
        (597, "[]"),
        (599, "{\"errors\":[1]}"),
        (301, ""),
        (304, ""),
    ] {
        let text = answer(&format!("{status} said so"), body);
        assert_eq!(refused(text), (status, "said so".to_owned()));
    }
}

#[test]
fn a_body_that_is_not_an_answer_is_an_error() {
    for body in
        ["", "null", "[]", "{}", "\"data\"", "{\"data\":", "\u{feff}{\"data\":1}", "\x1f\u{8b}"]
    {
        let error = version_from(answer("200 OK", body)).unwrap_err();
        assert!(matches!(error, Error::BadAnswer { .. }), "{body}: {error:?}");
    }
    let deep = format!("{{\"data\":{}", "[".repeat(100_000));
    assert!(matches!(version_from(answer("200 OK", &deep)), Err(Error::BadAnswer { .. })));
    let none = version_from("HTTP/1.1 204 No Content\r\n\r\n").unwrap_err();
    assert!(matches!(none, Error::BadAnswer { .. }), "{none:?}");
}

#[test]
fn what_is_not_http_is_a_lost_answer() {
    for text in [
        "",
        "\r\n\r\n",
        "SSH-2.0-OpenSSH_9.2\r\n",
        "HTTP/2 200 OK\r\n\r\n",
        "HTTP/1.1 abc\r\n\r\n",
        "HTTP/1.1 99 low\r\n\r\n",
    ] {
        let error = version_from(text).unwrap_err();
        assert!(matches!(error, Error::MaybeSent { .. }), "{text}: {error:?}");
    }
}

/// Calls a server that sends byte by byte, with a timeout of two seconds for call and connection: on a busy machine
/// the handshake takes some time too.
#[expect(clippy::disallowed_methods, reason = "measures how long the call lasted")]
fn drip(step: Step) -> (Error, Duration) {
    let server = Server::start(vec![vec![step]]);
    let mut endpoint = endpoint(&server, pinned(&server));
    endpoint.timeouts.call = Duration::from_secs(2);
    endpoint.timeouts.connect = Duration::from_secs(2);
    let started = Instant::now();
    let error = Client::new(endpoint).version().unwrap_err();
    (error, started.elapsed())
}

#[test]
fn an_answer_byte_by_byte_ends_at_the_deadline() {
    let head = "HTTP/1.1 200 OK\r\nX: ".to_owned();
    let body = "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n".to_owned();
    let steps = [Step::Drip(head), Step::Drip(body.clone()), Step::DripRecord(body)];
    let drips = steps.map(|step| std::thread::spawn(move || drip(step)));
    for (error, took) in drips.map(|drip| drip.join().unwrap()) {
        assert!(matches!(error, Error::MaybeSent { .. }), "{error:?}");
        // The server would go on for 20 s and more.
        assert!(took < Duration::from_secs(15), "{took:?}");
    }
}

#[test]
fn a_handshake_byte_by_byte_ends_at_the_deadline() {
    let (error, took) = drip(Step::DripHandshake);
    let Error::NeverSent { reason, .. } = &error else { panic!("{error:?}") };
    assert_eq!(reason.to_string(), "the TLS handshake timed out");
    assert!(took < Duration::from_secs(15), "{took:?}");
}

#[test]
fn a_huge_answer_is_not_kept() {
    let long = answer("200 OK", &format!("{{\"data\":\"{}\"}}", "x".repeat(65 << 20)));
    let error = version_from(long).unwrap_err();
    assert!(matches!(error, Error::MaybeSent { .. }), "{error:?}");
}

#[test]
fn null_is_valid_data() {
    let server = Server::start(vec![vec![
        ok(r#"{"data":null}"#),
        ok(r#" { "success" : 1, "data" : null, "x" : {} } "#),
    ]]);
    let client = client(&server);
    for _ in 0..2 {
        client.update_config(&node(), vmid(), &Params::new().with("cores", 1)).unwrap();
    }
}

#[test]
fn a_vmid_in_use_is_reported_in_several_ways() {
    let taken = |body: &str| Step::Answer(answer("400 Parameter verification failed.", body));
    let server = Server::start(vec![vec![
        taken(r#"{"data":null,"errors":{"vmid":"VM 100 already exists\n"}}"#),
        taken(r#"{"data":null,"message":"VM 100 already exists\n"}"#),
        ok(r#"{"data":"100"}"#),
        ok(r#"{"data":100}"#),
        taken(r#"{"data":null,"errors":{"x":"y"}}"#),
    ]]);
    let client = client(&server);
    let answers: Vec<_> = (0..5).map(|_| client.is_free(vmid()).ok()).collect();
    assert_eq!(answers, [Some(false), Some(false), Some(true), Some(true), None]);
}
