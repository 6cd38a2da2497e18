//! DOOR: listens on a port of loopback, with one thread for each connection; can stop listening and begin again.

use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::net::sockopt::set_socket_reuseaddr;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, getsockname, socket_with};
use rustls::ServerConfig;

use super::connection;
use super::server::Shared;

/// How often a thread looks whether another one has done what it waits for.
const LOOK: Duration = Duration::from_millis(1);

/// A port that nobody else gets, even while nothing listens on it.
pub(super) struct Port {
    address: SocketAddr,
    _reserved: OwnedFd,
}

impl Port {
    /// Reserves this port; 0 chooses any free one.
    // socket(7), SO_REUSEADDR: sockets that do not listen may share a port with one that does, and a port in use is
    // not chosen for others.
    pub(super) fn reserve(port: u16) -> io::Result<Self> {
        let (stream, own) = (SocketType::STREAM, SocketFlags::CLOEXEC);
        let reserved = socket_with(AddressFamily::INET, stream, own, None)?;
        set_socket_reuseaddr(&reserved, true)?;
        bind(&reserved, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, port))?;
        let address = SocketAddrV4::try_from(getsockname(&reserved)?)?;
        Ok(Self { address: address.into(), _reserved: reserved })
    }

    /// Returns the socket's address.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Begins to listen.
    pub(super) fn listen(&self) -> io::Result<TcpListener> {
        TcpListener::bind(self.address)
    }
}

/// Whether connections are accepted.
pub(super) struct Gate {
    address: SocketAddr,
    /// Closed until then, in milliseconds since the start.
    closed_until: AtomicU64,
    is_listening: AtomicBool,
}

impl Gate {
    /// Returns an open one.
    pub(super) fn new(address: SocketAddr) -> Self {
        Self { address, closed_until: AtomicU64::new(0), is_listening: AtomicBool::new(true) }
    }

    /// Ends listening.
    pub(super) fn close(&self) {
        self.closed_until.store(u64::MAX, Ordering::SeqCst);
        while self.is_listening.load(Ordering::SeqCst) {
            wake(self.address);
            std::thread::sleep(LOOK);
        }
    }

    /// Lets it begin to listen at this time again.
    pub(super) fn open_at(&self, time: u64) {
        self.closed_until.store(time, Ordering::SeqCst);
    }

    /// Begins to listen again.
    pub(super) fn open(&self) {
        self.open_at(0);
        while !self.is_listening.load(Ordering::SeqCst) {
            std::thread::sleep(LOOK);
        }
    }

    fn is_closed(&self, now: u64) -> bool {
        now < self.closed_until.load(Ordering::SeqCst)
    }
}

/// Opens a connection so that `accept` returns.
pub(super) fn wake(address: SocketAddr) {
    // If it cannot be reached, nothing listens.
    let _ = TcpStream::connect(address);
}

/// A connection in the list of streams for the lifetime of its thread. It is removed even if the thread panics:
/// otherwise the copy in the list would keep the connection open and the client waiting.
struct OpenConnection(Arc<Shared>, u64);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.streams().remove(&self.1);
    }
}

/// Accepts connections until the simulator ends.
pub(super) fn accept(
    port: &Port,
    listener: TcpListener,
    shared: &Arc<Shared>,
    config: &Arc<ServerConfig>,
) {
    let mut threads: Vec<JoinHandle<()>> = Vec::new();
    let mut open = Some(listener);
    while !shared.is_closing() {
        if shared.gate.is_closed(shared.now()) {
            open = None;
            shared.gate.is_listening.store(false, Ordering::SeqCst);
            std::thread::sleep(LOOK);
            continue;
        }
        let Some(listener) = &open else {
            open = port.listen().ok();
            shared.gate.is_listening.store(open.is_some(), Ordering::SeqCst);
            std::thread::sleep(LOOK);
            continue;
        };
        threads.retain(|thread| !thread.is_finished());
        let accepted = listener.accept();
        if let Ok((stream, _)) = accepted
            && !shared.is_closing()
            && !shared.gate.is_closed(shared.now())
        {
            threads.extend(start(stream, shared, config));
        }
    }
    drop(open);
    shared.gate.is_listening.store(false, Ordering::SeqCst);
    for stream in shared.streams().values() {
        let _ = stream.shutdown(Shutdown::Both);
    }
    for thread in threads {
        let _ = thread.join();
    }
}

/// Starts the thread of a connection.
fn start(
    stream: TcpStream,
    shared: &Arc<Shared>,
    config: &Arc<ServerConfig>,
) -> Option<JoinHandle<()>> {
    let second = stream.try_clone().ok()?;
    let number = shared.next_connection();
    shared.streams().insert(number, second);
    let (listed, config) = (OpenConnection(Arc::clone(shared), number), Arc::clone(config));
    Some(std::thread::spawn(move || {
        // A broken connection is the client's problem.
        let _ = connection::serve(&listed.0, stream, config, number);
    }))
}
