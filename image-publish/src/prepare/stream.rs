//! DOOR: reads files from web servers, across lost connections and split parts.

use std::cell::Cell;
use std::io::{self, Read};

use pve_client::{Downgrade, FetchError, Fetched, FileVersion};

use crate::interrupt;
use crate::retry::{Retry, Tries};
use crate::source::address::Address;
use crate::source::parts::suffix;
use crate::work::Work;

/// What is needed to fetch a file.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) work: &'a Work<'a>,
    pub(super) url: &'a Address,
    pub(super) downgrade: Downgrade,
    pub(super) tries: &'a Tries<'a>,
    /// Set once the bytes of two responses were joined.
    pub(super) joined: &'a Cell<bool>,
    /// A broken download may be resumed.
    pub(super) may_resume: bool,
}

/// A file that is being read.
pub(super) struct Stream<'a> {
    /// The total length in bytes, if the server sends it.
    pub(super) length: Option<u64>,
    /// Its bytes.
    pub(super) reader: Box<dyn Read + 'a>,
}

/// The server cannot resume the download: the file must be fetched from the start.
#[derive(Debug, thiserror::Error)]
#[error("the server cannot resume the file")]
pub(super) struct CannotResume;

/// Opens a file; if the server does not have it, its parts `.partaa`, `.partab` …, read as one.
///
/// Missing parts at the end are only found by the checksum, which each URL must have.
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

/// A file whose download is resumed after a lost connection.
struct Resuming<'a> {
    source: Source<'a>,
    url: Address,
    version: Option<FileVersion>,
    reader: Box<dyn Read>,
    /// Bytes of this file that were read so far.
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

/// Returns the innermost cause of an error.
fn innermost(error: &io::Error) -> String {
    let chain = std::iter::successors(Some(error as &dyn std::error::Error), |e| e.source());
    chain.last().map(ToString::to_string).unwrap_or_default()
}

/// The number of suffixes of `split`: aa to zz.
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
        // Each part of a signed URL has its own signature, so only unsigned names can be guessed.
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

    /// Opens the next part, with retries.
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
