//! DOOR: the network. The TLS handshake, within the time that a connection has.

use std::io;
use std::net::TcpStream;

use rustls::ClientConnection;
use rustls::pki_types::ServerName;

use crate::clock::Deadline;
use crate::error::Unreachable;
use crate::tls::{TlsSource, unreachable_from};
use crate::transport::is_timeout;

/// Shakes hands with `host`; the certificate is judged here.
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

/// Sends what waits to be sent, and takes in what one read brings.
// Not rustls' `complete_io`: it reads until the handshake is over, and a peer that sends a byte now and
// then would hold it for ever.
fn step(
    tls: &mut ClientConnection,
    stream: &TcpStream,
    deadline: &Deadline,
) -> Result<(), Unreachable> {
    flush(tls, stream, deadline).map_err(io_unreachable)?;
    let read = deadline
        .left()
        .and_then(|left| stream.set_read_timeout(left))
        .and_then(|()| tls.read_tls(&mut &*stream))
        .map_err(io_unreachable)?;
    if read == 0 {
        return Err(io_unreachable(io::ErrorKind::UnexpectedEof.into()));
    }
    tls.process_new_packets().map(drop).map_err(|fault| {
        // The peer is told why, if it still listens.
        let _ = flush(tls, stream, deadline);
        unreachable_from(&fault)
    })
}

fn flush(tls: &mut ClientConnection, stream: &TcpStream, deadline: &Deadline) -> io::Result<()> {
    while tls.wants_write() {
        stream.set_write_timeout(deadline.left()?)?;
        tls.write_tls(&mut &*stream)?;
    }
    Ok(())
}

/// Says in words what the system says by a number.
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
