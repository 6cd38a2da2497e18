//! The qcow2 header and tables, and whether the file contains everything that they refer to.
//!
//! After QEMU's docs/interop/qcow2. Pure, except for [`tables_fit`], which reads from the given reader.

use std::io::{self, Read, Seek, SeekFrom};

use super::unfit::Unfit;

/// The first four bytes.
pub(crate) const MAGIC: &[u8] = b"QFI\xfb";

/// Incompatible features of version 3.
const DIRTY: u64 = 1;
const CORRUPT: u64 = 1 << 1;
const DATA_FILE: u64 = 1 << 2;
const EXTENDED_L2: u64 = 1 << 4;
/// All features known in 2026: the above, and how clusters are compressed.
const KNOWN: u64 = DIRTY | CORRUPT | DATA_FILE | 1 << 3 | EXTENDED_L2;

/// An entry's offset; the other bits are flags.
const OFFSET: u64 = 0x00ff_ffff_ffff_fe00;
/// An L2 entry with this bit describes compressed bytes, in another layout.
const COMPRESSED: u64 = 1 << 62;

/// The fields that matter here.
struct Header {
    backing_offset: u64,
    backing_length: u32,
    cluster_bits: u32,
    size: u64,
    crypt_method: u32,
    l1_size: u32,
    l1_offset: u64,
    refcounts_offset: u64,
    refcounts_clusters: u32,
    incompatible: u64,
}

