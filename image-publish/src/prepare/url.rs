//! DOOR: asks web servers. A URL → ready: its sum known, its first bytes judged, who fetches it decided.

use std::io::Read;

use stage::{Entry, Place, Report};

use super::fetch::{fetch, get, may_pass, retrying};
use super::unusable;
use crate::ready::{Ready, Supply, stored_name};
use crate::source::checksum::{Algorithm, Sum};
use crate::source::compression::Compression;
use crate::source::examine::{Fault, UrlFacts};
use crate::source::format::{Format, HEAD, judge};
use crate::sums::{self, Said};
use crate::wanted::{Mode, Wanted, check_disks};
use crate::work::Work;

/// Prepares a URL.
pub(super) fn prepare(
    work: &mut Work<'_>,
    wanted: &Wanted,
    url: &str,
    mode: Mode,
    report: &mut Report,
) -> Result<Ready, Entry> {
    let said = sums::of_url(work, wanted, url)?;
    let known = work.cache.url(url, &said.sum.hex).cloned();
    let facts = match known {
        Some(facts) => facts,
        None => match look_ahead(work, &wanted.name, url, mode, &said.sum)? {
            Some(facts) => {
                work.cache.keep_url(url, &said.sum.hex, &facts);
                facts
            }
            // What is inside is known only when it is unpacked, so it is fetched at once.
            None => return fetched(work, wanted, url, &said, report),
        },
    };
    if let Some(virtual_size) = facts.virtual_size {
        check_disks(wanted, virtual_size, report);
    }
    let plain = facts.compression == Compression::None;
    if mode == Mode::DownloadUrl && !plain {
        let place = Place::input(format!("image_sources.{}.mode", wanted.name));
        return Err(Entry::error(
            place,
            "must not be download-url: the file is compressed, and PVE unpacks no image",
        )
        .hint("leave `mode` out: the file is then fetched and unpacked here"));
    }
    let supply = match mode {
        Mode::Upload => Supply::Fetch(url.to_owned()),
        _ if !plain => Supply::Fetch(url.to_owned()),
        mode => Supply::Node { url: url.to_owned(), may_send: mode == Mode::Auto },
    };
    Ok(Ready {
        name: wanted.name.clone(),
        file: stored_name(&wanted.name, &facts.stored, facts.format.extension()),
        length: facts.length,
        sum: Some(facts.stored),
        supply,
    })
}

/// Reads the first bytes of a URL and judges them; `None` when they are not enough.
fn look_ahead(
    work: &Work<'_>,
    name: &str,
    url: &str,
    mode: Mode,
    sum: &Sum,
) -> Result<Option<UrlFacts>, Entry> {
    let place = || Place::Named(url.to_owned());
    if mode == Mode::DownloadUrl
        && let Err(error) = work.fetcher().get(url)
    {
        return by_name(url, sum)
            .map(Some)
            .ok_or_else(|| Entry::error(place(), "cannot be looked at from here").cause(&error));
    }
    let (head, length) = retrying(work, name, || first_bytes(work, url))?;
    let (Compression::None, Some(length)) = (Compression::of(&head), length) else {
        return Ok(None);
    };
    let judged = judge(&head, length).map_err(|unfit| unusable(place(), &Fault::Unfit(unfit)))?;
    Ok(Some(UrlFacts {
        compression: Compression::None,
        stored: sum.clone(),
        length: Some(length),
        format: judged.format,
        virtual_size: Some(judged.virtual_size),
    }))
}

/// Fetches the first bytes and the length; the flag of a failure says whether another try may help.
fn first_bytes(work: &Work<'_>, url: &str) -> Result<(Vec<u8>, Option<u64>), (Entry, bool)> {
    let place = || Place::Named(url.to_owned());
    let fetched = get(work, url);
    let fetched = fetched
        .map_err(|e| (Entry::error(place(), "cannot be fetched").cause(&e), may_pass(&e)))?;
    let mut head = Vec::new();
    let read = fetched.reader.take(HEAD as u64).read_to_end(&mut head);
    read.map_err(|e| (Entry::error(place(), "cannot be fetched").cause(&e), true))?;
    Ok((head, fetched.length))
}

/// Takes the format from the name's ending, for a URL that only the node can reach.
fn by_name(url: &str, sum: &Sum) -> Option<UrlFacts> {
    let path = url.split(['?', '#']).next().unwrap_or(url);
    let formats = [Format::Qcow2, Format::Raw, Format::Vmdk];
    let named = |format: &Format| path.ends_with(&format!(".{}", format.extension()));
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
    url: &str,
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
    work.cache.keep_url(url, &said.sum.hex, &known);
    Ok(Ready::local(&wanted.name, &facts, spooled.files(), Some(spooled)))
}
