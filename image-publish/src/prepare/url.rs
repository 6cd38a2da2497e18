//! DOOR: asks web servers. A URL → ready: its sum known, its first bytes judged, who fetches it decided.

use std::io::Read;

use stage::{Entry, Place, Report};

use super::fetch::fetch;
use super::unusable;
use crate::findings;
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
        None => match look_ahead(work, url, mode, &said.sum)? {
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
    url: &str,
    mode: Mode,
    sum: &Sum,
) -> Result<Option<UrlFacts>, Entry> {
    let place = || Place::Named(url.to_owned());
    let fetched = match work.fetcher().get(url) {
        Ok(fetched) => fetched,
        // Only the node may be able to reach it; the file's name must then say what it is.
        Err(error) if mode == Mode::DownloadUrl => {
            let format = format_by_name(url).ok_or_else(|| {
                findings::of_fetch(place(), "cannot be looked at from here", &error)
            })?;
            let compression = Compression::None;
            return Ok(Some(UrlFacts {
                compression,
                stored: sum.clone(),
                length: None,
                format,
                virtual_size: None,
            }));
        }
        Err(error) => return Err(findings::of_fetch(place(), "cannot be fetched", &error)),
    };
    let mut head = Vec::new();
    let mut reader = fetched.reader.take(HEAD as u64);
    reader
        .read_to_end(&mut head)
        .map_err(|e| Entry::error(place(), "cannot be fetched").cause(&e))?;
    let (Compression::None, Some(length)) = (Compression::of(&head), fetched.length) else {
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

/// Tells a format by the name's ending, for a URL that only the node can reach.
fn format_by_name(url: &str) -> Option<Format> {
    let path = url.split(['?', '#']).next().unwrap_or(url);
    [Format::Qcow2, Format::Raw, Format::Vmdk]
        .into_iter()
        .find(|format| path.ends_with(&format!(".{}", format.extension())))
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
