//! Requests to a node, one per connection: TLS with a CA or a pinned certificate, and HTTP by hand,
//! because a recording has the text of the status line, which libraries drop.
//!
//! DOOR: speaks to the network, and waits for tasks.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    StreamOwned,
};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::line::{File, Request};

/// The longest wait for an answer, and for a task.
const PATIENCE: Duration = Duration::from_secs(600);

/// A node, and the token to ask it with.
pub struct Node {
    host: String,
    port: u16,
    tls: Arc<ClientConfig>,
    token: String,
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node").field("host", &self.host).finish_non_exhaustive()
    }
}

/// Which certificate is trusted.
#[derive(Debug)]
pub enum Trust {
    /// One signed by a CA in these PEM bytes.
    Authorities(Vec<u8>),
    /// The one with this SHA-256.
    Fingerprint(String),
}

/// One answer as it came.
#[derive(Debug, Clone)]
pub struct Got {
    /// The status code.
    pub status: u16,
    /// The text of the status line.
    pub reason: String,
    /// The body.
    pub body: Value,
}

impl Node {
    /// Stores where to ask; sends nothing yet. `endpoint` is `https://HOST[:PORT]`.
    pub fn new(endpoint: &str, token: &str, trust: &Trust) -> Result<Self, String> {
        let rest =
            endpoint.strip_prefix("https://").ok_or("the endpoint must begin with https://")?;
        let authority = rest.split('/').next().unwrap_or_default();
        let (host, port) = authority.rsplit_once(':').unwrap_or((authority, "8006"));
        Ok(Self {
            host: host.trim_matches(['[', ']']).to_owned(),
            port: port.parse().map_err(|_| format!("{port:?} is not a port"))?,
            tls: Arc::new(config(trust)?),
            token: token.to_owned(),
        })
    }

    /// Sends a request with our token, with one that PVE does not know, or without one.
    pub fn ask(&self, request: &Request) -> Result<Got, String> {
        let token = match request.token.as_deref() {
            None => None,
            Some("wrong") => Some("wrong@pve!wrong=00000000-0000-4000-8000-000000000000"),
            Some(_) => Some(self.token.as_str()),
        };
        self.send(request, token).map_err(|e| format!("{} {}: {e}", request.method, request.path))
    }

    /// Sends a request with our token; an error is a refusal too.
    pub fn call(
        &self,
        method: &str,
        path: &str,
        parameters: &[(&str, &str)],
    ) -> Result<Value, String> {
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        self.require(&Request {
            scene: 0,
            world: String::new(),
            token: Some(String::new()),
            method: method.to_owned(),
            path: path.to_owned(),
            parameters: parameters.iter().map(owned).collect(),
            file: None,
        })
    }

    /// Sends a request and waits for its task; a refusal or a failed task is an error.
    pub fn require(&self, request: &Request) -> Result<Value, String> {
        let got = self.ask(request)?;
        let place = format!("{} {}", request.method, request.path);
        if got.status >= 300 {
            return Err(format!("{place}: {} {} {}", got.status, got.reason, got.body["errors"]));
        }
        let data = got.body["data"].clone();
        if let Some(upid) = data.as_str().filter(|text| text.starts_with("UPID:")) {
            let (end, log) = self.wait(upid)?;
            if end != "OK" && !end.starts_with("WARNINGS") {
                return Err(format!("{place}: {end}: {}", log.join("; ")));
            }
        }
        Ok(data)
    }

    /// Waits for the end of a task; returns its exit status and its log.
    pub fn wait(&self, upid: &str) -> Result<(String, Vec<String>), String> {
        let node = upid.split(':').nth(1).unwrap_or_default();
        let path = format!("/nodes/{node}/tasks/{upid}");
        let (begun, mut pause) = (Instant::now(), Duration::from_millis(1));
        loop {
            let status = self.call("GET", &format!("{path}/status"), &[])?;
            if status["status"] == "stopped" {
                let log = self.call("GET", &format!("{path}/log"), &[("limit", "0")])?;
                let lines = log.as_array().into_iter().flatten();
                let lines =
                    lines.filter_map(|line| line["t"].as_str()).map(str::to_owned).collect();
                return Ok((status["exitstatus"].as_str().unwrap_or_default().to_owned(), lines));
            }
            if begun.elapsed() > PATIENCE {
                return Err(format!("{upid} does not end"));
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(500));
        }
    }

    fn send(&self, request: &Request, token: Option<&str>) -> Result<Got, String> {
        let form = form(request);
        let in_body = matches!(request.method.as_str(), "POST" | "PUT");
        let mut path = format!("/api2/json{}", escape(&request.path, b"-_.~/:%@!"));
        if !in_body && !form.is_empty() {
            path.push_str(&format!("?{form}"));
        }
        let (kind, body) = match &request.file {
            Some(file) => ("multipart/form-data; boundary=B", multipart(request, file)),
            None if in_body => ("application/x-www-form-urlencoded", form.into_bytes()),
            None => ("", Vec::new()),
        };
        let mut head = format!(
            "{} {path} HTTP/1.1\r\nHost: {}:{}\r\nConnection: close\r\n",
            request.method, self.host, self.port
        );
        if let Some(token) = token {
            head.push_str(&format!("Authorization: PVEAPIToken={token}\r\n"));
        }
        if !kind.is_empty() {
            head.push_str(&format!("Content-Type: {kind}\r\nContent-Length: {}\r\n", body.len()));
        }
        let bytes = [head.as_bytes(), b"\r\n", &body].concat();
        parse(&self.exchange(&bytes).map_err(|e| e.to_string())?)
    }

