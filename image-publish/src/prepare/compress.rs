//! DOOR: runs `qemu-img`. Images that are compressed before they are sent.

use std::io::{self, Read};

use stage::{Entry, Place};

use super::unusable;
use crate::interrupt;
use crate::prepared::{Plain, PreparedImage, Supply};
use crate::qemu_img::{self, QemuImg};
use crate::source::compression::Compression;
use crate::source::examine::{Facts, Fault, examine};
use crate::temporary::Temporary;
use crate::wanted::Wanted;
use crate::work::Work;

/// Prepares a local file that `qemu-img` compresses first.
pub(super) fn prepare(
    work: &mut Work<'_>,
    wanted: &Wanted,
    plain: Plain,
    facts: &Facts,
) -> Result<PreparedImage, Entry> {
    if let Some(made) = work.cache.files(&plain.files, "#compress") {
        let mut ready = PreparedImage::local(&wanted.name, made, plain.files.clone(), None);
        ready.supply = Supply::Compress(plain);
        return Ok(ready);
    }
    match compress(work, &wanted.name, &plain)? {
        Some((made, spooled)) => {
            work.cache.keep_files(&plain.files, "#compress", plain.identity, &made);
            Ok(PreparedImage::local(&wanted.name, &made, spooled.files(), Some(spooled)))
        }
        None => Ok(PreparedImage::local(&wanted.name, facts, plain.files, None)),
    }
}

/// Runs `qemu-img` on an image; `None` if it is not installed.
pub(crate) fn compress(
    work: &Work<'_>,
    name: &str,
    plain: &Plain,
) -> Result<Option<(Facts, Temporary)>, Entry> {
    let files = &plain.files;
    let place = || Place::file(files.shown());
    let spool = |e: io::Error| {
        Entry::error("unwritable", place(), "cannot be unpacked into the cache folder").cause(&e)
    };
    let mut first = Vec::new();
    files.open().take(8).read_to_end(&mut first).map_err(spool)?;
    let packing = Compression::of(&first);
    // qemu-img needs a single uncompressed file.
    let unpacked = if packing == Compression::None && files.parts.len() == 1 {
        None
    } else {
        let unpacked = work.spool(&format!("{name}.plain")).map_err(spool)?;
        unpacked.fill(&mut packing.unpack(files.open()), &mut |_| {}).map_err(spool)?;
        Some(unpacked)
    };
    let target = work.spool(&format!("{name}.qcow2")).map_err(spool)?;
    work.tell("step", name, "compressing with qemu-img");
    let made = target.lend(|to| match &unpacked {
        Some(unpacked) => unpacked.lend(|from| qemu_img::compress(from, plain.format, to)),
        None => qemu_img::compress(&files.path, plain.format, to),
    });
    if matches!(made, QemuImg::NotInstalled) {
        work.tell("step", name, "qemu-img is not installed: sending the image as it is");
        return Ok(None);
    }
    if let Some(entry) = failed(made, place()) {
        return Err(entry);
    }
    // qemu-img must have read the file that was verified.
    if files.identity().ok().as_ref() != Some(&plain.identity) {
        return Err(unusable(place(), &Fault::Changed));
    }
    let facts = examine(&target.files(), false).map_err(|fault| unusable(place(), &fault))?;
    Ok(Some((facts, target)))
}

/// Returns the error for a run of `qemu-img` that made no file.
fn failed(made: QemuImg, place: Place) -> Option<Entry> {
    let entry = |fact: &str| Entry::error("qemu-img", place.clone(), fact);
    Some(match made {
        QemuImg::Made | QemuImg::NotInstalled => return None,
        QemuImg::NotRun(error) => entry("qemu-img could not be run").cause(&error),
        QemuImg::Interrupted => {
            Entry::error("interrupted", place, "was not compressed").cause(&interrupt::error())
        }
        QemuImg::Killed(signal) => entry(&format!("qemu-img was stopped by signal {signal}")),
        QemuImg::Failed(message) => entry(&format!("qemu-img says: {message}")),
    })
}
