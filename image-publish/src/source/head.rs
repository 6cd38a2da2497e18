//! The first bytes of an image: how many are read, and helpers to parse them. Pure, except for
//! [`bytes_at`], which reads from the given reader.

use std::io::{self, Read, Seek, SeekFrom};

/// How many first bytes are enough to judge any image: the signature of btrfs is the last one.
pub(crate) const HEAD: usize = 68 * 1024;

/// Reads a little-endian number at an offset.
pub(super) fn u64_at(head: &[u8], offset: usize) -> Option<u64> {
    head.get(offset..offset.checked_add(8)?)?.try_into().ok().map(u64::from_le_bytes)
}

/// Reads a little-endian number at an offset.
pub(super) fn u32_at(head: &[u8], offset: usize) -> Option<u32> {
    head.get(offset..offset.checked_add(4)?)?.try_into().ok().map(u32::from_le_bytes)
}

/// Reads bytes of a file, whose length the caller knows.
pub(super) fn bytes_at(
    file: &mut (impl Read + Seek),
    offset: u64,
    length: u64,
) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(offset))?;
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Returns whether the signature is at an offset.
pub(super) fn at(head: &[u8], offset: usize, mark: &[u8]) -> bool {
    head.get(offset..).is_some_and(|rest| rest.starts_with(mark))
}
