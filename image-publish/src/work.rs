//! The context of a run: the console, the cache, the options.
//!
//! DOOR: the clock, for rates, for the interval of progress lines, between retries, and for the age of images.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use pve_client::{Fetcher, Proxies, Trust};
use pve_stage::wait::{self, Stopwatch};
use stage::{Console, Entry, Event, LogFormat, Place};

use crate::cache::Cache;
use crate::cli::Refresh;
use crate::interrupt;
use crate::left_over::SPOOL;
use crate::room;
use crate::show;
use crate::slots::Slots;
use crate::temporary::Temporary;
use crate::voice::Voice;
use crate::waiting::Waiting;

/// How many uploads run at once. All of them pass through `/var/tmp` of the node that gets the requests.
const UPLOADS: usize = 4;

/// The context of a run.
pub(crate) struct Work<'a> {
    /// Where progress is shown.
    pub(crate) voice: Voice<'a>,
    /// What is known about images.
    pub(crate) cache: Cache,
    /// Directory of files that exist as long as the run.
    folder: Option<PathBuf>,
    /// `qemu-img` compresses each local image first.
    pub(crate) compress: bool,
    /// How often to retry after a lost connection or a busy server.
    pub(crate) retries: u32,
    /// Nothing is written to PVE.
    pub(crate) dry_run: bool,
    /// When web servers are asked for checksums.
    pub(crate) refresh: Refresh,
    /// Servers that did not answer in this run, and why.
    pub(crate) silent: RefCell<BTreeMap<String, Vec<String>>>,
    /// How many uploads run at once.
    pub(crate) uploads: Arc<Slots>,
    /// Warnings, by image.
    pub(crate) warnings: BTreeMap<String, Vec<String>>,
    proxies: Proxies,
    fetcher: Arc<OnceLock<Fetcher>>,
}

impl<'a> Work<'a> {
    /// Begins a run.
    pub(crate) fn new(
        console: &'a Console,
        cache: Cache,
        folder: Option<PathBuf>,
        proxies: Proxies,
    ) -> Self {
        Self {
            voice: Voice::new(console),
            cache,
            folder,
            compress: false,
            retries: 2,
            dry_run: false,
            refresh: Refresh::default(),
            silent: RefCell::default(),
            uploads: Arc::new(Slots::new(UPLOADS)),
            warnings: BTreeMap::new(),
            proxies,
            fetcher: Arc::default(),
        }
    }

    /// Returns the context of the part of the run that works on one of several storages: its events name the
    /// node, and it can move to another thread.
    pub(crate) fn on_storage(&self, node: &str, storage: &str) -> Work<'a> {
        Work { voice: self.voice.on_storage(node, storage), ..self.part() }
    }

    /// Returns the context of a part of the run that is for all storages.
    pub(crate) fn for_all(&self) -> Work<'a> {
        self.part()
    }

    /// Returns the same context with an empty cache, which only the run as a whole has.
    fn part(&self) -> Work<'a> {
        Work {
            compress: self.compress,
            retries: self.retries,
            dry_run: self.dry_run,
            refresh: self.refresh,
            uploads: Arc::clone(&self.uploads),
            fetcher: Arc::clone(&self.fetcher),
            ..Work::new(
                self.voice.console,
                Cache::load(None),
                self.folder.clone(),
                self.proxies.clone(),
            )
        }
    }

    /// Returns the node of this part of the run, if the run works on several storages.
    pub(crate) fn on_node(&self) -> Option<&str> {
        self.voice.node()
    }

    /// Returns the place of findings about this part of the run.
    pub(crate) fn place(&self) -> Place {
        self.voice.node().map_or(Place::Run, Place::node)
    }

    /// Returns the HTTP client, which is created on first use.
    pub(crate) fn fetcher(&self) -> &Fetcher {
        let stall = Duration::from_secs(60);
        self.fetcher.get_or_init(|| Fetcher::new(Trust::System, stall, &self.proxies))
    }

    /// Returns the cache directory, which also has the files that exist as long as the run.
    pub(crate) fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// Returns the warnings about an image.
    pub(crate) fn warnings_of(&self, image: &str) -> Vec<String> {
        self.warnings.get(image).cloned().unwrap_or_default()
    }

    /// Creates an empty file for an image, which is removed at the end of the run.
    pub(crate) fn spool(&self, name: &str) -> io::Result<Temporary> {
        // Not the system's directory for temporary files, because others can write there.
        let none = || io::Error::other("neither `--cache-dir` nor HOME is set");
        let folder = self.folder.as_deref().ok_or_else(none)?;
        Temporary::create(folder, SPOOL, name, 0o600)
    }

    /// Returns an error if the cache directory has no room for a file of `length` bytes.
    ///
    /// # Errors
    /// The file system has less free space.
    pub(crate) fn check_room(&self, length: Option<u64>) -> Result<(), Entry> {
        let (Some(folder), Some(length)) = (&self.folder, length) else { return Ok(()) };
        let hint = "free some space, or choose another directory with `--cache-dir`";
        room::check(folder, length, "the file needs", hint)
    }

    /// Starts a wait that is shown to the user.
    pub(crate) fn waiting<'b>(&'b self, image: &'b str, what: String) -> Waiting<'b> {
        Waiting::new(&self.voice, image, what)
    }

    /// Shows a line about an image.
    pub(crate) fn tell(&self, event: &'static str, image: &str, text: &str) {
        self.voice.tell(event, image, text);
    }

    /// Starts to show the progress of a transfer of `total` bytes, if known.
    pub(crate) fn transfer<'b>(
        &'b self,
        image: &'b str,
        doing: String,
        total: Option<u64>,
    ) -> Transfer<'b> {
        let (watch, told) = (Stopwatch::start(), Duration::ZERO);
        let transfer = Transfer { voice: &self.voice, image, doing, total, watch, told };
        transfer.tell(0, None);
        transfer
    }
}