    fn exchange(&self, bytes: &[u8]) -> std::io::Result<Vec<u8>> {
        let name = ServerName::try_from(self.host.clone()).map_err(std::io::Error::other)?;
        let tls = ClientConnection::new(self.tls.clone(), name).map_err(std::io::Error::other)?;
        let stream = TcpStream::connect((self.host.as_str(), self.port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut tls = StreamOwned::new(tls, stream);
        tls.write_all(bytes)?;
        tls.flush()?;
        let mut answer = Vec::new();
        let mut chunk = [0; 16 * 1024];
        loop {
            match tls.read(&mut chunk) {
                Ok(0) => break,
                Ok(count) => answer.extend_from_slice(&chunk[..count]),
                // Not every server says goodbye; the length says when the answer is complete.
                Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => break,
                Err(error) => return Err(error),
            }
            if is_whole(&answer) {
                break;
            }
        }
        Ok(answer)
    }
}

fn config(trust: &Trust) -> Result<ClientConfig, String> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?;
    Ok(match trust {
        Trust::Authorities(pem) => {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(CertificateDer::pem_slice_iter(pem).flatten());
            if roots.is_empty() {
                return Err("the CA file has no certificate".to_owned());
            }
            builder.with_root_certificates(roots).with_no_client_auth()
        }
        Trust::Fingerprint(text) => {
            let wanted = text.replace(':', "").to_lowercase();
            let pinned = Pinned { wanted, provider };
            builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(pinned))
                .with_no_client_auth()
        }
    })
}

/// Trusts the certificate with this SHA-256, whatever its name and validity period, as PVE's own client.
#[derive(Debug)]
struct Pinned {
    wanted: String,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let seen: String = Sha256::digest(leaf).iter().map(|byte| format!("{byte:02x}")).collect();
        match seen == self.wanted {
            true => Ok(ServerCertVerified::assertion()),
            false => Err(Error::General(format!("the certificate's fingerprint is {seen}"))),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(
            message,
            leaf,
            signed,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(
            message,
            leaf,
            signed,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn form(request: &Request) -> String {
    let pair = |(key, value): (&String, &String)| {
        format!("{}={}", escape(key, b"-_."), escape(value, b"-_."))
    };
    request.parameters.iter().map(pair).collect::<Vec<_>>().join("&")
}

fn escape(text: &str, plain: &[u8]) -> String {
    let one = |byte: u8| match byte.is_ascii_alphanumeric() || plain.contains(&byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    text.bytes().map(one).collect()
}

/// Returns an upload's body in the order that PVE needs: the file last.
fn multipart(request: &Request, file: &File) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, value) in &request.parameters {
        body.extend(
            format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
                .bytes(),
        );
    }
    body.extend(
        format!(
            "--B\r\nContent-Disposition: form-data; name=\"filename\"; filename=\"{}\"\r\n\r\n",
            file.name
        )
        .bytes(),
    );
    body.extend(file.content());
    body.extend(b"\r\n--B--\r\n");
    body
}

impl File {
    /// Returns the bytes to send: those in the line, or the image and the empty files of the worlds.
    pub fn content(&self) -> Vec<u8> {
        match self.bytes.as_str() {
            "<image>" => {
                include_bytes!("../../../examples/site/images/debian-12/debian-12.qcow2").to_vec()
            }
            "<empty>" => vec![0; 1 << 20],
            text => text.as_bytes().to_vec(),
        }
    }
}

/// Returns where the body begins and how long it is, once the head is complete.
fn measure(answer: &[u8]) -> Option<(&str, usize, Option<usize>)> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&answer[..end]).ok()?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    });
    Some((head, end + 4, length))
}

fn is_whole(answer: &[u8]) -> bool {
    measure(answer)
        .is_some_and(|(_, start, length)| length.is_some_and(|l| answer.len() >= start + l))
}

fn parse(answer: &[u8]) -> Result<Got, String> {
    let (head, start, length) = measure(answer).ok_or("the answer has no head")?;
    if length.is_some_and(|length| answer.len() < start + length) {
        return Err("the answer ends early".to_owned());
    }
    let line = head.lines().next().unwrap_or_default();
    let mut words = line.splitn(3, ' ').skip(1);
    let status = words
        .next()
        .and_then(|code| code.parse().ok())
        .ok_or_else(|| format!("no status: {line}"))?;
    let reason = words.next().unwrap_or_default().to_owned();
    // A refused token has no body, or one that is not JSON.
    let body = serde_json::from_slice(&answer[start..]).unwrap_or(Value::Null);
    Ok(Got { status, reason, body })
}
