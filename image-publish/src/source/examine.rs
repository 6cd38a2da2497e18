//! Reads an image once from end to end and says all that the plan needs to know of it.
//!
//! Constant memory: the bytes pass through, a head and the sums stay.

use std::io::{self, Read};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256, Sha512};

use super::checksum::{Algorithm, Sum};
use super::compression::Compression;
use super::format::{Format, judge};
use super::head::HEAD;
use super::parts::Files;
use super::qcow2;
use super::unfit::Unfit;

/// What is known of an image that was read to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Facts {
    /// How the source is compressed.
    pub(crate) compression: Compression,
    /// The sums of the source as it lies there.
    pub(crate) source: Sums,
    /// The sums of what is stored: the unpacked image.
    pub(crate) stored: Sums,
    /// The length of what is stored, in bytes.
    pub(crate) length: u64,
    /// The image's format.
    pub(crate) format: Format,
    /// The size of the disk in it, in bytes.
    pub(crate) virtual_size: u64,
}

/// What is known of the file with a certain sum at a URL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct UrlFacts {
    /// How it is compressed.
    pub(crate) compression: Compression,
    /// The sum of what is stored: of a plain file its own.
    pub(crate) stored: Sum,
    /// The length of what is stored, in bytes.
    pub(crate) length: Option<u64>,
    /// The image's format.
    pub(crate) format: Format,
    /// The size of the disk in it, in bytes; unknown when only the node can reach the URL.
    pub(crate) virtual_size: Option<u64>,
}

/// The sums of a run of bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sums {
    /// SHA-256, always.
    pub(crate) sha256: String,
    /// SHA-512, when a SHA-512 is to be compared.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) sha512: Option<String>,
}

impl Sums {
    /// Returns the sum of an algorithm, when it was made.
    pub(crate) fn get(&self, algorithm: Algorithm) -> Option<&str> {
        match algorithm {
            Algorithm::Sha256 => Some(&self.sha256),
            Algorithm::Sha512 => self.sha512.as_deref(),
        }
    }
}

impl Facts {
    /// Tells whether a sum is that of the source or, where it is compressed, of what is inside.
    pub(crate) fn matches(&self, sum: &Sum) -> bool {
        [&self.source, &self.stored].iter().any(|sums| sums.get(sum.algorithm) == Some(&sum.hex))
    }

    /// Tells whether a sum of this kind was made.
    pub(crate) fn has(&self, algorithm: Algorithm) -> bool {
        self.source.get(algorithm).is_some()
    }
}

/// Why an image cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// Its bytes cannot be read.
    #[error("cannot be read")]
    Read {
        /// Why.
        #[source]
        source: io::Error,
    },
    /// What is packed in it cannot be unpacked.
    #[error("cannot be unpacked as {}", .kind.extension().unwrap_or("a plain file"))]
    Unpack {
        /// How it is packed.
        kind: Compression,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is no image, or none that PVE can use.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// It was written to while it was read.
    #[error("changed while it was being read")]
    Changed,
}

/// Reads an image to its end. With `sha512` that sum is made too.
pub(crate) fn examine(files: &Files, sha512: bool) -> Result<Facts, Fault> {
    let read = |source| Fault::Read { source };
    let before = files.identity().map_err(read)?;
    let mut first = Vec::new();
    files.open().take(8).read_to_end(&mut first).map_err(read)?;
    let compression = Compression::of(&first);
    let facts = pass(files, compression, sha512)?;
    if files.identity().map_err(read)? != before {
        return Err(Fault::Changed);
    }
    Ok(facts)
}

