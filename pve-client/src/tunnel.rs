//! DOOR: the network. Opens a tunnel through an HTTP proxy (CONNECT), within the connection's deadline.

use std::io::{self, Read, Write};
use std::net::TcpStream;

use crate::clock::Deadline;
use crate::error::{ProxyProblem, Unreachable};
use crate::proxy::Proxy;

/// The maximum length of a proxy's answer.
const HEAD_LIMIT: usize = 16 * 1024;

/// Opens the tunnel; afterwards the stream leads to `target`, a host and port.
pub(crate) fn open(
    stream: &TcpStream,
    proxy: &Proxy,
    target: &str,
    deadline: &Deadline,
) -> Result<(), Unreachable> {
    let problem = match ask(stream, proxy, target, deadline) {
        Ok(head) => match status(&head) {
            Some(200..=299) => return Ok(()),
            Some(status) => ProxyProblem::Status(status),
            None => ProxyProblem::NoAnswer,
        },
        Err(error) => ProxyProblem::Lost(error.to_string()),
    };
    Err(Unreachable::Proxy { proxy: proxy.authority(), problem })
}

/// Returns the head of the proxy's answer.
fn ask(
    mut stream: &TcpStream,
    proxy: &Proxy,
    target: &str,
    deadline: &Deadline,
) -> io::Result<Vec<u8>> {
    stream.set_write_timeout(deadline.left()?)?;
    stream.write_all(proxy.connect_head(target).as_bytes())?;
    let mut head = Vec::new();
    // Byte by byte: what follows the head belongs to the server behind the proxy.
    while !head.ends_with(b"\r\n\r\n") && head.len() < HEAD_LIMIT {
        let mut byte = [0];
        stream.set_read_timeout(deadline.left()?)?;
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    Ok(head)
}

/// Reads the status from the head of an answer.
fn status(head: &[u8]) -> Option<u16> {
    let line = head.split(|byte| *byte == b'\r').next()?;
    let line = std::str::from_utf8(line).ok()?;
    line.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()
}
