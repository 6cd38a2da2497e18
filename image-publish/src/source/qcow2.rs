//! The qcow2 header and tables, and whether the file contains everything that they refer to.
//!
//! After QEMU's docs/interop/qcow2. Pure, except for [`tables_fit`], which reads from the given reader.

mod header;

use std::io::{self, Read, Seek};

use super::head::bytes_at;
use super::unfit::Unfit;
use header::{CORRUPT, DATA_FILE, DIRTY, Header};

/// The first four bytes.
pub(crate) const MAGIC: &[u8] = b"QFI\xfb";

/// An entry's offset; the other bits are flags.
const OFFSET: u64 = 0x00ff_ffff_ffff_fe00;
/// An L2 entry with this bit describes compressed bytes, in another layout.
const COMPRESSED: u64 = 1 << 62;

/// Judges a qcow2 image by its head; returns its virtual size.
pub(crate) fn judge(head: &[u8], length: u64) -> Result<u64, Unfit> {
    let header = Header::read(head)?;
    if let Some(name) = header.backing_name(head) {
        return Err(Unfit::BackingFile { name });
    }
    if header.incompatible & DATA_FILE != 0 {
        return Err(Unfit::DataFile);
    }
    if header.crypt_method != 0 {
        return Err(Unfit::Encrypted);
    }
    if header.incompatible & (DIRTY | CORRUPT) != 0 {
        return Err(Unfit::Damaged);
    }
    let l1_end = header.l1_offset.saturating_add(u64::from(header.l1_size) * 8);
    if l1_end > length || header.refcounts_offset >= length {
        let what = format!("{length} bytes cannot hold the tables that its header names");
        return Err(Unfit::CutOff { what });
    }
    Ok(header.virtual_size())
}

/// Returns whether a plain qcow2 file contains everything that its tables refer to.
///
/// A truncated file still has a valid header; only its tables show that data is missing.
pub(crate) fn tables_fit(
    file: &mut (impl Read + Seek),
    head: &[u8],
    length: u64,
) -> io::Result<Result<(), Unfit>> {
    let Ok(header) = Header::read(head) else { return Ok(Ok(())) };
    let cluster = header.cluster();
    let l1 = read_table(file, header.l1_offset, u64::from(header.l1_size))?;
    let tables = l1.iter().filter(|entry| **entry & OFFSET != 0).count() as u64;
    if tables.saturating_mul(cluster) > length {
        // Each table has its own cluster; otherwise one table could be read a million times.
        let what = format!("its {tables} tables do not fit in the file's {length} bytes");
        return Ok(Err(Unfit::CutOff { what }));
    }
    for l2 in l1 {
        let l2 = l2 & OFFSET;
        if l2 == 0 {
            continue;
        }
        if l2 + cluster > length {
            return Ok(Err(Unfit::beyond(l2 + cluster, length)));
        }
        let words = if header.entry_size() == 8 { 1 } else { 2 };
        for entry in read_table(file, l2, cluster / 8)?.into_iter().step_by(words) {
            let end = data_end(entry, header.cluster_bits);
            if end > length {
                return Ok(Err(Unfit::beyond(end, length)));
            }
        }
    }
    Ok(Ok(()))
}

/// Returns the end of the bytes that an L2 entry certainly refers to.
fn data_end(entry: u64, cluster_bits: u32) -> u64 {
    if entry & COMPRESSED == 0 {
        // The last cluster of a file may be short: qemu-img omits its trailing zeros.
        let offset = entry & OFFSET;
        return if offset == 0 { 0 } else { offset + 1 };
    }
    // Compressed bytes reach into the last of the additional 512-byte sectors in the entry.
    let offset_bits = 62 - (cluster_bits - 8);
    let offset = entry & ((1 << offset_bits) - 1);
    let more_sectors = (entry & (COMPRESSED - 1)) >> offset_bits;
    if more_sectors == 0 { offset + 1 } else { (offset & !511) + more_sectors * 512 + 1 }
}

/// Reads a table of big-endian 64-bit entries. Its length is bounded by the checks on the header: an L1 table
/// of 32 MiB, an L2 table of one cluster.
fn read_table(file: &mut (impl Read + Seek), offset: u64, entries: u64) -> io::Result<Vec<u64>> {
    let bytes = bytes_at(file, offset, entries * 8)?;
    let entry = |chunk: &[u8]| chunk.iter().fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
    Ok(bytes.chunks_exact(8).map(entry).collect())
}

#[cfg(test)]
mod tests;
