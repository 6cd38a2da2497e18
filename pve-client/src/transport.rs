//! DOOR: the network. Moves the bytes of open connections and records what ureq does not report:
//!
//! * the reason phrase of the status line, where PVE puts its text (facts 2 and 3);
//! * whether a byte was sent, so that "never sent" is a fact, not a guess;
//! * an answer that arrives while a body is still being sent: the rest of the body is discarded and
//!   the answer read, because PVE refuses an upload by answering and closing (facts 40).

use std::fmt;
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;

use rustls::ClientConnection;
use ureq::config::Config;
use ureq::unversioned::transport::{Buffers, LazyBuffers, NextTimeout, Transport};

use crate::clock::Deadline;
use crate::envelope::reason_of;
use crate::exchange;
use crate::proxy::Proxy;

/// A longer status line is truncated.
const STATUS_LINE_LIMIT: usize = 8 * 1024;

/// One connection.
pub(crate) struct Wire {
    stream: TcpStream,
    tls: Option<Box<ClientConnection>>,
    buffers: LazyBuffers,
    /// The status line read so far; `None` once it is complete.
    line: Option<Vec<u8>>,
    /// The number of writes of the current request.
    writes: u32,
    /// Whether the peer accepts no more bytes of this request.
    deaf: bool,
    /// Whether the peer sends no more.
    ended: bool,
    /// Set if the peer is a proxy: without a tunnel, requests include this host and port.
    absolute: Option<(Proxy, String)>,
}

impl Wire {
    /// Takes over an open connection.
    pub(crate) fn new(
        stream: TcpStream,
        tls: Option<ClientConnection>,
        config: &Config,
        absolute: Option<(Proxy, String)>,
    ) -> Self {
        let buffers = LazyBuffers::new(config.input_buffer_size(), config.output_buffer_size());
        Self {
            stream,
            tls: tls.map(Box::new),
            buffers,
            line: Some(Vec::new()),
            writes: 0,
            deaf: false,
            ended: false,
            absolute,
        }
    }

    /// Writes all bytes, through TLS if the connection uses it.
    fn write_all(&mut self, amount: usize) -> io::Result<()> {
        let bytes = &self.buffers.output()[..amount];
        let Some(tls) = &mut self.tls else {
            return match &self.absolute {
                Some((proxy, target)) if self.writes == 1 => {
                    self.stream.write_all(&proxy.absolute(bytes, target))
                }
                _ => self.stream.write_all(bytes),
            };
        };
        let mut rest = bytes;
        while !rest.is_empty() {
            let taken = tls.writer().write(rest)?;
            rest = &rest[taken..];
            while tls.wants_write() {
                uninterrupted(|| tls.write_tls(&mut self.stream))?;
            }
        }
        Ok(())
    }

    /// Returns, without waiting, whether the peer has already answered.
    fn peer_has_answered(&mut self) -> io::Result<bool> {
        self.stream.set_nonblocking(true)?;
        let found = match &mut self.tls {
            None => self.stream.peek(&mut [0]).map(|_| true),
            // Session tickets and key updates are bytes too, but not an answer: only plaintext counts.
            Some(tls) => tls.read_tls(&mut self.stream).and_then(|read| {
                let state = tls.process_new_packets().map_err(io::Error::other)?;
                Ok(read == 0 || state.plaintext_bytes_to_read() > 0 || state.peer_has_closed())
            }),
        };
        self.stream.set_nonblocking(false)?;
        match found {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            other => other,
        }
    }

    /// Reads some bytes into the input buffer; returns 0 at the end of the stream.
    fn read_some(&mut self, deadline: &Deadline) -> io::Result<usize> {
        let buffer = self.buffers.input_append_buf();
        let Some(tls) = &mut self.tls else {
            self.stream.set_read_timeout(deadline.left()?)?;
            return uninterrupted(|| (&self.stream).read(buffer));
        };
        loop {
            match tls.reader().read(buffer) {
                Ok(read) => return Ok(read),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // The peer closed without a TLS close_notify. The caller checks the length of the body.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
                Err(error) => return Err(error),
            }
            // Set before each read: a record that arrives byte by byte must not outlast the deadline.
            self.stream.set_read_timeout(deadline.left()?)?;
            self.ended = uninterrupted(|| tls.read_tls(&mut self.stream))? == 0;
            tls.process_new_packets().map_err(io::Error::other)?;
        }
    }