/// Judges a qcow2 image by its head; returns its virtual size.
pub(crate) fn judge(head: &[u8], length: u64) -> Result<u64, Unfit> {
    let header = Header::read(head)?;
    if header.backing_offset != 0 {
        return Err(Unfit::BackingFile { name: header.backing_name(head) });
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
    if header.incompatible & !KNOWN != 0 {
        return bad(format!("the features {:#x} are unknown", header.incompatible & !KNOWN));
    }
    let l1_end = header.l1_offset.saturating_add(u64::from(header.l1_size) * 8);
    let refcounts = u64::from(header.refcounts_clusters) * header.cluster();
    let refcounts_end = header.refcounts_offset.saturating_add(refcounts.max(1));
    if l1_end > length || refcounts_end > length {
        let what = format!("{length} bytes cannot hold the tables that its header names");
        return Err(Unfit::CutOff { what });
    }
    if u128::from(header.size) > header.covered() {
        return bad(format!("its tables are too small for a disk of {} bytes", header.size));
    }
    Ok(header.size)
}

fn bad<T>(what: String) -> Result<T, Unfit> {
    Err(Unfit::BadHeader { format: "qcow2", what })
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
    let cut = |offset: u64| {
        let what =
            format!("its tables refer to data at byte {offset}, but the file has {length} bytes");
        Ok(Err(Unfit::CutOff { what }))
    };
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
            return cut(l2 + cluster);
        }
        for entry in read_table(file, l2, cluster / 8)?.into_iter().step_by(header.entry_words()) {
            let end = data_end(entry, header.cluster_bits);
            if end > length {
                return cut(end);
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

/// Reads a table of big-endian 64-bit entries.
fn read_table(file: &mut (impl Read + Seek), offset: u64, entries: u64) -> io::Result<Vec<u64>> {
    file.seek(SeekFrom::Start(offset))?;
    // Bounded by the checks on the header: an L1 table of 32 MiB, an L2 table of one cluster.
    let mut bytes = vec![0; usize::try_from(entries * 8).unwrap_or(0)];
    file.read_exact(&mut bytes)?;
    let entry = |chunk: &[u8]| chunk.iter().fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
    Ok(bytes.chunks_exact(8).map(entry).collect())
}

impl Header {
    fn read(head: &[u8]) -> Result<Self, Unfit> {
        let cut = || Unfit::CutOff { what: "its header is incomplete".to_owned() };
        let u32_at = |at: usize| {
            head.get(at..at + 4)
                .and_then(|b| b.try_into().ok())
                .map(u32::from_be_bytes)
                .ok_or_else(cut)
        };
        let u64_at = |at: usize| {
            head.get(at..at + 8)
                .and_then(|b| b.try_into().ok())
                .map(u64::from_be_bytes)
                .ok_or_else(cut)
        };
        let version = u32_at(4)?;
        let header = Self {
            backing_offset: u64_at(8)?,
            backing_length: u32_at(16)?,
            cluster_bits: u32_at(20)?,
            size: u64_at(24)?,
            crypt_method: u32_at(32)?,
            l1_size: u32_at(36)?,
            l1_offset: u64_at(40)?,
            refcounts_offset: u64_at(48)?,
            refcounts_clusters: u32_at(56)?,
            incompatible: if version >= 3 { u64_at(72)? } else { 0 },
        };
        if !(2..=3).contains(&version) {
            return bad(format!("version {version}"));
        }
        if !(9..=21).contains(&header.cluster_bits) {
            return bad(format!("clusters of 2^{} bytes", header.cluster_bits));
        }
        if header.l1_size > 4 << 20 {
            return bad(format!("a table of {} entries", header.l1_size));
        }
        Ok(header)
    }

    /// Returns the size of a cluster.
    fn cluster(&self) -> u64 {
        1 << self.cluster_bits
    }

    /// Returns the length of an L2 entry in words: an extended one has a second half, of bits for each part of
    /// its cluster.
    fn entry_words(&self) -> usize {
        if self.incompatible & EXTENDED_L2 == 0 { 1 } else { 2 }
    }

    /// Returns the size of the largest disk that the L1 table can describe.
    // QEMU: block/qcow2.c, qcow2_do_open: "L1 table is too small".
    fn covered(&self) -> u128 {
        let entries = u128::from(self.cluster()) / (8 * self.entry_words() as u128);
        u128::from(self.l1_size) * entries * u128::from(self.cluster())
    }

    /// Reads the backing file's name, for the message.
    fn backing_name(&self, head: &[u8]) -> String {
        let start = usize::try_from(self.backing_offset).unwrap_or(usize::MAX);
        let end = start.saturating_add(self.backing_length as usize);
        String::from_utf8_lossy(head.get(start..end).unwrap_or_default()).into_owned()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::io::Cursor;

    /// A qcow2 image of version 3 with one L2 table and one data cluster: 5 clusters of 4 KiB.
    pub(crate) fn image() -> Vec<u8> {
        let mut bytes = vec![0; 5 * 4096];
        bytes[..4].copy_from_slice(MAGIC);
        let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
        put(4, &3u32.to_be_bytes());
        put(20, &12u32.to_be_bytes());
        put(24, &(1u64 << 20).to_be_bytes());
        put(36, &1u32.to_be_bytes());
        put(40, &8192u64.to_be_bytes());
        put(48, &4096u64.to_be_bytes());
        put(8192, &((1u64 << 63) | 12288).to_be_bytes());
        put(12288, &((1u64 << 63) | 16384).to_be_bytes());
        bytes
    }

    fn check(change: impl Fn(&mut Vec<u8>), expected: Result<u64, Unfit>) {
        let mut bytes = image();
        change(&mut bytes);
        let judged = judge(&bytes, bytes.len() as u64).and_then(|size| {
            tables_fit(&mut Cursor::new(&bytes), &bytes, bytes.len() as u64).unwrap().map(|()| size)
        });
        assert_eq!(judged, expected);
    }

    #[test]
    fn a_valid_image_has_a_size() {
        check(|_| {}, Ok(1 << 20));
        check(|b| b.truncate(16384 + 10), Ok(1 << 20));
    }

    #[test]
    fn a_truncated_image_is_detected() {
        let cut = |what: &str| Err(Unfit::CutOff { what: what.to_owned() });
        check(|b| b.truncate(50), cut("its header is incomplete"));
        check(|b| b.truncate(8192), cut("8192 bytes cannot hold the tables that its header names"));
        check(
            |b| b.truncate(14000),
            cut("its tables refer to data at byte 16384, but the file has 14000 bytes"),
        );
        check(
            |b| b.truncate(16384),
            cut("its tables refer to data at byte 16385, but the file has 16384 bytes"),
        );
    }

    #[test]
    fn a_truncated_compressed_cluster_is_detected() {
        // Three sectors besides the first, from byte 16400: the data ends behind byte 16384 + 1536.
        let entry = (1u64 << 62) | (3 << (62 - 4)) | 16400;
        let compressed = |end: usize| {
            move |b: &mut Vec<u8>| {
                b[12288..12296].copy_from_slice(&entry.to_be_bytes());
                b.truncate(end);
            }
        };
        check(compressed(16384 + 1537), Ok(1 << 20));
        let what =
            "its tables refer to data at byte 17921, but the file has 17920 bytes".to_owned();
        check(compressed(16384 + 1536), Err(Unfit::CutOff { what }));
    }

    #[test]
    fn the_bitmap_of_an_extended_entry_is_not_an_offset() {
        let bits = |b: &mut Vec<u8>| {
            b[79] = 16;
            b[12296..12304].copy_from_slice(&u64::from(u32::MAX).to_be_bytes());
        };
        check(bits, Ok(1 << 20));
    }

    #[test]
    fn shared_tables_are_not_followed() {
        let repeat = |b: &mut Vec<u8>| {
            b[39] = 6;
            for entry in 0..6 {
                b[8192 + entry * 8..8200 + entry * 8].copy_from_slice(&12288u64.to_be_bytes());
            }
        };
        let what = "its 6 tables do not fit in the file's 20480 bytes".to_owned();
        check(repeat, Err(Unfit::CutOff { what }));
    }

    #[test]
    fn an_image_must_be_complete_in_one_file() {
        check(
            |b| {
                b[15] = 0x70;
                b[19] = 8;
                b[0x70..0x78].copy_from_slice(b"base.img");
            },
            Err(Unfit::BackingFile { name: "base.img".to_owned() }),
        );
        check(|b| b[79] = 4, Err(Unfit::DataFile));
        check(|b| b[79] = 1, Err(Unfit::Damaged));
        check(|b| b[79] = 2, Err(Unfit::Damaged));
        check(|b| b[35] = 2, Err(Unfit::Encrypted));
    }

    #[test]
    fn a_disk_must_fit_its_tables() {
        let grown = |b: &mut Vec<u8>| b[29] = 0x21;
        let what = "its tables are too small for a disk of 2162688 bytes".to_owned();
        check(grown, bad(what));
        // Two clusters of reference counts from byte 16384 on, but only one is there.
        let counts = |b: &mut Vec<u8>| {
            b[54] = 0x40;
            b[59] = 2;
        };
        let what = "20480 bytes cannot hold the tables that its header names".to_owned();
        check(counts, Err(Unfit::CutOff { what }));
    }

    #[test]
    fn no_input_panics() {
        for place in 0..112 {
            for value in [0, 1, 0x7f, 0xff] {
                for end in [0, place + 1, 112, 20480] {
                    let mut bytes = image();
                    bytes[place] = value;
                    bytes.truncate(end);
                    let length = bytes.len() as u64;
                    if judge(&bytes, length).is_ok() {
                        // An error of the reader is acceptable too.
                        let _ = tables_fit(&mut Cursor::new(&bytes), &bytes, length);
                    }
                }
            }
        }
    }

    #[test]
    fn invalid_headers() {
        check(|b| b[7] = 9, bad("version 9".to_owned()));
        check(|b| b[78] = 1, bad("the features 0x100 are unknown".to_owned()));
        check(|b| b[23] = 40, bad("clusters of 2^40 bytes".to_owned()));
        check(|b| b[36] = 0xff, bad("a table of 4278190081 entries".to_owned()));
    }
}
