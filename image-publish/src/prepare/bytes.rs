//! DOOR: fetches, unpacks or compresses an image right before it is sent, once for all storages.

use std::sync::{Arc, OnceLock};

use stage::{Entry, Place};

use super::compress::compress;
use super::fetch::fetch;
use crate::prepared::{Local, PreparedImage, Remote, Supply};
use crate::source::checksum::ExpectedSum;
use crate::source::compression::Compression;
use crate::source::examine::{Facts, Summing};
use crate::temporary::{Temporary, is_not_written};
use crate::work::Work;

/// The bytes of an image that is to be sent.
#[derive(Debug, Clone)]
pub(crate) struct Bytes {
    /// The file name in the storage.
    pub(crate) file: String,
    /// Their number.
    pub(crate) length: u64,
    /// Their SHA-256.
    pub(crate) sha256: String,
    /// Where they are read.
    pub(crate) local: Local,
}

/// A prepared image that several storages may need. It is fetched, unpacked or compressed at most once, for the
/// first of them, and kept until the last one has it.
#[derive(Debug)]
pub(crate) struct SharedImage {
    /// The image.
    pub(crate) image: PreparedImage,
    bytes: OnceLock<Result<Bytes, Entry>>,
    /// How many storages it is uploaded to.
    uploads: usize,
}

impl SharedImage {
    /// Shares an image, which is uploaded to this number of storages.
    pub(crate) fn new(image: PreparedImage, uploads: usize) -> Self {
        Self { image, bytes: OnceLock::new(), uploads }
    }

    /// Returns the bytes of the image, and fetches or compresses it first if that was postponed.
    ///
    /// # Errors
    /// The same for each storage.
    pub(crate) fn bytes(&self, work: &Work<'_>) -> Result<Bytes, Entry> {
        self.bytes.get_or_init(|| self.made(&work.for_all())).clone()
    }

    fn made(&self, work: &Work<'_>) -> Result<Bytes, Entry> {
        let PreparedImage { name, file, length, sum, supply } = &self.image;
        match supply {
            Supply::Local(local) => {
                let sha256 = sum.as_ref().map(|sum| sum.hex.clone()).unwrap_or_default();
                let length = length.unwrap_or_default();
                let bytes = Bytes { file: file.clone(), length, sha256, local: local.clone() };
                if self.uploads > 1 { unpacked(work, name, bytes) } else { Ok(bytes) }
            }
            Supply::Fetch(Remote { url, sum_by, pinned, .. })
            | Supply::Node { remote: Remote { url, sum_by, pinned, .. }, .. } => {
                let (sum, by) = (sum.clone(), sum_by.clone());
                let expected = sum.map(|sum| ExpectedSum { sum, by, pinned: *pinned });
                let (facts, spooled) = fetch(work, name, url, expected.as_ref())?;
                let bytes = Bytes::spooled(file.clone(), &facts, spooled);
                if self.uploads > 1 { unpacked(work, name, bytes) } else { Ok(bytes) }
            }
            Supply::Compress(plain) => {
                let place = Place::file(plain.files.shown());
                let gone = || Entry::error("qemu-img", place, "qemu-img is no longer installed");
                let (facts, spooled) = compress(work, name, plain)?.ok_or_else(gone)?;
                // Another version of qemu-img may write other bytes, which get another name.
                let file = PreparedImage::local(name, &facts, spooled.files(), None).file;
                Ok(Bytes::spooled(file, &facts, spooled))
            }
            Supply::InStorage(_) | Supply::Stored => Err(Entry::error(
                "already-stored",
                Place::Named(file.clone()),
                "is already on the storage",
            )),
        }
    }
}

/// Unpacks an image that several uploads send; where there is no room for it, each of them unpacks it while
/// sending.
fn unpacked(work: &Work<'_>, name: &str, bytes: Bytes) -> Result<Bytes, Entry> {
    let Bytes { length, sha256, local, .. } = &bytes;
    if local.compression == Compression::None || work.check_room(Some(*length)).is_err() {
        return Ok(bytes);
    }
    let Ok(spooled) = work.spool(name) else { return Ok(bytes) };
    work.tell("step", name, &format!("unpacking {}", local.files.shown()));
    let mut reader = Summing::new(local.compression.unpack(local.files.open()), false);
    match spooled.fill(&mut reader, &mut |_| {}) {
        Ok(()) => {}
        Err(error) if is_not_written(&error) => return Ok(bytes),
        Err(error) => {
            let fact = format!("cannot be read, for image \"{name}\"");
            let place = Place::file(local.files.shown());
            return Err(Entry::error("unreadable", place, fact).cause(&error));
        }
    }
    if reader.finish().sha256 != *sha256 {
        return Err(changed(local, name));
    }
    let files = spooled.files();
    let spooled = Some(Arc::new(spooled));
    Ok(Bytes { local: Local { files, compression: Compression::None, spooled }, ..bytes })
}

/// Returns the error for a file that has changed since it was examined.
pub(crate) fn changed(local: &Local, name: &str) -> Entry {
    let fact = format!("changed while it was being sent, for image \"{name}\"");
    Entry::error("file-changed", Place::file(local.files.shown()), fact)
        .hint("wait until it is completely written")
}

impl Bytes {
    fn spooled(file: String, facts: &Facts, spooled: Temporary) -> Self {
        let local = Local {
            files: spooled.files(),
            compression: facts.compression,
            spooled: Some(Arc::new(spooled)),
        };
        Self { file, length: facts.length, sha256: facts.stored.sha256.clone(), local }
    }
}
