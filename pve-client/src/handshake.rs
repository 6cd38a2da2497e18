//! DOOR: the network. The TLS handshake, within the connection's deadline.

use std::io;
use std::net::TcpStream;

use rustls::ClientConnection;
use rustls::pki_types::ServerName;

use crate::clock::Deadline;
use crate::error::Unreachable;
use crate::tls::{TlsSource, unreachable_from};
use crate::transport::{is_timeout, uninterrupted};

/// Completes the TLS handshake with `host`, including verification of the certificate.
pub(crate) fn shake_hands(
    source: &TlsSource,
    host: &str,
    stream: &TcpStream,
    deadline: &Deadline,
) -> Result<ClientConnection, Unreachable> {
    let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let name = ServerName::try_from(bare).map_err(|e| Unreachable::Tls(e.to_string()))?;
    let mut tls =
        ClientConnection::new(source.config()?, name).map_err(|e| unreachable_from(&e))?;
    while tls.is_handshaking() {
        step(&mut tls, stream, deadline)?;
    }
    flush(&mut tls, stream, deadline).map_err(io_unreachable)?;
    Ok(tls)
}

/// Sends pending output and processes the bytes of one read.
// Not rustls' `complete_io`: it reads until the handshake is complete, and a peer that sends an occasional
// byte would block it forever.
fn step(
    tls: &mut ClientConnection,
    stream: &TcpStream,
    deadline: &Deadline,
) -> Result<(), Unreachable> {
    flush(tls, stream, deadline).map_err(io_unreachable)?;
    let read = uninterrupted(|| {
        stream.set_read_timeout(deadline.left()?)?;
        tls.read_tls(&mut &*stream)
    })
    .map_err(io_unreachable)?;
    if read == 0 {
        return Err(io_unreachable(io::ErrorKind::UnexpectedEof.into()));
    }
    tls.process_new_packets().map(drop).map_err(|fault| {
        // Send the TLS alert, if the peer still reads.
        let _ = flush(tls, stream, deadline);
        unreachable_from(&fault)
    })
}

fn flush(tls: &mut ClientConnection, stream: &TcpStream, deadline: &Deadline) -> io::Result<()> {
    while tls.wants_write() {
        uninterrupted(|| {
            stream.set_write_timeout(deadline.left()?)?;
            tls.write_tls(&mut &*stream)
        })?;
    }
    Ok(())
}

/// Turns an I/O error of the handshake into a readable one.
fn io_unreachable(error: io::Error) -> Unreachable {
    let error = match error.kind() {
        _ if is_timeout(&error) => {
            io::Error::new(io::ErrorKind::TimedOut, "the TLS handshake timed out")
        }
        kind @ io::ErrorKind::UnexpectedEof => {
            io::Error::new(kind, "the connection was closed during the TLS handshake")
        }
        _ => error,
    };
    Unreachable::Connect { error }
}
