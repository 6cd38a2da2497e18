//! The first bytes of an image: how many are read, and helpers to parse them. Does no I/O.

/// How many first bytes are enough to judge any image: the signature of btrfs is the last one.
pub(crate) const HEAD: usize = 68 * 1024;

/// Reads a little-endian number at an offset.
pub(super) fn u64_at(head: &[u8], offset: usize) -> Option<u64> {
    head.get(offset..offset.checked_add(8)?)?.try_into().ok().map(u64::from_le_bytes)
}

/// Returns whether the signature is at an offset.
pub(super) fn at(head: &[u8], offset: usize, mark: &[u8]) -> bool {
    head.get(offset..).is_some_and(|rest| rest.starts_with(mark))
}
