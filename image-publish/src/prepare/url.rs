//! DOOR: asks web servers. Prepares a URL: finds its checksum, judges its first bytes, decides who fetches it.

use std::cell::Cell;
use std::io::Read;

use pve_client::FetchError;
use stage::{Entry, Place, Report};

use super::fetch::{downgrade, fetch, unfetched};
use super::stream::{Source, open};
use super::{Prepared, named_format, unusable};
use crate::origin::{Mode, SumList};
use crate::plan::StoredFile;
use crate::prepared::{PreparedImage, Remote, Supply, stored_name};
use crate::refresh::{Learned, Question, learn};
use crate::retry::{Retry, Tries};
use crate::source::address::Address;
use crate::source::checksum::{Algorithm, ExpectedSum, Sum};
use crate::source::compression::Compression;
use crate::source::examine::{Fault, UrlFacts};
use crate::source::format::{Format, judge};
use crate::source::head::HEAD;
use crate::stored::{Compared, StorageListing};
use crate::sums;
use crate::wanted::{Wanted, check_disks};
use crate::work::Work;

/// Prepares a URL.
pub(super) fn prepare(
    work: &mut Work<'_>,
    wanted: &Wanted,
    (url, mode): (&Address, Mode),
    stored: &StorageListing<'_>,
    report: &mut Report,
) -> Prepared {
    let expected = match sum_of(work, wanted, url, stored, report)? {
        Learned::Sum(expected) => expected,
        Learned::Stored(present) => {
            return Ok(in_storage(wanted, &present));
        }
    };
    if let Some(present) = kept(work, wanted, (url, mode), &expected, stored, report) {
        let remote = remote(url, expected.clone(), None);
        return Ok(PreparedImage {
            name: wanted.name.clone(),
            file: present.file,
            length: Some(present.size),
            sum: Some(expected.sum),
            supply: Supply::Fetch(remote),
        });
    }
    let shown = url.to_string();
    let mut unverified = None;
    let facts = match (judged(work, url, &expected.sum).cloned(), mode) {
        (Some(facts), _) => facts,
        (None, Mode::DownloadUrl) => by_name(wanted, url, &expected.sum)?,
        (None, _) => match look_ahead(work, url, &expected, &Tries::new(work, &wanted.name))? {
            Some(facts) => unverified.insert(facts).clone(),
            // Its content is only known once it is unpacked, so it is fetched now.
            None => return fetched(work, wanted, url, &expected, report),
        },
    };
    named_format(wanted, facts.format, &shown)?;
    if let Some(virtual_size) = facts.virtual_size {
        check_disks(wanted, virtual_size, report);
    }
    Ok(PreparedImage {
        name: wanted.name.clone(),
        file: stored_name(&wanted.name, &facts.stored, facts.format.extension()),
        length: facts.length,
        supply: supply(wanted, mode, &facts, remote(url, expected, unverified))?,
        sum: Some(facts.stored),
    })
}

fn remote(url: &Address, expected: ExpectedSum, unverified: Option<UrlFacts>) -> Remote {
    Remote { url: url.clone(), sum_by: expected.by, pinned: expected.pinned, unverified }
}

/// Returns the stored file that is this image, if the cache cannot tell.
///
/// Its name has the start of the checksum, but so does an incomplete upload. So its length is compared with
/// the one of the web server, which is asked once. If the server does not answer, or has a file of another
/// length, which may be a newer one, the checksum of the stored file is compared.
fn kept(
    work: &mut Work<'_>,
    wanted: &Wanted,
    (url, mode): (&Address, Mode),
    expected: &ExpectedSum,
    stored: &StorageListing<'_>,
    report: &mut Report,
) -> Option<StoredFile> {
    let present = stored_file(work, wanted, url, &expected.sum, stored)?.clone();
    let is_this = |facts: &UrlFacts| {
        let file = stored_name(&wanted.name, &facts.stored, facts.format.extension());
        file == present.file && facts.length.is_none_or(|length| length == present.size)
    };
    let judged = judged(work, url, &expected.sum).cloned();
    if judged.as_ref().is_some_and(is_this) {
        return None;
    }
    // A download by the node gets its name only when it is complete.
    if mode == Mode::DownloadUrl && judged.is_none() {
        return Some(present);
    }
    let is_cached = judged.is_some();
    let facts = judged.or_else(|| look_once(work, &wanted.name, url, expected));
    if let Some(facts) = facts.as_ref().filter(|facts| is_this(facts)) {
        work.cache.keep_url(&url.to_string(), &expected.sum.hex, facts);
        return None;
    }
    match compared(work, wanted, &present, expected, stored) {
        Compared::Different => None,
        Compared::Unknown => facts.is_none().then_some(present),
        Compared::Same => {
            if expected.pinned && facts.is_some() && !is_cached {
                report.push(moved(url));
            }
            Some(present)
        }
    }
}