/// Waits before a retry: 1, 2, 4 … up to 30 seconds, about as long as a server takes to restart.
pub(crate) fn pause(tries: u32) {
    let seconds = 1u64.checked_shl(tries.saturating_sub(1)).unwrap_or(u64::MAX).min(30);
    pause_for(Duration::from_secs(seconds));
}

/// Returns the time in seconds since 1970.
#[expect(clippy::disallowed_methods, reason = "door: the clock")]
pub(crate) fn seconds_now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

/// Waits; a signal ends the wait.
pub(crate) fn pause_for(duration: Duration) {
    wait::rest(duration, &interrupt::is_requested);
}

/// A transfer whose progress is shown: its rate and the time left on a terminal, more in JSON.
pub(crate) struct Transfer<'a> {
    voice: &'a Voice<'a>,
    image: &'a str,
    doing: String,
    total: Option<u64>,
    watch: Stopwatch,
    /// When it was last shown.
    told: Duration,
}

impl Transfer<'_> {
    /// Records how many bytes were sent, and shows it now and then.
    pub(crate) fn at(&mut self, bytes: u64) {
        // In a pipe one line at the start is enough; a live line is redrawn five times a second.
        let console = self.voice.console;
        let pause = match (console.log_format(), console.is_terminal()) {
            (LogFormat::Json, _) => Duration::from_secs(1),
            (LogFormat::Text, true) => Duration::from_millis(200),
            (LogFormat::Text, false) => return,
        };
        let took = self.watch.elapsed();
        if took - self.told >= pause {
            self.told = took;
            self.tell(bytes, rate(bytes, took));
        }
    }

    /// Records a percentage from the node's log.
    pub(crate) fn at_percent(&self, percent: u8) {
        self.voice.show(Event {
            percent: Some(percent),
            ..Event::new("progress", self.image, &self.doing)
        });
    }

    fn tell(&self, bytes: u64, rate: Option<u64>) {
        let left = rate.zip(self.total).map(|(rate, total)| total.saturating_sub(bytes) / rate);
        let mut text = self.doing.clone();
        if let (Some(rate), true) = (rate, self.voice.console.is_terminal()) {
            text.push_str(&format!(", {}/s", show::bytes(rate)));
            if let Some(left) = left {
                text.push_str(&format!(", {left} s left"));
            }
        }
        let total = self.total.filter(|total| *total > 0);
        let percent = total.and_then(|total| u8::try_from(bytes * 100 / total).ok());
        let figures =
            [("bytes", Some(bytes)), ("total", self.total), ("rate", rate), ("left", left)];
        let figure = |(name, figure): (&str, Option<u64>)| Some((name.to_owned(), figure?.into()));
        let fields = figures.into_iter().filter_map(figure).collect();
        self.voice.show(Event { percent, fields, ..Event::new("progress", self.image, &text) });
    }
}

/// Returns bytes a second.
fn rate(bytes: u64, took: Duration) -> Option<u64> {
    let millis = u64::try_from(took.as_millis()).ok().filter(|millis| *millis > 0)?;
    bytes.checked_mul(1000).map(|bytes| bytes / millis).filter(|rate| *rate > 0)
}
