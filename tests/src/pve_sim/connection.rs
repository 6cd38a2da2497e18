//! DOOR: one TLS connection, which behaves like pveproxy's.
// PVE: reference 4; pve-http-server, APIServer/AnyEvent.pm.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use rustix::net::sockopt::set_socket_linger;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::answer::{Body, Refusal, Reply};
use super::exchange::{self, Step};
use super::faults::wire::{SLOW_BYTES, Wire};
use super::multipart::{Multipart, Upload};
use super::params::Params;
use super::request::{self, Head};
use super::server::Shared;

type Tls = StreamOwned<ServerConnection, TcpStream>;

const MAX_HEADER_BYTES: usize = 8 * 1024;
const MAX_HEADER_LINES: usize = 64;
/// The maximum size of a TLS record.
const CHUNK: usize = 16 * 1024;
const MAX_BODY: u64 = 512 * 1024;
const MAX_DRAINED: u64 = 64 * 1024;

struct Connection<'a> {
    shared: &'a Shared,
    tls: Tls,
    /// Bytes read but not used yet.
    buffer: Vec<u8>,
    number: u64,
}

/// Serves a connection until one side closes it.
pub(super) fn serve(
    shared: &Shared,
    stream: TcpStream,
    config: Arc<ServerConfig>,
    number: u64,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(shared.options.idle))?;
    let tls = ServerConnection::new(config).map_err(io::Error::other)?;
    let mut connection =
        Connection { shared, tls: StreamOwned::new(tls, stream), buffer: Vec::new(), number };
    for left in (0..shared.options.requests_per_connection).rev() {
        let Some(text) = connection.head()? else {
            break;
        };
        if !connection.exchange(&text, left > 0)? || shared.is_closing() {
            break;
        }
    }
    connection.tls.conn.send_close_notify();
    connection.tls.flush()
}

