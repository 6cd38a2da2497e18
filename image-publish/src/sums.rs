//! DOOR: reads files and web servers. Finds the sum that an image must have: given, listed, or lying beside it.

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

/// A list of sums is text; one longer than this is something else.
const LIST_LIMIT: u64 = 4 << 20;

/// How the lists of well-known images are called, next to the image.
// Debian: cloud.debian.org/images/cloud/trixie/latest; Ubuntu: cloud-images.ubuntu.com/noble/current; Fedora:
// download.fedoraproject.org/pub/fedora/linux/releases/43/Cloud/x86_64/images; Rocky: dl.rockylinux.org/pub/rocky/10/images.
const NAMES: &str = "Debian calls it SHA512SUMS, Ubuntu SHA256SUMS, Fedora Fedora-Cloud-RELEASE-ARCH-CHECKSUM, Rocky and AlmaLinux CHECKSUM";

/// A list of sums on a web server.
pub(crate) struct List {
    /// Its address.
    pub(crate) url: Address,
    /// What it must be.
    kind: ListKind,
}

/// What a list of sums must be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ListKind {
    /// The site names it: it must list the file.
    Named,
    /// It may lie beside the image.
    Beside,
    /// It may lie beside the image, and is for this file alone.
    Alone,
}

/// Why web servers said no sum.
pub(crate) enum NoSum {
    /// The server did not answer, or could not for now.
    Silent(Entry),
    /// What the server answered is no list.
    NoList(Entry),
    /// A list is there, and does not say the file's sum.
    NotListed(Entry),
}

/// Returns the lists on web servers that may say a URL's sum, in the order in which they count.
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

/// Asks web servers for the sum of a file: the first list that says it counts.
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
            // A server that has no such file says so in many ways, some with a page that is no list.
            (LookUp::NotListed | LookUp::NoSums, _) => {}
        }
    }
    let fact = "no SHA-256 or SHA-512 checksum found; unverified images are not used";
    let place = Place::Named(wanted.origin_shown());
    let hint = format!(
        "looked for {}; add `checksum:` or `checksum_url:` next to the URL, or give `publish` a `--checksum`; {NAMES}",
        looked_for.join(", ")
    );
    Err(NoSum::NoList(Entry::error("checksum-unknown", place, fact).hint(hint)))
}

/// Returns the sum of a local image that no web server lists: the one that lies beside it, else none.
pub(crate) fn beside_file(path: &Path) -> Result<Option<ExpectedSum>, Entry> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    for (list, alone) in beside(path) {
        let place = || Place::file(shown::address(&list.display().to_string()));
        let text = match read(&list) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            // What it says is not known, so nothing may be used against it.
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

/// Returns the sum of `file` that stands in a local list.
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

/// Makes the finding of a list that has sums of other files only.
fn not_listed(place: Place, file: &str) -> Entry {
    Entry::error("checksum-list", place, format!("has no checksum for \"{file}\""))
}

/// Makes the finding of a list that has more than one file of this name.
fn several(place: Place, file: &str) -> Entry {
    Entry::error(
        "checksum-list",
        place,
        format!("has different checksums for files named \"{file}\" in several directories"),
    )
    .hint("set `checksum:` to the right one")
}

/// Makes the finding of a file that is no list of sums.
fn no_sums(place: Place) -> Entry {
    Entry::error("checksum-list", place, "contains no SHA-256 or SHA-512 checksum")
}

/// Returns the lists that may lie beside a file, and whether each is for this file alone.
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
        // The sum of what is inside: debian.qcow2.sha256 beside debian.qcow2.xz.
        let inside = path.with_extension("");
        lists.extend([with(&inside, ".sha256"), with(&inside, ".sha512")]);
    }
    lists.extend(["SHA256SUMS", "SHA512SUMS"].map(|name| (path.with_file_name(name), false)));
    lists
}

/// Reads a list of sums.
#[expect(clippy::disallowed_methods, reason = "door: lists of sums")]
fn read(path: &Path) -> io::Result<String> {
    text(File::open(path)?)
}

/// Reads as much as a list of sums may have.
fn text(reader: impl Read) -> io::Result<String> {
    let mut bytes = Vec::new();
    reader.take(LIST_LIMIT).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Fetches a list of sums, by `https://` to its end when its URL begins so; `None` when the server has no such file.
///
/// A server that did not answer, or was busy to the last try, is not asked again in this run.
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
            // S3 says 403 of what it does not have, and 410 is a 404 for good.
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
