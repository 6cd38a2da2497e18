//! How a file is compressed, detected by its content, and the reader that unpacks it while streaming.
//!
//! Each reader continues through all streams or frames of the file and verifies their checksums, so a
//! truncated file is an error and a concatenated one is read to its end. Does no I/O of its own.

use std::io::{self, BufReader, Read};

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use serde::{Deserialize, Serialize};

/// How a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Compression {
    /// Not at all.
    None,
    /// By gzip.
    Gz,
    /// By xz.
    Xz,
    /// By zstd.
    Zst,
    /// By bzip2.
    Bz2,
}

impl Compression {
    /// Detects the compression by the first bytes of a file; six are enough.
    pub(crate) fn of(head: &[u8]) -> Self {
        let marks: [(&[u8], Self); 4] = [
            (&[0x1f, 0x8b, 8], Self::Gz),
            (b"\xfd7zXZ\0", Self::Xz),
            (&[0x28, 0xb5, 0x2f, 0xfd], Self::Zst),
            (b"BZh", Self::Bz2),
        ];
        marks
            .into_iter()
            .find(|(mark, _)| head.starts_with(mark))
            .map_or(Self::None, |(_, kind)| kind)
    }

    /// Returns the usual extension.
    pub(crate) fn extension(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Gz => Some("gz"),
            Self::Xz => Some("xz"),
            Self::Zst => Some("zst"),
            Self::Bz2 => Some("bz2"),
        }
    }

    /// Returns a reader of the uncompressed content.
    pub(crate) fn unpack<'a>(self, packed: impl Read + 'a) -> Box<dyn Read + 'a> {
        let packed = BufReader::with_capacity(64 * 1024, packed);
        match self {
            Self::None => Box::new(packed),
            Self::Gz => Box::new(flate2::bufread::MultiGzDecoder::new(packed)),
            Self::Xz => Box::new(lzma_rust2::XzReader::new(packed, true)),
            Self::Zst => Box::new(Frames { packed, decoder: FrameDecoder::new(), open: false }),
            Self::Bz2 => Box::new(bzip2::bufread::MultiBzDecoder::new(packed)),
        }
    }
}

/// Reads all frames of a zstd file; ruzstd's reader stops after the first and verifies no checksum.
struct Frames<R> {
    packed: R,
    decoder: FrameDecoder,
    open: bool,
}

impl<R: io::BufRead> Frames<R> {
    /// Opens the next frame; false at the end of the file.
    fn next_frame(&mut self) -> io::Result<bool> {
        loop {
            if self.packed.fill_buf()?.is_empty() {
                return Ok(false);
            }
            match self.decoder.reset(&mut self.packed) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    io::copy(&mut (&mut self.packed).take(length.into()), &mut io::sink())?;
                }
                Err(error) => return Err(io::Error::other(error)),
            }
        }
    }

    /// Compares the checksum in the frame with the one of its content.
    fn check_sum(&self) -> io::Result<()> {
        match (self.decoder.get_checksum_from_data(), self.decoder.get_calculated_checksum()) {
            (Some(expected), Some(is)) if expected != is => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "a zstd frame's checksum does not match",
            )),
            _ => Ok(()),
        }
    }
}

impl<R: io::BufRead> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if !self.open {
                if !self.next_frame()? {
                    return Ok(0);
                }
                self.open = true;
            }
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                let one = BlockDecodingStrategy::UptoBlocks(1);
                self.decoder.decode_blocks(&mut self.packed, one).map_err(io::Error::other)?;
            }
            let read = self.decoder.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            self.check_sum()?;
            self.open = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// "hello\n", packed by the tools of these names.
    const GZ: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xcb\x48\xcd\xc9\xc9\xe7\x02\x00\x20\x30\x3a\x36\x06\x00\x00\x00";
    const ZST: &[u8] =
        b"\x28\xb5\x2f\xfd\x04\x58\x31\x00\x00\x68\x65\x6c\x6c\x6f\x0a\x53\x88\xbd\x91";
    const BZ2: &[u8] = b"\x42\x5a\x68\x39\x31\x41\x59\x26\x53\x59\xc1\xc0\x80\xe2\x00\x00\x01\x41\x00\x00\x10\x02\x44\xa0\x00\x30\xcd\x00\xc3\x46\x29\x97\x17\x72\x45\x38\x50\x90\xc1\xc0\x80\xe2";
    const XZ: &[u8] = b"\xfd\x37\x7a\x58\x5a\x00\x00\x04\xe6\xd6\xb4\x46\x02\x00\x21\x01\x16\x00\x00\x00\x74\x2f\xe5\xa3\x01\x00\x05\x68\x65\x6c\x6c\x6f\x0a\x00\x00\x00\xa5\x60\x97\xf1\x94\xf6\xfd\xe0\x00\x01\x1e\x06\xc1\x2f\xa4\x1d\x1f\xb6\xf3\x7d\x01\x00\x00\x00\x00\x04\x59\x5a";

    const KINDS: [(Compression, &[u8]); 4] = [
        (Compression::Gz, GZ),
        (Compression::Zst, ZST),
        (Compression::Bz2, BZ2),
        (Compression::Xz, XZ),
    ];

    fn check(kind: Compression, packed: &[u8], expected: Option<&str>) {
        assert_eq!(Compression::of(packed), kind);
        let mut text = String::new();
        let read = kind.unpack(packed).read_to_string(&mut text);
        assert_eq!(read.ok().map(|_| text.as_str()), expected);
    }

    #[test]
    fn all_streams_of_a_file_are_decompressed() {
        for (kind, packed) in KINDS {
            check(kind, &[packed, packed].concat(), Some("hello\nhello\n"));
        }
        check(Compression::None, b"plain", Some("plain"));
    }

    #[test]
    fn a_truncated_or_changed_file_is_an_error() {
        for (kind, packed) in KINDS {
            check(kind, &packed[..packed.len() - 3], None);
            let mut changed = packed.to_vec();
            // Within the checksum, or within the compressed text.
            let place = changed.len() - 5;
            changed[place] ^= 1;
            check(kind, &changed, None);
            check(kind, &[packed, b"trailing"].concat(), None);
        }
    }
}
