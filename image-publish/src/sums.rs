//! DOOR: reads files and web servers. Finds the sum that an image must have: given, listed, or lying beside it.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use pve_client::{Downgrade, FetchError};
use stage::{Entry, Place, shown};

use crate::source::address::Address;
use crate::source::checksum::{Listed, Said, look_up};
use crate::wanted::{SumList, Wanted};
use crate::work::{Work, may_pass};

/// A list of sums is text; one longer than this is something else.
const LIST_LIMIT: u64 = 4 << 20;

/// Returns the sum of a local image: the one given, else listed where the site says, else lying beside it, else none.
pub(crate) fn of_file(
    work: &Work<'_>,
    wanted: &Wanted,
    path: &Path,
) -> Result<Option<Said>, Entry> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    if let Some(said) = given(work, wanted, &name)? {
        return Ok(Some(said));
    }
    for (list, alone) in beside(path) {
        let place = || Place::file(shown::address(&list.display().to_string()));
        let text = match read(&list) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            // What it says is not known, so nothing may be used against it.
            Err(error) => return Err(Entry::error(place(), "cannot be read").cause(&error)),
        };
        match look_up(&text, &name, alone) {
            Listed::Sum(sum) => {
                return Ok(Some(Said {
                    sum,
                    by: shown::address(&list.display().to_string()),
                    pinned: false,
                }));
            }
            Listed::NoList if alone => return Err(no_sums(place())),
            Listed::NotThere if alone => return Err(not_listed(place(), &name)),
            Listed::Several => return Err(several(place(), &name)),
            Listed::NoList | Listed::NotThere => {}
        }
    }
    Ok(None)
}

/// Returns the sum of a URL: the one given, else listed where the site says, else lying beside it. There must be one.
pub(crate) fn of_url(work: &Work<'_>, wanted: &Wanted, url: &Address) -> Result<Said, Entry> {
    let name = url.file();
    if let Some(said) = given(work, wanted, name)? {
        return Ok(said);
    }
    let lists = [
        (url.with_ending(".sha256"), true),
        (url.beside("SHA256SUMS"), false),
        (url.with_ending(".sha512"), true),
        (url.beside("SHA512SUMS"), false),
    ];
    for (list, alone) in lists {
        // A server that has no such file says so in many ways, some with a page that is no list.
        let Some(text) = fetch(work, wanted, &list)? else { continue };
        match look_up(&text, name, alone) {
            Listed::Sum(sum) => return Ok(Said { sum, by: list.to_string(), pinned: false }),
            Listed::Several => return Err(several(Place::Named(list.to_string()), name)),
            Listed::NotThere | Listed::NoList => {}
        }
    }
    Err(Entry::error(Place::Named(url.to_string()), "no SHA-256 or SHA-512 sum is known for it; nothing unverified is used")
        .hint(format!("write `checksum:` or `checksum_url:` beside the URL; looked for {name}.sha256 and SHA256SUMS")))
}

/// Returns the sum that the site gives, or that stands in the list it names.
fn given(work: &Work<'_>, wanted: &Wanted, file: &str) -> Result<Option<Said>, Entry> {
    if wanted.sum.is_some() {
        return Ok(wanted.sum.clone());
    }
    let (place, text) = match &wanted.sum_list {
        None => return Ok(None),
        Some(SumList::Url(url)) => {
            let place = Place::Named(url.to_string());
            let missing =
                || Entry::error(place.clone(), "there are no sums: the server has no such file");
            (place.clone(), fetch(work, wanted, url)?.ok_or_else(missing)?)
        }
        Some(SumList::File(path)) => {
            let place = Place::file(shown::address(&path.display().to_string()));
            let text = read(path)
                .map_err(|e| Entry::error(place.clone(), "the sums cannot be read").cause(&e))?;
            (place, text)
        }
    };
    match look_up(&text, file, false) {
        Listed::Sum(sum) => Ok(Some(Said { sum, by: place.to_string(), pinned: false })),
        Listed::Several => Err(several(place, file)),
        Listed::NotThere => Err(not_listed(place, file)),
        Listed::NoList => Err(no_sums(place)),
    }
}

/// Makes the finding of a list that has sums of other files only.
fn not_listed(place: Place, file: &str) -> Entry {
    Entry::error(place, format!("lists no sum for \"{file}\""))
}

/// Makes the finding of a list that has more than one file of this name.
fn several(place: Place, file: &str) -> Entry {
    Entry::error(place, format!("lists different sums for files \"{file}\" in several folders"))
        .hint("write the right one as `checksum:`")
}

/// Makes the finding of a file that is no list of sums.
fn no_sums(place: Place) -> Entry {
    Entry::error(place, "holds no SHA-256 or SHA-512 sum")
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
fn fetch(work: &Work<'_>, wanted: &Wanted, url: &Address) -> Result<Option<String>, Entry> {
    work.retrying(&wanted.name, || {
        let fetched = work.fetcher().get(url.expose(), Downgrade::Refused);
        match fetched.and_then(|fetched| text(fetched.reader).map_err(FetchError::Lost)) {
            Ok(text) => Ok(Some(text)),
            // S3 says 403 of what it does not have, and 410 is a 404 for good.
            Err(FetchError::Status(403 | 404 | 410)) => Ok(None),
            Err(error) => {
                let place = Place::Named(url.to_string());
                let entry = Entry::error(place, "the sums cannot be fetched").cause(&error);
                Err((entry, may_pass(&error)))
            }
        }
    })
}
