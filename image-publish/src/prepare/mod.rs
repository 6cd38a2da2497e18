//! DOOR: reads images. Wanted → prepared: every file is read and judged, and every checksum compared, before
//! anything is sent.

mod bytes;
mod compress;
mod fetch;
mod stream;
mod url;

use std::path::Path;
use std::sync::Arc;

use stage::{Entry, Place, Report, Severity, shown};

use crate::destination::Destinations;
use crate::interrupt;
use crate::origin::{Origin, SumList};
use crate::prepared::{Plain, PreparedImage, Ready, Supply};
use crate::refresh::{Learned, Question, learn};
use crate::source::checksum::{Algorithm, ExpectedSum, Sum};
use crate::source::examine::{Facts, Fault, examine, sums_of};
use crate::source::format::Format;
use crate::source::parts::{Files, Identity, NoFiles};
use crate::stored::{Storage, StorageListing};
use crate::sums;
use crate::wanted::{Wanted, check_disks};
use crate::work::Work;

pub(crate) use bytes::{Bytes, SharedImage, changed};
pub(crate) use fetch::moved;

/// A prepared image, or why it could not be prepared.
type Prepared = Result<PreparedImage, Entry>;

/// Prepares each image; all problems are added to the report.
pub(crate) fn prepare(
    work: &mut Work<'_>,
    wanted: &[Wanted],
    destinations: Option<&Destinations>,
    report: &mut Report,
) -> Vec<Ready> {
    let online = destinations.map_or(&[][..], |found| &found.online);
    let mut all = Vec::new();
    for wanted in wanted {
        if let Err(error) = interrupt::check() {
            if !report.has_errors() {
                let fact = format!("image \"{}\" was not read", wanted.name);
                report.push(Entry::error("not-started", Place::Run, fact).cause(&error));
            }
            break;
        }
        let before = report.entries().len();
        let needing = online.iter().filter(|one| one.failure().is_none() && one.needs(wanted));
        let stored = &StorageListing::new(needing.map(|one| one as &dyn Storage).collect());
        let one = match &wanted.origin {
            Origin::Volid(volid) => Ok(PreparedImage {
                name: wanted.name.clone(),
                file: volid.file().to_owned(),
                length: None,
                sum: None,
                supply: Supply::InStorage(volid.clone()),
            }),
            Origin::File(path) => file(work, wanted, path, stored, report),
            Origin::Url { url, mode } => url::prepare(work, wanted, (url, *mode), stored, report),
        };
        let (_, new) = report.entries().split_at(before);
        let warned: Vec<String> = new
            .iter()
            .filter(|entry| entry.severity == Severity::Warning)
            .map(|entry| format!("{}: {}", entry.place, entry.fact))
            .collect();
        work.warnings.entry(wanted.name.clone()).or_default().extend(warned);
        match one {
            Ok(image) => all.push(Ready { wanted: Arc::new(wanted.clone()), image }),
            Err(entry) => report.push(entry),
        }
    }
    work.cache.save();
    // Of several storages, the others are checked first.
    if let [one] = online {
        one.failure().into_iter().for_each(|entry| report.push(entry));
    }
    all
}

/// Prepares a local file.
fn file(
    work: &mut Work<'_>,
    wanted: &Wanted,
    path: &Path,
    stored: &StorageListing<'_>,
    report: &mut Report,
) -> Prepared {
    let files = Files::find(path).map_err(|e| missing(wanted, path, &e))?;
    let expected = sum_of_file(work, wanted, &files, stored, report)?;
    let identity = files.identity().map_err(|e| {
        Entry::error("unreadable", Place::file(files.shown()), "cannot be read").cause(&e)
    })?;
    let facts = known(work, wanted, &files, &identity, expected.as_ref())?;
    compare(&files.shown(), &facts, expected.as_ref())?;
    named_format(wanted, facts.format, &files.shown())?;
    check_disks(wanted, facts.virtual_size, report);
    if work.compress {
        let plain = Plain { files, identity, format: facts.format };
        return compress::prepare(work, wanted, plain, &facts);
    }
    Ok(PreparedImage::local(&wanted.name, &facts, files, None))
}

