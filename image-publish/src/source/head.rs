//! The first bytes of an image: how many are read, and what stands where. Does no I/O.

/// So many first bytes are enough to judge any image: btrfs has its mark the farthest out.
pub(crate) const HEAD: usize = 68 * 1024;

/// Reads a little-endian number at an offset.
pub(super) fn u64_at(head: &[u8], offset: usize) -> Option<u64> {
    head.get(offset..offset.checked_add(8)?)?.try_into().ok().map(u64::from_le_bytes)
}

/// Tells whether the mark stands at an offset.
pub(super) fn at(head: &[u8], offset: usize, mark: &[u8]) -> bool {
    head.get(offset..).is_some_and(|rest| rest.starts_with(mark))
}
