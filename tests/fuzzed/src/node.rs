//! DOOR: a node that gives any answer, on a loopback port, and a client that trusts it.

use pve_client::{Client, Endpoint, Timeouts, Trust};
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use sha2::{Digest as _, Sha256};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// The secret of the token, which nothing may show.
pub(crate) const SECRET: &str = "7e1bb6a1-0c6c-4e5c-9d3d-5ec4e7f00d1e";

/// What the node says to a request.
#[derive(Clone, Default)]
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: u16,
    /// The text after it.
    pub(crate) reason: String,
    /// The body.
    pub(crate) body: Vec<u8>,
}

/// Gives an answer to a path with its query, below `/api2/json`.
pub(crate) type Script = dyn Fn(&str) -> Answer + Send;

/// The node.
pub(crate) struct Node {
    /// A client of it.
    pub(crate) client: Client,
    state: Arc<Mutex<State>>,
}

struct State {
    script: Box<Script>,
    /// Method and path of each request since the script began.
    requests: Vec<(String, String)>,
}

impl Node {
    /// Starts on a free port; one is enough for all inputs.
    pub(crate) fn start() -> Self {
        let (config, fingerprint) = identity();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state: State = State { script: Box::new(|_| Answer::default()), requests: Vec::new() };
        let state = Arc::new(Mutex::new(state));
        let shared = state.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (config, state) = (config.clone(), shared.clone());
                thread::spawn(move || serve(config, stream, &state));
            }
        });
        let client = Client::new(Endpoint {
            url: format!("https://127.0.0.1:{port}").parse().unwrap(),
            token: format!("fuzz@pve!fuzz={SECRET}").parse().unwrap(),
            trust: Trust::from_options(None, &[fingerprint], false).unwrap(),
            timeouts: Timeouts::default(),
        });
        Self { client, state }
    }

    /// Sets what it says from now on.
    pub(crate) fn says(&self, script: impl Fn(&str) -> Answer + Send + 'static) {
        let state = State { script: Box::new(script), requests: Vec::new() };
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    /// Returns method and path of each request since then.
    pub(crate) fn requests(&self) -> Vec<(String, String)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).requests.clone()
    }
}

/// Returns a self-signed certificate's configuration, and its fingerprint.
fn identity() -> (Arc<ServerConfig>, String) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let fingerprint = data_encoding::HEXUPPER.encode(&Sha256::digest(certificate.der()));
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    (Arc::new(config), fingerprint)
}

/// Answers the requests of a connection until the client closes it.
fn serve(config: Arc<ServerConfig>, stream: TcpStream, state: &Mutex<State>) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut tls = BufReader::new(StreamOwned::new(ServerConnection::new(config).ok()?, stream));
    loop {
        let (method, path) = request(&mut tls)?;
        let answer = {
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            state.requests.push((method, path.clone()));
            (state.script)(path.trim_start_matches("/api2/json"))
        };
        let Answer { status, reason, body } = answer;
        let head = format!("HTTP/1.1 {status} {reason}\r\nContent-Length: {}\r\n\r\n", body.len());
        tls.get_mut().write_all(&[head.as_bytes(), &body].concat()).ok()?;
        tls.get_mut().flush().ok()?;
    }
}

/// Reads a request to the end of its body; returns method and path.
fn request(tls: &mut impl BufRead) -> Option<(String, String)> {
    let mut first = String::new();
    let mut length = 0;
    loop {
        let mut line = String::new();
        if tls.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        if first.is_empty() {
            line.clone_into(&mut first);
        }
        let header =
            line.split_once(':').filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        length = header.and_then(|(_, value)| value.trim().parse().ok()).unwrap_or(length);
    }
    tls.read_exact(&mut vec![0; length]).ok()?;
    let mut words = first.split(' ');
    Some((words.next()?.to_owned(), words.next()?.to_owned()))
}
