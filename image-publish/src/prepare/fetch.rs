//! DOOR: fetches files from web servers into the cache folder, and judges them there.

use std::io::Read;

use pve_client::{Downgrade, FetchError, Fetched, Fetcher};
use stage::{Entry, Place};

use super::{compare, mismatch, unusable};
use crate::source::address::Address;
use crate::source::checksum::{Algorithm, Said};
use crate::source::examine::{Facts, examine, sums_of};
use crate::source::parts::suffix;
use crate::temporary::Temporary;
use crate::work::{Work, may_pass};

/// Fetches a URL into the cache folder and judges it; a lost connection is tried again from the start.
pub(super) fn fetch(
    work: &Work<'_>,
    name: &str,
    url: &Address,
    said: Option<&Said>,
) -> Result<(Facts, Temporary), Entry> {
    let place = || Place::Named(url.to_string());
    let spooled = work.retrying(name, || try_fetch(work, name, url, downgrade(said)))?;
    let sha512 = said.is_some_and(|said| said.sum.algorithm == Algorithm::Sha512);
    let facts = examine(&spooled.files(), sha512).map_err(|fault| unusable(place(), &fault));
    // A wrong sum says more than what is wrong with the content.
    match (&facts, said) {
        (Ok(facts), said) => compare(&url.to_string(), facts, said)?,
        (Err(_), Some(said)) => compare_bytes(&spooled, url, said)?,
        (Err(_), None) => {}
    }
    facts.map(|facts| (facts, spooled))
}

/// Without a sum nothing vouches for what comes.
pub(super) fn downgrade(said: Option<&Said>) -> Downgrade {
    said.map_or(Downgrade::Refused, Said::downgrade)
}

/// Fetches once; the flag says whether another try may help.
fn try_fetch(
    work: &Work<'_>,
    name: &str,
    url: &Address,
    downgrade: Downgrade,
) -> Result<Temporary, (Entry, bool)> {
    let place = || Place::Named(url.to_string());
    let fetched = get(work, url, downgrade).map_err(|error| {
        (Entry::error(place(), "cannot be fetched").cause(&error), may_pass(&error))
    })?;
    let disk = |e: std::io::Error| {
        (Entry::error(place(), "cannot be put into the cache folder").cause(&e), false)
    };
    work.check_room(fetched.length).map_err(|entry| (entry, false))?;
    let spooled = work.spool(name).map_err(disk)?;
    let mut transfer = work.transfer(name, format!("fetching {url}"), fetched.length);
    let mut reader = fetched.reader;
    spooled.fill(&mut reader, &mut |bytes| transfer.at(bytes)).map_err(|e| {
        let full = e.kind() == std::io::ErrorKind::StorageFull;
        (Entry::error(place(), "cannot be fetched to its end").cause(&e), !full)
    })?;
    Ok(spooled)
}

/// Compares the bytes of a file that is no image with the sum that it should have.
fn compare_bytes(spooled: &Temporary, url: &Address, said: &Said) -> Result<(), Entry> {
    let sums = sums_of(&mut spooled.files().open());
    match sums.ok().as_ref().and_then(|sums| sums.get(said.sum.algorithm)) {
        Some(is) if is != said.sum.hex => Err(mismatch(&url.to_string(), &said.sum, is, &said.by)),
        _ => Ok(()),
    }
}

/// Asks for a file; where there is none, for its parts `.partaa`, `.partab` …, read as one.
///
/// Where parts are missing at the end nobody can tell here; the sum, which each URL must have, tells.
pub(super) fn get(
    work: &Work<'_>,
    url: &Address,
    downgrade: Downgrade,
) -> Result<Fetched, FetchError> {
    match work.fetcher().get(url.expose(), downgrade) {
        Err(FetchError::Status(404)) => {
            let fetcher = work.fetcher().clone();
            let mut parts = Parts { fetcher, url: url.clone(), downgrade, next: 0, open: None };
            match parts.open_next() {
                Ok(true) => Ok(Fetched { length: None, reader: Box::new(parts) }),
                Ok(false) => Err(FetchError::Status(404)),
                Err(error) => Err(error),
            }
        }
        answer => answer,
    }
}

/// So many names `split` gives: aa to zz.
const PARTS: usize = 26 * 26;

/// The parts of a file on a web server.
struct Parts {
    fetcher: Fetcher,
    url: Address,
    downgrade: Downgrade,
    next: usize,
    open: Option<Box<dyn Read>>,
}

impl Parts {
    /// Opens the next part; false when there is none.
    fn open_next(&mut self) -> Result<bool, FetchError> {
        if self.next == PARTS {
            return Ok(false);
        }
        // The parts of a signed URL have signatures of their own; only a plain one can be guessed.
        let part = self.url.with_ending(&format!(".part{}", suffix(self.next, 2)));
        match self.fetcher.get(part.expose(), self.downgrade) {
            Ok(fetched) => {
                self.next += 1;
                self.open = Some(fetched.reader);
                Ok(true)
            }
            Err(FetchError::Status(404)) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

impl Read for Parts {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        while let Some(part) = &mut self.open {
            let read = part.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            self.open = None;
            self.open_next().map_err(std::io::Error::other)?;
        }
        Ok(0)
    }
}
