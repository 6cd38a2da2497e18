//! DOOR: starts and ends threads; reads the clock.
//! Everything it starts ends with [`PveSim::shutdown`] or when the handle is dropped.

use std::collections::BTreeMap;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::certificate;
use super::faults::Fault;
use super::folder::Folder;
use super::hold::Holds;
use super::listener::{self, Gate, Port};
use super::requests::Request;
use super::world::World;
use super::world::clockwork::Pace;

/// How the simulator runs.
#[derive(Debug, Clone)]
pub struct Options {
    /// 0 chooses any free port.
    pub port: u16,
    /// How long tasks take.
    pub pace: Pace,
    /// The shortest and longest time for each type of task, in the unit of the pace.
    pub lengths: BTreeMap<String, (u64, u64)>,
    /// Seed for lengths between two bounds.
    pub seed: u64,
    /// How many bytes each storage can write in a second, in a timed pace [default: any number].
    pub copy_rate: Option<u64>,
    /// An idle connection is closed after this; PVE: 5 s.
    pub idle: Duration,
    /// A connection is closed after this many requests; PVE: 100.
    pub requests_per_connection: u32,
    /// The delay of the answer to an invalid token; PVE: 3 s.
    pub auth_delay: Duration,
    /// Uploaded files up to this size are kept whole.
    pub keep_bytes: usize,
    /// Scripted faults.
    pub faults: Vec<Fault>,
    /// A folder that represents `snippets/` of the storage `local`.
    pub snippets: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            port: 0,
            pace: Pace::Polls(1),
            lengths: BTreeMap::new(),
            seed: 0,
            copy_rate: None,
            idle: Duration::from_secs(5),
            requests_per_connection: 100,
            auth_delay: Duration::ZERO,
            keep_bytes: 4 << 20,
            faults: Vec::new(),
            snippets: None,
        }
    }
}

/// State shared by the connections.
pub(super) struct Shared {
    pub(super) options: Options,
    pub(super) holds: Holds,
    state: Mutex<State>,
    started: Instant,
    closing: AtomicBool,
    pub(super) gate: Gate,
    streams: Mutex<BTreeMap<u64, TcpStream>>,
    count: AtomicU64,
}

/// The world and the records about it.
pub(super) struct State {
    pub(super) world: World,
    pub(super) folder: Folder,
    pub(super) faults: Vec<Fault>,
    pub(super) requests: Vec<Request>,
    pub(super) refused: Vec<String>,
    /// How often a fault has applied.
    pub(super) faults_met: usize,
}

impl State {
    /// Synchronizes the folder of snippets and the world.
    pub(super) fn sync_folder(&mut self) {
        self.folder.sync(&mut self.world);
    }
}

