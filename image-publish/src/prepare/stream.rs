//! DOOR: reads files from web servers, across lost connections.

use std::cell::Cell;
use std::io::{self, Read};

use pve_client::{Downgrade, FetchError, Fetched, FileVersion};

use crate::interrupt;
use crate::retry::{Retry, Tries};
use crate::show::innermost;
use crate::source::address::Address;
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

/// Opens a file.
pub(super) fn open<'a>(source: Source<'a>) -> Result<Stream<'a>, FetchError> {
    let fetched = source.work.fetcher().get(source.url.expose(), source.downgrade)?;
    let length = fetched.length;
    Ok(Stream { length, reader: Box::new(Resuming::new(source, fetched)) })
}

/// A file whose download is resumed after a lost connection.
struct Resuming<'a> {
    source: Source<'a>,
    version: Option<FileVersion>,
    reader: Box<dyn Read>,
    /// Bytes that were read so far.
    at: u64,
}

impl<'a> Resuming<'a> {
    fn new(source: Source<'a>, fetched: Fetched) -> Self {
        let version = fetched.version.filter(|_| source.may_resume);
        Self { source, version, reader: fetched.reader, at: 0 }
    }

    /// Opens the rest of the file after its connection broke.
    fn reopen(&mut self, error: io::Error) -> io::Result<()> {
        let Source { work, url, downgrade, tries, joined, .. } = self.source;
        let Some(version) = self.version.as_ref().filter(|_| self.at > 0) else {
            return Err(error);
        };
        tries.reached(self.at);
        let mut failure = (error, Retry::After(None));
        loop {
            let doing = format!("fetching the rest from byte {}", self.at);
            let (error, again) = failure;
            if !tries.again(&doing, &innermost(&error), again) {
                return Err(if interrupt::is_requested() { interrupt::error() } else { error });
            }
            match work.fetcher().resume(url.expose(), downgrade, version, self.at) {
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
