//! What a run carries along: the console, the cache, the options that say how.
//!
//! DOOR: the clock, for rates, for how often progress is told, between tries, and for the age of images.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use pve_client::{Fetcher, Proxies, Trust};
use serde_json::Value;
use stage::{Console, Entry, Event, LogFormat};

use crate::cache::Cache;
use crate::cli::Refresh;
use crate::interrupt;
use crate::left_over::SPOOL;
use crate::plan::StoredFile;
use crate::room;
use crate::show;
use crate::temporary::Temporary;
use crate::waiting::Waiting;

/// What a run carries along.
pub(crate) struct Work<'a> {
    /// Where people are told.
    pub(crate) console: &'a Console,
    /// What is known of images.
    pub(crate) cache: Cache,
    /// Where files go that live as long as the run.
    folder: Option<PathBuf>,
    /// `qemu-img` compresses each local image first.
    pub(crate) compress: bool,
    /// How often a lost connection, or a server that is busy, is tried again.
    pub(crate) retries: u32,
    /// Nothing is written to PVE.
    pub(crate) dry_run: bool,
    /// When web servers are asked for checksums.
    pub(crate) refresh: Refresh,
    /// What the storage held when the images were prepared, where that was asked for.
    pub(crate) listed: RefCell<Option<Vec<StoredFile>>>,
    /// Servers that did not answer in this run, and why.
    pub(crate) silent: RefCell<BTreeMap<String, Vec<String>>>,
    /// What people were warned of, by image.
    pub(crate) warnings: BTreeMap<String, Vec<String>>,
    proxies: Proxies,
    fetcher: OnceCell<Fetcher>,
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
            console,
            cache,
            folder,
            compress: false,
            retries: 2,
            dry_run: false,
            refresh: Refresh::default(),
            listed: RefCell::default(),
            silent: RefCell::default(),
            warnings: BTreeMap::new(),
            proxies,
            fetcher: OnceCell::new(),
        }
    }

    /// Returns what fetches from web servers; made when it is first needed.
    pub(crate) fn fetcher(&self) -> &Fetcher {
        let stall = Duration::from_secs(60);
        self.fetcher.get_or_init(|| Fetcher::new(Trust::System, stall, &self.proxies))
    }

    /// Returns the cache folder; files that live as long as the run lie there too.
    pub(crate) fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// Returns what people were warned of about an image.
    pub(crate) fn warnings_of(&self, image: &str) -> Vec<String> {
        self.warnings.get(image).cloned().unwrap_or_default()
    }

    /// Makes an empty file for an image, for as long as the run.
    pub(crate) fn spool(&self, name: &str) -> io::Result<Temporary> {
        // Not the system's folder for temporary files: others may have put something there.
        let none = || io::Error::other("neither `--cache-dir` nor HOME is set");
        let folder = self.folder.as_deref().ok_or_else(none)?;
        Temporary::create(folder, SPOOL, name, 0o600)
    }

    /// Refuses to begin with a file of so many bytes when the cache folder has no room for it.
    ///
    /// # Errors
    /// The folder's file system has less.
    pub(crate) fn check_room(&self, length: Option<u64>) -> Result<(), Entry> {
        let (Some(folder), Some(length)) = (&self.folder, length) else { return Ok(()) };
        let hint = "free some space, or choose another directory with `--cache-dir`";
        room::check(folder, length, "the file needs", hint)
    }

    /// Begins a wait that people are told of.
    pub(crate) fn waiting<'b>(&'b self, image: &'b str, what: String) -> Waiting<'b> {
        Waiting::new(self.console, image, what)
    }

    /// Tells that something is so.
    pub(crate) fn tell(&self, event: &'static str, image: &str, text: &str) {
        self.console.event(&Event::new(event, image, text));
    }

    /// Begins to tell the progress of a transfer of `total` bytes, when that is known.
    pub(crate) fn transfer(
        &self,
        image: &'a str,
        doing: String,
        total: Option<u64>,
    ) -> Transfer<'a> {
        let now = now();
        let transfer =
            Transfer { console: self.console, image, doing, total, started: now, told: now };
        transfer.tell(0, None);
        transfer
    }
}

/// Waits before another try: a second, then two, four … half a minute, as long as a server takes to start anew.
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
#[expect(clippy::disallowed_methods, reason = "door: the clock")]
pub(crate) fn pause_for(duration: Duration) {
    let end = now() + duration;
    while !interrupt::is_requested() {
        let left = end.saturating_duration_since(now());
        if left.is_zero() {
            return;
        }
        std::thread::sleep(left.min(Duration::from_millis(100)));
    }
}

/// A transfer whose progress is told: its rate and the time left on a terminal, more in JSON.
pub(crate) struct Transfer<'a> {
    console: &'a Console,
    image: &'a str,
    doing: String,
    total: Option<u64>,
    started: Instant,
    told: Instant,
}

impl Transfer<'_> {
    /// Takes note of how many bytes have gone, and tells it now and then.
    pub(crate) fn at(&mut self, bytes: u64) {
        // In a pipe one line at the start is enough; a live line is redrawn five times a second.
        let pause = match (self.console.log_format(), self.console.is_terminal()) {
            (LogFormat::Json, _) => Duration::from_secs(1),
            (LogFormat::Text, true) => Duration::from_millis(200),
            (LogFormat::Text, false) => return,
        };
        let now = now();
        if now - self.told >= pause {
            self.told = now;
            self.tell(bytes, rate(bytes, now - self.started));
        }
    }

    /// Takes note of a percentage that the node tells.
    pub(crate) fn at_percent(&self, percent: u8) {
        let mut event = Event::new("progress", self.image, &self.doing);
        event.percent = Some(percent);
        self.console.event(&event);
    }

    fn tell(&self, bytes: u64, rate: Option<u64>) {
        let left = rate.zip(self.total).map(|(rate, total)| total.saturating_sub(bytes) / rate);
        let mut text = self.doing.clone();
        if let (Some(rate), true) = (rate, self.console.is_terminal()) {
            text.push_str(&format!(", {}/s", show::bytes(rate)));
            if let Some(left) = left {
                text.push_str(&format!(", {left} s left"));
            }
        }
        let mut event = Event::new("progress", self.image, &text);
        event.percent = self
            .total
            .filter(|total| *total > 0)
            .and_then(|total| u8::try_from(bytes * 100 / total).ok());
        let figures =
            [("bytes", Some(bytes)), ("total", self.total), ("rate", rate), ("left", left)];
        for (name, figure) in figures {
            if let Some(figure) = figure {
                event.fields.insert(name.to_owned(), Value::from(figure));
            }
        }
        self.console.event(&event);
    }
}

/// Returns bytes a second.
fn rate(bytes: u64, took: Duration) -> Option<u64> {
    let millis = u64::try_from(took.as_millis()).ok().filter(|millis| *millis > 0)?;
    bytes.checked_mul(1000).map(|bytes| bytes / millis).filter(|rate| *rate > 0)
}

#[expect(clippy::disallowed_methods, reason = "door: the clock")]
fn now() -> Instant {
    Instant::now()
}
