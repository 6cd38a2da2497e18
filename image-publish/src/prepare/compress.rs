//! DOOR: runs `qemu-img`. Images that are compressed before they are sent.

use std::io::Read;

use stage::{Entry, Place};

use super::unusable;
use crate::ready::{Ready, Supply};
use crate::source::compression::Compression;
use crate::source::examine::{Facts, examine};
use crate::source::parts::Files;
use crate::spool::{QemuImg, Spooled, qemu_img_compress};
use crate::wanted::Wanted;
use crate::work::Work;

/// Prepares what `qemu-img` makes of a local file.
pub(super) fn prepare(
    work: &mut Work<'_>,
    wanted: &Wanted,
    files: Files,
    facts: &Facts,
) -> Result<Ready, Entry> {
    if let Some(made) = work.cache.files(&files, "#compress") {
        let mut ready = Ready::local(&wanted.name, made, files.clone(), None);
        ready.supply = Supply::Compress(files);
        return Ok(ready);
    }
    match compress(work, &wanted.name, &files)? {
        Some((made, spooled)) => {
            let identity = files.identity().unwrap_or_default();
            work.cache.keep_files(&files, "#compress", identity, &made);
            Ok(Ready::local(&wanted.name, &made, spooled.files(), Some(spooled)))
        }
        None => Ok(Ready::local(&wanted.name, facts, files, None)),
    }
}

/// Runs `qemu-img` on an image; `None` when there is no such program.
pub(crate) fn compress(
    work: &Work<'_>,
    name: &str,
    files: &Files,
) -> Result<Option<(Facts, Spooled)>, Entry> {
    let place = || Place::file(files.shown());
    let spool = |e: std::io::Error| {
        Entry::error(place(), "cannot be unpacked into the cache folder").cause(&e)
    };
    let mut first = Vec::new();
    files.open().take(8).read_to_end(&mut first).map_err(spool)?;
    let packing = Compression::of(&first);
    // qemu-img reads one plain file.
    let plain = if packing == Compression::None && files.parts.len() == 1 {
        None
    } else {
        let (plain, mut file) =
            Spooled::create(&work.folder, &format!("{name}.plain")).map_err(spool)?;
        Spooled::fill(&mut file, &mut packing.unpack(files.open())).map_err(spool)?;
        Some(plain)
    };
    let from = plain.as_ref().map_or(files.path.as_path(), Spooled::path);
    let (target, _) = Spooled::create(&work.folder, &format!("{name}.qcow2")).map_err(spool)?;
    work.tell("step", name, "compressing with qemu-img");
    match qemu_img_compress(from, target.path()) {
        QemuImg::Made => {}
        QemuImg::NotInstalled => {
            work.tell("step", name, "qemu-img is not installed: sent as it is");
            return Ok(None);
        }
        QemuImg::Failed(said) => {
            return Err(Entry::error(place(), format!("qemu-img says: {said}")));
        }
    }
    let facts = examine(&target.files(), false).map_err(|fault| unusable(place(), &fault))?;
    Ok(Some((facts, target)))
}