/// Compares a stored file with its checksum, except in a dry run.
fn compared(
    work: &Work<'_>,
    wanted: &Wanted,
    present: &StoredFile,
    expected: &ExpectedSum,
    stored: &StorageListing<'_>,
) -> Compared {
    if work.dry_run {
        return Compared::Unknown;
    }
    work.tell("step", &wanted.name, &format!("comparing {} with its checksum", present.file));
    stored.compare(&present.file, &expected.sum)
}

/// Returns the warning for a URL whose file no longer has the checksum in the site.
fn moved(url: &Address) -> Entry {
    let fact = "no longer has the file with this checksum; using the stored image";
    Entry::warning("image-moved", Place::Named(url.to_string()), fact)
        .hint("use a URL whose file does not change, or the checksum of the new file")
}

/// Asks a server once for the first bytes of a stored image, unless it did not answer in this run.
fn look_once(
    work: &Work<'_>,
    name: &str,
    url: &Address,
    expected: &ExpectedSum,
) -> Option<UrlFacts> {
    if work.silent.borrow().contains_key(url.server()) {
        return None;
    }
    let tries = Tries::once(work, name);
    look_ahead(work, url, expected, &tries).ok().flatten()
}

/// Decides who fetches.
fn supply(wanted: &Wanted, mode: Mode, facts: &UrlFacts, remote: Remote) -> Result<Supply, Entry> {
    let url = &remote.url;
    Ok(match (mode, facts.compression == Compression::None) {
        (Mode::DownloadUrl, false) => return Err(not_for_the_node(wanted, PACKED)),
        (Mode::DownloadUrl, true) if url.has_user() => {
            return Err(not_for_the_node(wanted, PASSWORD));
        }
        (Mode::DownloadUrl, true) => Supply::Node { remote, may_send: false },
        (Mode::Auto, true) if !url.has_user() => Supply::Node { remote, may_send: true },
        (Mode::Auto | Mode::Upload, _) => Supply::Fetch(remote),
    })
}

/// Returns the expected checksum of a URL: given, in the site's list, or next to the file.
fn sum_of(
    work: &mut Work<'_>,
    wanted: &Wanted,
    url: &Address,
    stored: &StorageListing<'_>,
    report: &mut Report,
) -> Result<Learned, Entry> {
    if let Some(expected) = &wanted.sum {
        return Ok(Learned::Sum(expected.clone()));
    }
    let lists = match &wanted.sum_list {
        Some(SumList::File(path)) => return sums::in_file(path, url.file()).map(Learned::Sum),
        Some(SumList::Url(list)) => sums::named(list),
        None => sums::beside_url(url),
    };
    let is_stored = |work: &Work<'_>, sum: &Sum| is_stored(work, wanted, url, sum, stored);
    let question = Question {
        wanted,
        key: super::source_key(&url.identity(), wanted),
        file: url.file(),
        lists,
        is_stored: &is_stored,
        newest: &|| stored.newest(&wanted.name).cloned(),
    };
    learn(work, question, report)
}

/// Returns what is known from its bytes about the file with this checksum at this URL.
fn judged<'a>(work: &'a Work<'_>, url: &Address, sum: &Sum) -> Option<&'a UrlFacts> {
    let facts = work.cache.url(&url.to_string(), &sum.hex)?;
    // An earlier release also stored guesses from the URL's extension.
    facts.virtual_size.map(|_| facts)
}

/// Returns the stored file whose name has this checksum; it may be an incomplete upload.
///
/// The name of a compressed file is only known once it was unpacked.
fn stored_file<'a>(
    work: &Work<'_>,
    wanted: &Wanted,
    url: &Address,
    sum: &Sum,
    stored: &'a StorageListing<'_>,
) -> Option<&'a StoredFile> {
    if let Some(facts) = judged(work, url, sum) {
        return stored.find(&stored_name(&wanted.name, &facts.stored, facts.format.extension()));
    }
    let formats = wanted.format.map_or(Format::ALL.to_vec(), |format| vec![format]);
    let files = formats.iter().map(|f| stored_name(&wanted.name, sum, f.extension()));
    files.into_iter().find_map(|file| stored.find(&file))
}

/// Returns whether the complete image with this checksum seems to be stored.
fn is_stored(
    work: &Work<'_>,
    wanted: &Wanted,
    url: &Address,
    sum: &Sum,
    stored: &StorageListing<'_>,
) -> bool {
    let length = judged(work, url, sum).and_then(|facts| facts.length);
    let file = stored_file(work, wanted, url, sum, stored);
    file.is_some_and(|file| length.is_none_or(|length| length == file.size))
}

/// Prepares a stored file whose checksum is unknown.
fn in_storage(wanted: &Wanted, present: &StoredFile) -> PreparedImage {
    PreparedImage {
        name: wanted.name.clone(),
        file: present.file.clone(),
        length: Some(present.size),
        sum: None,
        supply: Supply::Stored,
    }
}

const PACKED: &str = "the file is compressed, and PVE cannot unpack images";
const PASSWORD: &str = "the URL contains a password, which the node's task log would show";

