//! DOOR: reads images. Wanted → ready: every file read and judged, every sum compared, before anything is sent.

mod bytes;
mod compress;
mod fetch;
mod url;

use std::path::Path;

use stage::{Entry, Place, Report, shown};

use crate::interrupt;
use crate::ready::{Plain, Ready, Supply};
use crate::source::checksum::{Algorithm, Said, Sum};
use crate::source::examine::{Facts, Fault, examine};
use crate::source::parts::{Files, Identity, NoFiles};
use crate::sums;
use crate::wanted::{Origin, Wanted, check_disks};
use crate::work::Work;

pub(crate) use bytes::{Bytes, bytes_of};

/// Prepares each image; every problem of every image goes into the report.
pub(crate) fn prepare(work: &mut Work<'_>, wanted: &[Wanted], report: &mut Report) -> Vec<Ready> {
    let mut all = Vec::new();
    for wanted in wanted {
        if let Err(error) = interrupt::check() {
            if !report.has_errors() {
                let fact = format!("image \"{}\" was not read", wanted.name);
                report.push(Entry::error(Place::Run, fact).cause(&error));
            }
            break;
        }
        let one = match &wanted.origin {
            Origin::Volid(volid) => Ok(Ready {
                name: wanted.name.clone(),
                file: volid.file().to_owned(),
                length: None,
                sum: None,
                supply: Supply::InStorage(volid.clone()),
            }),
            Origin::File(path) => file(work, wanted, path, report),
            Origin::Url { url, mode } => url::prepare(work, wanted, url, *mode, report),
        };
        match one {
            Ok(ready) => all.push(ready),
            Err(entry) => report.push(entry),
        }
    }
    work.cache.save();
    all
}

/// Prepares a local file.
fn file(
    work: &mut Work<'_>,
    wanted: &Wanted,
    path: &Path,
    report: &mut Report,
) -> Result<Ready, Entry> {
    let files = Files::find(path).map_err(|e| missing(wanted, path, &e))?;
    let said = sums::of_file(work, wanted, path)?;
    let identity = files
        .identity()
        .map_err(|e| Entry::error(Place::file(files.shown()), "cannot be read").cause(&e))?;
    let facts = known(work, wanted, &files, &identity, said.as_ref())?;
    compare(&files.shown(), &facts, said.as_ref())?;
    check_disks(wanted, facts.virtual_size, report);
    if work.compress {
        let plain = Plain { files, identity, format: facts.format };
        return compress::prepare(work, wanted, plain, &facts);
    }
    Ok(Ready::local(&wanted.name, &facts, files, None))
}

/// Returns what is known of files: from the cache, or by reading them.
fn known(
    work: &mut Work<'_>,
    wanted: &Wanted,
    files: &Files,
    identity: &[Identity],
    said: Option<&Said>,
) -> Result<Facts, Entry> {
    let algorithm = said.map_or(Algorithm::Sha256, |said| said.sum.algorithm);
    if let Some(facts) = work.cache.files(files, "").filter(|facts| facts.has(algorithm)) {
        return Ok(facts.clone());
    }
    let place = || Place::file(files.shown());
    work.tell("step", &wanted.name, &format!("reading {}", files.shown()));
    let facts = examine(files, algorithm == Algorithm::Sha512)
        .map_err(|fault| unusable(place(), &fault))?;
    work.cache.keep_files(files, "", identity.to_vec(), &facts);
    Ok(facts)
}

/// Compares an image with the sum that it must have.
pub(super) fn compare(shown: &str, facts: &Facts, said: Option<&Said>) -> Result<(), Entry> {
    let Some(Said { sum, by, .. }) = said else { return Ok(()) };
    if facts.matches(sum) {
        return Ok(());
    }
    let is = facts.source.get(sum.algorithm).unwrap_or_default();
    Err(mismatch(shown, sum, is, by))
}

/// Makes the finding of a wrong sum.
pub(super) fn mismatch(shown: &str, sum: &Sum, is: &str, by: &str) -> Entry {
    let fact =
        format!("{} is \"{is}\", {by} says \"{}\"; nothing was uploaded", sum.algorithm, sum.hex);
    Entry::error(Place::file(shown), fact)
}

/// Makes the finding of an image without a file.
fn missing(wanted: &Wanted, path: &Path, error: &NoFiles) -> Entry {
    let entry = Entry::error(
        Place::file(shown::address(&path.display().to_string())),
        format!("image \"{}\"", wanted.name),
    )
    .cause(error);
    match error {
        NoFiles::NotThere => entry.hint(format!(
            "put the image there, or say under `image_sources.{}` where it comes from",
            wanted.name
        )),
        _ => entry,
    }
}

/// Makes the finding of an image that cannot be used.
pub(super) fn unusable(place: Place, fault: &Fault) -> Entry {
    let entry = Entry::error(place, fault.to_string());
    match fault {
        Fault::Unpack { source, .. } if source.kind() == std::io::ErrorKind::UnexpectedEof => {
            Entry { fact: format!("{}: it is cut off", entry.fact), ..entry }
                .hint("fetch or build it again")
        }
        Fault::Read { source } | Fault::Unpack { source, .. } => entry.cause(source),
        Fault::Unfit(unfit) => match unfit.hint() {
            Some(hint) => entry.hint(hint),
            None => entry,
        },
        Fault::Changed => entry.hint("wait until it is written to its end"),
    }
}
