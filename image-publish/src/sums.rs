//! DOOR: reads files and web servers. Finds the expected checksum of an image: given, listed, or next to it.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use pve_client::{Downgrade, FetchError};
use stage::{Entry, Place, shown};

use crate::retry::{Retry, Tries, failed};
use crate::source::address::Address;
use crate::source::checksum::{ExpectedSum, LookUp, look_up};
use crate::wanted::Wanted;
use crate::work::Work;

/// A checksum list is text; one longer than this is something else.
const LIST_LIMIT: u64 = 4 << 20;

/// What the checksum lists of well-known images are called.
// Debian: cloud.debian.org/images/cloud/trixie/latest; Ubuntu: cloud-images.ubuntu.com/noble/current; Fedora:
// download.fedoraproject.org/pub/fedora/linux/releases/43/Cloud/x86_64/images; Rocky: dl.rockylinux.org/pub/rocky/10/images.
const NAMES: &str = "Debian calls it SHA512SUMS, Ubuntu SHA256SUMS, Fedora Fedora-Cloud-RELEASE-ARCH-CHECKSUM, Rocky and AlmaLinux CHECKSUM";

/// A checksum list on a web server.
pub(crate) struct List {
    /// Its address.
    pub(crate) url: Address,
    /// What is required of it.
    kind: ListKind,
}

/// What is required of a checksum list.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ListKind {
    /// The site names it: it must have the file.
    Named,
    /// It may be next to the image.
    Beside,
    /// It may be next to the image, and has this file only.
    Alone,
}

/// Why no web server had a checksum.
pub(crate) enum NoSum {
    /// The server did not answer, or is temporarily unavailable.
    Silent(Entry),
    /// The server's answer is not a checksum list.
    NoList(Entry),
    /// There is a list, but it lacks a unique checksum for the file.
    NotListed(Entry),
}

/// Returns the lists that may have a URL's checksum, in order of precedence.
pub(crate) fn beside_url(url: &Address) -> Vec<List> {
    let list = |(url, kind)| List { url, kind };
    let lists = [
        (url.with_ending(".sha256"), ListKind::Alone),
        (url.beside("SHA256SUMS"), ListKind::Beside),
        (url.with_ending(".sha512"), ListKind::Alone),
        (url.beside("SHA512SUMS"), ListKind::Beside),
    ];
    lists.map(list).into()
}

/// Returns the list that the site names.
pub(crate) fn named(url: &Address) -> Vec<List> {
    vec![List { url: url.clone(), kind: ListKind::Named }]
}

/// Returns the checksum of a file from the first list that has it.
pub(crate) fn ask(
    work: &Work<'_>,
    wanted: &Wanted,
    file: &str,
    lists: &[List],
) -> Result<ExpectedSum, NoSum> {
    let mut looked_for = Vec::new();
    for List { url, kind } in lists {
        let place = || Place::Named(url.to_string());
        looked_for.push(url.file());
        let Some(text) = fetch(work, wanted, url)? else {
            if *kind == ListKind::Named {
                let fact = "the server has no such checksum list";
                let hint = format!("look in {} for its name; {NAMES}", url.beside(""));
                return Err(NoSum::NoList(Entry::error("checksum-list", place(), fact).hint(hint)));
            }
            continue;
        };
        match (look_up(&text, file, *kind == ListKind::Alone), kind) {
            (LookUp::Sum(sum), _) => {
                return Ok(ExpectedSum { sum, by: url.to_string(), pinned: false });
            }
            (LookUp::Ambiguous, _) => return Err(NoSum::NotListed(several(place(), file))),
            (LookUp::NotListed, ListKind::Named) => {
                return Err(NoSum::NotListed(not_listed(place(), file)));
            }
            (LookUp::NoSums, ListKind::Named) => return Err(NoSum::NoList(no_sums(place()))),
            // Some servers answer with a page instead of 404 if they do not have the file.
            (LookUp::NotListed | LookUp::NoSums, _) => {}
        }
    }
    let fact = "no SHA-256 or SHA-512 checksum found; unverified images are not used";
    let place = Place::Named(wanted.origin_shown());
    let hint = format!(
        "looked for {}; add `checksum:` or `checksum_url:` next to the URL, or use `publish --checksum`; {NAMES}",
        looked_for.join(", ")
    );
    Err(NoSum::NoList(Entry::error("checksum-unknown", place, fact).hint(hint)))
}

/// Returns the checksum that a file next to a local image has, if any.
pub(crate) fn beside_file(path: &Path) -> Result<Option<ExpectedSum>, Entry> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    for (list, alone) in beside(path) {
        let place = || Place::file(shown::address(&list.display().to_string()));
        let text = match read(&list) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            // It may contradict the image, so the image must not be used.
            Err(error) => {
                return Err(Entry::error("unreadable", place(), "cannot be read").cause(&error));
            }
        };
        match look_up(&text, &name, alone) {
            LookUp::Sum(sum) => {
                return Ok(Some(ExpectedSum { sum, by: place().to_string(), pinned: false }));
            }
            LookUp::NoSums if alone => return Err(no_sums(place())),
            LookUp::NotListed if alone => return Err(not_listed(place(), &name)),
            LookUp::Ambiguous => return Err(several(place(), &name)),
            LookUp::NoSums | LookUp::NotListed => {}
        }
    }
    Ok(None)
}

