//! The input of the targets for images: a file that may be much longer than the bytes that are written in it.

use image_publish::memory::{Judged, judge};
use std::io::{self, Read, Seek, SeekFrom};

/// A file: some bytes, then zeros.
#[derive(Clone)]
pub(crate) struct Image<'a> {
    bytes: &'a [u8],
    length: u64,
    at: u64,
}

impl<'a> Image<'a> {
    /// Reads an input: the number of sectors of zeros at the end, in two bytes, then the bytes before them.
    pub(crate) fn read(input: &'a [u8]) -> Option<Self> {
        let (sectors, bytes) = input.split_first_chunk::<2>()?;
        let length = bytes.len() as u64 + 512 * u64::from(u16::from_be_bytes(*sectors));
        Some(Self { bytes, length, at: 0 })
    }

    /// Returns its length.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Returns the same file up to a byte.
    pub(crate) fn cut(&self, length: u64) -> Self {
        let end = usize::try_from(length).unwrap_or(usize::MAX).min(self.bytes.len());
        Self { bytes: &self.bytes[..end], length, at: 0 }
    }

    /// Judges it; what is refused has a reason, and a second look shows the same.
    pub(crate) fn judge(&self) -> Option<Judged> {
        let judged = judge(&mut self.clone()).unwrap();
        assert_eq!(judge(&mut self.clone()).unwrap(), judged);
        if let Err(reason) = &judged {
            assert!(!reason.is_empty());
        }
        judged.ok()
    }

    /// Returns the bytes of a range, zeros where it is behind the end.
    pub(crate) fn bytes<const N: usize>(&self, offset: u64) -> [u8; N] {
        let mut found = [0; N];
        for (place, byte) in (offset..).zip(&mut found) {
            let known = usize::try_from(place).ok().and_then(|place| self.bytes.get(place));
            *byte = known.copied().unwrap_or_default();
        }
        found
    }

    /// Returns a big-endian number.
    pub(crate) fn u64_be(&self, offset: u64) -> u64 {
        u64::from_be_bytes(self.bytes(offset))
    }

    /// Returns a big-endian number.
    pub(crate) fn u32_be(&self, offset: u64) -> u64 {
        u32::from_be_bytes(self.bytes(offset)).into()
    }

    /// Returns a little-endian number.
    pub(crate) fn u64_le(&self, offset: u64) -> u64 {
        u64::from_le_bytes(self.bytes(offset))
    }

    /// Returns a little-endian number.
    pub(crate) fn u32_le(&self, offset: u64) -> u64 {
        u32::from_le_bytes(self.bytes(offset)).into()
    }
}

impl Read for Image<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.length.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let count = left.min(buffer.len());
        let start = usize::try_from(self.at).unwrap_or(usize::MAX).min(self.bytes.len());
        let known = (self.bytes.len() - start).min(count);
        buffer[..known].copy_from_slice(&self.bytes[start..start + known]);
        buffer[known..count].fill(0);
        self.at += count as u64;
        Ok(count)
    }
}

impl Seek for Image<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.length.checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}
