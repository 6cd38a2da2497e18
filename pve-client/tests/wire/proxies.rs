//! Files that are fetched through an HTTP proxy.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use pve_client::{Downgrade, FetchError, Fetcher, Proxies};

use super::server::{Server, Step, answer};
use super::{SECRET, pinned};

/// Starts a proxy that answers each connection with `status`, and after a 200 forwards to `target`.
/// Returns its port and the request heads that it receives.
#[expect(clippy::disallowed_methods, reason = "a proxy opens connections")]
fn proxy(status: &'static str, target: u16) -> (u16, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (heads, received) = channel();
    thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                client.read_exact(&mut byte).unwrap();
                head.push(byte[0]);
            }
            heads.send(String::from_utf8(head).unwrap()).unwrap();
            client.write_all(format!("HTTP/1.1 {status}\r\n\r\n").as_bytes()).unwrap();
            if status.starts_with("200") && target != 0 {
                let server = TcpStream::connect(("127.0.0.1", target)).unwrap();
                let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                thread::spawn(move || std::io::copy(&mut from, &mut to));
                thread::spawn(move || std::io::copy(&mut { server }, &mut client));
            }
        }
    });
    (port, received)
}

fn through(port: u16) -> Proxies {
    let value = format!("http://me:{SECRET}@127.0.0.1:{port}");
    Proxies::from_variables(|name| name.ends_with("s_proxy").then(|| value.clone()))
}

fn text(error: &FetchError) -> String {
    let cause = std::error::Error::source(error).map(ToString::to_string);
    format!("{error}: {}", cause.unwrap_or_default())
}

#[test]
fn a_proxy_forwards_to_an_https_server_and_sees_no_plaintext() {
    let server = Server::start(vec![vec![
        Step::Answer(answer("200 OK", "the image")),
        Step::Answer(answer("200 OK", "again")),
    ]]);
    let (port, heads) = proxy("200 Connection established", server.port);
    let fetcher = Fetcher::new(pinned(&server), Duration::from_secs(20), &through(port));
    // A name that only the proxy can resolve.
    let url = format!("https://image.invalid:{}/a", server.port);
    for expected in ["the image", "again"] {
        let mut body = String::new();
        fetcher.get(&url, Downgrade::Refused).unwrap().reader.read_to_string(&mut body).unwrap();
        assert_eq!(body, expected);
    }
    let head = heads.recv().unwrap();
    assert!(head.starts_with(&format!("CONNECT image.invalid:{} HTTP/1.1\r\n", server.port)));
    assert!(head.contains("\r\nProxy-Authorization: Basic "), "{head}");
    assert!(heads.try_recv().is_err(), "one connection serves both");
    assert!(!server.requests().concat().to_lowercase().contains("proxy-authorization"));
}

#[test]
fn a_refusing_proxy_is_reported_without_its_password() {
    let server = Server::start(Vec::new());
    for (status, expected) in [
        ("407 Proxy Authentication Required", "it answered with status 407"),
        ("403 Forbidden", "it answered with status 403"),
        ("teapot", "it did not answer like an HTTP proxy"),
    ] {
        let (port, _heads) = proxy(status, 0);
        let fetcher = Fetcher::new(pinned(&server), Duration::from_secs(20), &through(port));
        let error = fetcher.get("https://image.invalid/a", Downgrade::Refused).unwrap_err();
        let expected =
            format!("the server cannot be reached: HTTP proxy 127.0.0.1:{port}: {expected}");
        assert_eq!(text(&error), expected);
        assert!(!format!("{error:?} {fetcher:?}").contains(SECRET), "{error:?}");
    }
}

#[test]
fn a_password_in_a_url_is_sent_to_its_server_and_never_shown() {
    let server = Server::start(vec![vec![
        Step::Answer(answer("200 OK", "x")),
        Step::Answer(answer("404 Not Found", "")),
    ]]);
    let fetcher = Fetcher::new(pinned(&server), Duration::from_secs(20), &Proxies::default());
    let url = format!("https://me:{SECRET}@127.0.0.1:{}/a", server.port);
    fetcher.get(&url, Downgrade::Refused).unwrap().reader.read_to_end(&mut Vec::new()).unwrap();
    let error = fetcher.get(&url, Downgrade::Refused).unwrap_err();
    assert!(!format!("{error:?} {}", text(&error)).contains(SECRET), "{error:?}");
    let request = server.requests().remove(0);
    assert!(request.to_lowercase().contains("\r\nauthorization: basic "), "{request}");
    assert!(!request.contains(SECRET), "{request}");
}