    /// Collects the status line and records its reason phrase once complete.
    fn capture_reason(&mut self, read: usize) {
        let Some(line) = &mut self.line else { return };
        let input = self.buffers.input();
        let fresh = &input[input.len() - read.min(input.len())..];
        let end = fresh.iter().position(|byte| *byte == b'\n');
        let room = STATUS_LINE_LIMIT.saturating_sub(line.len());
        line.extend(fresh.iter().take(end.map_or(fresh.len(), |end| end + 1)).take(room));
        if end.is_some() || line.len() >= STATUS_LINE_LIMIT {
            let reason = reason_of(line);
            exchange::note(|x| x.reason = reason);
            self.line = None;
        }
    }

    /// Records that the peer accepts no more: the rest of the request is discarded.
    fn discard_rest(&mut self) {
        self.deaf = true;
        exchange::note(|x| x.cut_short = true);
    }
}

impl Transport for Wire {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        if self.line.is_none() {
            // The previous answer was read: a new request begins.
            self.line = Some(Vec::new());
            self.writes = 0;
        }
        exchange::note(|x| x.sent = true);
        let timeout = timeout.for_write();
        self.stream.set_write_timeout(timeout.not_zero().map(|limit| *limit))?;
        self.writes = self.writes.saturating_add(1);
        // Only check before each write of a long body: head and small body are the first two writes.
        if !self.deaf && self.writes > 2 && self.peer_has_answered().unwrap_or(true) {
            self.discard_rest();
        }
        if self.deaf {
            return Ok(());
        }
        match self.write_all(amount) {
            Ok(()) => Ok(()),
            Err(error) if is_closed(&error) => {
                self.discard_rest();
                Ok(())
            }
            // The peer has answered, reads no more and does not close.
            Err(error) if is_timeout(&error) && self.peer_has_answered().unwrap_or(false) => {
                self.discard_rest();
                Ok(())
            }
            Err(error) if is_timeout(&error) => Err(ureq::Error::Timeout(timeout.reason)),
            Err(error) => Err(error.into()),
        }
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        let timeout = timeout.for_read();
        let deadline = Deadline::within(timeout.not_zero().map(|limit| *limit));
        match self.read_some(&deadline) {
            Ok(read) => {
                self.buffers.input_appended(read);
                self.capture_reason(read);
                Ok(read > 0)
            }
            Err(error) if is_timeout(&error) => Err(ureq::Error::Timeout(timeout.reason)),
            Err(error) => Err(error.into()),
        }
    }

    fn is_open(&mut self) -> bool {
        !self.deaf && !self.ended && !self.peer_has_answered().unwrap_or(true)
    }

    fn is_tls(&self) -> bool {
        self.tls.is_some()
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire").field("peer", &self.stream.peer_addr().ok()).finish_non_exhaustive()
    }
}

/// Converts ureq's error to an I/O error with a readable text.
pub(crate) fn io_error(error: ureq::Error) -> io::Error {
    match error {
        ureq::Error::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            io::Error::new(error.kind(), "the connection was closed")
        }
        ureq::Error::Io(error) => error,
        ureq::Error::Timeout(_) => {
            io::Error::new(io::ErrorKind::TimedOut, "no data arrived in time")
        }
        other => io::Error::other(other),
    }
}

/// Repeats a read or write that a signal interrupted: the system does not if the socket has a
/// timeout, and the exchange is still intact.
// signal(7): sockets with SO_RCVTIMEO or SO_SNDTIMEO fail with EINTR, SA_RESTART or not.
pub(crate) fn uninterrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            ended => return ended,
        }
    }
}

/// Returns whether the error means that the peer closed the connection.
fn is_closed(error: &io::Error) -> bool {
    use io::ErrorKind as K;
    matches!(
        error.kind(),
        K::BrokenPipe | K::ConnectionReset | K::ConnectionAborted | K::NotConnected | K::WriteZero
    )
}

/// Returns whether the error is a timeout of a read or write.
pub(crate) fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}
