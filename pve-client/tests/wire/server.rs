//! A TLS server that plays a script, connection by connection, and records what it receives.
//!
//! It has no rules of PVE: those are in pve-sim. These tests are about the bytes on the wire.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rustls::{ServerConnection, StreamOwned};

use crate::identity::Identity;

/// What the server does next on a connection.
pub(crate) enum Step {
    /// Reads one whole request and answers.
    Answer(String),
    /// Reads one whole request, answers and closes without a TLS close_notify.
    AnswerAndClose(Vec<u8>),
    /// Reads one whole request and answers byte by byte, over and over until the client disconnects.
    Drip(String),
    /// The same, but the bytes form one long TLS record.
    DripRecord(String),
    /// Sends only the head of a long TLS record, then byte by byte.
    DripHandshake,
    /// Reads a request's head and this many bytes of its body, then answers and closes.
    AnswerEarly(usize, String),
    /// The same, but keeps the connection open and reads nothing more.
    AnswerEarlyAndWait(usize, String),
    /// The same, but answers only long after the client has filled the socket buffers.
    AnswerLateAndWait(usize, String),
    /// Reads one whole request and closes without an answer.
    Drop,
}

/// The server.
pub(crate) struct Server {
    pub(crate) port: u16,
    pub(crate) identity: Identity,
    requests: Arc<Mutex<Vec<String>>>,
}

/// Returns a success with this JSON as its whole body.
pub(crate) fn ok(json: &str) -> Step {
    Step::Answer(answer("200 OK", json))
}

/// Returns an answer with this status line and body.
pub(crate) fn answer(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

impl Server {
    /// Starts on a free loopback port; one list of steps for each connection.
    pub(crate) fn start(script: Vec<Vec<Step>>) -> Self {
        Self::serve("127.0.0.1:0", Identity::self_signed(), script)
    }

    /// Starts at this address with this certificate.
    pub(crate) fn serve(address: &str, identity: Identity, script: Vec<Vec<Step>>) -> Self {
        let config = identity.config.clone();
        let listener = TcpListener::bind(address).unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let kept = requests.clone();
        thread::spawn(move || {
            for steps in script {
                let Ok((stream, _)) = listener.accept() else { return };
                let tls = StreamOwned::new(ServerConnection::new(config.clone()).unwrap(), stream);
                let kept = kept.clone();
                thread::spawn(move || play(tls, steps, &kept));
            }
        });
        Self { port, identity, requests }
    }

    /// Returns the requests so far, head and body.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

/// The pause between two bytes: far below the deadline of any test.
const DRIP: Duration = Duration::from_millis(20);

type Tls = StreamOwned<ServerConnection, TcpStream>;

fn play(mut tls: Tls, steps: Vec<Step>, kept: &Mutex<Vec<String>>) {
    for step in steps {
        match step {
            Step::Answer(text) => {
                let Some(request) = request(&mut tls, usize::MAX) else { return };
                kept.lock().unwrap().push(request);
                tls.write_all(text.as_bytes()).unwrap();
                tls.flush().unwrap();
            }
            Step::AnswerAndClose(bytes) => {
                kept.lock().unwrap().extend(request(&mut tls, usize::MAX));
                let _ = tls.write_all(&bytes);
                let _ = tls.flush();
                return;
            }
            Step::Drip(text) => {
                kept.lock().unwrap().extend(request(&mut tls, usize::MAX));
                return drip(&mut tls, text.bytes().cycle());
            }
            Step::DripRecord(text) => {
                kept.lock().unwrap().extend(request(&mut tls, usize::MAX));
                let mut record = Vec::new();
                tls.conn.writer().write_all(text.repeat(100).as_bytes()).unwrap();
                tls.conn.write_tls(&mut record).unwrap();
                return drip(&mut tls.sock, record);
            }
            Step::DripHandshake => {
                return drip(&mut tls.sock, [&[22, 3, 3, 0x40, 0][..], &[2; 1000]].concat());
            }
            Step::AnswerEarly(bytes, text) => {
                kept.lock().unwrap().extend(request(&mut tls, bytes));
                let _ = tls.write_all(text.as_bytes());
                let _ = tls.flush();
                // Closing with unread bytes sends a reset, as pveproxy does.
                let _ = tls.sock.shutdown(Shutdown::Both);
                return;
            }
            Step::AnswerEarlyAndWait(bytes, text) => {
                kept.lock().unwrap().extend(request(&mut tls, bytes));
                return answer_and_wait(&mut tls, &text);
            }
            Step::AnswerLateAndWait(bytes, text) => {
                kept.lock().unwrap().extend(request(&mut tls, bytes));
                pause(DRIP * 10);
                return answer_and_wait(&mut tls, &text);
            }
            Step::Drop => {
                kept.lock().unwrap().extend(request(&mut tls, usize::MAX));
                return;
            }
        }
    }
}

/// Answers, reads nothing more and keeps the connection open until the test process ends.
fn answer_and_wait(tls: &mut Tls, text: &str) {
    let _ = tls.write_all(text.as_bytes());
    let _ = tls.flush();
    loop {
        thread::park();
    }
}

#[expect(clippy::disallowed_methods, reason = "a slow server waits")]
fn pause(time: Duration) {
    thread::sleep(time);
}

/// Sends bytes one by one until the client disconnects.
fn drip(to: &mut impl Write, bytes: impl IntoIterator<Item = u8>) {
    for byte in bytes {
        if to.write_all(&[byte]).and_then(|()| to.flush()).is_err() {
            return;
        }
        pause(DRIP);
    }
}

/// Reads a request: its head and at most `limit` bytes of its body.
fn request(tls: &mut Tls, limit: usize) -> Option<String> {
    let mut all = Vec::new();
    let mut buffer = [0; 16 * 1024];
    loop {
        if let Some(end) = all.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&all[..end]).to_lowercase();
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
            if all.len() >= end + 4 + length.unwrap_or(0).min(limit) {
                return Some(String::from_utf8_lossy(&all).into_owned());
            }
        }
        match tls.read(&mut buffer) {
            Ok(0) | Err(_) => return None,
            Ok(read) => all.extend(&buffer[..read]),
        }
    }
}