/// Returns the checksum of `file` in a local list.
pub(crate) fn in_file(list: &Path, file: &str) -> Result<ExpectedSum, Entry> {
    let place = Place::file(shown::address(&list.display().to_string()));
    let text = read(list).map_err(|e| {
        Entry::error("checksum-list", place.clone(), "the checksum list cannot be read").cause(&e)
    })?;
    match look_up(&text, file, false) {
        LookUp::Sum(sum) => Ok(ExpectedSum { sum, by: place.to_string(), pinned: false }),
        LookUp::Ambiguous => Err(several(place, file)),
        LookUp::NotListed => Err(not_listed(place, file)),
        LookUp::NoSums => Err(no_sums(place)),
    }
}

/// Returns the error for a list that only has other files.
fn not_listed(place: Place, file: &str) -> Entry {
    Entry::error("checksum-list", place, format!("has no checksum for \"{file}\""))
}

/// Returns the error for a list that has several files of this name.
fn several(place: Place, file: &str) -> Entry {
    Entry::error(
        "checksum-list",
        place,
        format!("has different checksums for files named \"{file}\" in several directories"),
    )
    .hint("set `checksum:` to the right one")
}

/// Returns the error for a file that is not a checksum list.
fn no_sums(place: Place) -> Entry {
    Entry::error("checksum-list", place, "contains no SHA-256 or SHA-512 checksum")
}

/// Returns the lists that may be next to a file, and whether each has this file only.
fn beside(path: &Path) -> Vec<(PathBuf, bool)> {
    let with = |path: &Path, ending: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        (PathBuf::from(name), true)
    };
    let mut lists = vec![with(path, ".sha256"), with(path, ".sha512")];
    if path
        .extension()
        .is_some_and(|e| ["gz", "xz", "zst", "bz2"].iter().any(|packed| e == *packed))
    {
        // The checksum of the uncompressed content: debian.qcow2.sha256 next to debian.qcow2.xz.
        let inside = path.with_extension("");
        lists.extend([with(&inside, ".sha256"), with(&inside, ".sha512")]);
    }
    lists.extend(["SHA256SUMS", "SHA512SUMS"].map(|name| (path.with_file_name(name), false)));
    lists
}

/// Reads a checksum list.
#[expect(clippy::disallowed_methods, reason = "door: lists of sums")]
fn read(path: &Path) -> io::Result<String> {
    text(File::open(path)?)
}

/// Reads up to the size limit of a list.
fn text(reader: impl Read) -> io::Result<String> {
    let mut bytes = Vec::new();
    reader.take(LIST_LIMIT).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Fetches a checksum list, without leaving `https://` on the way; `None` if the server has no such file.
///
/// A server that did not answer, or was still busy at the last retry, is not asked again in this run.
fn fetch(work: &Work<'_>, wanted: &Wanted, url: &Address) -> Result<Option<String>, NoSum> {
    let entry = |causes: &[String]| {
        let mut entry = Entry::error("checksum-list", Place::Named(url.to_string()), UNFETCHED);
        entry.causes = causes.to_vec();
        entry
    };
    if let Some(causes) = work.silent.borrow().get(url.server()) {
        return Err(NoSum::Silent(entry(causes)));
    }
    // Whether the server did not answer, and whether it would not answer for another file either.
    let silent = Cell::new((false, false));
    let fetched = Tries::new(work, &wanted.name).run(|| {
        let fetched = work.fetcher().get(url.expose(), Downgrade::Refused);
        match fetched.and_then(|fetched| text(fetched.reader).map_err(FetchError::Lost)) {
            Ok(text) => Ok(Some(text)),
            // S3 answers 403 for files that it does not have; 410 is a permanent 404.
            Err(FetchError::Status(403 | 404 | 410)) => Ok(None),
            Err(error) => {
                silent.set(match error {
                    FetchError::Unreachable(_) | FetchError::Lost(_) | FetchError::Busy { .. } => {
                        (true, true)
                    }
                    FetchError::Status(status) => (status >= 500, false),
                    _ => (false, false),
                });
                let place = Place::Named(url.to_string());
                Err((failed(place, UNFETCHED, &error), Retry::of(&error)))
            }
        }
    });
    fetched.map_err(|entry| {
        let (is_silent, is_gone) = silent.get();
        if is_gone {
            work.silent.borrow_mut().insert(url.server().to_owned(), entry.causes.clone());
        }
        if is_silent { NoSum::Silent(entry) } else { NoSum::NoList(entry) }
    })
}

const UNFETCHED: &str = "the checksum list cannot be fetched";
