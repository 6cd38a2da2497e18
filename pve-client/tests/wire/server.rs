//! A TLS server that plays a script, connection by connection, and keeps what it was sent.
//!
//! It holds no rules of PVE: those are pve-sim's. Here the bytes on the wire are looked at.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// What the server does next on a connection.
pub(crate) enum Step {
    /// Reads one request whole and answers.
    Answer(String),
    /// Reads a request's head and so many bytes of its body, then answers and closes.
    AnswerEarly(usize, String),
    /// The same, but keeps the connection open and reads nothing more.
    AnswerEarlyAndWait(usize, String),
    /// Reads one request whole and closes without an answer.
    Drop,
}

/// The server.
pub(crate) struct Server {
    pub(crate) port: u16,
    pub(crate) certificate_pem: String,
    pub(crate) certificate_der: Vec<u8>,
    requests: Arc<Mutex<Vec<String>>>,
}

/// A success with this JSON as its whole body.
pub(crate) fn ok(json: &str) -> Step {
    Step::Answer(answer("200 OK", json))
}

/// An answer with this status line and body.
pub(crate) fn answer(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

impl Server {
    /// Starts on a free port of the loopback; one list of steps for each connection.
    pub(crate) fn start(script: Vec<Vec<Step>>) -> Self {
        let pair =
            rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()])
                .unwrap();
        let der = pair.cert.der().clone();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![der.clone()],
                PrivatePkcs8KeyDer::from(pair.signing_key.serialize_der()).into(),
            )
            .unwrap();
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
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
        Self { port, certificate_pem: pair.cert.pem(), certificate_der: der.to_vec(), requests }
    }

    /// The requests so far, head and body.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

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
            Step::AnswerEarly(bytes, text) => {
                kept.lock().unwrap().extend(request(&mut tls, bytes));
                let _ = tls.write_all(text.as_bytes());
                let _ = tls.flush();
                // Closing with unread bytes sends a reset, as pveproxy's close does.
                let _ = tls.sock.shutdown(Shutdown::Both);
                return;
            }
            Step::AnswerEarlyAndWait(bytes, text) => {
                kept.lock().unwrap().extend(request(&mut tls, bytes));
                let _ = tls.write_all(text.as_bytes());
                let _ = tls.flush();
                // The client's own close ends the wait.
                while tls.sock.peek(&mut [0; 1]).is_ok_and(|n| n > 0) {
                    if tls.sock.read(&mut [0; 4096]).is_err() {
                        return;
                    }
                }
            }
            Step::Drop => {
                kept.lock().unwrap().extend(request(&mut tls, usize::MAX));
                return;
            }
        }
    }
}

/// Reads a request: its head, and of its body at most `limit` bytes.
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
