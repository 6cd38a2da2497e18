//! A client for these tests: TLS with the simulator's CA, HTTP by hand.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::pve_sim::PveSim;

/// One connection.
pub(super) struct Wire {
    tls: StreamOwned<ClientConnection, TcpStream>,
    token: String,
}

/// One answer.
pub(super) struct Got {
    pub(super) status: String,
    pub(super) head: String,
    pub(super) body: String,
}

impl Got {
    /// Returns status, reason and body in one line.
    pub(super) fn text(&self) -> String {
        format!("{} {}", self.status, self.body)
    }
}

impl Wire {
    pub(super) fn connect(sim: &PveSim) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(sim.ca_pem().as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let tls = ClientConnection::new(Arc::new(config), name).unwrap();
        let stream = TcpStream::connect(sim.address()).unwrap();
        stream.set_nodelay(true).unwrap();
        let token = sim.token();
        Self { tls: StreamOwned::new(tls, stream), token }
    }

    /// Connects with another token.
    pub(super) fn with_token(mut self, token: &str) -> Self {
        token.clone_into(&mut self.token);
        self
    }

    /// Sends a request with a form.
    pub(super) fn ask(&mut self, method: &str, path: &str, body: &[u8]) -> Got {
        let mut headers = format!("Authorization: PVEAPIToken={}\r\n", self.token);
        if !body.is_empty() || matches!(method, "POST" | "PUT") {
            headers.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        self.raw(method, path, &headers, body).unwrap()
    }

    /// Sends a raw request; returns `None` if the connection ended without an answer.
    pub(super) fn raw(
        &mut self,
        method: &str,
        path: &str,
        headers: &str,
        body: &[u8],
    ) -> Option<Got> {
        let head = format!("{method} /api2/json{path} HTTP/1.1\r\nHost: pve1\r\n{headers}\r\n");
        let bytes = [head.as_bytes(), body].concat();
        self.tls.write_all(&bytes).ok()?;
        self.tls.flush().ok()?;
        self.answer()
    }

    /// Sends a raw POST and reads all bytes until the connection ends; returns how it ended.
    pub(super) fn raw_to_end(
        &mut self,
        path: &str,
        headers: &str,
        body: &[u8],
        into: &mut Vec<u8>,
    ) -> io::Result<usize> {
        let head = format!("POST /api2/json{path} HTTP/1.1\r\nHost: pve1\r\n{headers}\r\n");
        self.tls.write_all(&[head.as_bytes(), body].concat())?;
        self.tls.flush()?;
        loop {
            let mut chunk = [0; 4096];
            match self.tls.read(&mut chunk) {
                Ok(0) => return Ok(0),
                Ok(count) => into.extend_from_slice(&chunk[..count]),
                Err(error) => return Err(error),
            }
        }
    }

    pub(super) fn answer(&mut self) -> Option<Got> {
        let mut bytes = Vec::new();
        loop {
            if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                let head = String::from_utf8(bytes[..at].to_vec()).unwrap();
                let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
                let length: usize = length.unwrap().parse().unwrap();
                let mut body = bytes.split_off(at + 4);
                while body.len() < length {
                    assert!(self.read_more(&mut body) > 0, "the body ends early");
                }
                let status = head.lines().next().unwrap().replace("HTTP/1.1 ", "");
                return Some(Got { status, head, body: String::from_utf8(body).unwrap() });
            }
            if self.read_more(&mut bytes) == 0 {
                return None;
            }
        }
    }

    /// Waits for data or the end; returns whether the peer closed the connection.
    pub(super) fn ends(&mut self) -> bool {
        self.read_more(&mut Vec::new()) == 0
    }

    fn read_more(&mut self, into: &mut Vec<u8>) -> usize {
        let mut chunk = [0; 4096];
        let count = self.tls.read(&mut chunk).unwrap_or(0);
        into.extend_from_slice(&chunk[..count]);
        count
    }
}

/// Percent-encodes for a form.
pub(super) fn escape(text: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    text.bytes()
        .map(
            |byte| if plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") },
        )
        .collect()
}

/// Returns an upload's body in PVE's order, and its headers.
pub(super) fn upload(
    sim: &PveSim,
    fields: &[(&str, &str)],
    filename: &str,
    file: &[u8],
) -> (String, Vec<u8>) {
    let mut body = Vec::new();
    for (name, value) in fields {
        body.extend(
            format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
                .bytes(),
        );
    }
    let head = format!(
        "--B\r\nContent-Disposition: form-data; name=\"filename\"; filename=\"{filename}\"\r\n\r\n"
    );
    body.extend(head.bytes());
    body.extend(file);
    body.extend(b"\r\n--B--\r\n");
    let headers = format!(
        "Authorization: PVEAPIToken={}\r\nContent-Type: multipart/form-data; boundary=B\r\nContent-Length: {}\r\n",
        sim.token(),
        body.len()
    );
    (headers, body)
}

/// Uploads a file to the first node; returns status, reason and body, or an empty text if the connection was closed.
pub(super) fn send_upload(
    sim: &PveSim,
    storage: &str,
    fields: &[(&str, &str)],
    filename: &str,
    file: &[u8],
) -> String {
    send_upload_to(sim, "pve1", storage, fields, filename, file)
}

/// Uploads a file to a node.
pub(super) fn send_upload_to(
    sim: &PveSim,
    node: &str,
    storage: &str,
    fields: &[(&str, &str)],
    filename: &str,
    file: &[u8],
) -> String {
    let (headers, body) = upload(sim, fields, filename, file);
    let path = format!("/nodes/{node}/storage/{storage}/upload");
    let got = Wire::connect(sim).raw("POST", &path, &headers, &body);
    got.map_or_else(String::new, |got| got.text())
}
