//! The partitions of a raw disk, and whether the file contains them all. Does no I/O.
//!
//! A raw image has no header of its own, so only its partitions show that its end is missing.

use super::head::{at, u64_at};
use super::unfit::Unfit;

const SECTOR: u64 = 512;

/// Returns an error if the file ends before the end of a partition in its head.
pub(super) fn fit(head: &[u8], length: u64) -> Result<(), Unfit> {
    let ends = if at(head, 512, b"EFI PART") {
        let table = gpt_table(head);
        if table >= length {
            let what =
                format!("its partition table is at byte {table}, but the file has {length} bytes");
            return Err(Unfit::CutOff { what });
        }
        gpt_ends(head, table)
    } else {
        mbr_ends(head)
    };
    match ends.into_iter().map(|sectors| sectors.saturating_mul(SECTOR)).max() {
        Some(end) if end > length => {
            let what = format!("a partition ends at byte {end}, but the file has {length} bytes");
            Err(Unfit::CutOff { what })
        }
        _ => Ok(()),
    }
}

/// Returns the byte at which the table of a GPT begins; 0 if its header ends before it says so.
fn gpt_table(head: &[u8]) -> u64 {
    u64_at(head, 512 + 72).unwrap_or_default().saturating_mul(SECTOR)
}

/// Returns the end of each partition of a GPT, in sectors, as far as its table is in the head.
fn gpt_ends(head: &[u8], table: u64) -> Vec<u64> {
    let u32_at =
        |offset| u64_at(head, offset).and_then(|word| usize::try_from(word & 0xffff_ffff).ok());
    let table = usize::try_from(table).ok().and_then(|table| head.get(table..));
    let (Some(table), Some(count), Some(size)) = (table, u32_at(512 + 80), u32_at(512 + 84)) else {
        return Vec::new();
    };
    if size < 128 {
        return Vec::new();
    }
    let used = table
        .chunks(size)
        .take(count)
        .filter(|entry| entry.len() >= 128 && entry[..16].iter().any(|byte| *byte != 0));
    used.filter_map(|entry| Some(u64_at(entry, 40)?.saturating_add(1))).collect()
}

/// Returns the end of each partition of an MBR, in sectors.
fn mbr_ends(head: &[u8]) -> Vec<u64> {
    // The first sector of a file system without partitions ends with the same mark, behind code and text.
    let is_file_system = at(head, 54, b"FAT") || at(head, 82, b"FAT") || at(head, 3, b"NTFS");
    let Some(table) =
        head.get(446..510).filter(|_| !is_file_system && at(head, 510, &[0x55, 0xAA]))
    else {
        return Vec::new();
    };
    let entries: Vec<&[u8]> = table.chunks_exact(16).collect();
    if !entries.iter().all(|entry| entry[0] & 0x7f == 0) {
        return Vec::new();
    }
    let end = |entry: &&[u8]| {
        let word = u64_at(entry, 8)?;
        let (start, sectors) = (word & 0xffff_ffff, word >> 32);
        // 0xEE stands for a GPT, whose size it may overstate.
        (![0, 0xEE].contains(&entry[4]) && start > 0).then_some(start + sectors)
    };
    entries.iter().filter_map(end).collect()
}

#[cfg(test)]
mod tests {
    use super::super::head::HEAD;
    use super::*;

    fn check(head: &[u8], length: u64, end: Option<u64>) {
        let expected = match end {
            None => Ok(()),
            Some(end) => Err(Unfit::CutOff {
                what: format!("a partition ends at byte {end}, but the file has {length} bytes"),
            }),
        };
        assert_eq!(fit(head, length), expected);
    }

    /// An MBR with a partition of this type in sectors 2048 to 4095.
    fn mbr(kind: u8) -> Vec<u8> {
        let mut head = vec![0; HEAD];
        head[510..512].copy_from_slice(&[0x55, 0xAA]);
        head[446] = 0x80;
        head[450] = kind;
        head[454..458].copy_from_slice(&2048u32.to_le_bytes());
        head[458..462].copy_from_slice(&2048u32.to_le_bytes());
        head
    }

    /// A GPT whose third entry ends with sector 4095.
    fn gpt() -> Vec<u8> {
        let mut head = mbr(0xEE);
        head[512..520].copy_from_slice(b"EFI PART");
        head[584] = 2;
        head[592] = 128;
        head[596] = 128;
        let entry = 1024 + 2 * 128;
        head[entry] = 0xAF;
        head[entry + 32..entry + 40].copy_from_slice(&2048u64.to_le_bytes());
        head[entry + 40..entry + 48].copy_from_slice(&4095u64.to_le_bytes());
        head
    }

    #[test]
    fn the_last_partition_must_be_complete() {
        for head in [mbr(0x83), gpt()] {
            check(&head, 4096 * 512, None);
            check(&head, 4095 * 512, Some(4096 * 512));
        }
    }

    #[test]
    fn no_table_or_partition_is_behind_the_end() {
        let mut torn = gpt();
        torn[1024 + 2 * 128 + 40..1024 + 2 * 128 + 48].fill(0xff);
        check(&torn, 1 << 20, Some(u64::MAX));
        let mut torn = gpt();
        torn[584..592].fill(0xff);
        let what =
            format!("its partition table is at byte {}, but the file has 1024 bytes", u64::MAX);
        assert_eq!(fit(&torn, 1024), Err(Unfit::CutOff { what }));
    }

    #[test]
    fn other_content_passes() {
        check(&[], 0, None);
        check(&mbr(0xEE), 512, None);
        let mut fat = mbr(0x83);
        fat[82..87].copy_from_slice(b"FAT32");
        check(&fat, 512, None);
        let mut text = mbr(0x83);
        text[446] = b'R';
        check(&text, 512, None);
        check(&gpt()[..600], 1 << 20, None);
        // The entries are behind the head.
        let mut far = gpt();
        far[585] = 1;
        check(&far, 1 << 20, None);
    }
}
