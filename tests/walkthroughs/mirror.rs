//! Debian's web server, behind an HTTP proxy: the pages name its real URLs, and no test asks for
//! them. The tools reach it as they reach any server behind a proxy, by CONNECT and TLS.

use rustls::{ServerConnection, StreamOwned};
use sha2::{Digest, Sha512};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use test_support::pve_sim::certificate::{self, Identity};

const HOST: &str = "cloud.debian.org";
const FOLDER: &str = "/images/cloud/bookworm/latest/";
const IMAGE: &str = "debian-12-genericcloud-amd64.qcow2";

/// The server and the proxy in one. Its thread ends with the test.
pub(crate) struct Mirror {
    port: u16,
    ca_pem: String,
    unknown: Arc<Mutex<Vec<String>>>,
}

impl Mirror {
    /// Starts it with a small image in place of Debian's.
    pub(crate) fn start() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let image =
            std::fs::read(root.join("examples/site/images/debian-12/debian-12.qcow2")).unwrap();
        let Identity { ca_pem, config, .. } = certificate::make_for(&[HOST]).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let unknown = Arc::<Mutex<Vec<String>>>::default();
        let seen = Arc::clone(&unknown);
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let target = request(&mut stream);
                if target != format!("{HOST}:443") {
                    seen.lock().unwrap().push(target);
                    continue;
                }
                let _ = stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n");
                let session = ServerConnection::new(Arc::clone(&config)).unwrap();
                let mut stream = StreamOwned::new(session, stream);
                let path = request(&mut stream);
                answer(&mut stream, &path, &image, &seen);
            }
        });
        Self { port, ca_pem, unknown }
    }

    /// The value of `https_proxy`.
    pub(crate) fn proxy(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The CA that the tools must trust.
    pub(crate) fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// What it was asked for and does not have.
    pub(crate) fn unknown(&self) -> Vec<String> {
        self.unknown.lock().unwrap().clone()
    }
}

/// Reads a request to the end of its head and returns its target.
fn request(stream: &mut impl Read) -> String {
    // Byte by byte: what follows the head of CONNECT is TLS.
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => break,
        }
    }
    let first = BufReader::new(head.as_slice()).lines().next();
    let first = first.and_then(Result::ok).unwrap_or_default();
    first.split(' ').nth(1).unwrap_or_default().to_owned()
}

fn answer(
    stream: &mut StreamOwned<ServerConnection, TcpStream>,
    path: &str,
    image: &[u8],
    unknown: &Mutex<Vec<String>>,
) {
    let digits: String = Sha512::digest(image).iter().map(|byte| format!("{byte:02x}")).collect();
    let list = format!("{digits}  {IMAGE}\n");
    let body = match path.strip_prefix(FOLDER) {
        Some("SHA512SUMS") => list.as_bytes(),
        Some(IMAGE) => image,
        _ => return unknown.lock().unwrap().push(path.to_owned()),
    };
    let head =
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    // Whoever looks at the first bytes only goes away before the rest.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
    stream.conn.send_close_notify();
    let _ = stream.flush();
}
