//! DOOR: fetches or compresses an image right before it is sent.

use stage::{Entry, Place};

use super::compress::compress;
use super::fetch::fetch;
use crate::prepared::{Local, PreparedImage, Remote, Supply};
use crate::source::checksum::ExpectedSum;
use crate::source::examine::Facts;
use crate::temporary::Temporary;
use crate::work::Work;

/// The bytes of an image that is to be sent.
#[derive(Debug)]
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

/// Returns the bytes of an image, and fetches or compresses it first if that was postponed.
pub(crate) fn bytes_of(work: &Work<'_>, image: PreparedImage) -> Result<Bytes, Entry> {
    let PreparedImage { name, file, length, sum, supply } = image;
    match supply {
        Supply::Local(local) => {
            let sha256 = sum.map(|sum| sum.hex).unwrap_or_default();
            Ok(Bytes { file, length: length.unwrap_or_default(), sha256, local })
        }
        Supply::Fetch(Remote { url, sum_by, pinned, .. })
        | Supply::Node { remote: Remote { url, sum_by, pinned, .. }, .. } => {
            let expected = sum.map(|sum| ExpectedSum { sum, by: sum_by, pinned });
            let (facts, spooled) = fetch(work, &name, &url, expected.as_ref())?;
            Ok(Bytes::spooled(file, &facts, spooled))
        }
        Supply::Compress(plain) => {
            let place = Place::file(plain.files.shown());
            let gone = || Entry::error("qemu-img", place, "qemu-img is no longer installed");
            let (facts, spooled) = compress(work, &name, &plain)?.ok_or_else(gone)?;
            // Another version of qemu-img may write other bytes, which get another name.
            let file = PreparedImage::local(&name, &facts, spooled.files(), None).file;
            Ok(Bytes::spooled(file, &facts, spooled))
        }
        Supply::InStorage(volid) => Err(Entry::error(
            "already-stored",
            Place::Named(volid.to_string()),
            "is already on the storage",
        )),
    }
}

impl Bytes {
    fn spooled(file: String, facts: &Facts, spooled: Temporary) -> Self {
        let local = Local {
            files: spooled.files(),
            compression: facts.compression,
            spooled: Some(spooled),
        };
        Self { file, length: facts.length, sha256: facts.stored.sha256.clone(), local }
    }
}
