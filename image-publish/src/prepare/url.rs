//! DOOR: asks web servers. A URL → ready: its sum known, its first bytes judged, who fetches it decided.

use std::io::Read;

use pve_client::FetchError;
use stage::{Entry, Place, Report};

use super::fetch::{downgrade, fetch, get};
use super::unusable;
use crate::ready::{Ready, Remote, Supply, stored_name};
use crate::source::address::Address;
use crate::source::checksum::{Algorithm, Said, Sum};
use crate::source::compression::Compression;
use crate::source::examine::{Fault, UrlFacts};
use crate::source::format::{Format, judge};
use crate::source::head::HEAD;
use crate::sums;
use crate::wanted::{Mode, Wanted, check_disks};
use crate::work::{Work, may_pass};

/// Prepares a URL.
pub(super) fn prepare(
    work: &mut Work<'_>,
    wanted: &Wanted,
    url: &Address,
    mode: Mode,
    report: &mut Report,
) -> Result<Ready, Entry> {
    let said = sums::of_url(work, wanted, url)?;
    let shown = url.to_string();
    let facts = match work.cache.url(&shown, &said.sum.hex).cloned() {
        Some(facts) => facts,
        None => match look_ahead(work, &wanted.name, url, mode, &said)? {
            Some(facts) => {
                work.cache.keep_url(&shown, &said.sum.hex, &facts);
                facts
            }
            None if mode == Mode::DownloadUrl => return Err(not_for_the_node(wanted, PACKED)),
            // What is inside is known only when it is unpacked, so it is fetched at once.
            None => return fetched(work, wanted, url, &said, report),
        },
    };
    if let Some(virtual_size) = facts.virtual_size {
        check_disks(wanted, virtual_size, report);
    }
    let remote = Remote { url: url.clone(), sum_by: said.by, pinned: said.pinned };
    let supply = match (mode, facts.compression == Compression::None) {
        (Mode::DownloadUrl, false) => return Err(not_for_the_node(wanted, PACKED)),
        (Mode::DownloadUrl, true) if url.has_user() => {
            return Err(not_for_the_node(wanted, PASSWORD));
        }
        (Mode::DownloadUrl, true) => Supply::Node { remote, may_send: false },
        (Mode::Auto, true) if !url.has_user() => Supply::Node { remote, may_send: true },
        (Mode::Auto | Mode::Upload, _) => Supply::Fetch(remote),
    };
    Ok(Ready {
        name: wanted.name.clone(),
        file: stored_name(&wanted.name, &facts.stored, facts.format.extension()),
        length: facts.length,
        sum: Some(facts.stored),
        supply,
    })
}

const PACKED: &str = "the file is compressed, and PVE unpacks no image";
const PASSWORD: &str = "the URL holds a password, which the node's task log would show";

/// Makes the finding of a URL that the node must not download.
fn not_for_the_node(wanted: &Wanted, reason: &str) -> Entry {
    let place = Place::input(format!("image_sources.{}.mode", wanted.name));
    Entry::error(place, format!("must not be download-url: {reason}"))
        .hint("leave `mode` out: the file is then fetched here, and uploaded")
}

/// Reads the first bytes of a URL and judges them; `None` when they are not enough, as of a packed file.
fn look_ahead(
    work: &Work<'_>,
    name: &str,
    url: &Address,
    mode: Mode,
    said: &Said,
) -> Result<Option<UrlFacts>, Entry> {
    let sum = &said.sum;
    let looked = match mode {
        // What only the node can reach need not be tried again from here.
        Mode::DownloadUrl => match first_bytes(work, url, said) {
            Err((entry, Next::Nothing)) => return Err(entry),
            looked => looked.map_err(|(entry, _)| entry),
        },
        _ => work.retrying(name, || {
            let looked = first_bytes(work, url, said);
            looked.map_err(|(entry, next)| (entry, next == Next::Again))
        }),
    };
    let (head, length) = match (looked, mode) {
        (Ok((head, length)), _) if Compression::of(&head) == Compression::None => (head, length),
        (Ok(_), _) => return Ok(None),
        (Err(entry), Mode::DownloadUrl) => return by_name(url, sum).map(Some).ok_or(entry),
        (Err(entry), _) => return Err(entry),
    };
    let Some(length) = length else {
        // Without a length nothing can be said of the whole; the node may still take it by its name.
        return Ok(by_name(url, sum).filter(|_| mode == Mode::DownloadUrl));
    };
    let judged = judge(&head, length)
        .map_err(|unfit| unusable(Place::Named(url.to_string()), &Fault::Unfit(unfit)))?;
    Ok(Some(UrlFacts {
        compression: Compression::None,
        stored: sum.clone(),
        length: Some(length),
        format: judged.format,
        virtual_size: Some(judged.virtual_size),
    }))
}

/// What may help after a failure.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    /// Another try.
    Again,
    /// Another machine, as the node.
    Elsewhere,
    /// Nothing: the server sends on to where nobody may follow.
    Nothing,
}

/// Fetches the first bytes and the length.
fn first_bytes(
    work: &Work<'_>,
    url: &Address,
    said: &Said,
) -> Result<(Vec<u8>, Option<u64>), (Entry, Next)> {
    let place = || Place::Named(url.to_string());
    let fetched = get(work, url, downgrade(Some(said))).map_err(|error| {
        let next = match &error {
            FetchError::Downgrade => Next::Nothing,
            error if may_pass(error) => Next::Again,
            _ => Next::Elsewhere,
        };
        let entry = Entry::error(place(), "cannot be fetched").cause(&error);
        let hint = "give the image a `checksum`, or a URL that does not lead to http://";
        (if next == Next::Nothing { entry.hint(hint) } else { entry }, next)
    })?;
    let mut head = Vec::new();
    let read = fetched.reader.take(HEAD as u64).read_to_end(&mut head);
    read.map_err(|e| (Entry::error(place(), "cannot be fetched").cause(&e), Next::Again))?;
    Ok((head, fetched.length))
}

/// Takes the format from the name's ending, for a URL that only the node can reach.
fn by_name(url: &Address, sum: &Sum) -> Option<UrlFacts> {
    let formats = [Format::Qcow2, Format::Raw, Format::Vmdk];
    let named = |format: &Format| url.file().ends_with(&format!(".{}", format.extension()));
    Some(UrlFacts {
        compression: Compression::None,
        stored: sum.clone(),
        length: None,
        format: formats.into_iter().find(named)?,
        virtual_size: None,
    })
}

/// Fetches a URL, and makes it ready as a local file.
fn fetched(
    work: &mut Work<'_>,
    wanted: &Wanted,
    url: &Address,
    said: &Said,
    report: &mut Report,
) -> Result<Ready, Entry> {
    let (facts, spooled) = fetch(work, &wanted.name, url, Some(said))?;
    check_disks(wanted, facts.virtual_size, report);
    let sum = Sum { algorithm: Algorithm::Sha256, hex: facts.stored.sha256.clone() };
    let known = UrlFacts {
        compression: facts.compression,
        stored: sum,
        length: Some(facts.length),
        format: facts.format,
        virtual_size: Some(facts.virtual_size),
    };
    work.cache.keep_url(&url.to_string(), &said.sum.hex, &known);
    Ok(Ready::local(&wanted.name, &facts, spooled.files(), Some(spooled)))
}
