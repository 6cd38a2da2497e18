//! DOOR: reads files and web servers. Finds the sum that an image must have: given, listed, or lying beside it.

use std::path::{Path, PathBuf};

use pve_client::FetchError;
use stage::{Entry, Place};

use crate::source::checksum::{Listed, Sum, look_up};
use crate::wanted::{Wanted, is_url};
use crate::work::Work;

/// A list of sums is text; one longer than this is something else.
const LIST_LIMIT: u64 = 4 << 20;

/// A sum, and where it was said, for messages.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    /// The sum.
    pub(crate) sum: Sum,
    /// Who says it.
    pub(crate) by: String,
}

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
        let Ok(text) = read(&list) else { continue };
        let shown = list.display().to_string();
        match look_up(&text, &name, alone) {
            Listed::Sum(sum) => return Ok(Some(Said { sum, by: shown })),
            Listed::NotThere => {}
            Listed::NoList if alone => {
                return Err(Entry::error(Place::file(shown), "holds no SHA-256 or SHA-512 sum"));
            }
            Listed::NoList => {}
        }
    }
    Ok(None)
}

/// Returns the sum of a URL: the one given, else listed where the site says, else lying beside it. There must be one.
pub(crate) fn of_url(work: &Work<'_>, wanted: &Wanted, url: &str) -> Result<Said, Entry> {
    let path = url.split(['?', '#']).next().unwrap_or(url);
    let (folder, name) = path.rsplit_once('/').unwrap_or((path, path));
    if let Some(said) = given(work, wanted, name)? {
        return Ok(said);
    }
    let lists = [
        (format!("{path}.sha256"), true),
        (format!("{folder}/SHA256SUMS"), false),
        (format!("{path}.sha512"), true),
        (format!("{folder}/SHA512SUMS"), false),
    ];
    for (list, alone) in lists {
        match fetch(work, &list) {
            Ok(text) => {
                if let Listed::Sum(sum) = look_up(&text, name, alone) {
                    return Ok(Said { sum, by: list });
                }
            }
            Err(FetchError::Status { .. }) => {}
            Err(error) => {
                return Err(Entry::error(
                    Place::Named(url.to_owned()),
                    "its sum cannot be fetched",
                )
                .cause(&error));
            }
        }
    }
    Err(Entry::error(Place::Named(url.to_owned()), "no SHA-256 or SHA-512 sum is known for it; nothing unverified is used")
        .hint(format!("write `checksum:` or `checksum_url:` beside the URL; looked for {name}.sha256 and SHA256SUMS")))
}

/// Returns the sum that the site gives, or that stands in the list it names.
fn given(work: &Work<'_>, wanted: &Wanted, file: &str) -> Result<Option<Said>, Entry> {
    if let Some(sum) = &wanted.sum {
        return Ok(Some(Said { sum: sum.clone(), by: "the site".to_owned() }));
    }
    let Some(list) = &wanted.sum_list else { return Ok(None) };
    let place = Place::Named(list.clone());
    let text = if is_url(list) {
        fetch(work, list)
            .map_err(|e| Entry::error(place.clone(), "the sums cannot be fetched").cause(&e))?
    } else {
        read(Path::new(list))
            .map_err(|e| Entry::error(Place::file(list), "the sums cannot be read").cause(&e))?
    };
    match look_up(&text, file, false) {
        Listed::Sum(sum) => Ok(Some(Said { sum, by: list.clone() })),
        Listed::NotThere => Err(Entry::error(place, format!("lists no sum for \"{file}\""))),
        Listed::NoList => Err(Entry::error(place, "holds no SHA-256 or SHA-512 sum")),
    }
}

/// Returns the lists that may lie beside a file, and whether each is for this file alone.
fn beside(path: &Path) -> Vec<(PathBuf, bool)> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let with = |path: &Path, ending: &str| PathBuf::from(format!("{}.{ending}", path.display()));
    let mut lists = vec![(with(path, "sha256"), true), (with(path, "sha512"), true)];
    if path
        .extension()
        .is_some_and(|e| ["gz", "xz", "zst", "bz2"].iter().any(|packed| e == *packed))
    {
        // The sum of what is inside: debian.qcow2.sha256 beside debian.qcow2.xz.
        let inside = path.with_extension("");
        lists.extend([(with(&inside, "sha256"), true), (with(&inside, "sha512"), true)]);
    }
    lists.extend([(folder.join("SHA256SUMS"), false), (folder.join("SHA512SUMS"), false)]);
    lists
}

/// Reads a list of sums.
#[expect(clippy::disallowed_methods, reason = "door: lists of sums")]
fn read(path: &Path) -> std::io::Result<String> {
    std::fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// Fetches a list of sums.
fn fetch(work: &Work<'_>, url: &str) -> Result<String, FetchError> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    let fetched = work.fetcher().get(url)?;
    fetched
        .reader
        .take(LIST_LIMIT)
        .read_to_end(&mut bytes)
        .map_err(|source| FetchError::Lost { url: url.to_owned(), source })?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
