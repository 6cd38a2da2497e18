//! DOOR: fetches files from web servers into the cache folder, and judges them there.

use std::cell::Cell;
use std::io;

use pve_client::{Downgrade, FetchError, Unreachable};
use stage::{Entry, Place};

use super::stream::{CannotResume, Source, open};
use super::{compare, mismatch, unusable};
use crate::retry::{Retry, Tries, failed};
use crate::source::address::Address;
use crate::source::checksum::{Algorithm, ExpectedSum};
use crate::source::examine::{Facts, Fault, examine, sums_of};
use crate::temporary::{Temporary, is_not_written};
use crate::work::Work;

/// Fetches a URL into the cache folder and judges it.
///
/// After a lost connection, the download resumes if the server supports it, and otherwise starts over.
/// If a resumed download has a wrong checksum, it is fetched once more as a whole.
pub(super) fn fetch(
    work: &Work<'_>,
    name: &str,
    url: &Address,
    expected: Option<&ExpectedSum>,
) -> Result<(Facts, Temporary), Entry> {
    let (spooled, is_joined) = to_its_end(work, name, url, downgrade(expected), true)?;
    match judged(spooled, url, expected) {
        Err(_) if is_joined => {
            let text = "the resumed file is not the expected one: fetching it again from the start";
            work.tell("step", name, text);
            let (spooled, _) = to_its_end(work, name, url, downgrade(expected), false)?;
            judged(spooled, url, expected)
        }
        outcome => outcome,
    }
}

/// Judges a fetched file, and compares it with its checksum.
fn judged(
    spooled: Temporary,
    url: &Address,
    expected: Option<&ExpectedSum>,
) -> Result<(Facts, Temporary), Entry> {
    let sha512 = expected.is_some_and(|expected| expected.sum.algorithm == Algorithm::Sha512);
    let unfit = |fault: Fault| unusable(Place::Named(url.to_string()), &fault);
    let facts = examine(&spooled.files(), sha512).map_err(unfit);
    // A wrong checksum is a better explanation than unusable content.
    match (&facts, expected) {
        (Ok(facts), expected) => compare(&url.to_string(), facts, expected)?,
        (Err(_), Some(expected)) => compare_bytes(&spooled, url, expected)?,
        (Err(_), None) => {}
    }
    facts.map(|facts| (facts, spooled))
}

/// Returns whether a redirect to `http://` is allowed: never without a checksum.
pub(super) fn downgrade(expected: Option<&ExpectedSum>) -> Downgrade {
    expected.map_or(Downgrade::Refused, ExpectedSum::downgrade)
}

/// Fetches a file to its end; returns also whether it was joined from several answers.
fn to_its_end(
    work: &Work<'_>,
    name: &str,
    url: &Address,
    downgrade: Downgrade,
    may_resume: bool,
) -> Result<(Temporary, bool), Entry> {
    let tries = Tries::new(work, name);
    let joined = Cell::new(false);
    let source = Source { work, url, downgrade, tries: &tries, joined: &joined, may_resume };
    loop {
        // Each of these follows a counted retry, so this loop ends.
        if let Some(spooled) = tries.run(|| try_fetch(source, name))? {
            return Ok((spooled, joined.get()));
        }
        let text = "fetching again from the start: the server cannot resume the file";
        work.tell("step", name, text);
        joined.set(false);
    }
}

/// Fetches from the start; `None` if the server cannot resume a broken download.
fn try_fetch(source: Source<'_>, name: &str) -> Result<Option<Temporary>, (Entry, Retry)> {
    let Source { work, url, .. } = source;
    let place = || Place::Named(url.to_string());
    let stream = open(source).map_err(|error| (unfetched(url, &error), Retry::of(&error)))?;
    let disk = |e: std::io::Error| (not_spooled(work, name, url, &e), Retry::Never);
    work.check_room(stream.length).map_err(|entry| (entry, Retry::Never))?;
    let spooled = work.spool(name).map_err(disk)?;
    let mut transfer = work.transfer(name, format!("fetching {url}"), stream.length);
    let mut reader = stream.reader;
    match spooled.fill(&mut reader, &mut |bytes| transfer.at(bytes)) {
        Ok(()) => Ok(Some(spooled)),
        Err(error) if error.get_ref().is_some_and(|inner| inner.is::<CannotResume>()) => Ok(None),
        Err(error) if is_not_written(&error) => Err(disk(error)),
        Err(error) => {
            let request = error.get_ref().and_then(|inner| inner.downcast_ref::<FetchError>());
            let again = request.map_or(Retry::After(None), Retry::of);
            Err((
                Entry::error("fetch-failed", place(), "cannot be fetched completely").cause(&error),
                again,
            ))
        }
    }
}

/// Returns the error for an image that could not be fetched.
pub(super) fn unfetched(url: &Address, error: &FetchError) -> Entry {
    let entry = failed(Place::Named(url.to_string()), "cannot be fetched", error);
    match error {
        FetchError::Downgrade => {
            entry.hint("give the image a `checksum`, or a URL that does not lead to http://")
        }
        FetchError::Status(403 | 404 | 410) => entry.hint(moved(url)),
        FetchError::Unreachable(Unreachable::Connect { error })
            if error.kind() == io::ErrorKind::ConnectionRefused =>
        {
            entry.hint("nothing listens at this address: check the URL's host and port")
        }
        _ => entry,
    }
}

/// Returns a hint where to look for a file that is no longer at its URL.
pub(crate) fn moved(url: &Address) -> String {
    format!("look in {}: the file may have been moved or renamed", url.beside(""))
}

/// Returns the error for a file that cannot be written to the cache directory.
fn not_spooled(work: &Work<'_>, name: &str, url: &Address, error: &io::Error) -> Entry {
    let Some(folder) = work.folder() else {
        return Entry::error(
            "no-cache",
            Place::Named(url.to_string()),
            "cannot be fetched without a cache folder",
        )
        .cause(error);
    };
    let place = Place::file(folder.display().to_string());
    Entry::error("disk-full", place, format!("cannot store image \"{name}\" while it is fetched"))
        .cause(error)
        .hint("choose another directory with `--cache-dir`")
}

/// Compares a file that is not an image with its expected checksum.
fn compare_bytes(spooled: &Temporary, url: &Address, expected: &ExpectedSum) -> Result<(), Entry> {
    let sums = sums_of(&mut spooled.files().open());
    match sums.ok().as_ref().and_then(|sums| sums.get(expected.sum.algorithm)) {
        Some(is) if is != expected.sum.hex => {
            Err(mismatch(&url.to_string(), &expected.sum, is, &expected.by))
        }
        _ => Ok(()),
    }
}