/// Returns the checksum of a local image: given, in the site's list, or next to the file; `None` if there is none.
fn sum_of_file(
    work: &mut Work<'_>,
    wanted: &Wanted,
    files: &Files,
    stored: &StorageListing<'_>,
    report: &mut Report,
) -> Result<Option<ExpectedSum>, Entry> {
    let name = files.path.file_name().unwrap_or_default().to_string_lossy();
    let list = match (&wanted.sum, &wanted.sum_list) {
        (Some(expected), _) => return Ok(Some(expected.clone())),
        (None, None) => return sums::beside_file(&files.path),
        (None, Some(SumList::File(list))) => return sums::in_file(list, &name).map(Some),
        (None, Some(SumList::Url(list))) => list,
    };
    let is_stored = |work: &Work<'_>, sum: &Sum| {
        let facts = work.cache.files(files, "").filter(|facts| facts.matches(sum));
        facts.is_some_and(|facts| {
            let file = PreparedImage::local(&wanted.name, facts, files.clone(), None).file;
            stored.find(&file).is_some_and(|present| present.size == facts.length)
        })
    };
    let absolute = std::path::absolute(&files.path).unwrap_or_else(|_| files.path.clone());
    let question = Question {
        wanted,
        key: source_key(&absolute.display().to_string(), wanted),
        file: &name,
        lists: sums::named(list),
        is_stored: &is_stored,
        newest: &|| None,
    };
    match learn(work, question, report)? {
        Learned::Sum(expected) => Ok(Some(expected)),
        Learned::Stored(_) => Ok(None),
    }
}

/// Returns the key of an image's source and its list in the cache.
///
/// A query may be a signature, so only its checksum is stored.
fn source_key(source: &str, wanted: &Wanted) -> String {
    let list = match &wanted.sum_list {
        Some(SumList::Url(list)) => list.identity(),
        _ => String::new(),
    };
    let sum = sums_of(&mut format!("{source}\n{list}").as_bytes());
    let digits = sum.map(|sum| sum.sha256).unwrap_or_default();
    format!("{}#{}", shown::address(source), digits.get(..16).unwrap_or_default())
}

/// Compares the format in the site with the image's own.
fn named_format(wanted: &Wanted, is: Format, shown: &str) -> Result<(), Entry> {
    match wanted.format {
        Some(format) if format != is => {
            let place = Place::input(format!("{}.format", wanted.field));
            let fact = format!(
                "\"{}\" is not the format of {shown}, which is {}",
                format.extension(),
                is.extension()
            );
            Err(Entry::error("format-mismatch", place, fact))
        }
        _ => Ok(()),
    }
}

/// Returns what is known about files, from the cache or by reading them.
fn known(
    work: &mut Work<'_>,
    wanted: &Wanted,
    files: &Files,
    identity: &[Identity],
    expected: Option<&ExpectedSum>,
) -> Result<Facts, Entry> {
    let algorithm = expected.map_or(Algorithm::Sha256, |expected| expected.sum.algorithm);
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

/// Compares an image with its expected checksum.
pub(super) fn compare(
    shown: &str,
    facts: &Facts,
    expected: Option<&ExpectedSum>,
) -> Result<(), Entry> {
    let Some(ExpectedSum { sum, by, .. }) = expected else { return Ok(()) };
    if facts.matches(sum) {
        return Ok(());
    }
    let is = facts.source.get(sum.algorithm).unwrap_or_default();
    Err(mismatch(shown, sum, is, by))
}

/// Returns the error for a wrong checksum.
pub(super) fn mismatch(shown: &str, sum: &Sum, is: &str, by: &str) -> Entry {
    let fact = format!(
        "{} is \"{is}\", but {by} says \"{}\"; nothing was uploaded",
        sum.algorithm, sum.hex
    );
    Entry::error("checksum-mismatch", Place::file(shown), fact)
}

/// Returns the error for an image without a file.
fn missing(wanted: &Wanted, path: &Path, error: &NoFiles) -> Entry {
    let entry = Entry::error(
        "image-not-found",
        Place::file(shown::address(&path.display().to_string())),
        format!("image \"{}\"", wanted.name),
    )
    .cause(error);
    match error {
        NoFiles::NotFound if !wanted.field.is_empty() => entry.hint(format!(
            "put the image there, or set its `file` or `url` under `images.{}` of the site's YAML",
            wanted.name
        )),
        _ => entry,
    }
}

/// Returns the error for an image that cannot be used.
pub(super) fn unusable(place: Place, fault: &Fault) -> Entry {
    let entry = Entry::error("image-unusable", place, fault.to_string());
    match fault {
        Fault::Unpack { source, .. } if source.kind() == std::io::ErrorKind::UnexpectedEof => {
            Entry { fact: format!("{}: the file is truncated", entry.fact), ..entry }
                .hint("fetch or build it again")
        }
        Fault::Read { source } | Fault::Unpack { source, .. } => entry.cause(source),
        Fault::Unfit(unfit) => match unfit.hint() {
            Some(hint) => entry.hint(hint),
            None => entry,
        },
        Fault::Changed => entry.hint("wait until it is completely written"),
    }
}