impl Connection<'_> {
    /// Reads the text before the blank line; `None` if the client disconnected or sent too much (facts 6).
    fn head(&mut self) -> io::Result<Option<String>> {
        loop {
            if let Some(at) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                let head: Vec<u8> = self.buffer.drain(..at + 4).collect();
                let text = String::from_utf8_lossy(&head[..at]).into_owned();
                let fits = at < MAX_HEADER_BYTES && text.split("\r\n").count() <= MAX_HEADER_LINES;
                return Ok(fits.then_some(text));
            }
            if self.buffer.len() >= MAX_HEADER_BYTES || self.read_more()? == 0 {
                return Ok(None);
            }
        }
    }

    /// Reads once. A silent client is disconnected after the idle time.
    fn read_more(&mut self) -> io::Result<usize> {
        let held = self.buffer.len();
        self.buffer.resize(held + CHUNK, 0);
        let read = self.tls.read(&mut self.buffer[held..]);
        let count = match read {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => 0,
            Err(error) => return Err(error),
        };
        self.buffer.truncate(held + count);
        Ok(count)
    }

    /// Handles one request; returns whether the connection stays open.
    fn exchange(&mut self, text: &str, keep: bool) -> io::Result<bool> {
        let head = match Head::parse(text) {
            Ok(head) => head,
            Err(refusal) => return self.answer(&Err(refusal), None, false),
        };
        let keep =
            keep && head.header("connection").is_none_or(|c| !c.eq_ignore_ascii_case("close"));
        self.shared.holds.pass(head.host(), head.method != "GET");
        let step = exchange::begin(self.shared, &head, self.number);
        let mut pending = match step {
            Step::Cut => return Ok(false),
            Step::Answer(reply, delay) => {
                pause(delay);
                return match self.drain(&head)? {
                    true => self.answer(&reply, None, keep),
                    false => Ok(false),
                };
            }
            Step::Serve(pending) => pending,
        };
        pause(Duration::from_millis(pending.delay_ms));
        let body = match pending.upload_boundary.take() {
            Some(boundary) => self.upload(&head, &boundary, pending.cuts_midway())?,
            None => self.body(&head, pending.cuts_midway())?,
        };
        let Some(body) = body else {
            exchange::note(self.shared, &pending, &Params::default(), 0);
            return Ok(false);
        };
        let is_upload = matches!(&body, Ok((_, Some(_))));
        let reply = exchange::finish(self.shared, &head, &pending, body);
        let Some(reply) = reply else {
            return Ok(false);
        };
        // PVE: AnyEvent.pm: the connection of an upload is closed.
        self.answer(&reply, pending.wire(), keep && !is_upload)
    }

    /// Discards a small body; returns whether an answer can reach the client.
    // PVE: facts 40. A small body arrived with the head; during a large upload pveproxy closes
    // the connection, and the client sees it broken before it sees an answer.
    fn drain(&mut self, head: &Head) -> io::Result<bool> {
        let length = head.length().unwrap_or(0);
        let is_upload = head.content_type().1.is_some();
        if length > if is_upload { MAX_DRAINED } else { MAX_BODY } {
            return Ok(!is_upload);
        }
        let wanted = usize::try_from(length).unwrap_or(usize::MAX);
        while self.buffer.len() < wanted {
            if self.read_more()? == 0 {
                return Ok(false);
            }
        }
        self.buffer.drain(..wanted);
        Ok(true)
    }

    /// Reads a form or JSON body; `None` if the fault cuts here.
    fn body(&mut self, head: &Head, cut: bool) -> io::Result<Option<Received>> {
        let length = head.length().unwrap_or(0);
        if length == 0 {
            return Ok((!cut).then(|| Ok((Params::default(), None))));
        }
        if length > MAX_BODY {
            return Ok(Some(Err(Refusal::plain(501, "for data too large"))));
        }
        let (kind, _) = head.content_type();
        if !matches!(kind.as_str(), "" | "application/x-www-form-urlencoded" | "application/json") {
            let text = format!("upload 'Content-Type '{kind}' not implemented");
            return Ok(Some(Err(Refusal::plain(506, text))));
        }
        let wanted = usize::try_from(length).unwrap_or(usize::MAX);
        while self.buffer.len() < if cut { wanted / 2 } else { wanted } {
            if self.read_more()? == 0 {
                return Ok(None);
            }
        }
        if cut {
            return Ok(None);
        }
        let bytes: Vec<u8> = self.buffer.drain(..wanted).collect();
        Ok(Some(if kind == "application/json" {
            request::decode_json(&bytes).map(|params| (params, None))
        } else {
            Ok((request::decode_form(&String::from_utf8_lossy(&bytes)), None))
        }))
    }

    /// Reads an upload's body piece by piece.
    fn upload(&mut self, head: &Head, boundary: &str, cut: bool) -> io::Result<Option<Received>> {
        let length = head.length().unwrap_or(0);
        // The node that gets the request collects the file, whichever node it is for (reference 8).
        let room = self.shared.state().world.local_tmp_free();
        let mut multipart = Multipart::new(boundary, self.shared.options.keep_bytes, room);
        let mut left = length;
        loop {
            let taken = self.buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let pushed = multipart.push(&self.buffer[..taken]);
            self.buffer.drain(..taken);
            left -= taken as u64;
            if let Err(refusal) = pushed {
                return Ok(Some(Err(refusal)));
            }
            if left == 0 {
                break;
            }
            if (cut && left < length / 2) || self.read_more()? == 0 {
                return Ok(None);
            }
        }
        if cut {
            return Ok(None);
        }
        Ok(Some(multipart.finish().map(|(fields, upload)| (Params(fields), Some(upload)))))
    }

    /// Writes an answer; returns whether the connection stays open (facts: closed after any error).
    fn answer(&mut self, reply: &Reply, wire: Option<Wire>, keep: bool) -> io::Result<bool> {
        let with_message = self.shared.state().world.release() >= (8, 4);
        let (status, reason, kind, body) = show(reply, with_message);
        let (kind, body) = wire.map_or((kind, body.clone()), |wire| wire.spoil(kind, body));
        let keep = keep && status < 400;
        let mut text = format!("HTTP/1.1 {status} {reason}\r\nCache-Control: max-age=0\r\n");
        text.push_str(if keep { "Connection: Keep-Alive\r\n" } else { "Connection: close\r\n" });
        text.push_str("Server: pve-api-daemon/3.0\r\n");
        text.push_str(&format!("Content-Length: {}\r\n", body.len()));
        if !kind.is_empty() {
            text.push_str(&format!("Content-Type: {kind}\r\n"));
        }
        text.push_str("\r\n");
        let mut bytes = text.into_bytes();
        let head = bytes.len();
        bytes.extend_from_slice(body.as_bytes());
        match wire {
            Some(Wire::Reset) => return self.reset(),
            Some(Wire::Slow) => self.write_slowly(&bytes)?,
            Some(Wire::BrokenOff) => {
                self.write(&bytes[..head + body.len() / 2])?;
                return Ok(false);
            }
            _ => self.write(&bytes)?,
        }
        Ok(keep)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.tls.write_all(bytes)?;
        self.tls.flush()
    }

    fn write_slowly(&mut self, bytes: &[u8]) -> io::Result<()> {
        let (slow, rest) = bytes.split_at(SLOW_BYTES.min(bytes.len()));
        for byte in slow {
            self.write(&[*byte])?;
            pause(Duration::from_millis(1));
        }
        self.write(rest)
    }

    /// Ends the connection with a reset: the socket is closed without anything else.
    fn reset(&mut self) -> io::Result<bool> {
        set_socket_linger(&self.tls.sock, Some(Duration::ZERO))?;
        Err(io::ErrorKind::ConnectionReset.into())
    }
}

/// What was received: parameters, perhaps a file; or a refusal of the form.
pub(super) type Received = Result<(Params, Option<Upload>), Refusal>;

/// Status, first line of the text, media type, body (facts 1, 2, 3).
fn show(reply: &Reply, with_message: bool) -> (u16, String, &'static str, String) {
    let json = "application/json;charset=UTF-8";
    match reply {
        Ok(answer) => (200, "OK".to_owned(), json, answer.json().to_string()),
        Err(refusal) => {
            let reason = refusal.message.lines().next().unwrap_or_default().to_owned();
            let (kind, body) = match refusal.body {
                Body::Json => (json, refusal.json(with_message).to_string()),
                Body::Plain => ("", refusal.message.clone()),
                Body::Empty => ("", String::new()),
            };
            (refusal.status, reason, kind, body)
        }
    }
}

fn pause(time: Duration) {
    if !time.is_zero() {
        std::thread::sleep(time);
    }
}
