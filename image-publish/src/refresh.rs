//! The expected checksum of an image: asked from a web server, or the last known one.
//!
//! DOOR: the date.

use stage::{Entry, Place, Report};

use crate::cache::KnownSum;
use crate::cli::Refresh;
use crate::plan::StoredFile;
use crate::source::checksum::{ExpectedSum, Sum};
use crate::sums::{List, NoSum, ask};
use crate::wanted::Wanted;
use crate::work::Work;

/// What is known about an image whose checksum is on a web server.
#[derive(Debug)]
pub(crate) enum Learned {
    /// The checksum that it must have.
    Sum(ExpectedSum),
    /// Only the newest stored file; no checksum is known.
    Stored(StoredFile),
}

/// A question to web servers.
pub(crate) struct Question<'a> {
    /// The image.
    pub(crate) wanted: &'a Wanted,
    /// The key of its source in the cache.
    pub(crate) key: String,
    /// The name of the file in the lists.
    pub(crate) file: &'a str,
    /// The lists that may have its checksum.
    pub(crate) lists: Vec<List>,
    /// Whether the storage has the complete image with this checksum.
    pub(crate) is_stored: &'a dyn Fn(&Work<'_>, &Sum) -> bool,
    /// The stored file to use if nothing else is known.
    pub(crate) newest: &'a dyn Fn() -> Option<StoredFile>,
}

/// Returns the checksum of an image, asking web servers as far as `work.refresh` allows.
pub(crate) fn learn(
    work: &mut Work<'_>,
    mut question: Question<'_>,
    report: &mut Report,
) -> Result<Learned, Entry> {
    let name = &question.wanted.name;
    let known = work.cache.known(&question.key).cloned();
    match (work.refresh, &known) {
        (Refresh::Never, None) => return Err(unknown(question.wanted)),
        (Refresh::Never, Some(known)) => return Ok(Learned::Sum(known.expected())),
        (Refresh::Missing, Some(known)) if (question.is_stored)(work, &known.sum) => {
            let text = format!(
                "using the checksum of {} from {}; `--refresh always` fetches it again",
                known.day(),
                known.list
            );
            work.tell("step", name, &text);
            return Ok(Learned::Sum(known.expected()));
        }
        _ => {}
    }
    if let Some(known) = &known {
        // The list that answered last time comes first.
        question.lists.sort_by_key(|list| list.url.to_string() != known.list);
    }
    let failure = match ask(work, question.wanted, question.file, &question.lists) {
        Ok(expected) => {
            let learned = now();
            let known = KnownSum { sum: expected.sum.clone(), list: expected.by.clone(), learned };
            work.cache.keep_known(question.key, known);
            return Ok(Learned::Sum(expected));
        }
        Err(failure) => failure,
    };
    without_answer(work.refresh, &question, known, failure, report)
}

/// Decides what to use if no server had the checksum.
fn without_answer(
    refresh: Refresh,
    question: &Question<'_>,
    known: Option<KnownSum>,
    failure: NoSum,
    report: &mut Report,
) -> Result<Learned, Entry> {
    let name = &question.wanted.name;
    match (failure, refresh) {
        (NoSum::Silent(entry) | NoSum::NoList(entry), Refresh::Missing) if known.is_some() => {
            let Some(known) = known else { return Err(entry) };
            let why = entry.fact.split(';').next().unwrap_or_default();
            let fact = format!(
                "using the checksum from {} for image \"{name}\", because {why}",
                known.day()
            );
            let hint = "`--refresh always` makes this an error";
            report.push(Entry { fact, ..entry.as_warning() }.hint(hint));
            Ok(Learned::Sum(known.expected()))
        }
        (NoSum::Silent(entry), Refresh::Missing) => match (question.newest)() {
            Some(stored) => {
                let fact = format!(
                    "using {}, the newest image \"{name}\" on the storage, because no checksum is known and {}",
                    stored.file, entry.fact
                );
                let hint = "`--refresh always` makes this an error";
                report.push(Entry { fact, ..entry.as_warning() }.hint(hint));
                Ok(Learned::Stored(stored))
            }
            None => {
                Err(with_hint(entry, "no list is needed if the image's source has a `checksum`"))
            }
        },
        (NoSum::Silent(entry), Refresh::Always) => {
            Err(with_hint(entry, "`--refresh missing` uses the last known checksum"))
        }
        (NoSum::Silent(entry) | NoSum::NoList(entry) | NoSum::NotListed(entry), _) => Err(entry),
    }
}

/// Adds a hint if there is none.
fn with_hint(entry: Entry, hint: &str) -> Entry {
    if entry.hint.is_some() { entry } else { entry.hint(hint) }
}

/// Returns the error for an unknown checksum that must not be fetched.
fn unknown(wanted: &Wanted) -> Entry {
    let place = Place::Named(wanted.origin_shown());
    Entry::error(
        "checksum-unknown",
        place,
        "its checksum is unknown, and `--refresh never` does not fetch it",
    )
    .hint("add `checksum:` to the image's source, or run once without `--refresh never`")
}

/// Returns the time now, in seconds since 1970.
fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}