/// Returns the error for a URL that the node must not download.
fn not_for_the_node(wanted: &Wanted, reason: &str) -> Entry {
    let place = Place::input(format!("{}.mode", wanted.field));
    Entry::error("invalid-mode", place, format!("must not be download-url: {reason}"))
        .hint("remove `mode`: the file is then fetched here and uploaded")
}

/// Judges a URL by its first bytes; `None` if they are not enough, as for a compressed file.
fn look_ahead(
    work: &Work<'_>,
    url: &Address,
    expected: &ExpectedSum,
    tries: &Tries<'_>,
) -> Result<Option<UrlFacts>, Entry> {
    let (head, length) = tries.run(|| first_bytes(work, url, expected, tries))?;
    // Without a length, nothing is known about the whole file.
    let Some(length) = length.filter(|_| Compression::of(&head) == Compression::None) else {
        return Ok(None);
    };
    let judged = judge(&head, length)
        .map_err(|unfit| unusable(Place::Named(url.to_string()), &Fault::Unfit(unfit)))?;
    Ok(Some(UrlFacts {
        compression: Compression::None,
        stored: expected.sum.clone(),
        length: Some(length),
        format: judged.format,
        virtual_size: Some(judged.virtual_size),
    }))
}

/// Fetches the first bytes and the length.
fn first_bytes(
    work: &Work<'_>,
    url: &Address,
    expected: &ExpectedSum,
    tries: &Tries<'_>,
) -> Result<(Vec<u8>, Option<u64>), (Entry, Retry)> {
    let place = || Place::Named(url.to_string());
    let joined = Cell::new(false);
    let downgrade = downgrade(Some(expected));
    let source = Source { work, url, downgrade, tries, joined: &joined, may_resume: false };
    let stream = open(source).map_err(|error| {
        let entry = unfetched(url, &error);
        if matches!(error, FetchError::Unreachable(_)) {
            work.silent.borrow_mut().insert(url.server().to_owned(), entry.causes.clone());
        }
        (entry, Retry::of(&error))
    })?;
    work.silent.borrow_mut().remove(url.server());
    let mut head = Vec::new();
    let read = stream.reader.take(HEAD as u64).read_to_end(&mut head);
    read.map_err(|e| {
        (Entry::error("fetch-failed", place(), "cannot be fetched").cause(&e), Retry::After(None))
    })?;
    Ok((head, stream.length))
}

/// Determines the format of a URL that the node downloads, from the site or from the URL's extension.
///
/// This machine requests no byte of it, because perhaps only the node can reach it. `.img` means qcow2, as for
/// cloud images; PVE notices a wrong guess of qcow2 or vmdk, but accepts anything as raw.
// PVE: pve-storage, API2/Storage/Status.pm, download_url: `qemu-img info -f FORMAT` before the file gets its name.
fn by_name(wanted: &Wanted, url: &Address, sum: &Sum) -> Result<UrlFacts, Entry> {
    let file = url.file().to_ascii_lowercase();
    let ends_in = |ending: &str| file.ends_with(&format!(".{ending}"));
    if ["gz", "xz", "zst", "bz2"].into_iter().any(ends_in) {
        return Err(not_for_the_node(wanted, PACKED));
    }
    let named = || Format::ALL.into_iter().find(|format| ends_in(format.extension()));
    let as_img = || ends_in("img").then_some(Format::Qcow2);
    let format = wanted.format.or_else(named).or_else(as_img).ok_or_else(|| {
        let place = Place::input(format!("{}.format", wanted.field));
        let fact = format!("is required, because mode is download-url and \"{}\" does not end in .qcow2, .raw, .vmdk or .img", url.file());
        let hint = format!("write `format: qcow2` (or raw, vmdk) under `images.{}` of the site's YAML", wanted.name);
        Entry::error("missing-field", place, fact).hint(hint)
    })?;
    Ok(UrlFacts {
        compression: Compression::None,
        stored: sum.clone(),
        length: None,
        format,
        virtual_size: None,
    })
}

/// Fetches a URL, and prepares it as a local file.
fn fetched(
    work: &mut Work<'_>,
    wanted: &Wanted,
    url: &Address,
    expected: &ExpectedSum,
    report: &mut Report,
) -> Prepared {
    let (facts, spooled) = fetch(work, &wanted.name, url, Some(expected))?;
    named_format(wanted, facts.format, &url.to_string())?;
    check_disks(wanted, facts.virtual_size, report);
    let sum = Sum { algorithm: Algorithm::Sha256, hex: facts.stored.sha256.clone() };
    let known = UrlFacts {
        compression: facts.compression,
        stored: sum,
        length: Some(facts.length),
        format: facts.format,
        virtual_size: Some(facts.virtual_size),
    };
    work.cache.keep_url(&url.to_string(), &expected.sum.hex, &known);
    Ok(PreparedImage::local(&wanted.name, &facts, spooled.files(), Some(spooled)))
}