/// The one pass over the bytes.
fn pass(files: &Files, compression: Compression, sha512: bool) -> Result<Facts, Fault> {
    let fault = |source: io::Error| match (source.downcast::<Unfit>(), compression) {
        (Ok(unfit), _) => Fault::Unfit(unfit),
        (Err(source), Compression::None) => Fault::Read { source },
        (Err(source), kind) => Fault::Unpack { kind, source },
    };
    let mut packed = Summing::new(files.open(), sha512);
    let (stored, length, head) = if compression == Compression::None {
        // What is stored is the source itself: one sum serves for both.
        read_all(&mut packed, None).map_err(fault)?
    } else {
        let mut unpacked = compression.unpack(&mut packed);
        read_all(&mut unpacked, Some(sha512)).map_err(fault)?
    };
    // What an unpacker leaves unread belongs to the source's sum.
    io::copy(&mut packed, &mut io::sink()).map_err(fault)?;
    let judged = judge(&head, length)?;
    if compression == Compression::None && judged.format == Format::Qcow2 {
        fit(files, &head, length)?;
    }
    let source = packed.finish();
    Ok(Facts {
        compression,
        stored: stored.unwrap_or_else(|| source.clone()),
        source,
        length,
        format: judged.format,
        virtual_size: judged.virtual_size,
    })
}

/// Returns both sums of a run of bytes.
pub(crate) fn sums_of(reader: &mut dyn Read) -> io::Result<Sums> {
    let mut summing = Summing::new(reader, true);
    io::copy(&mut summing, &mut io::sink())?;
    Ok(summing.finish())
}

/// Follows the tables of a plain qcow2 file.
fn fit(files: &Files, head: &[u8], length: u64) -> Result<(), Fault> {
    let read = |source| Fault::Read { source };
    let mut file = files.open_anywhere().map_err(read)?;
    Ok(qcow2::tables_fit(&mut file, head, length).map_err(read)??)
}

/// Longer than any image, and a whole number of sectors.
const ANY_LENGTH: u64 = u64::MAX - 511;

/// Reads to the end; returns the sums when asked for, the length and the head.
///
/// What the head alone shows to be no image is an [`Unfit`] at once: a packed file may be without end.
fn read_all(reader: &mut dyn Read, sums: Option<bool>) -> io::Result<(Option<Sums>, u64, Vec<u8>)> {
    let mut head = Vec::with_capacity(HEAD);
    let mut length = 0;
    let mut buffer = vec![0; 128 * 1024];
    let mut hashes = sums.map(Hashes::new);
    loop {
        let read = match reader.read(&mut buffer) {
            Ok(0) => return Ok((hashes.map(Hashes::finish), length, head)),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let bytes = &buffer[..read];
        if head.len() < HEAD {
            head.extend(bytes.iter().take(HEAD - head.len()));
            if head.len() == HEAD {
                judge(&head, ANY_LENGTH).map_err(io::Error::other)?;
            }
        }
        length += read as u64;
        if let Some(hashes) = &mut hashes {
            hashes.update(bytes);
        }
    }
}

/// Both sums in the making.
struct Hashes {
    sha256: Sha256,
    sha512: Option<Sha512>,
}

impl Hashes {
    fn new(sha512: bool) -> Self {
        Self { sha256: Sha256::new(), sha512: sha512.then(Sha512::new) }
    }

    fn update(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        if let Some(sha512) = &mut self.sha512 {
            sha512.update(bytes);
        }
    }

    fn finish(self) -> Sums {
        let hex = |bytes: &[u8]| data_encoding::HEXLOWER.encode(bytes);
        Sums {
            sha256: hex(&self.sha256.finalize()),
            sha512: self.sha512.map(|sum| hex(&sum.finalize())),
        }
    }
}

/// A reader that sums what passes through it.
pub(crate) struct Summing<R> {
    reader: R,
    hashes: Hashes,
}

impl<R: Read> Summing<R> {
    /// Wraps a reader.
    pub(crate) fn new(reader: R, sha512: bool) -> Self {
        Self { reader, hashes: Hashes::new(sha512) }
    }

    /// Returns the sums of what has passed.
    pub(crate) fn finish(self) -> Sums {
        self.hashes.finish()
    }
}

impl<R: Read> Read for Summing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.hashes.update(&buffer[..read]);
        Ok(read)
    }
}
