//! DOOR: reads files from web servers, across lost connections. A file that was split comes as one.

use std::cell::Cell;
use std::io::{self, Read};

use pve_client::{Downgrade, FetchError, Fetched, FileVersion};

use crate::interrupt;
use crate::retry::{Retry, Tries};
use crate::source::address::Address;
use crate::source::parts::suffix;
use crate::work::Work;

/// What a file is fetched with.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) work: &'a Work<'a>,
    pub(super) url: &'a Address,
    pub(super) downgrade: Downgrade,
    pub(super) tries: &'a Tries<'a>,
    /// Set once bytes of two answers were joined.
    pub(super) joined: &'a Cell<bool>,
    /// A broken connection may be continued where it broke.
    pub(super) may_resume: bool,
}

/// A file that is being read.
pub(super) struct Stream<'a> {
    /// The length of the whole in bytes, when the server says it.
    pub(super) length: Option<u64>,
    /// Its bytes.
    pub(super) reader: Box<dyn Read + 'a>,
}

/// The server does not continue what broke off: the file must be fetched from its beginning.
#[derive(Debug, thiserror::Error)]
#[error("the server cannot resume the file")]
pub(super) struct CannotResume;

/// Asks for a file; where there is none, for its parts `.partaa`, `.partab` …, read as one.
///
/// Where parts are missing at the end nobody can tell here; the sum, which each URL must have, tells.
pub(super) fn open<'a>(source: Source<'a>) -> Result<Stream<'a>, FetchError> {
    match source.work.fetcher().get(source.url.expose(), source.downgrade) {
        Ok(fetched) => {
            let length = fetched.length;
            let reader = Box::new(Resuming::new(source, source.url.clone(), fetched, 0));
            Ok(Stream { length, reader })
        }
        Err(FetchError::Status(404)) => {
            let mut parts = Parts { source, next: 0, open: None, before: 0 };
            match parts.open_next() {
                Ok(true) => Ok(Stream { length: None, reader: Box::new(parts) }),
                Ok(false) => Err(FetchError::Status(404)),
                Err(error) => Err(error),
            }
        }
        Err(error) => Err(error),
    }
}

/// One file, which is continued where its connection breaks.
struct Resuming<'a> {
    source: Source<'a>,
    url: Address,
    version: Option<FileVersion>,
    reader: Box<dyn Read>,
    /// Bytes of the file that were passed on.
    at: u64,
    /// Bytes of the parts before this file.
    before: u64,
}

impl<'a> Resuming<'a> {
    fn new(source: Source<'a>, url: Address, fetched: Fetched, before: u64) -> Self {
        let version = fetched.version.filter(|_| source.may_resume);
        Self { source, url, version, reader: fetched.reader, at: 0, before }
    }

    /// Opens the rest of the file after its connection broke.
    fn reopen(&mut self, error: io::Error) -> io::Result<()> {
        let Source { work, downgrade, tries, joined, .. } = self.source;
        let Some(version) = self.version.as_ref().filter(|_| self.at > 0) else {
            return Err(error);
        };
        tries.reached(self.before + self.at);
        let mut failure = (error, Retry::After(None));
        loop {
            let doing = format!("fetching the rest from byte {}", self.at);
            let (error, again) = failure;
            if !tries.again(&doing, &innermost(&error), again) {
                return Err(if interrupt::is_requested() { interrupt::error() } else { error });
            }
            match work.fetcher().resume(self.url.expose(), downgrade, version, self.at) {
                Ok(Some(rest)) => {
                    self.reader = rest;
                    joined.set(true);
                    return Ok(());
                }
                Ok(None) => return Err(io::Error::other(CannotResume)),
                Err(error) => {
                    let again = Retry::of(&error);
                    failure = (io::Error::other(error), again);
                }
            }
        }
    }
}

impl Read for Resuming<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.reader.read(buffer) {
                Ok(read) => {
                    self.at += read as u64;
                    return Ok(read);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
                Err(error) => self.reopen(error)?,
            }
        }
    }
}

/// The reason behind an error: the last link of its chain.
fn innermost(error: &io::Error) -> String {
    let chain = std::iter::successors(Some(error as &dyn std::error::Error), |e| e.source());
    chain.last().map(ToString::to_string).unwrap_or_default()
}

/// The number of names that `split` gives: aa to zz.
const PARTS: usize = 26 * 26;

/// The parts of a file on a web server.
struct Parts<'a> {
    source: Source<'a>,
    next: usize,
    open: Option<Resuming<'a>>,
    /// Bytes of the parts that were read to their end.
    before: u64,
}

impl Parts<'_> {
    /// Opens the next part; false when there is none.
    fn open_next(&mut self) -> Result<bool, FetchError> {
        if self.next == PARTS {
            return Ok(false);
        }
        // The parts of a signed URL have signatures of their own; only a plain one can be guessed.
        let part = self.source.url.with_ending(&format!(".part{}", suffix(self.next, 2)));
        match self.source.work.fetcher().get(part.expose(), self.source.downgrade) {
            Ok(fetched) => {
                self.next += 1;
                self.open = Some(Resuming::new(self.source, part, fetched, self.before));
                Ok(true)
            }
            Err(FetchError::Status(404)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Opens the next part, again after a failure that may pass.
    fn open_next_retrying(&mut self) -> io::Result<()> {
        loop {
            let error = match self.open_next() {
                Ok(_) => return Ok(()),
                Err(error) => error,
            };
            let again = Retry::of(&error);
            let error = io::Error::other(error);
            if !self.source.tries.again("fetching the next part", &innermost(&error), again) {
                return Err(error);
            }
        }
    }
}

impl Read for Parts<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(part) = &mut self.open {
            let read = part.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            self.before += part.at;
            self.open = None;
            self.open_next_retrying()?;
        }
        Ok(0)
    }
}
