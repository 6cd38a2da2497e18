//! Reads an image once from end to end, and returns all that the plan needs to know about it.
//!
//! Uses constant memory: only the head and the checksums are kept.

use std::io::{self, Read};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256, Sha512};

use super::checksum::{Algorithm, Sum};
use super::compression::Compression;
use super::format::{Format, fit, judge};
use super::head::HEAD;
use super::parts::Files;
use super::unfit::Unfit;

/// What is known about an image that was read to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Facts {
    /// How the source is compressed.
    pub(crate) compression: Compression,
    /// The checksums of the source file itself.
    pub(crate) source: Sums,
    /// The checksums of the stored file: the unpacked image.
    pub(crate) stored: Sums,
    /// The length of the stored file, in bytes.
    pub(crate) length: u64,
    /// The image's format.
    pub(crate) format: Format,
    /// The size of the disk in it, in bytes.
    pub(crate) virtual_size: u64,
}

/// What is known about the file with a certain checksum at a URL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct UrlFacts {
    /// How it is compressed.
    pub(crate) compression: Compression,
    /// The checksum of the stored file, which for an uncompressed file is its own.
    pub(crate) stored: Sum,
    /// The length of the stored file, in bytes.
    pub(crate) length: Option<u64>,
    /// The image's format.
    pub(crate) format: Format,
    /// The size of the disk in it, in bytes; unknown when only the node can reach the URL.
    pub(crate) virtual_size: Option<u64>,
}

/// The checksums of a run of bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sums {
    /// SHA-256, always.
    pub(crate) sha256: String,
    /// SHA-512, if one is to be compared.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) sha512: Option<String>,
}

impl Sums {
    /// Returns the checksum of an algorithm, if it was computed.
    pub(crate) fn get(&self, algorithm: Algorithm) -> Option<&str> {
        match algorithm {
            Algorithm::Sha256 => Some(&self.sha256),
            Algorithm::Sha512 => self.sha512.as_deref(),
        }
    }
}

impl Facts {
    /// Returns whether the source, or its uncompressed content, has this checksum.
    pub(crate) fn matches(&self, sum: &Sum) -> bool {
        [&self.source, &self.stored].iter().any(|sums| sums.get(sum.algorithm) == Some(&sum.hex))
    }

    /// Returns whether the checksum of this algorithm was computed.
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
    /// It cannot be decompressed.
    #[error("cannot be unpacked as {}", .kind.extension().unwrap_or("a plain file"))]
    Unpack {
        /// How it is compressed.
        kind: Compression,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is not an image, or not one that PVE can use.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// It changed while it was being read.
    #[error("changed while it was being read")]
    Changed,
}

/// Reads an image to its end. With `sha512`, that checksum is computed too.
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
        // The source is stored as it is, so one checksum serves for both.
        read_all(&mut packed, None).map_err(fault)?
    } else {
        let mut unpacked = compression.unpack(&mut packed);
        read_all(&mut unpacked, Some(sha512)).map_err(fault)?
    };
    // Bytes that the decompressor leaves unread count for the source's checksum.
    io::copy(&mut packed, &mut io::sink()).map_err(fault)?;
    let judged = judge(&head, length)?;
    if compression == Compression::None {
        let mut file = files.open_anywhere().map_err(|source| Fault::Read { source })?;
        let fits = fit(judged.format, &mut file, &head, length);
        fits.map_err(|source| Fault::Read { source })??;
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

/// Returns both checksums of a run of bytes.
pub(crate) fn sums_of(reader: &mut dyn Read) -> io::Result<Sums> {
    let mut summing = Summing::new(reader, true);
    io::copy(&mut summing, &mut io::sink())?;
    Ok(summing.finish())
}

/// Longer than any image, and a multiple of the sector size.
const ANY_LENGTH: u64 = u64::MAX - 511;

/// Reads to the end; returns the checksums if requested, the length and the head.
///
/// Returns [`Unfit`] early if the head shows that it is not an image, because a compressed file may be endless.
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

/// Computes both checksums.
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

/// A reader that computes the checksums of its bytes.
pub(crate) struct Summing<R> {
    reader: R,
    hashes: Hashes,
}

impl<R: Read> Summing<R> {
    /// Wraps a reader.
    pub(crate) fn new(reader: R, sha512: bool) -> Self {
        Self { reader, hashes: Hashes::new(sha512) }
    }

    /// Returns the checksums of the bytes that were read.
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