impl Shared {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the milliseconds since the start.
    pub(super) fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    pub(super) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::SeqCst)
    }

    pub(super) fn streams(&self) -> MutexGuard<'_, BTreeMap<u64, TcpStream>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the number of a new connection.
    pub(super) fn next_connection(&self) -> u64 {
        self.count.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// Closes every connection, and accepts none for this many milliseconds; 0 means until the faults end.
    pub(super) fn go_away(&self, ms: u64) {
        self.gate.close();
        self.drop_connections();
        if ms > 0 {
            self.gate.open_at(self.now() + ms);
        }
    }

    fn drop_connections(&self) {
        for stream in self.streams().values() {
            // It may already be closed.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

/// A running simulator.
pub struct PveSim {
    shared: Arc<Shared>,
    address: SocketAddr,
    ca_pem: String,
    fingerprint: String,
    listener: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for PveSim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PveSim").field("address", &self.address).finish_non_exhaustive()
    }
}

impl PveSim {
    /// Starts on loopback.
    pub fn start(mut world: World, options: Options) -> io::Result<Self> {
        let identity = certificate::make().map_err(io::Error::other)?;
        let port = Port::reserve(options.port)?;
        let (address, listener) = (port.address(), port.listen()?);
        world.clockwork.pace = options.pace.clone();
        world.clockwork.lengths.clone_from(&options.lengths);
        world.clockwork.seed = options.seed;
        world.clockwork.copy_rate = options.copy_rate;
        world.clockwork.fingerprint.clone_from(&identity.fingerprint);
        world.start_clocks();
        let state = State {
            world,
            folder: Folder::new(options.snippets.clone()),
            faults: options.faults.clone(),
            requests: Vec::new(),
            refused: Vec::new(),
            faults_met: 0,
        };
        let shared = Arc::new(Shared {
            options,
            holds: Holds::default(),
            state: Mutex::new(state),
            started: clock(),
            closing: AtomicBool::new(false),
            gate: Gate::new(address),
            streams: Mutex::default(),
            count: AtomicU64::new(0),
        });
        let for_thread = Arc::clone(&shared);
        let config = identity.config;
        let handle =
            std::thread::spawn(move || listener::accept(&port, listener, &for_thread, &config));
        Ok(Self {
            shared,
            address,
            ca_pem: identity.ca_pem,
            fingerprint: identity.fingerprint,
            listener: Some(handle),
        })
    }

    /// Returns `https://127.0.0.1:PORT`.
    pub fn endpoint(&self) -> String {
        format!("https://{}", self.address)
    }

    /// Returns the socket's address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the leaf's SHA-256 in PVE's notation.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Returns the CA as PEM.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// Returns the default world's token as `user@realm!id=secret`.
    pub fn token(&self) -> String {
        use super::world::defaults::{TOKEN_ID, TOKEN_SECRET};
        format!("{TOKEN_ID}={TOKEN_SECRET}")
    }

    /// Returns how long requests and tasks have waited for lock files, in simulated time.
    pub fn waited(&self) -> Duration {
        Duration::from_secs(self.shared.state().world.clockwork.waited)
    }

    /// Returns how many bytes of images and files were written to each storage: by an import or a full
    /// copy its data, by a linked clone a small number.
    pub fn written(&self) -> BTreeMap<String, u64> {
        self.shared.state().world.written().clone()
    }

    /// Returns every request so far, in order of arrival.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.state().requests.clone()
    }

    /// Returns how many requests there were so far.
    pub fn request_count(&self) -> usize {
        self.shared.state().requests.len()
    }

    /// Returns the requests so far without the first ones, of which there are this many.
    pub fn requests_from(&self, first: usize) -> Vec<Request> {
        self.shared.state().requests.get(first..).unwrap_or_default().to_vec()
    }

    /// Forgets the requests so far.
    pub fn forget_requests(&self) {
        self.shared.state().requests.clear();
    }

    /// Returns the requests that the simulator does not support; tests assert that there are none.
    pub fn refused(&self) -> Vec<String> {
        self.shared.state().refused.clone()
    }

    /// Returns a copy of the world.
    pub fn world(&self) -> World {
        self.shared.state().world.clone()
    }

    /// Changes the world, as another user would.
    pub fn edit(&self, change: impl FnOnce(&mut World)) {
        change(&mut self.shared.state().world);
    }

    /// Lets every running task end.
    pub fn settle(&self) {
        let mut state = self.shared.state();
        state.world.settle();
        state.sync_folder();
    }

    /// Adds a fault; its count starts now.
    pub fn add_fault(&self, fault: Fault) {
        self.shared.state().faults.push(fault);
    }

    /// Returns how often a fault has applied to a request.
    pub fn faults_met(&self) -> usize {
        self.shared.state().faults_met
    }

    /// Ends every fault: from now on nothing goes wrong, and connections are accepted.
    pub fn mend(&self) {
        self.shared.state().faults.clear();
        self.shared.gate.open();
    }

    /// Holds every request to this host, such as `127.0.0.1`, after the first `passes` from now on.
    pub fn hold(&self, host: &str, passes: usize) {
        self.shared.holds.add(host, Some(passes));
    }

    /// Holds every request to this host from its next write on.
    pub fn hold_writes(&self, host: &str) {
        self.shared.holds.add(host, None);
    }

    /// Returns whether a request to this host is being held.
    pub fn is_holding(&self, host: &str) -> bool {
        self.shared.holds.is_reached(host)
    }

    /// Lets the requests to this host pass again.
    pub fn release(&self, host: &str) {
        self.shared.holds.remove(host);
    }

    /// Returns the bytes of a small file, or of a disk imported from one.
    pub fn volume_bytes(&self, node: &str, volid: &str) -> Option<Vec<u8>> {
        let state = self.shared.state();
        let bytes = state.world.volume(node, volid)?.bytes.as_ref()?;
        Some(bytes.to_vec())
    }

    /// Stops all threads, lets running tasks end and returns the world.
    pub fn shutdown(mut self) -> World {
        self.close();
        self.settle();
        self.world()
    }

    /// Waits until the clients are gone and everything that they have sent is handled: a client that was killed may
    /// have sent a request that is not.
    pub fn wait_for_clients(&self) {
        while !self.shared.streams().is_empty() {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Closes every connection now; new ones are accepted.
    pub fn drop_connections(&self) {
        self.shared.drop_connections();
    }

    fn close(&mut self) {
        self.shared.closing.store(true, Ordering::SeqCst);
        self.shared.holds.remove_all();
        listener::wake(self.address);
        self.drop_connections();
        if let Some(listener) = self.listener.take() {
            // A thread that panicked has reported it on stderr.
            let _ = listener.join();
        }
    }
}

impl Drop for PveSim {
    fn drop(&mut self) {
        self.close();
    }
}

fn clock() -> Instant {
    Instant::now()
}
