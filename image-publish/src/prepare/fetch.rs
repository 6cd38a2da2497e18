//! DOOR: fetches files from web servers into the cache folder, and judges them there.

use std::io::Read;

use stage::{Entry, Place};

use super::{compare, mismatch, unusable};
use crate::findings;
use crate::source::checksum::Algorithm;
use crate::source::examine::{Facts, examine, sums_of};
use crate::spool::Spooled;
use crate::sums::Said;
use crate::work::Work;

/// Fetches a URL into the cache folder and judges it; a lost connection is tried again from the start.
pub(super) fn fetch(
    work: &Work<'_>,
    name: &str,
    url: &str,
    said: Option<&Said>,
) -> Result<(Facts, Spooled), Entry> {
    let place = || Place::Named(url.to_owned());
    let mut attempt = 0;
    let spooled = loop {
        let error = match try_fetch(work, name, url) {
            Ok(spooled) => break spooled,
            Err(entry) => entry,
        };
        if attempt >= work.retries || !error.1 {
            return Err(error.0);
        }
        attempt += 1;
        let reason = error.0.causes.last().cloned().unwrap_or_default();
        work.tell(
            "step",
            name,
            &format!("fetching again from the start ({attempt} of {}): {reason}", work.retries),
        );
    };
    let sha512 = said.is_some_and(|said| said.sum.algorithm == Algorithm::Sha512);
    let facts = examine(&spooled.files(), sha512).map_err(|fault| unusable(place(), &fault));
    // A wrong sum says more than what is wrong with the content.
    match (&facts, said) {
        (Ok(facts), said) => compare(url, facts, said)?,
        (Err(_), Some(said)) => compare_bytes(&spooled, url, said)?,
        (Err(_), None) => {}
    }
    facts.map(|facts| (facts, spooled))
}

/// Fetches once; the flag says whether another try may help.
fn try_fetch(work: &Work<'_>, name: &str, url: &str) -> Result<Spooled, (Entry, bool)> {
    let place = || Place::Named(url.to_owned());
    let fetched = work.fetcher().get(url).map_err(|error| {
        let again = !matches!(
            error,
            pve_client::FetchError::Status { .. } | pve_client::FetchError::BadUrl { .. }
        );
        (findings::of_fetch(place(), "cannot be fetched", &error), again)
    })?;
    let disk = |e: std::io::Error| {
        (Entry::error(place(), "cannot be put into the cache folder").cause(&e), false)
    };
    let (spooled, mut file) = Spooled::create(&work.folder, name).map_err(disk)?;
    let mut transfer = work.transfer(name, format!("fetching {url}"), fetched.length);
    let mut done = 0;
    let mut counted = Counted {
        reader: fetched.reader,
        count: &mut |bytes| {
            done += bytes;
            transfer.at(done);
        },
    };
    Spooled::fill(&mut file, &mut counted).map_err(|e| {
        let full = e.kind() == std::io::ErrorKind::StorageFull;
        (Entry::error(place(), "cannot be fetched to its end").cause(&e), !full)
    })?;
    Ok(spooled)
}

/// Compares the bytes of a file that is no image with the sum that it should have.
fn compare_bytes(spooled: &Spooled, url: &str, said: &Said) -> Result<(), Entry> {
    let sums = sums_of(&mut spooled.files().open());
    match sums.ok().as_ref().and_then(|sums| sums.get(said.sum.algorithm)) {
        Some(is) if is != said.sum.hex => Err(mismatch(url, &said.sum, is, &said.by)),
        _ => Ok(()),
    }
}

/// Counts what is read.
struct Counted<'a, R> {
    reader: R,
    count: &'a mut dyn FnMut(u64),
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.reader.read(buffer)?;
        (self.count)(read as u64);
        Ok(read)
    }
}
